//! How commands end.

use std::fmt::Display;
use strongroom_client::Error;

/// What a command returns.
pub type Outcome = Result<Exit, Failure>;

/// The exit code of a command that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All is well.
    pub const OK: Self = Self(0);
}

/// Why a command did not do its work.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub(crate) exit: u8,
    pub(crate) message: String,
    pub(crate) shown: bool,
    /// What to do about it; `{}` stands for the program's name.
    pub(crate) advice: Option<String>,
    /// Whether the request was refused for want of permission, and what it asked for.
    pub(crate) refused: Option<(&'static str, String)>,
}

impl Failure {
    /// The user's mistake, or something on this machine: exit code 1.
    pub fn local(message: impl Into<String>) -> Self {
        Self { exit: 1, message: message.into(), shown: false, advice: None, refused: None }
    }

    /// The server's side: exit code 2.
    pub fn server(message: impl Into<String>) -> Self {
        Self { exit: 2, ..Self::local(message) }
    }

    /// The same with another exit code.
    #[must_use]
    pub fn exit(self, exit: u8) -> Self {
        Self { exit, ..self }
    }

    /// The same without the advice to ask which rule decides: a login is not a matter of rules.
    pub(crate) fn unexplained(self) -> Self {
        Self { refused: None, ..self }
    }

    /// The same with what to do about it; `{}` stands for the program's name.
    pub(crate) fn advised(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// A client's error, after `Error `: `reading secret/app` makes `Error reading secret/app: ...`.
    pub fn api(doing: impl Display, error: Error) -> Self {
        if let Error::Preview(text) = error {
            return Self { exit: 0, shown: true, ..Self::local(text) };
        }
        let refused = match &error {
            // A token that is no good is no matter of rules.
            Error::Api(e) if is_login(&e.path) => None,
            Error::Api(e) if e.status == 403 && e.errors.iter().any(|e| e.contains("permission denied")) => {
                let method = if e.url.contains("?list=true") { "LIST" } else { e.method };
                Some((method, e.path.clone()))
            }
            _ => None,
        };
        let exit = if matches!(error, Error::Config(_)) { 1 } else { 2 };
        let message = format!("Error {doing}: {error}");
        Self { exit, message, shown: false, advice: advice(&error), refused }
    }
}

/// Turns a client's error into a failure that says what was being done.
pub trait Doing<T> {
    /// `client.read(path).await.doing(format!("reading {path}"))?`
    fn doing(self, what: impl Display) -> Result<T, Failure>;
}

impl<T> Doing<T> for Result<T, Error> {
    fn doing(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|e| Failure::api(what, e))
    }
}

/// What to do about an error, when that can be said.
fn advice(error: &Error) -> Option<String> {
    match error {
        Error::Connect { address, reason } => Some(match reason.kind() {
            std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound => format!(
                "Nothing listens at {address}. Set VAULT_ADDR (or -address) to the server's address, \
                 or start a server to try things out: {{}} server -dev"
            ),
            _ => format!("Check that VAULT_ADDR (or -address) is right: it is {address}."),
        }),
        Error::Tls { address, reason } => Some(tls_advice(address, &reason.to_string())),
        Error::Transport { url, .. } if url.starts_with("http://") => {
            Some("If the server speaks TLS, VAULT_ADDR (or -address) must begin with https://".to_owned())
        }
        Error::Timeout { .. } => {
            Some("VAULT_CLIENT_TIMEOUT sets how long to wait, as in VAULT_CLIENT_TIMEOUT=120s.".to_owned())
        }
        Error::Api(e) if is_login(&e.path) && e.status == 403 => None,
        Error::Api(e) => api_advice(e.status, &e.errors),
        _ => None,
    }
}

/// A login is not a matter of rules either.
fn is_login(path: &str) -> bool {
    path.starts_with("auth/") && (path.ends_with("/login") || path.contains("/login/"))
}

fn tls_advice(address: &str, reason: &str) -> String {
    if ["UnknownIssuer", "BadSignature", "CaUsedAsEndEntity"].iter().any(|r| reason.contains(r)) {
        return "x509: certificate signed by unknown authority. Set VAULT_CACERT (or -ca-cert) to the PEM file of \
                the authority that signed the server's certificate, or of that certificate if it signed itself."
            .to_owned();
    }
    if reason.contains("not valid for name") || reason.contains("NotValidForName") {
        return "The server's certificate is for another name. Use that name in VAULT_ADDR, or set \
                VAULT_TLS_SERVER_NAME (or -tls-server-name) to it."
            .to_owned();
    }
    if reason.contains("InvalidContentType") || reason.contains("corrupt message") {
        let plain = address.replacen("https://", "http://", 1);
        return format!(
            "http: server gave HTTP response to HTTPS client. The server does not speak TLS there: \
             set VAULT_ADDR (or -address) to {plain}"
        );
    }
    "Check the certificate of the server and VAULT_CACERT.".to_owned()
}

fn api_advice(status: u16, errors: &[String]) -> Option<String> {
    let says = |text: &str| errors.iter().any(|e| e.contains(text));
    if status == 400 && says("HTTP request to an HTTPS server") {
        return Some("The server speaks TLS: VAULT_ADDR (or -address) must begin with https://".to_owned());
    }
    if says("missing client token") {
        return Some(NO_TOKEN.to_owned());
    }
    // Where a rule denies, there is more around these words.
    if status == 403 && errors.iter().any(|e| matches!(e.trim(), "permission denied" | "bad token")) {
        return Some(BAD_TOKEN.to_owned());
    }
    if says("plugin not found in the catalog") {
        return Some("This server has no such type. Those it has: {} read sys/plugins/catalog".to_owned());
    }
    match status {
        503 if says("sealed") => Some("The server is sealed. Unseal it: {} operator unseal".to_owned()),
        _ => None,
    }
}

const BAD_TOKEN: &str = "The token is unknown, has expired or was revoked, or may not be used from this address. \
                         Log in anew: {} login";

/// For requests that are refused because nobody is logged in.
pub(crate) const NO_TOKEN: &str = "No token was sent. Log in ({} login) or set VAULT_TOKEN.";
