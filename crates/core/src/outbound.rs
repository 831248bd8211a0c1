//! Requests that the server makes of others: key sets, discovery documents, token reviews.
//!
//! Addresses come from operators' configuration and never from who logs in. What is asked is asked by
//! the listener's side of the program; the core knows this interface only, and tests put their own
//! behind it.

mod strangers;

use crate::{BoxFuture, Fault};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use strangers::Source as Stranger;
use tokio::sync::Semaphore;

/// Sends requests to other servers.
pub trait Outbound: Send + Sync + std::fmt::Debug + 'static {
    /// Sends one request and reads the whole answer. Redirects are answers like any other.
    fn send(&self, request: OutRequest) -> BoxFuture<'_, Result<OutResponse, OutError>>;
}

/// A request to another server.
#[derive(Clone)]
pub struct OutRequest {
    /// The method.
    pub method: http::Method,
    /// An absolute address, `http` or `https`.
    pub url: String,
    /// Headers besides `host` and `content-length`. They may carry credentials.
    pub headers: Vec<(http::HeaderName, String)>,
    /// The body.
    pub body: Bytes,
    /// The authorities that may vouch for the server, in PEM; none for the system's list.
    pub ca_pem: Option<String>,
    /// How long all of it may take.
    pub timeout: Duration,
    /// The longest body of an answer that is taken.
    pub max_bytes: usize,
}

/// An answer of another server.
#[derive(Debug, Clone)]
pub struct OutResponse {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer. The texts name no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutError {
    /// This server cannot send requests.
    Unavailable,
    /// The address or a header cannot be sent.
    Request(String),
    /// The authorities cannot be used.
    Authorities(String),
    /// No connection, or no trust in who answered.
    Connect(String),
    /// The exchange broke off.
    Exchange(String),
    /// It took too long.
    Timeout,
    /// The answer is longer than was allowed.
    TooLarge,
}

impl OutRequest {
    /// A GET with the usual limits.
    pub fn get(url: &str, ca_pem: Option<String>) -> Self {
        Self {
            method: http::Method::GET,
            url: url.to_owned(),
            headers: vec![(http::header::ACCEPT, "application/json".to_owned())],
            body: Bytes::new(),
            ca_pem,
            timeout: PATIENCE,
            max_bytes: MAX_BYTES,
        }
    }

    /// A POST of JSON with the usual limits.
    pub fn post(url: &str, ca_pem: Option<String>, body: Vec<u8>) -> Self {
        let mut request = Self::get(url, ca_pem);
        request.method = http::Method::POST;
        request.headers.push((http::header::CONTENT_TYPE, "application/json".to_owned()));
        request.body = body.into();
        request
    }

    /// The same with a bearer token.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.headers.push((http::header::AUTHORIZATION, format!("Bearer {token}")));
        self
    }
}

/// What the server uses to send requests: bounded, with what it fetched lately at hand.
#[derive(Debug)]
pub struct Outgoing {
    outbound: Option<Arc<dyn Outbound>>,
    places: Semaphore,
    documents: Mutex<HashMap<Source, Kept>>,
    strangers: Mutex<HashMap<String, Stranger>>,
}

/// A document as it was fetched.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its bytes.
    pub body: Bytes,
    /// When it was asked for.
    pub fetched: Timestamp,
}

/// An address and who vouches for the server there.
type Source = (String, Option<String>);

/// What is known of a document.
#[derive(Debug, Clone, Default)]
struct Kept {
    document: Option<Document>,
    failure: Option<(Timestamp, OutError)>,
    asked: Timestamp,
}

/// Requests under way at once; more wait for their turn.
const PLACES: usize = 256;
/// Documents kept at hand.
const MAX_DOCUMENTS: usize = 256;
/// How long a failure stands before it is asked again, so that no caller can make us ask all the time.
const RETRY: SignedDuration = SignedDuration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_BYTES: usize = 1024 * 1024;

impl Outgoing {
    pub(crate) fn new(outbound: Option<Arc<dyn Outbound>>) -> Self {
        Self {
            outbound,
            places: Semaphore::new(PLACES),
            documents: Mutex::default(),
            strangers: Mutex::default(),
        }
    }

