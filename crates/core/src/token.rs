//! Tokens: what is kept of them, and the forms they take.
//!
//! A service token is never stored. Its accessor is derived from it with a keyed function that only
//! this server can compute, and the record stands under the accessor: one entry answers both the
//! look-up by token and the look-up by accessor, and neither gives the token away.

use crate::namespace::NamespaceId;
use crate::{Fault, Record, keys};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strongroom_crypto::{Random, Secret, aead, hmac, random};
use strongroom_wire::{Map, time};

/// Service or batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Kept, renewable, revocable.
    #[default]
    Service,
    /// Carries its own record, sealed; nothing is kept.
    Batch,
}

impl Kind {
    /// As clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }
}

/// The record of a token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenEntry {
    /// Names it without giving it away; empty for batch tokens.
    pub accessor: String,
    /// Service or batch.
    pub kind: Kind,
    /// The namespace that it belongs to: its policies and its entity are that one's.
    #[serde(skip_serializing_if = "NamespaceId::is_root")]
    pub namespace: NamespaceId,
    /// Sorted, lower case, `default` included.
    pub policies: Vec<String>,
    /// The path that made it.
    pub path: String,
    /// Shown in look-ups and audit.
    pub display_name: String,
    /// Metadata of the login; none when none was given.
    pub meta: Option<BTreeMap<String, String>>,
    /// When it was made.
    pub issued: Timestamp,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
    /// When it was renewed last.
    pub renewed: Option<Timestamp>,
    /// Seconds it was given when made.
    pub creation_ttl: u64,
    /// Seconds it was given last, when made or renewed.
    pub granted_ttl: u64,
    /// Seconds from issue that no renewal passes; 0 for none.
    pub explicit_max_ttl: u64,
    /// Seconds; 0 when not periodic.
    pub period: u64,
    /// Uses left; 0 for no limit, -1 while the last one is under way.
    pub num_uses: i64,
    /// The parent's accessor; none for orphans.
    pub parent: Option<String>,
    /// The token role it was made through.
    pub role: String,
    /// Addresses it may be used from, as given.
    pub bound_cidrs: Vec<String>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Id of the auth mount that made it.
    pub mount: String,
    /// Private to the auth method, handed back to it at renewal.
    pub internal: Map,
    /// Name of the identity alias at the auth mount.
    pub alias: String,
    /// Id of the entity it belongs to; empty without one.
    pub entity: String,
    /// Whether `default` was left out on purpose.
    pub no_default_policy: bool,
    /// Whether the entity it belongs to gives it nothing. It still ends it.
    pub no_identity_policies: bool,
}

impl Record for TokenEntry {}

impl TokenEntry {
    /// Whether it has the root policy, which only the root namespace has.
    pub fn is_root(&self) -> bool {
        self.namespace.is_root() && self.policies.iter().any(|p| p == "root")
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|e| e <= now)
    }

    /// Whole seconds left; 0 when it never expires.
    pub fn ttl(&self, now: Timestamp) -> u64 {
        self.expires.map_or(0, |e| time::until(now, e))
    }

    /// The id of the lease that stands for it in `sys/leases`.
    pub fn lease_id(&self) -> String {
        format!("{}/{}", self.path.trim_end_matches('/'), self.accessor)
    }
}

/// The id of the namespace that a token says it belongs to.
pub(crate) fn namespace_of(token: &str) -> &str {
    let prefixed = [SERVICE_PREFIX, BATCH_PREFIX].iter().find_map(|prefix| token.strip_prefix(prefix));
    prefixed.unwrap_or(token).rsplit_once('.').map_or(keys::ROOT_NAMESPACE, |(_, id)| id)
}

/// A token that was presented and is good.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself.
    pub id: Secret<String>,
    /// Its record, as it stands after this use was counted.
    pub entry: std::sync::Arc<TokenEntry>,
}

/// The server's keys for tokens; kept behind the barrier, in memory while unsealed.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenKeys {
    derive: String,
    seal: String,
}

impl Record for TokenKeys {}

impl TokenKeys {
    /// Fresh keys.
    pub fn generate(random: &dyn Random) -> Self {
        // 43 characters of base62 carry 256 bits.
        Self { derive: random::base62(random, 43), seal: random::base62(random, 43) }
    }

