//! The webhook's certificates and how they follow one another.
//!
//! Each certificate has an authority of its own, whose key is forgotten as soon as it has signed. A new one is made when
//! two thirds of the old one's life are over; its authority is published beside the old one's, and only some time
//! after that it is used. The old authority stays published until the next rotation.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Clocks differ: a certificate holds from a little before it was made.
const EARLIER: Duration = Duration::from_secs(300);
/// How long API servers may need to learn of a published authority.
const SETTLING: SignedDuration = SignedDuration::from_secs(60);

/// A certificate, its key and the authority that signed it, as PEM. No `Debug`: there is a key in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pair {
    pub(crate) authority: String,
    certificate: String,
    key: String,
    made: Timestamp,
    expires: Timestamp,
}

/// What the Secret holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// What is served.
    pub(crate) current: Pair,
    /// What will be served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Next>,
    /// The authority of what was served before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
}

/// A certificate that waits until its authority is known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Next {
    pair: Pair,
    /// Since when its authority is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published: Option<Timestamp>,
}

/// The names by which the API server calls a Service.
pub(crate) fn names(service: &str, namespace: &str) -> Vec<String> {
    let full = format!("{service}.{namespace}.svc");
    vec![full.clone(), format!("{full}.cluster.local"), format!("{service}.{namespace}"), service.to_owned()]
}

impl Pair {
    /// Makes a new one.
    pub(crate) fn make(names: &[String], now: Timestamp, lifetime: SignedDuration) -> Result<Self, String> {
        let failed = |error: rcgen::Error| format!("cannot make a certificate: {error}");
        let expires = now.checked_add(lifetime).map_err(|error| format!("the lifetime: {error}"))?;
        let at = |time: Timestamp| {
            date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0))
        };
        let params = |names: Vec<String>, called: &str| -> Result<CertificateParams, String> {
            let mut params = CertificateParams::new(names).map_err(failed)?;
            params.not_before = at(now) - EARLIER;
            params.not_after = at(expires);
            params.distinguished_name.push(DnType::CommonName, called);
            Ok(params)
        };
        // The authorities of two rotations differ by name, so that nobody takes one's key for the other's.
        let mut authority = params(Vec::new(), &format!("Strongroom webhook authority {now:.0}"))?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(failed)?).map_err(failed)?;
        let called = names.first().map_or("strongroom", String::as_str);
        let mut own = params(names.to_vec(), called)?;
        own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = own.signed_by(&key, &authority).map_err(failed)?.pem();
        Ok(Self { authority: authority.pem(), certificate, key: key.serialize_pem(), made: now, expires })
    }

    /// What a server needs to serve it.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the certificate cannot be used: {error}");
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect();
        let chain = chain.map_err(|error| failed(&error))?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|error| failed(&error))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| failed(&error))?;
        let config = builder.with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.map_err(|error| failed(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Whether two thirds of its life are over.
    fn is_old(&self, now: Timestamp) -> bool {
        let life = self.expires.duration_since(self.made);
        now.duration_since(self.made) >= life / 3 * 2
    }

    /// How long its authority is published before it is used: less where certificates are short-lived.
    fn settling(&self) -> SignedDuration {
        SETTLING.min(self.expires.duration_since(self.made) / 12)
    }
}

impl State {
    /// What is to be written in place of what there is, if anything: the next step towards a certificate that is not
    /// old, made by `make`.
    pub(crate) fn step(
        state: Option<&Self>,
        now: Timestamp,
        make: impl FnOnce() -> Result<Pair, String>,
    ) -> Result<Option<Self>, String> {
        let fresh = |previous| |current| Some(Self { current, next: None, previous });
        let Some(state) = state else { return make().map(fresh(None)) };
        let is_over = state.current.expires <= now;
        match &state.next {
            Some(next) if next.pair.expires <= now => {
                make().map(fresh(Some(state.current.authority.clone())))
            }
            Some(next) => {
                let is_known =
                    next.published.is_some_and(|at| now.duration_since(at) >= next.pair.settling());
                let previous = Some(state.current.authority.clone());
                Ok((is_known || is_over).then(|| Self { current: next.pair.clone(), next: None, previous }))
            }
            // Nobody trusts it any more, so there is nothing to wait for.
            None if is_over => make().map(fresh(None)),
            None if state.current.is_old(now) => {
                let next = Some(Next { pair: make()?, published: None });
                Ok(Some(Self { current: state.current.clone(), next, previous: None }))
            }
            None => Ok(None),
        }
    }

    /// The same after its bundle was published, if that was not known.
    pub(crate) fn published(&self, now: Timestamp) -> Option<Self> {
        let next = self.next.as_ref().filter(|next| next.published.is_none())?;
        let next = Some(Next { published: Some(now), ..next.clone() });
        Some(Self { next, ..self.clone() })
    }

    /// The authorities that the API server is to trust.
    pub(crate) fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|next| next.pair.authority.as_str());
        let all = [self.previous.as_deref(), Some(&self.current.authority), next];
        all.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: SignedDuration = SignedDuration::from_hours(24 * 90);

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + days * 86_400).unwrap()
    }

    fn make(day: i64) -> Result<Pair, String> {
        Pair::make(&names("hook", "strongroom"), at(day), LIFE)
    }

    fn step(state: Option<&State>, day: i64) -> Option<State> {
        State::step(state, at(day), || make(day)).unwrap()
    }

    #[test]
    fn a_new_authority_is_published_before_its_certificate_is_used_and_the_old_one_after() {
        let first = step(None, 0).unwrap();
        assert_eq!(first.bundle(), first.current.authority);
        assert!(step(Some(&first), 59).is_none());
        let waiting = step(Some(&first), 60).unwrap();
        let both = waiting.bundle();
        assert!(waiting.current == first.current && both.starts_with(&first.current.authority));
        assert_eq!(both.matches("BEGIN CERTIFICATE").count(), 2);
        // It is not used as long as it is not published, whatever time goes by.
        assert!(step(Some(&waiting), 80).is_none());
        let published = waiting.published(at(80)).unwrap();
        assert!(published.published(at(81)).is_none());
        assert!(step(Some(&published), 80).is_none());
        let used = step(Some(&published), 81).unwrap();
        assert!(used.current != first.current && used.next.is_none());
        // Connections of before may still be checked against the old one.
        assert_eq!(used.bundle(), both);
        let third = step(Some(&used), 121).unwrap();
        assert_eq!(third.bundle().matches("BEGIN CERTIFICATE").count(), 2);
        assert!(!third.bundle().contains(&first.current.authority));
    }

    #[test]
    fn one_that_has_run_out_is_replaced_at_once() {
        let first = step(None, 0).unwrap();
        let next = step(Some(&first), 91).unwrap();
        assert!(next.current != first.current && next.next.is_none());
        let waiting = step(Some(&first), 89).unwrap();
        assert!(step(Some(&waiting), 91).unwrap().current != first.current);
    }

    #[test]
    fn what_is_made_can_be_served_and_stored() {
        let state = step(None, 0).unwrap();
        assert!(state.current.server_config().is_ok());
        let text = serde_json::to_string(&state).unwrap();
        assert!(serde_json::from_str::<State>(&text).unwrap() == state);
    }
}
