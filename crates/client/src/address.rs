//! Where the server is.

use std::fmt;
use std::path::PathBuf;

/// A server's address, as `VAULT_ADDR` holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// How to reach it.
    pub endpoint: Endpoint,
    /// A path in front of `/v1`, without a slash at its end; usually empty.
    pub base: String,
}

/// How to reach a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Host and port.
    Network {
        /// Whether TLS is spoken.
        tls: bool,
        /// Name or IP address, IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Host and port as they were written, for the `Host` header.
        authority: String,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    given: String,
    reason: &'static str,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use {:?} as an address: {}", self.given, self.reason)
    }
}

impl std::error::Error for AddressError {}

impl Address {
    /// Reads `http://host:port`, `https://host:port/base` or `unix:///path/to/socket`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let fail = |reason| AddressError { given: text.chars().take(200).collect(), reason };
        if let Some(path) = text.strip_prefix("unix://") {
            if path.is_empty() {
                return Err(fail("the path of the socket is missing, as in unix:///run/strongroom.sock"));
            }
            return Ok(Self { endpoint: Endpoint::Unix(PathBuf::from(path)), base: String::new() });
        }
        let uri: http::Uri = text.trim().parse().map_err(|_| fail(FORM))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(fail("it must begin with http://, https:// or unix://")),
        };
        let authority = uri.authority().ok_or_else(|| fail(FORM))?;
        if authority.as_str().contains('@') {
            return Err(fail("a user name in it is not supported"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(fail(FORM));
        }
        let names_port = authority.as_str().len() > authority.host().len();
        let port = match (names_port, authority.port_u16()) {
            (true, None) => return Err(fail("the port must be a number from 1 to 65535")),
            (_, Some(port)) => port,
            (false, None) if tls => 443,
            (false, None) => 80,
        };
        Ok(Self {
            endpoint: Endpoint::Network { tls, host, port, authority: authority.to_string() },
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        matches!(self.endpoint, Endpoint::Network { tls: true, .. })
    }

    /// The `Host` header.
    pub fn authority(&self) -> &str {
        match &self.endpoint {
            Endpoint::Network { authority, .. } => authority,
            Endpoint::Unix(_) => "localhost",
        }
    }

    /// Scheme and authority, as the URL of a request shows them.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.is_tls() { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Endpoint::Network { .. } => write!(f, "{}{}", self.origin(), self.base),
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

const FORM: &str = "it must look like https://host:8200";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_shows_addresses() {
        for (text, shown, port) in [
            ("http://127.0.0.1:8200", "http://127.0.0.1:8200", 8200),
            ("https://vault.example.org/", "https://vault.example.org", 443),
            ("http://[::1]:8200/edge/", "http://[::1]:8200/edge", 8200),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert!(
                matches!(&address.endpoint, Endpoint::Network { port: p, host, .. } if *p == port && !host.contains('['))
            );
        }
        let socket = Address::parse("unix:///run/s.sock").unwrap();
        assert_eq!(
            (socket.to_string().as_str(), socket.origin().as_str()),
            ("unix:///run/s.sock", "http://localhost")
        );
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "127.0.0.1:8200",
            "ftp://x",
            "http://",
            "unix://",
            "http://a:99999",
            "http://u:p@h",
            "http://a b",
        ] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
    }
}
