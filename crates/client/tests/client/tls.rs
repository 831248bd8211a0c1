//! Who is trusted, and what is said when no one is.

use crate::canned::{Canned, json};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use strongroom_client::{Client, Config, Error};
use tokio_rustls::TlsAcceptor;

/// A TLS server for `localhost`, and the PEM of the authority behind it.
async fn tls_server() -> (SocketAddr, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    (serve(leaf.der().clone(), &key).await, ca.pem())
}

/// A TLS server for `localhost` whose certificate is marked as an authority's, and its PEM.
async fn self_signed_server(last_year: i32) -> (SocketAddr, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (serve(certificate.der().clone(), &key).await, certificate.pem())
}

async fn serve(certificate: CertificateDer<'static>, key: &KeyPair) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let answer = |_: &crate::canned::Seen| json(200, r#"{"data":{"a":"b"}}"#);
                    crate::canned::serve(stream, Arc::new(answer), Arc::default()).await;
                }
            });
        }
    });
    address
}

async fn ask(address: &str, change: impl FnOnce(&mut Config)) -> Result<(), Error> {
    let mut config = Config::new(address).unwrap();
    config.max_retries = 0;
    change(&mut config);
    Client::new(config).read("x").await.map(drop)
}

#[tokio::test]
async fn authorities_come_from_file_folder_or_text() {
    let (server, pem) = tls_server().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, &pem).unwrap();
    let named = format!("https://localhost:{}", server.port());
    ask(&named, |c| c.tls.ca_cert = Some(file.clone())).await.unwrap();
    ask(&named, |c| c.tls.ca_path = Some(dir.path().to_owned())).await.unwrap();
    ask(&named, |c| c.tls.ca_cert_pem = Some(pem.clone())).await.unwrap();
    let by_address = format!("https://{server}");
    let wrong = ask(&by_address, |c| c.tls.ca_cert = Some(file.clone())).await.unwrap_err();
    assert!(matches!(wrong, Error::Tls { .. }), "{wrong}");
    ask(&by_address, |c| {
        c.tls.ca_cert = Some(file.clone());
        c.tls.server_name = Some("localhost".to_owned());
    })
    .await
    .unwrap();
    ask(&by_address, |c| c.tls.skip_verify = true).await.unwrap();
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_when_it_is_named() {
    let (server, pem) = self_signed_server(2990).await;
    let named = format!("https://localhost:{}", server.port());
    ask(&named, |c| c.tls.ca_cert_pem = Some(pem.clone())).await.unwrap();
    for (address, pem, reason) in [
        (format!("https://{server}"), pem, "not valid for name"),
        (named, self_signed_server(2990).await.1, "invalid peer certificate"),
    ] {
        let text = ask(&address, |c| c.tls.ca_cert_pem = Some(pem)).await.unwrap_err().to_string();
        assert!(text.contains(reason), "{text}");
    }
    let (server, pem) = self_signed_server(2001).await;
    let named = format!("https://localhost:{}", server.port());
    let text = ask(&named, |c| c.tls.ca_cert_pem = Some(pem)).await.unwrap_err().to_string();
    assert!(text.contains("expired"), "{text}");
}

#[tokio::test]
async fn strangers_and_wrong_settings_are_refused() {
    let (server, _) = tls_server().await;
    let (_, other) = tls_server().await;
    let named = format!("https://localhost:{}", server.port());
    let text = ask(&named, |c| c.tls.ca_cert_pem = Some(other)).await.unwrap_err().to_string();
    assert!(text.contains("invalid peer certificate"), "{text}");
    let missing = Path::new("/nonexistent/ca.pem");
    let text = ask(&named, |c| c.tls.ca_cert = Some(missing.to_owned())).await.unwrap_err().to_string();
    assert!(text.contains("/nonexistent/ca.pem"), "{text}");
    let text = ask(&named, |c| c.tls.ca_cert_pem = Some("no pem".to_owned())).await.unwrap_err().to_string();
    assert!(text.contains("VAULT_CACERT_BYTES"), "{text}");
    let half = |c: &mut Config| {
        c.tls.skip_verify = true;
        c.tls.client_cert = Some(missing.to_owned());
    };
    let text = ask(&named, half).await.unwrap_err().to_string();
    assert!(text.contains("VAULT_CLIENT_KEY"), "{text}");
}

#[tokio::test]
async fn a_plain_server_behind_https_is_told_apart() {
    let plain = Canned::start(|_| json(200, "{}"));
    let address = plain.address.replace("http://", "https://");
    let error = ask(&address, |c| c.tls.skip_verify = true).await.unwrap_err();
    assert!(error.to_string().contains("InvalidContentType"), "{error}");
}
