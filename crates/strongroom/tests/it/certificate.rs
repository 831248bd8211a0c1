//! Logins with certificates over TLS, from the command line.

use crate::stand::{Stand, program};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, KeyPair};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use strongroom_testkit::server::free_port;

/// A server with a TLS listener beside the plain one, and the files of clients.
struct Tls {
    stand: Stand,
    address: String,
}

impl Tls {
    fn start() -> Self {
        let files = tempfile::tempdir().unwrap().keep();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        write(&files, "server.pem", &params.self_signed(&key).unwrap().pem());
        write(&files, "server-key.pem", &key.serialize_pem());
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let path = |name: &str| files.join(name).display().to_string();
        let listener = format!(
            "listener \"tcp\" {{\n  address = {address:?}\n  tls_cert_file = {:?}\n  tls_key_file = {:?}\n}}",
            path("server.pem"),
            path("server-key.pem"),
        );
        let stand = Stand::new(&listener);
        std::fs::copy(files.join("server.pem"), stand.folder.path().join("server.pem")).unwrap();
        std::fs::remove_dir_all(files).unwrap();
        Self { stand, address }
    }

    /// A command of somebody at home in the server's folder.
    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("VAULT_")) {
            command.env_remove(name);
        }
        command.env("VAULT_ADDR", format!("https://{}", self.address)).env("VAULT_CACERT", "server.pem");
        command.env("HOME", self.stand.folder.path()).current_dir(self.stand.folder.path());
        command.args(arguments).envs(variables.iter().copied()).output().unwrap()
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes certificate and key of a client into the server's folder.
fn client(tls: &Tls, issuer: &CertifiedIssuer<'static, KeyPair>, name: &str) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    write(tls.stand.folder.path(), &format!("{name}.pem"), &params.signed_by(&key, issuer).unwrap().pem());
    write(tls.stand.folder.path(), &format!("{name}-key.pem"), &key.serialize_pem());
}

fn token(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

#[test]
fn the_command_line_logs_in_with_a_certificate() {
    let tls = Tls::start();
    let (ours, other) = (authority(), authority());
    tls.stand.must("POST", "sys/auth/cert", json!({"type": "cert"}));
    let role = json!({"certificate": ours.pem(), "allowed_common_names": "ada", "token_ttl": 600});
    tls.stand.must("POST", "auth/cert/certs/web", role);
    for (issuer, name) in [(&ours, "ada"), (&ours, "bob"), (&other, "eve")] {
        client(&tls, issuer, name);
    }
    let login = ["login", "-method=cert", "-format=json"];
    let ada = ["-client-cert=ada.pem", "-client-key=ada-key.pem"];
    let own = token(&tls.run(&[&login[..], &ada[..], &["name=web"]].concat(), &[]));
    let by_variables = [("VAULT_CLIENT_CERT", "ada.pem"), ("VAULT_CLIENT_KEY", "ada-key.pem")];
    token(&tls.run(&login, &by_variables));
    for name in ["bob", "eve"] {
        let (cert, key) = (format!("-client-cert={name}.pem"), format!("-client-key={name}-key.pem"));
        assert!(!tls.run(&[&login[..], &[&cert, &key]].concat(), &[]).status.success(), "{name}");
    }
    assert!(!tls.run(&login, &[]).status.success(), "without a certificate");
    // Renewals want the certificate again.
    let with_token = [("VAULT_TOKEN", own.as_str())];
    let renew = ["token", "renew", "-format=json"];
    token(&tls.run(&[&renew[..], &ada[..]].concat(), &with_token));
    assert!(!tls.run(&renew, &with_token).status.success(), "renewed without the certificate");
}

/// What a proxy says of a client's certificate is not believed, whoever sends it.
#[test]
fn certificates_in_headers_are_not_taken() {
    let tls = Tls::start();
    let ours = authority();
    tls.stand.must("POST", "sys/auth/cert", json!({"type": "cert"}));
    tls.stand.must("POST", "auth/cert/certs/web", json!({"certificate": ours.pem()}));
    let pem: String = ours.pem().lines().collect();
    for header in
        ["X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert", "Ssl-Client-Cert", "X-Client-Cert"]
    {
        let headers = [(header, pem.as_str()), ("Content-Type", "application/json")];
        let reply = strongroom_testkit::http::send(
            &tls.stand.server.address,
            "POST",
            "/v1/auth/cert/login",
            &headers,
            Some(b"{}"),
        );
        assert_eq!(reply.unwrap().status, 400, "{header}");
    }
}