    /// The keys made ready for use.
    pub fn ready(&self) -> TokenSealer {
        let seal = hmac::HmacKey::sha256(self.seal.as_bytes()).sign(b"batch token");
        TokenSealer { derive: hmac::HmacKey::sha256(self.derive.as_bytes()), seal: aead::Key::new(&seal) }
    }
}

impl Drop for TokenKeys {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.derive.zeroize();
        self.seal.zeroize();
    }
}

/// Makes tokens and reads them.
pub struct TokenSealer {
    derive: hmac::HmacKey,
    seal: aead::Key,
}

/// Characters of an accessor.
const ACCESSOR_LENGTH: usize = 24;
/// Characters after `hvs.`.
const TOKEN_LENGTH: usize = 24;
const SERVICE_PREFIX: &str = "hvs.";
const BATCH_PREFIX: &str = "hvb.";
const BATCH_CONTEXT: &[u8] = b"strongroom batch token 1";

impl TokenSealer {
    /// A fresh service token.
    pub fn fresh(&self, random: &dyn Random, namespace: &NamespaceId) -> String {
        namespace.mark(format!("{SERVICE_PREFIX}{}", random::base62(random, TOKEN_LENGTH)))
    }

    /// The accessor of a service token.
    pub fn accessor(&self, token: &str) -> String {
        let mut accessor = hmac::prf_base62(&self.derive, token.as_bytes(), ACCESSOR_LENGTH);
        let namespace = namespace_of(token);
        if namespace != keys::ROOT_NAMESPACE {
            accessor.push('.');
            accessor.push_str(namespace);
        }
        accessor
    }

    /// A keyed hash that stands for a text in keys, which are not encrypted.
    pub fn hide(&self, text: &str) -> String {
        hmac::prf_base62(&self.derive, format!("hidden name: {text}").as_bytes(), ACCESSOR_LENGTH)
    }

    /// Whether a text has the form of a batch token.
    pub fn is_batch(token: &str) -> bool {
        token.starts_with(BATCH_PREFIX)
    }

    /// The batch token that carries this record.
    pub fn seal_batch(&self, random: &dyn Random, entry: &TokenEntry) -> Result<String, Fault> {
        let plain =
            serde_json::to_vec(entry).map_err(|e| Fault::Internal(format!("cannot encode a token: {e}")))?;
        let sealed = self
            .seal
            .seal(random, BATCH_CONTEXT, &plain)
            .map_err(|e| Fault::Internal(format!("cannot seal a token: {e}")))?;
        Ok(entry.namespace.mark(format!("{BATCH_PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed))))
    }

    /// The record in a batch token; none if this server did not make it.
    pub fn open_batch(&self, token: &str) -> Option<TokenEntry> {
        let namespace = namespace_of(token);
        let body = token.strip_prefix(BATCH_PREFIX)?;
        let body = body.rsplit_once('.').map_or(body, |(body, _)| body);
        let plain = self.seal.open(BATCH_CONTEXT, &URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        let entry: TokenEntry = serde_json::from_slice(plain.as_ref()).ok()?;
        (entry.namespace.as_str() == namespace).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_say_where_they_belong() {
        for (token, namespace) in [
            ("hvs.abc", "root"),
            ("hvs.abc.t1", "t1"),
            ("hvb.ab-c_d.t1", "t1"),
            ("root", "root"),
            ("mine.t1", "t1"),
            ("", "root"),
        ] {
            assert_eq!(namespace_of(token), namespace, "{token}");
        }
    }

    /// A batch token carries its record: the namespace at its end must be the one within.
    #[test]
    fn a_batch_token_cannot_be_moved_to_another_namespace() {
        let sealer = TokenKeys::generate(&strongroom_crypto::SystemRandom).ready();
        let entry =
            TokenEntry { kind: Kind::Batch, namespace: NamespaceId::new("t1"), ..TokenEntry::default() };
        let token = sealer.seal_batch(&strongroom_crypto::SystemRandom, &entry).unwrap();
        assert!(token.ends_with(".t1") && sealer.open_batch(&token).is_some());
        let bare = token.strip_suffix(".t1").unwrap();
        for moved in [bare.to_owned(), format!("{bare}.t2"), format!("{bare}.root"), format!("{token}.t1")] {
            assert!(sealer.open_batch(&moved).is_none(), "{moved}");
        }
    }
}
