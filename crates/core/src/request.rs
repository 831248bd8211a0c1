//! A request as the listener hands it over: syntax checked, nothing decided.

use std::net::IpAddr;
use strongroom_crypto::Secret;
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
    /// The first value of a header, by its lower-case name; none if it is not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}
