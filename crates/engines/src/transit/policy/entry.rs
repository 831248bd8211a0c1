//! One version in a backup.

use super::super::key::{Bytes, Version};
use super::super::kind::Kind;
use super::super::ready::Ready;
use super::super::text;
use super::created;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use std::sync::OnceLock;
use strongroom_crypto::rsa::{self, Numbers};
use strongroom_crypto::{number, pem};
use strongroom_wire::time;
use zeroize::Zeroizing;

/// The time that Go writes where there is none.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    key: Option<Bytes>,
    hmac_key: Option<Bytes>,
    time: String,
    ec_x: Option<Number>,
    ec_y: Option<Number>,
    ec_d: Option<Number>,
    rsa_key: Option<RsaKey>,
    rsa_public_key: Option<RsaPublic>,
    public_key: String,
    convergent_version: u64,
    creation_time: i64,
    certificate_chain: Option<Value>,
}

/// A private key as Go's library prints it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RsaKey {
    n: Number,
    e: Number,
    d: Number,
    primes: Vec<Number>,
    #[serde(default)]
    precomputed: Option<Precomputed>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Precomputed {
    dp: Option<Number>,
    dq: Option<Number>,
    qinv: Option<Number>,
    #[serde(default, rename = "CRTValues")]
    crt_values: Option<Vec<Value>>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RsaPublic {
    n: Number,
    e: Number,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            key: None,
            hmac_key: None,
            time: NO_TIME.to_owned(),
            ec_x: None,
            ec_y: None,
            ec_d: None,
            rsa_key: None,
            rsa_public_key: None,
            public_key: String::new(),
            convergent_version: 0,
            creation_time: 0,
            certificate_chain: None,
        }
    }
}

impl Entry {
    pub(super) fn of(kind: Kind, version: &Version) -> Option<Self> {
        let has_secret = !version.secret.is_empty();
        let mut entry = Self {
            hmac_key: Some(version.hmac.clone()).filter(|key| !key.is_empty()),
            time: time::rfc3339(version.created),
            creation_time: time::unix(version.created),
            convergent_version: version.convergent_version,
            ..Self::default()
        };
        match version.ready(kind).ok()? {
            Ready::Cipher(_) | Ready::Hmac => entry.key = Some(version.secret.clone()),
            Ready::Ed25519(..) => {
                let whole = Zeroizing::new([&*version.secret, &*version.public].concat());
                entry.key = has_secret.then(|| Bytes::new(&whole));
                entry.public_key = text::encode(&version.public);
            }
            Ready::MlDsa(..) => {
                entry.key = has_secret.then(|| version.secret.clone());
                entry.public_key = text::encode(&version.public);
            }
            Ready::Ecdsa(_, public) => {
                let (x, y) = coordinates(public.point())?;
                (entry.ec_x, entry.ec_y) = (Some(decimal(x)?), Some(decimal(y)?));
                entry.ec_d = if has_secret { Some(decimal(&version.secret)?) } else { None };
                entry.public_key = pem::encode("PUBLIC KEY", &public.spki()).to_string();
            }
            Ready::Rsa(Some(key), _) => entry.rsa_key = Some(RsaKey::of(key.numbers())?),
            Ready::Rsa(None, public) => {
                let (n, e) = public.numbers();
                entry.rsa_public_key = Some(RsaPublic { n: decimal(n)?, e: decimal(e)? });
            }
        }
        Some(entry)
    }

    /// Whether it stands for a version that is gone.
    pub(super) fn is_empty(&self) -> bool {
        self.key.is_none()
            && self.hmac_key.is_none()
            && self.ec_x.is_none()
            && self.rsa_key.is_none()
            && self.rsa_public_key.is_none()
            && self.public_key.is_empty()
    }

    /// The version; none if it is not one of this kind.
    pub(super) fn version(&self, kind: Kind) -> Option<Version> {
        let (secret, public) = self.material(kind)?;
        let hmac = match kind {
            Kind::Hmac => secret.clone(),
            _ => self.hmac_key.clone().unwrap_or_default(),
        };
        let version = Version {
            secret,
            public,
            hmac,
            created: created(&self.time, self.creation_time),
            convergent_version: self.convergent_version,
            ready: OnceLock::new(),
        };
        version.ready(kind).ok().map(|_| ())?;
        Some(version)
    }

    fn material(&self, kind: Kind) -> Option<(Bytes, Bytes)> {
        if let Some(curve) = kind.curve() {
            let part = |n: &Option<Number>| number::padded(&bytes(n.as_ref()?)?, curve.size());
            let point = [&[4][..], &part(&self.ec_x)?, &part(&self.ec_y)?].concat();
            let secret = match &self.ec_d {
                Some(_) => Bytes::new(&part(&self.ec_d)?),
                None => Bytes::default(),
            };
            return Some((secret, Bytes::new(&point)));
        }
        if let Some(bits) = kind.rsa_bits() {
            let (secret, public) = match (&self.rsa_key, &self.rsa_public_key) {
                (Some(key), _) => {
                    let numbers = key.numbers()?;
                    (Bytes::new(&numbers.pkcs1()), rsa::PublicKey::from_numbers(&numbers.n, &numbers.e).ok()?)
                }
                (None, Some(key)) => {
                    let public = rsa::PublicKey::from_numbers(&bytes(&key.n)?, &bytes(&key.e)?);
                    (Bytes::default(), public.ok()?)
                }
                (None, None) => return None,
            };
            return (public.bits() == bits).then(|| (secret, Bytes::new(public.spki())));
        }
        if kind == Kind::Ed25519 || kind.ml_dsa().is_some() {
            let public = Bytes::new(&text::decode(&self.public_key).ok()?);
            let Some(key) = &self.key else { return Some((Bytes::default(), public)) };
            let seed = key.get(..32)?;
            return Some((Bytes::new(seed), public));
        }
        let key = self.key.clone().or_else(|| self.hmac_key.clone().filter(|_| kind == Kind::Hmac))?;
        (!key.is_empty()).then_some((key, Bytes::default()))
    }
}

impl RsaKey {
    fn of(numbers: &Numbers) -> Option<Self> {
        Some(Self {
            n: decimal(&numbers.n)?,
            e: decimal(&numbers.e)?,
            d: decimal(&numbers.d)?,
            primes: vec![decimal(&numbers.p)?, decimal(&numbers.q)?],
            precomputed: Some(Precomputed {
                dp: Some(decimal(&numbers.dp)?),
                dq: Some(decimal(&numbers.dq)?),
                qinv: Some(decimal(&numbers.qinv)?),
                crt_values: Some(Vec::new()),
            }),
        })
    }

    /// What is precomputed is computed anew: it follows from the rest.
    fn numbers(&self) -> Option<Numbers> {
        let [p, q] = self.primes.as_slice() else { return None };
        Numbers::from_primes(&bytes(&self.n)?, &bytes(&self.e)?, &bytes(&self.d)?, &bytes(p)?, &bytes(q)?)
    }
}

fn coordinates(point: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, both) = point.split_first()?;
    both.split_at_checked(both.len() / 2)
}

fn decimal(bytes: &[u8]) -> Option<Number> {
    number::to_decimal(bytes).parse().ok()
}

fn bytes(decimal: &Number) -> Option<Zeroizing<Vec<u8>>> {
    number::from_decimal(&decimal.to_string())
}
