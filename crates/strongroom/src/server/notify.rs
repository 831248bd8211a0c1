//! Tells systemd how the server is (`Type=notify` and `Type=notify-reload`).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The server serves; a reload is over.
pub(super) fn ready() {
    send("READY=1\n");
}

/// A reload begins.
pub(super) fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
    send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
}

/// The server stops.
pub(super) fn stopping() {
    send("STOPPING=1\n");
}

/// Without systemd there is nobody to tell; with it, not hearing is its own failure.
fn send(state: &str) {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match place.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&place),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd could not be told");
    }
}
