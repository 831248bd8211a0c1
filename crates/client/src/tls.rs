//! The TLS side of the settings.

use crate::config::{ConfigError, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Builds what rustls needs, for connections to others than Strongroom too.
pub fn client_config(tls: &Tls) -> Result<Arc<ClientConfig>, ConfigError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| ConfigError::Tls(e.to_string()))?;
    let builder = if tls.skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        let (roots, named) = roots(tls)?;
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|e| ConfigError::Tls(format!("no authority to trust: {e}; name one in VAULT_CACERT")))?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(NamedOrSigned { inner, named }))
    };
    let mut config = match (&tls.client_cert, &tls.client_key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert), Some(key)) => {
            let chain = certificates(cert, "client certificate")?;
            let key_der = PrivateKeyDer::from_pem_slice(&read(key, "client key")?)
                .map_err(|e| unusable("client key", key, &e))?;
            builder
                .with_client_auth_cert(chain, key_der)
                .map_err(|e| unusable("client certificate", cert, &e))?
        }
        _ => {
            let text = "a client certificate needs both VAULT_CLIENT_CERT and VAULT_CLIENT_KEY";
            return Err(ConfigError::Tls(text.to_owned()));
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The authorities named in the settings, or else the system's; and the certificates that were named.
fn roots(tls: &Tls) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), ConfigError> {
    let mut store = RootCertStore::empty();
    let mut named = Vec::new();
    let mut add = |store: &mut RootCertStore, chain: Vec<CertificateDer<'static>>, file: &Path| {
        named.extend(chain.iter().cloned());
        add(store, chain, file)
    };
    if let Some(file) = &tls.ca_cert {
        add(&mut store, certificates(file, "CA certificate")?, file)?;
    } else if let Some(pem) = &tls.ca_cert_pem {
        let name = Path::new("(VAULT_CACERT_BYTES)");
        add(&mut store, parse(pem.as_bytes(), name, "CA certificate")?, name)?;
    } else if let Some(folder) = &tls.ca_path {
        let entries = std::fs::read_dir(folder).map_err(|e| unusable("CA folder", folder, &e))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect();
        files.sort();
        for file in files {
            add(&mut store, certificates(&file, "CA certificate")?, &file)?;
        }
    } else {
        let chosen = tls.system_file.iter().map(PathBuf::as_path);
        let Some(file) = chosen.chain(SYSTEM_FILES.iter().map(Path::new)).find(|p| p.is_file()) else {
            let text = "the system's list of authorities was not found: name the server's CA in VAULT_CACERT";
            return Err(ConfigError::Tls(text.to_owned()));
        };
        // The system's list may hold certificates too old for rustls: those are passed over.
        store.add_parsable_certificates(certificates(file, "system's CA list")?);
    }
    Ok((store, named))
}

fn add(
    store: &mut RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    file: &Path,
) -> Result<(), ConfigError> {
    for certificate in chain {
        store.add(certificate).map_err(|e| unusable("CA certificate", file, &e))?;
    }
    Ok(())
}

fn certificates(file: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    parse(&read(file, what)?, file, what)
}

fn parse(pem: &[u8], file: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|e| unusable(what, file, &e))?;
    if chain.is_empty() {
        return Err(unusable(what, file, &"there is no PEM certificate in it"));
    }
    Ok(chain)
}

fn read(file: &Path, what: &'static str) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(file).map_err(|e| unusable(what, file, &e))
}

fn unusable(what: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::File { what, path: path.to_owned(), reason: reason.to_string() }
}

/// Where Debian, Fedora, openSUSE and Alpine keep their list.
const SYSTEM_FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A certificate signed by one of the authorities, or one that was itself named in the settings: what
/// `openssl req -x509` makes is marked as an authority's, and people name it as the server's own.
#[derive(Debug)]
struct NamedOrSigned {
    inner: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for NamedOrSigned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.inner.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // Its time of validity has been checked when this error comes, its name has not.
            Err(e) if e.to_string().contains("CaUsedAsEndEntity") && self.named.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// `VAULT_SKIP_VERIFY`: any certificate will do, though the server must still hold its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
