//! Opening the sockets.

use crate::settings::{Bind, Settings};
use crate::tls::{Tls, TlsError};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

/// A listener whose socket is open; it serves nobody yet.
#[derive(Debug)]
pub struct Bound {
    pub(crate) socket: Socket,
    pub(crate) settings: Arc<Settings>,
    pub(crate) tls: Option<Arc<Tls>>,
    address: String,
}

#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// Why a listener was not opened.
#[derive(Debug)]
pub enum BindError {
    /// The address cannot be read or resolved.
    Address(String, String),
    /// Another program listens there.
    InUse(String),
    /// The operating system forbids it.
    Forbidden(String),
    /// Anything else.
    Io(String, io::Error),
    /// The certificates cannot be used.
    Tls(TlsError),
    /// The unix socket's owner or group is not there.
    Owner(String),
}

/// Connections that wait to be taken.
const BACKLOG: u32 = 4096;

/// Opens the socket and reads the certificates.
pub async fn bind(settings: Settings) -> Result<Bound, BindError> {
    let tls = settings.tls.as_ref().map(|files| Tls::load(files.clone()).map(Arc::new));
    let tls = tls.transpose().map_err(BindError::Tls)?;
    let (socket, address) = match &settings.bind {
        Bind::Tcp(address) => tcp(address).await?,
        Bind::Unix { path, mode, user, group } => unix(path, *mode, user.as_deref(), group.as_deref())?,
    };
    Ok(Bound { socket, settings: Arc::new(settings), tls, address })
}

impl Bound {
    /// The address that is really listened at, as in `127.0.0.1:8200` or `/run/strongroom.sock`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Address and rules on one line, for people.
    pub fn describe(&self) -> String {
        let kind = if matches!(self.socket, Socket::Tcp(_)) { "tcp" } else { "unix" };
        let tls = if self.tls.is_some() { "enabled" } else { "disabled" };
        format!(
            "{kind} (addr: {:?}, max_request_duration: {:?}, max_request_size: {:?}, tls: {tls:?})",
            self.address,
            strongroom_wire::duration::go(self.settings.timeouts.request),
            self.settings.limits.body.to_string(),
        )
    }

    /// How clients reach it.
    pub fn url(&self) -> String {
        match (&self.socket, &self.tls) {
            (Socket::Unix(..), _) => format!("unix://{}", self.address),
            (Socket::Tcp(_), Some(_)) => format!("https://{}", self.address),
            (Socket::Tcp(_), None) => format!("http://{}", self.address),
        }
    }
}

async fn tcp(text: &str) -> Result<(Socket, String), BindError> {
    let wrong = |why: String| BindError::Address(text.to_owned(), why);
    let candidates: Vec<SocketAddr> = match text.strip_prefix(':') {
        // Every address of both families.
        Some(port) => {
            let port: u16 =
                port.parse().map_err(|_| wrong("the port is not a number up to 65535".to_owned()))?;
            vec![
                (std::net::Ipv6Addr::UNSPECIFIED, port).into(),
                (std::net::Ipv4Addr::UNSPECIFIED, port).into(),
            ]
        }
        None => tokio::net::lookup_host(text).await.map_err(|e| wrong(e.to_string()))?.collect(),
    };
    let mut failure = None;
    for candidate in candidates {
        match listen(candidate) {
            Ok(listener) => {
                let address = listener.local_addr().map_err(|e| failed(text, e))?;
                return Ok((Socket::Tcp(listener), address.to_string()));
            }
            Err(error) => {
                let in_use = error.kind() == io::ErrorKind::AddrInUse;
                failure = Some(failed(&candidate.to_string(), error));
                // A port that is taken is not looked for in the other family.
                if in_use {
                    break;
                }
            }
        }
    }
    Err(failure.unwrap_or_else(|| wrong("the name has no address".to_owned())))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn unix(
    path: &Path,
    mode: Option<u32>,
    user: Option<&str>,
    group: Option<&str>,
) -> Result<(Socket, String), BindError> {
    let name = path.display().to_string();
    let user = user.map(|u| lookup("/etc/passwd", "user", u)).transpose()?.map(rustix::fs::Uid::from_raw);
    let group = group.map(|g| lookup("/etc/group", "group", g)).transpose()?.map(rustix::fs::Gid::from_raw);
    clear_stale(path).map_err(|e| failed(&name, e))?;
    // Nobody else shall connect before the permissions are as they should be.
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = bound.map_err(|e| failed(&name, e))?;
    let file = SocketFile(path.to_owned());
    if user.is_some() || group.is_some() {
        rustix::fs::chown(path, user, group).map_err(|e| failed(&name, e.into()))?;
    }
    let permissions = std::fs::Permissions::from_mode(mode.unwrap_or(0o600));
    std::fs::set_permissions(path, permissions).map_err(|e| failed(&name, e))?;
    Ok((Socket::Unix(listener, file), name))
}

/// Removes the socket of a server that is gone; anything else stays.
fn clear_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(found) if !found.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"))
        }
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
            Err(e) => Err(e),
        },
    }
}

/// The number behind the name of a user or group.
fn lookup(file: &str, what: &str, name: &str) -> Result<u32, BindError> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let found = text.lines().find_map(|line| {
        let mut parts = line.split(':');
        (parts.next() == Some(name)).then(|| parts.nth(1).and_then(|n| n.parse().ok())).flatten()
    });
    found.ok_or_else(|| BindError::Owner(format!("there is no {what} {name:?} in {file}")))
}

fn failed(address: &str, error: io::Error) -> BindError {
    match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address.to_owned()),
        io::ErrorKind::PermissionDenied => BindError::Forbidden(address.to_owned()),
        _ => BindError::Io(address.to_owned(), error),
    }
}

/// A socket's file, which goes with it.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, why) => {
                write!(f, "cannot listen at {address:?}: {why}; an address looks like 127.0.0.1:8200")
            }
            Self::InUse(address) => {
                write!(f, "cannot listen at {address}: another program does already (address already in use)")
            }
            Self::Forbidden(address) => write!(f, "cannot listen at {address}: permission denied"),
            Self::Io(address, error) => write!(f, "cannot listen at {address}: {error}"),
            Self::Tls(error) => error.fmt(f),
            Self::Owner(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for BindError {}
