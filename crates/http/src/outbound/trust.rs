//! Whom the server trusts when it asks others.

use super::named::NamedOrSigned;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use strongroom_core::outbound::OutError;

/// TLS settings by the authorities they trust, made once.
#[derive(Default)]
pub(super) struct Trust(Mutex<HashMap<Option<String>, Arc<ClientConfig>>>);

/// Settings kept at hand.
const MAX_KEPT: usize = 64;

/// Where Debian, Fedora, openSUSE and Alpine keep their list.
const SYSTEM_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Trust {
    /// Settings that trust these authorities alone, or the system's list.
    pub(super) async fn config(&self, ca_pem: Option<&str>) -> Result<Arc<ClientConfig>, OutError> {
        let key = ca_pem.map(str::to_owned);
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let (roots, named) = match ca_pem {
            Some(pem) => named(pem)?,
            None => (of_system().await?, Vec::new()),
        };
        let unusable = |e: &dyn std::fmt::Display| OutError::Authorities(e.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|e| unusable(&e))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| unusable(&e))?;
        let verifier = Arc::new(NamedOrSigned { inner, named });
        let config = config.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, config.clone());
        Ok(config)
    }
}

/// The authorities, and the certificates themselves.
fn named(pem: &str) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), OutError> {
    let (mut roots, mut named) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|e| OutError::Authorities(e.to_string()))?;
        named.push(certificate.clone());
        roots.add(certificate).map_err(|e| OutError::Authorities(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(OutError::Authorities("there is no PEM certificate among them".to_owned()));
    }
    Ok((roots, named))
}

/// The system's list may hold certificates that rustls does not read: those are passed over.
async fn of_system() -> Result<RootCertStore, OutError> {
    for file in SYSTEM_FILES {
        let Ok(pem) = tokio::fs::read(file).await else { continue };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
        if !roots.is_empty() {
            return Ok(roots);
        }
    }
    Err(OutError::Authorities("this system has no list of authorities; name the server's own".to_owned()))
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}