    /// Sends a request, waiting for a place among those under way.
    pub async fn send(&self, request: OutRequest) -> Result<OutResponse, OutError> {
        let outbound = self.outbound.as_ref().ok_or(OutError::Unavailable)?;
        let waiting = tokio::time::timeout(request.timeout, self.places.acquire()).await;
        let _place = waiting.map_err(|_| OutError::Timeout)?.map_err(|_| OutError::Unavailable)?;
        outbound.send(request).await
    }

    /// A document that others publish, no older than `max_age`. One that is fetched is kept, and so is
    /// for some seconds that it could not be. With a `max_age` of zero it is asked for in any case.
    pub async fn document(
        &self,
        url: &str,
        ca_pem: Option<String>,
        now: Timestamp,
        max_age: SignedDuration,
    ) -> Result<Document, OutError> {
        let source = (url.to_owned(), ca_pem);
        let known = self.kept(&source);
        if max_age > SignedDuration::ZERO {
            if let Some(document) = known.document.filter(|d| now.duration_since(d.fetched) <= max_age) {
                return Ok(document);
            }
            if let Some((_, error)) = known.failure.filter(|(at, _)| now.duration_since(*at) < RETRY) {
                return Err(error);
            }
        }
        let fetched = self.fetch(&source).await.map(|body| Document { body, fetched: now });
        self.keep(source, now, &fetched);
        fetched
    }

    async fn fetch(&self, (url, ca_pem): &Source) -> Result<Bytes, OutError> {
        let answer = self.send(OutRequest::get(url, ca_pem.clone())).await?;
        if answer.status != 200 {
            return Err(OutError::Exchange(format!("the answer has status {}", answer.status)));
        }
        Ok(answer.body)
    }

    fn kept(&self, source: &Source) -> Kept {
        let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        documents.get(source).cloned().unwrap_or_default()
    }

    fn keep(&self, source: Source, now: Timestamp, fetched: &Result<Document, OutError>) {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if documents.len() >= MAX_DOCUMENTS && !documents.contains_key(&source) {
            let oldest = documents.iter().min_by_key(|(_, kept)| kept.asked).map(|(key, _)| key.clone());
            oldest.map(|oldest| documents.remove(&oldest));
        }
        let kept = documents.entry(source).or_default();
        kept.asked = now;
        match fetched {
            Ok(document) => (kept.document, kept.failure) = (Some(document.clone()), None),
            Err(error) => kept.failure = Some((now, error.clone())),
        }
    }
}

/// Checks an address that an operator gives: `http` or `https` with a host, no credentials in it.
pub fn check_url(field: &str, url: &str) -> Result<(), Fault> {
    let fail =
        |why: &str| Fault::invalid(format!("'{field}' {why}; use a form such as \"https://host:port\""));
    let parsed: http::Uri = url.parse().map_err(|_| fail("is no address"))?;
    if !matches!(parsed.scheme_str(), Some("https" | "http")) {
        return Err(fail("does not begin with https:// or http://"));
    }
    let authority = parsed.authority().filter(|a| !a.host().is_empty());
    let authority = authority.ok_or_else(|| fail("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(fail("carries a user name"));
    }
    Ok(())
}

/// Whether what is asked there, and the answer, can be read and changed on the way: without TLS on
/// another machine.
pub fn is_exposed(url: &str) -> bool {
    let Ok(parsed) = url.parse::<http::Uri>() else { return false };
    let host = parsed.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    parsed.scheme_str() == Some("http") && !is_here
}

impl std::fmt::Debug for OutRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

impl std::fmt::Display for OutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable => f.write_str("this server cannot send requests"),
            Self::Request(why) => write!(f, "the request cannot be sent: {why}"),
            Self::Authorities(why) => write!(f, "the authorities cannot be used: {why}"),
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Exchange(why) => write!(f, "no usable answer: {why}"),
            Self::Timeout => f.write_str("it took too long"),
            Self::TooLarge => f.write_str("the answer is too long"),
        }
    }
}

