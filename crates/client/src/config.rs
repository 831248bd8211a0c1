//! The client's settings and where they come from.

use crate::address::{Address, AddressError};
use crate::preview::Preview;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use strongroom_wire::duration;

/// Where a server is looked for when nothing is said.
pub const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";

/// The client's settings. No `Debug`: the token is among them.
#[derive(Clone)]
pub struct Config {
    /// Where the server is.
    pub address: Address,
    /// The token sent along; empty for none.
    pub token: String,
    /// The namespace asked for; empty for root.
    pub namespace: String,
    /// TLS settings.
    pub tls: Tls,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a request is repeated after a 412, a 5xx or a failed connection.
    pub max_retries: u32,
    /// The shortest wait before the first repetition; later ones wait longer.
    pub retry_wait: Duration,
    /// The lifetime of wrapped answers; empty for unwrapped ones.
    pub wrap_ttl: String,
    /// Further headers of every request.
    pub headers: Vec<(String, String)>,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Shows requests instead of sending them.
    pub preview: Option<Preview>,
    /// How the addresses of hosts are found, if not by the system.
    pub lookup: Option<Lookup>,
}

/// Finds the addresses of a host, with its port.
pub type Lookup = Arc<dyn Fn(String, u16) -> Addresses + Send + Sync>;

/// Addresses that are being looked up.
pub type Addresses = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// TLS settings.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// A PEM file of authorities to trust.
    pub ca_cert: Option<PathBuf>,
    /// The authorities themselves, PEM.
    pub ca_cert_pem: Option<String>,
    /// A folder of PEM files of authorities to trust.
    pub ca_path: Option<PathBuf>,
    /// The client's certificate chain, PEM.
    pub client_cert: Option<PathBuf>,
    /// The key of that certificate, PEM.
    pub client_key: Option<PathBuf>,
    /// The name the server's certificate must have, instead of the address's host.
    pub server_name: Option<String>,
    /// Takes any certificate.
    pub skip_verify: bool,
    /// The file of the system's authorities, instead of the usual places.
    pub system_file: Option<PathBuf>,
}

