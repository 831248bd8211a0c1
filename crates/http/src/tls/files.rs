//! From file names and rules to a configuration of rustls.

use crate::tls::unverified::ProofOfPossession;
use crate::tls::{TlsError, suites};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the certificates are, and the rules.
#[derive(Debug, Clone)]
pub struct Files {
    /// PEM file with the server's certificate and those between it and a root.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
    /// PEM file with authorities for client certificates.
    pub client_ca: Option<PathBuf>,
    /// Refuse clients without a certificate of these authorities.
    pub require_client_certificate: bool,
    /// Do not ask clients for certificates.
    pub no_client_certificates: bool,
    /// The oldest version taken.
    pub min_version: Version,
    /// The newest version taken.
    pub max_version: Version,
    /// Names of the TLS 1.2 cipher suites taken; empty for all.
    pub cipher_suites: Vec<String>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

impl Files {
    /// A certificate and its key with the usual rules.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
            require_client_certificate: false,
            no_client_certificates: false,
            min_version: Version::Tls12,
            max_version: Version::Tls13,
            cipher_suites: Vec::new(),
        }
    }

    /// Reads the files.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&self.certificate)?;
        let key = private_key(&self.key)?;
        let provider = Arc::new(CryptoProvider {
            cipher_suites: suites::choose(&self.cipher_suites)?,
            ..aws_lc_rs::default_provider()
        });
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions()?)
            .map_err(|e| TlsError::Settings(format!("tls_cipher_suites: {e}")))?;
        let builder = match self.client_verifier(&provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|e| {
            let why = match e {
                rustls::Error::InconsistentKeys(_) => {
                    format!("the key in {} is not this certificate's", self.key.display())
                }
                other => format!("the certificate or its key cannot be used: {other}"),
            };
            TlsError::Content(self.certificate.clone(), why)
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
        if self.min_version > self.max_version {
            return Err(TlsError::Settings("tls_max_version is older than tls_min_version".to_owned()));
        }
        let all = [(Version::Tls12, &rustls::version::TLS12), (Version::Tls13, &rustls::version::TLS13)];
        let taken = self.min_version..=self.max_version;
        Ok(all.into_iter().filter(|(v, _)| taken.contains(v)).map(|(_, supported)| supported).collect())
    }

    fn client_verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        if self.no_client_certificates {
            if self.require_client_certificate {
                return Err(TlsError::Settings(
                    "tls_disable_client_certs and tls_require_and_verify_client_cert exclude each other"
                        .to_owned(),
                ));
            }
            return Ok(None);
        }
        let roots = self.client_ca.as_deref().map(roots).transpose()?;
        if !self.require_client_certificate {
            let subjects = roots.map(|r| r.subjects()).unwrap_or_default();
            return Ok(Some(Arc::new(ProofOfPossession::new(
                provider.signature_verification_algorithms,
                subjects,
            ))));
        }
        let roots = roots.ok_or_else(|| {
            TlsError::Settings("tls_require_and_verify_client_cert needs tls_client_ca_file".to_owned())
        })?;
        let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        let verifier = built.map_err(|e| TlsError::Settings(format!("tls_client_ca_file: {e}")))?;
        Ok(Some(verifier))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|e| problem(path, e, "certificate"))?;
    if found.is_empty() {
        return Err(problem(path, pem::Error::NoItemsFound, "certificate"));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| match e {
        pem::Error::NoItemsFound if is_encrypted(path) => TlsError::Content(
            path.to_owned(),
            "the key is protected by a passphrase; write it without one".to_owned(),
        ),
        other => problem(path, other, "private key"),
    })
}

fn is_encrypted(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains("ENCRYPTED PRIVATE KEY"))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store
            .add(certificate)
            .map_err(|e| TlsError::Content(path.to_owned(), format!("an authority cannot be used: {e}")))?;
    }
    Ok(store)
}

fn problem(path: &Path, error: pem::Error, what: &str) -> TlsError {
    match error {
        pem::Error::Io(error) => TlsError::Read(path.to_owned(), error),
        pem::Error::NoItemsFound => {
            TlsError::Content(path.to_owned(), format!("there is no {what} in PEM form in it"))
        }
        other => TlsError::Content(path.to_owned(), format!("this is not PEM: {other}")),
    }
}
