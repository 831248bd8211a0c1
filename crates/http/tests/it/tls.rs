//! TLS: versions, client certificates, reload.

use crate::echo::{Reply, Served, ask, serve};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use std::path::Path;
use std::sync::{Arc, Mutex};
use strongroom_http::tls::{Files, Version};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server at localhost that this authority vouches for.
    pub(crate) fn server(&self) -> Arc<rustls::ServerConfig> {
        let (certificate, _, key) = self.issue();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate], key).unwrap())
    }

    /// A server at localhost whose certificate is its own authority, as `openssl req -x509` makes it.
    pub(crate) fn alone() -> (String, Arc<rustls::ServerConfig>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        (certificate.pem(), Arc::new(config))
    }

    fn issue(&self) -> (CertificateDer<'static>, String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), certificate.pem(), key)
    }

    fn write(&self, folder: &Path) -> (Files, CertificateDer<'static>) {
        let (der, pem, key) = self.issue();
        std::fs::write(folder.join("cert.pem"), pem).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("ca.pem"), self.0.pem()).unwrap();
        (Files::new(folder.join("cert.pem"), folder.join("key.pem")), der)
    }
}

/// Takes any server, and notes its certificate.
#[derive(Debug, Default)]
struct AnyServer(Mutex<Option<CertificateDer<'static>>>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().unwrap() = Some(shown.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client's certificate and a key, which need not be the certificate's.
#[derive(Debug)]
struct Identity(Arc<CertifiedKey>);

impl rustls::client::ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn identity(certificate: CertificateDer<'static>, key: &KeyPair) -> Identity {
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = aws_lc_rs::sign::any_supported_type(&der).unwrap();
    Identity(Arc::new(CertifiedKey::new(vec![certificate], key)))
}

async fn request(
    served: &Served,
    versions: &[&'static SupportedProtocolVersion],
    identity: Option<Identity>,
) -> std::io::Result<(Reply, CertificateDer<'static>)> {
    let seen = Arc::new(AnyServer::default());
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(seen.clone());
    let config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(identity)),
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(&served.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let reply = ask(stream, "GET /v1/a", "", b"").await;
    // With TLS 1.3 a client learns only afterwards that its certificate was refused.
    if reply.status == 0 {
        return Err(std::io::Error::other("no answer"));
    }
    let shown = seen.0.lock().unwrap().clone().unwrap();
    Ok((reply, shown))
}

const V12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const V13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

#[tokio::test]
async fn both_versions_are_spoken_and_the_older_can_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = Authority::new().write(folder.path());
    let served = serve(|s| s.tls = Some(files.clone())).await;
    for versions in [V12, V13] {
        let (reply, _) = request(&served, versions, None).await.unwrap();
        assert_eq!(reply.status, 200);
        assert!(reply.header("strict-transport-security").is_some());
        assert_eq!(reply.json()["certificates"], 0);
    }
    let newer = serve(|s| s.tls = Some(Files { min_version: Version::Tls13, ..files })).await;
    assert!(request(&newer, V12, None).await.is_err());
    assert!(request(&newer, V13, None).await.is_ok());
}

#[tokio::test]
async fn plain_http_is_told_what_it_met() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = Authority::new().write(folder.path());
    let served = serve(|s| s.tls = Some(files)).await;
    let reply = served.get("/v1/a").await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("Client sent an HTTP request to an HTTPS server"));
}

#[tokio::test]
async fn client_certificates_are_taken_unverified_with_their_keys_only() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = Authority::new().write(folder.path());
    let served = serve(|s| s.tls = Some(files.clone())).await;
    let stranger = Authority::new();
    for versions in [V12, V13] {
        let (certificate, _, key) = stranger.issue();
        let (reply, _) = request(&served, versions, Some(identity(certificate.clone(), &key))).await.unwrap();
        assert_eq!(reply.json()["certificates"], 1);
        let other = KeyPair::generate().unwrap();
        assert!(
            request(&served, versions, Some(identity(certificate, &other))).await.is_err(),
            "another's certificate"
        );
    }
    let silent = serve(|s| s.tls = Some(Files { no_client_certificates: true, ..files })).await;
    let (certificate, _, key) = stranger.issue();
    let (reply, _) = request(&silent, V13, Some(identity(certificate, &key))).await.unwrap();
    assert_eq!(reply.json()["certificates"], 0);
}

#[tokio::test]
async fn client_certificates_can_be_demanded_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (files, _) = authority.write(folder.path());
    let files =
        Files { require_client_certificate: true, client_ca: Some(folder.path().join("ca.pem")), ..files };
    let served = serve(|s| s.tls = Some(files)).await;
    for versions in [V12, V13] {
        let (certificate, _, key) = authority.issue();
        let (reply, _) = request(&served, versions, Some(identity(certificate, &key))).await.unwrap();
        assert_eq!(reply.json()["certificates"], 1);
        let (certificate, _, key) = Authority::new().issue();
        assert!(request(&served, versions, Some(identity(certificate, &key))).await.is_err());
        assert!(request(&served, versions, None).await.is_err());
    }
}

#[tokio::test]
async fn a_reload_shows_the_new_certificate_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (files, first) = Authority::new().write(folder.path());
    let served = serve(|s| s.tls = Some(files)).await;
    let shown = async || request(&served, V13, None).await.unwrap().1;
    assert_eq!(shown().await, first);
    let (_, second) = Authority::new().write(folder.path());
    assert_eq!(shown().await, first);
    assert!(served.running.reload_certificates().is_empty());
    assert_eq!(shown().await, second);
    std::fs::write(folder.path().join("cert.pem"), "broken").unwrap();
    let errors = served.running.reload_certificates();
    assert!(errors[0].to_string().contains("there is no certificate in PEM form in it"), "{errors:?}");
    assert_eq!(shown().await, second);
}

#[test]
fn wrong_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = Authority::new().write(folder.path());
    let load = |files: Files| strongroom_http::tls::Tls::load(files).unwrap_err().to_string();
    let missing = Files { certificate: folder.path().join("none.pem"), ..files.clone() };
    assert!(load(missing).contains("none.pem"));
    let other = KeyPair::generate().unwrap();
    std::fs::write(folder.path().join("other.pem"), other.serialize_pem()).unwrap();
    let wrong = load(Files { key: folder.path().join("other.pem"), ..files.clone() });
    assert!(wrong.contains("is not this certificate's"), "{wrong}");
    let swapped = load(Files { key: folder.path().join("cert.pem"), ..files.clone() });
    assert!(swapped.contains("there is no private key"), "{swapped}");
    std::fs::write(
        folder.path().join("enc.pem"),
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    let encrypted = load(Files { key: folder.path().join("enc.pem"), ..files.clone() });
    assert!(encrypted.contains("passphrase"), "{encrypted}");
    let versions = load(Files { min_version: Version::Tls13, max_version: Version::Tls12, ..files.clone() });
    assert!(versions.contains("older than"), "{versions}");
    let demand = load(Files { require_client_certificate: true, ..files });
    assert!(demand.contains("needs tls_client_ca_file"), "{demand}");
}