/// Why settings were refused.
#[derive(Debug)]
pub enum ConfigError {
    /// The address cannot be read.
    Address(AddressError),
    /// A variable's value cannot be read.
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be used.
    File {
        /// What it was to be.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS settings contradict each other.
    Tls(String),
    /// The path cannot be sent.
    Path(String),
    /// A header cannot be sent; its value is not shown, for it may be a token.
    Header(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(e) => e.fmt(f),
            Self::Variable { name, reason } => write!(f, "{name}: {reason}"),
            Self::File { what, path, reason } => write!(f, "{what} {}: {reason}", path.display()),
            Self::Tls(reason) => f.write_str(reason),
            Self::Path(reason) => write!(f, "the path cannot be sent: {reason}"),
            Self::Header(name) => {
                write!(f, "the header {name:?} or its value cannot be sent: use visible ASCII")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<AddressError> for ConfigError {
    fn from(e: AddressError) -> Self {
        Self::Address(e)
    }
}

impl Config {
    /// Settings for a server at this address, the rest as it is usual.
    pub fn new(address: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            address: Address::parse(address)?,
            token: String::new(),
            namespace: String::new(),
            tls: Tls::default(),
            timeout: Duration::from_secs(60),
            max_retries: 2,
            retry_wait: Duration::from_secs(1),
            wrap_ttl: String::new(),
            headers: Vec::new(),
            follow_redirects: true,
            preview: None,
            lookup: None,
        })
    }

    /// Settings from the `VAULT_*` variables, which `variable` looks up.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| variable(name).filter(|v| !v.is_empty());
        let address = get("VAULT_AGENT_ADDR").or_else(|| get("VAULT_ADDR"));
        let mut config = Self::new(address.as_deref().unwrap_or(DEFAULT_ADDRESS))?;
        config.token = get("VAULT_TOKEN").unwrap_or_default().trim().to_owned();
        config.namespace = get("VAULT_NAMESPACE").unwrap_or_default();
        config.wrap_ttl = get("VAULT_WRAP_TTL").unwrap_or_default();
        config.tls = Tls {
            ca_cert: get("VAULT_CACERT").map(PathBuf::from),
            ca_cert_pem: get("VAULT_CACERT_BYTES"),
            ca_path: get("VAULT_CAPATH").map(PathBuf::from),
            client_cert: get("VAULT_CLIENT_CERT").map(PathBuf::from),
            client_key: get("VAULT_CLIENT_KEY").map(PathBuf::from),
            server_name: get("VAULT_TLS_SERVER_NAME"),
            skip_verify: truth(&get, "VAULT_SKIP_VERIFY")?,
            system_file: get("SSL_CERT_FILE").map(PathBuf::from),
        };
        config.follow_redirects = !truth(&get, "VAULT_DISABLE_REDIRECTS")?;
        if let Some(text) = get("VAULT_CLIENT_TIMEOUT") {
            let parsed =
                duration::parse(&text).map_err(|e| refused("VAULT_CLIENT_TIMEOUT", e.to_string()))?;
            config.timeout = if parsed.is_zero() { config.timeout } else { parsed };
        }
        if let Some(text) = get("VAULT_MAX_RETRIES") {
            config.max_retries = text
                .parse()
                .map_err(|_| refused("VAULT_MAX_RETRIES", format!("{text:?} is not a whole number")))?;
        }
        for name in ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "VAULT_SRV_LOOKUP"] {
            if get(name).is_some_and(|v| !matches!(v.as_str(), "0" | "false")) {
                return Err(refused(
                    name,
                    "not supported by this client: unset it and name the server in VAULT_ADDR".to_owned(),
                ));
            }
        }
        Ok(config)
    }
}

/// Reads `1 t T true TRUE True` and their opposites.
fn truth(get: &dyn Fn(&str) -> Option<String>, name: &'static str) -> Result<bool, ConfigError> {
    match get(name).as_deref() {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(other) => Err(refused(name, format!("{other:?} is neither true nor false"))),
    }
}

fn refused(name: &'static str, reason: String) -> ConfigError {
    ConfigError::Variable { name, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &'static [(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_env(&|name| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn reads_the_environment() {
        let config = from(&[
            ("VAULT_ADDR", "http://a:1"),
            ("VAULT_AGENT_ADDR", "http://agent:2"),
            ("VAULT_SKIP_VERIFY", "True"),
            ("VAULT_CLIENT_TIMEOUT", "90"),
            ("VAULT_MAX_RETRIES", "5"),
            ("VAULT_TOKEN", "t\n"),
        ])
        .map_err(|e| e.to_string())
        .ok()
        .unwrap();
        assert_eq!(config.address.to_string(), "http://agent:2");
        assert!(config.tls.skip_verify && config.follow_redirects);
        assert_eq!((config.timeout.as_secs(), config.max_retries, config.token.as_str()), (90, 5, "t"));
        assert_eq!(from(&[("VAULT_ADDR", "")]).ok().unwrap().address.to_string(), DEFAULT_ADDRESS);
    }

    #[test]
    fn names_the_variable_that_is_wrong() {
        for (pairs, name) in [
            (&[("VAULT_SKIP_VERIFY", "yes")][..], "VAULT_SKIP_VERIFY"),
            (&[("VAULT_CLIENT_TIMEOUT", "soon")][..], "VAULT_CLIENT_TIMEOUT"),
            (&[("VAULT_MAX_RETRIES", "-1")][..], "VAULT_MAX_RETRIES"),
            (&[("VAULT_PROXY_ADDR", "http://p")][..], "VAULT_PROXY_ADDR"),
        ] {
            assert!(from(pairs).err().unwrap().to_string().starts_with(name), "{name}");
        }
    }
}
