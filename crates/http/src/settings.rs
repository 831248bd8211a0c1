//! How a listener is set up.

use crate::forwarded::Forwarded;
use crate::request_log::RequestLog;
use crate::response_headers::ResponseHeaders;
use crate::tls;
use std::path::PathBuf;
use std::time::Duration;

/// How one listener is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub bind: Bind,
    /// Certificates; none for plain HTTP.
    pub tls: Option<tls::Files>,
    /// What a client may send.
    pub limits: Limits,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Proxies whose word on the client's address is taken.
    pub forwarded: Option<Forwarded>,
    /// Headers of all answers.
    pub headers: ResponseHeaders,
    /// Anybody may read the metrics here.
    pub open_metrics: bool,
    /// Whether each request leaves a line in the log.
    pub request_log: RequestLog,
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// `127.0.0.1:8200`, `:8200`, `[::]:8200`, `localhost:8200`; port 0 takes a free one.
    Tcp(String),
    /// A unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Permission bits; its owner only where none are given.
        mode: Option<u32>,
        /// Name or number of its owner.
        user: Option<String>,
        /// Name or number of its group.
        group: Option<String>,
    },
}

/// What a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: u64,
    /// Bytes of a body that a route takes as bytes, such as a snapshot.
    pub upload: u64,
    /// Connections at a time; further ones wait.
    pub connections: usize,
    /// What a JSON body may hold.
    pub json: JsonLimits,
}

/// What a JSON body may hold, asked before it is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Objects and lists inside each other.
    pub depth: usize,
    /// Bytes of a string, as written.
    pub string: usize,
    /// Entries of an object.
    pub entries: usize,
    /// Elements of a list.
    pub elements: usize,
    /// Values and names in all.
    pub values: usize,
}

impl JsonLimits {
    /// The deepest nesting that can be asked for. Records are kept as JSON with a few levels around
    /// what a client sent, and readers of JSON, ours and others', stop at 128.
    pub const DEEPEST: usize = 120;
}

/// How long a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its headers; also a TLS handshake.
    pub header: Duration,
    /// From there to the end of its body.
    pub body: Duration,
    /// Between requests.
    pub idle: Duration,
    /// From the end of the body to the answer.
    pub request: Duration,
}

impl Settings {
    /// The usual settings.
    pub fn new(bind: Bind) -> Self {
        Self {
            bind,
            tls: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            forwarded: None,
            headers: ResponseHeaders::default(),
            open_metrics: false,
            request_log: RequestLog::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 32 << 20, upload: 1 << 30, connections: 8192, json: JsonLimits::default() }
    }
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth: Self::DEEPEST, string: 1 << 20, entries: 10_000, elements: 10_000, values: 250_000 }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(300),
            request: Duration::from_secs(90),
        }
    }
}
