//! Looking up the server's address, by /etc/hosts and /etc/resolv.conf alone. The C library would ask what
//! /etc/nsswitch.conf names, and in a foreign image that means loading libraries of another C library into a
//! static program.

mod message;
mod settings;

use message::{Answer, Query, Record};
use settings::Settings;
use std::hash::{BuildHasher, RandomState};
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// Finds the addresses of a host, IPv4 first.
pub(crate) async fn addresses(host: String, port: u16) -> Result<Vec<SocketAddr>> {
    let found = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => named(&host).await?,
    };
    Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

async fn named(host: &str) -> Result<Vec<IpAddr>> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let listed = settings::listed(&read("/etc/hosts"), host);
    if !listed.is_empty() {
        return Ok(listed);
    }
    look_up(&Settings::read(&read("/etc/resolv.conf")), host).await
}

/// Asks for each name that the host may stand for; the first with an address it is.
async fn look_up(settings: &Settings, host: &str) -> Result<Vec<IpAddr>> {
    for name in settings.candidates(host) {
        let found = ask_all(settings, &name).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(Error::new(ErrorKind::NotFound, format!("there is no host {host:?}")))
}

/// Asks the servers in turn until one of them knows whether the name exists.
async fn ask_all(settings: &Settings, name: &str) -> Result<Vec<IpAddr>> {
    let mut last = Error::new(ErrorKind::NotFound, "no name server is set");
    for _ in 0..settings.attempts {
        for server in &settings.servers {
            match ask(*server, name, settings.patience).await {
                Ok(found) => return Ok(found),
                Err(e) => last = Error::new(e.kind(), format!("looking up {name:?} at {}: {e}", server.ip())),
            }
        }
    }
    Err(last)
}

async fn ask(server: SocketAddr, name: &str, patience: Duration) -> Result<Vec<IpAddr>> {
    let local: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(local, 0)).await?;
    socket.connect(server).await?;
    let mut open = Vec::new();
    for record in [Record::A, Record::Aaaa] {
        // From the system's randomness, as the port is.
        let id = RandomState::new().hash_one(name).to_le_bytes();
        let query = Query::new(u16::from_le_bytes([id[0], id[1]]), name, record)
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "this cannot be a host's name"))?;
        socket.send(query.bytes()).await?;
        open.push(query);
    }
    let mut found = Vec::new();
    let mut until = Instant::now() + patience;
    let mut buffer = [0; 1500];
    while !open.is_empty() {
        let length = match timeout_at(until, socket.recv(&mut buffer)).await {
            Ok(length) => length?,
            Err(_) if !found.is_empty() => break,
            Err(_) => return Err(Error::new(ErrorKind::TimedOut, "no answer")),
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        let Some((at, answer)) = open.iter().enumerate().find_map(|(at, q)| Some((at, q.answer(bytes)?)))
        else {
            continue;
        };
        open.remove(at);
        match answer {
            Answer::Addresses(addresses) => found.extend(addresses),
            Answer::Failed(why) => return Err(Error::other(why)),
        }
        if !found.is_empty() {
            // The other kind of address may come, but is not worth much of a wait.
            until = until.min(Instant::now() + PATIENCE_FOR_MORE);
        }
    }
    found.sort_by_key(IpAddr::is_ipv6);
    Ok(found)
}

const PATIENCE_FOR_MORE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests;
