use super::CertAuth;
use rcgen::{
    CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use strongroom_core::core::{Plugs, Settings};
use strongroom_core::outbound::{OutError, OutRequest, OutResponse, Outbound};
use strongroom_core::{BoxFuture, Class, Operation};
use strongroom_testkit::{Harness, Reply};

mod authorities;
mod binding;
mod configuring;
mod lists;
mod renewing;
mod responders;

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Answers by address with whatever a closure makes of the request's body.
type Answerer = Box<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// What is outside; addresses without an answer cannot be reached.
#[derive(Default)]
struct World {
    answers: Mutex<BTreeMap<String, Answerer>>,
    asked: Mutex<Vec<String>>,
}

impl World {
    fn set(&self, url: &str, answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) {
        self.answers.lock().unwrap().insert(url.to_owned(), Box::new(answer));
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

impl Outbound for World {
    fn send(&self, request: OutRequest) -> BoxFuture<'_, Result<OutResponse, OutError>> {
        self.asked.lock().unwrap().push(request.url.clone());
        let answers = self.answers.lock().unwrap();
        let answer = answers.get(&request.url).and_then(|answer| answer(&request.body));
        Box::pin(async move {
            let body = answer.ok_or_else(|| OutError::Connect("refused".to_owned()))?;
            Ok(OutResponse { status: 200, body: body.into() })
        })
    }
}

struct Bench {
    harness: Harness,
    world: Arc<World>,
}

impl Bench {
    async fn start() -> Self {
        let world = Arc::new(World::default());
        let settings = Settings { outbound: Some(world.clone()), ..Settings::default() };
        let harness = Harness::start_with(Plugs::default().auth(Arc::new(CertAuth::new())), settings).await;
        harness.mount(Class::Auth, "c/", "cert", &[]).await.unwrap();
        Self { harness, world }
    }

    /// One with a role `r` that trusts an authority, with further fields.
    async fn with_role(authority: &Issuer, more: Value) -> Self {
        let b = Self::start().await;
        b.role("r", &authority.pem(), more).await;
        b
    }

    async fn role(&self, name: &str, certificate: &str, more: Value) {
        let mut body = json!({"certificate": certificate});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let reply = self.write(&format!("certs/{name}"), body).await;
        assert_eq!(reply.status, 204, "{reply:?}");
    }

    async fn write(&self, path: &str, body: Value) -> Reply {
        self.harness.call(Operation::Update, &format!("auth/c/{path}"), body).await
    }

    async fn read(&self, path: &str) -> Reply {
        self.harness.call(Operation::Read, &format!("auth/c/{path}"), json!({})).await
    }

    async fn login(&self, shown: &[&rcgen::Certificate]) -> Reply {
        self.login_as("", shown).await
    }

    async fn login_as(&self, role: &str, shown: &[&rcgen::Certificate]) -> Reply {
        let mut request =
            self.harness.request(None, Operation::Update, "auth/c/login", json!({"name": role}));
        request.certificates = shown.iter().map(|c| c.der().to_vec()).collect();
        self.harness.send(request).await
    }

    async fn status(&self, shown: &[&rcgen::Certificate]) -> u16 {
        self.login(shown).await.status
    }
}

/// Parameters of a certificate with a common name.
fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn authority(common_name: &str) -> Issuer {
    CertifiedIssuer::self_signed(authority_params(common_name), KeyPair::generate().unwrap()).unwrap()
}

fn authority_params(common_name: &str) -> CertificateParams {
    let mut params = named(common_name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![
        rcgen::KeyUsagePurpose::KeyCertSign,
        rcgen::KeyUsagePurpose::CrlSign,
        rcgen::KeyUsagePurpose::DigitalSignature,
    ];
    params
}

/// A client's certificate, made as the closure wants it.
fn client(
    issuer: &Issuer,
    common_name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> rcgen::Certificate {
    client_with(issuer, &KeyPair::generate().unwrap(), common_name, change)
}

fn client_with(
    issuer: &Issuer,
    key: &KeyPair,
    common_name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> rcgen::Certificate {
    let mut params = named(common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    change(&mut params);
    params.signed_by(key, issuer).unwrap()
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

/// An extension whose value is a text.
fn extension(oid: &[u64], text: &str) -> CustomExtension {
    let mut content = vec![0x0c, u8::try_from(text.len()).unwrap()];
    content.extend_from_slice(text.as_bytes());
    CustomExtension::from_oid_content(oid, content)
}
