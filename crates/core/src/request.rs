//! A request as the listener hands it over: syntax checked, nothing decided.

use std::net::IpAddr;
use strongroom_crypto::{Secret, der, number};
use strongroom_wire::{Map, Operation, Path};

/// One request of the logical API.
#[derive(Debug)]
pub struct Request {
    /// A fresh UUID.
    pub id: String,
    /// What the verb means; POST and PUT are `Update` here.
    pub operation: Operation,
    /// The namespace that the client names beside the path, as it was sent; empty for root.
    pub namespace: String,
    /// The path below `/v1/`; handlers see what stands below the namespace.
    pub path: Path,
    /// The decoded body; for reads and lists the query parameters.
    pub body: Map,
    /// The body as it came, for the few routes that take bytes (snapshot restore).
    pub raw: Option<bytes::Bytes>,
    /// The token, trimmed.
    pub token: Option<Secret<String>>,
    /// Who asks.
    pub remote: Remote,
    /// All headers but those that carry the token.
    pub headers: http::HeaderMap,
    /// Seconds of `X-Vault-Wrap-TTL`; 0 and absent mean no wrapping.
    pub wrap_ttl: Option<u64>,
    /// DER certificates the client has shown, its own first; possession is proven, nothing else.
    pub certificates: Vec<Vec<u8>>,
    /// Whether the listener lets anybody read the metrics.
    pub opens_metrics: bool,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// The address, after X-Forwarded-For from trusted proxies.
    pub address: IpAddr,
    /// The port; 0 when unknown (forwarded, unix socket).
    pub port: u16,
}

impl Request {
    /// Whether a list is to go through all levels.
    pub fn is_scan(&self) -> bool {
        let asked = match self.body.get("scan") {
            Some(strongroom_wire::Value::Bool(asked)) => *asked,
            Some(strongroom_wire::Value::String(text)) => {
                matches!(text.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
            }
            _ => false,
        };
        asked && self.operation == Operation::List
    }

    /// The first value of a header, by its lower-case name; none if it is not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The serial number of the certificate that the client has shown, in decimal; none without one.
    pub(crate) fn certificate_serial(&self) -> Option<String> {
        serial(self.certificates.first()?).ok().filter(|serial| !serial.is_empty())
    }
}

/// RFC 5280 allows 20 bytes; to write out many more takes longer than a request may.
const MAX_SERIAL: usize = 64;
const VERSION: u8 = 0xa0;

fn serial(certificate: &[u8]) -> Result<String, der::DerError> {
    let mut content = der::Reader::of_sequence(certificate)?.sequence()?;
    let mut after_version = content;
    if after_version.element(VERSION).is_ok() {
        content = after_version;
    }
    let serial = content.integer()?;
    Ok(if serial.len() > MAX_SERIAL { String::new() } else { number::to_decimal(serial).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(version: bool, serial: &[u8]) -> Vec<u8> {
        let version =
            if version { der::element(VERSION, &[&der::integer(&[2])]) } else { Default::default() };
        let content = der::sequence(&[&version, &der::integer(serial), &der::sequence(&[])]);
        der::sequence(&[&content, &der::sequence(&[])]).to_vec()
    }

    #[test]
    fn serial_numbers_are_read_from_certificates_of_every_version() {
        assert_eq!(serial(&certificate(true, &[1, 44])).unwrap(), "300");
        assert_eq!(serial(&certificate(false, &[200])).unwrap(), "200");
        assert_eq!(serial(&certificate(true, &[1; MAX_SERIAL + 1])).unwrap(), "");
        for junk in [&b""[..], b"x", &[0x30, 0x80], &certificate(true, &[7])[..9]] {
            assert!(serial(junk).is_err(), "{junk:?}");
        }
    }
}
