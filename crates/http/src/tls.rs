//! Certificates and the rules of TLS, read again on demand.

mod certificate;
mod files;
mod suites;
mod unverified;

pub use files::{Files, Version};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// The TLS of one listener.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    current: ArcSwap<ServerConfig>,
}

/// Why TLS cannot be set up.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Read(PathBuf, std::io::Error),
    /// A file does not hold what it should.
    Content(PathBuf, String),
    /// The settings contradict each other or ask for what there is not.
    Settings(String),
}

impl Tls {
    /// Reads the files.
    pub fn load(files: Files) -> Result<Self, TlsError> {
        let current = ArcSwap::from(Arc::new(files.server_config()?));
        Ok(Self { files, current })
    }

    /// Reads the files again. Connections that are open stay as they are; if anything is wrong, the
    /// old certificates stay in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(self.files.server_config()?));
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Content(path, why) => write!(f, "{}: {why}", path.display()),
            Self::Settings(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TlsError {}
