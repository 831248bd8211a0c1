//! Stream sockets.

use super::push::{Nature, Target};
use super::stream::Medium;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A TCP or unix socket to connect to.
pub(super) struct SocketMedium {
    unix: bool,
    address: String,
    timeout: Duration,
}

impl SocketMedium {
    /// A socket at `host:port` or at a path.
    pub(super) const fn new(unix: bool, address: String, timeout: Duration) -> Self {
        Self { unix, address, timeout }
    }

    fn connect_tcp(&self) -> io::Result<OwnedFd> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_nonblocking(true)?;
                    return Ok(stream.into());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn connect_unix(&self) -> io::Result<OwnedFd> {
        let stream = UnixStream::connect(&self.address)?;
        stream.set_nonblocking(true)?;
        Ok(stream.into())
    }
}

impl Medium for SocketMedium {
    fn open(&self) -> io::Result<(Target, Vec<u8>)> {
        let fd = if self.unix { self.connect_unix() } else { self.connect_tcp() }?;
        Ok((Target { fd, nature: Nature::NonBlocking, identity: None }, Vec::new()))
    }
}