impl std::error::Error for OutError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Debug, Default)]
    struct Counting(AtomicU64);

    impl Outbound for Counting {
        fn send(&self, request: OutRequest) -> BoxFuture<'_, Result<OutResponse, OutError>> {
            let nth = self.0.fetch_add(1, Ordering::Relaxed);
            let gone = request.url.ends_with("gone") || (request.url.ends_with("flaky") && nth % 2 == 1);
            let status = if gone { 404 } else { 200 };
            Box::pin(async move { Ok(OutResponse { status, body: nth.to_string().into() }) })
        }
    }

    #[tokio::test]
    async fn keeps_documents_as_long_as_they_are_wanted() {
        let outgoing = Outgoing::new(Some(Arc::new(Counting::default())));
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let at = |seconds: i64| start + SignedDuration::from_secs(seconds);
        let body = async |ca: Option<&str>, now, age| {
            let age = SignedDuration::from_secs(age);
            let document = outgoing.document("https://a.example/keys", ca.map(str::to_owned), now, age);
            document.await.unwrap().body
        };
        assert_eq!(body(None, at(0), 60).await, "0");
        assert_eq!(body(None, at(60), 60).await, "0");
        assert_eq!(body(Some("ca"), at(60), 60).await, "1", "whom others trust is not at hand");
        assert_eq!(body(None, at(61), 60).await, "2");
        assert_eq!(body(None, at(71), 10).await, "2");
        assert_eq!(body(None, at(72), 10).await, "3");
        let gone = outgoing.document("https://a.example/gone", None, start, SignedDuration::ZERO).await;
        assert!(matches!(gone, Err(OutError::Exchange(_))));
    }

    #[tokio::test]
    async fn a_failure_stands_for_a_while_and_what_was_there_stays() {
        let counting = Arc::new(Counting::default());
        let outgoing = Outgoing::new(Some(counting.clone()));
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let get = async |seconds: i64, age: i64| {
            let (at, age) = (start + SignedDuration::from_secs(seconds), SignedDuration::from_secs(age));
            outgoing.document("https://a.example/flaky", None, at, age).await.map(|d| d.body).ok()
        };
        assert_eq!(get(0, 60).await.as_deref(), Some(&b"0"[..]));
        assert_eq!((get(100, 60).await, get(109, 60).await), (None, None));
        assert_eq!(get(109, 3600).await.as_deref(), Some(&b"0"[..]));
        assert_eq!(counting.0.load(Ordering::Relaxed), 2);
        assert_eq!(get(110, 60).await.as_deref(), Some(&b"2"[..]));
        assert_eq!((get(111, 0).await, get(112, 0).await.as_deref()), (None, Some(&b"4"[..])));
    }

    #[tokio::test]
    async fn documents_are_bounded() {
        let outgoing = Outgoing::new(Some(Arc::new(Counting::default())));
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        for nth in 0..MAX_DOCUMENTS + 5 {
            let url = format!("https://a.example/{nth}");
            outgoing.document(&url, None, start, SignedDuration::ZERO).await.unwrap();
        }
        assert_eq!(outgoing.documents.lock().unwrap().len(), MAX_DOCUMENTS);
    }

    #[test]
    fn addresses_are_plain_and_whole() {
        for good in ["https://127.0.0.1:1", "http://host/path?x=1", "https://[::1]:8443/"] {
            assert!(check_url("f", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "host",
            "ftp://host",
            "https://",
            "file:///etc/passwd",
            "https://u:p@host",
            "/x",
            "https:// a",
        ] {
            let fault = check_url("f", bad).unwrap_err();
            assert!(fault.messages()[0].contains("'f'"), "{bad}");
            assert!(!fault.messages()[0].contains("u:p"));
        }
    }

    #[test]
    fn plain_http_to_another_machine_is_exposed() {
        for (url, exposed) in [
            ("http://k.example", true),
            ("http://10.0.0.1:80/x", true),
            ("http://localhost.example", true),
            ("http://localhost:1", false),
            ("http://127.0.0.2", false),
            ("http://[::1]:80", false),
            ("https://k.example", false),
        ] {
            assert_eq!(is_exposed(url), exposed, "{url}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let request = OutRequest::get("https://a.example", None).bearer("hidden");
        assert!(!format!("{request:?}").contains("hidden"));
    }
}
