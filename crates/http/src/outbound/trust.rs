//! Whom the server trusts when it asks others.

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
        let roots = match ca_pem {
            Some(pem) => named(pem)?,
            None => of_system().await?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| OutError::Authorities(e.to_string()))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
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

fn named(pem: &str) -> Result<RootCertStore, OutError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|e| OutError::Authorities(e.to_string()))?;
        roots.add(certificate).map_err(|e| OutError::Authorities(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(OutError::Authorities("there is no PEM certificate among them".to_owned()));
    }
    Ok(roots)
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
