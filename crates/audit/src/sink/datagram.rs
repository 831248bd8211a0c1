//! UDP: a datagram per line.

use super::{Lines, Progress, Sink};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

/// Sends each line as a datagram of its own.
pub(super) struct DatagramSink {
    address: String,
    socket: Option<UdpSocket>,
}

impl DatagramSink {
    /// A receiver at `host:port`.
    pub(super) const fn new(address: String) -> Self {
        Self { address, socket: None }
    }

    fn connect(&self) -> io::Result<UdpSocket> {
        let address = self
            .address
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        let any = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(address)?;
        Ok(socket)
    }

    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect()?,
        };
        socket.send(line)?;
        self.socket = Some(socket);
        Ok(())
    }
}

impl Sink for DatagramSink {
    fn open(&mut self) -> io::Result<()> {
        self.reopen()
    }

    fn write(&mut self, lines: Lines<'_>, _patience: Duration) -> Progress {
        for (at, line) in lines.each().enumerate() {
            if let Err(error) = self.send(line) {
                return Progress { lines: at, error: Some(error) };
            }
        }
        Progress { lines: lines.ends.len(), error: None }
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.socket = Some(self.connect()?);
        Ok(())
    }
}
