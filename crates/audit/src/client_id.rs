//! The id under which Vault counts a client: the entity, or without one what its token may do.

use crate::AuthView;
use crate::cache::{Cache, Hex};
use crate::json::Object;
use base64::Engine as _;
use strongroom_crypto::{Random, digest};

/// Derives ids; those that repeat are computed once.
pub(crate) struct ClientIds {
    cache: Cache,
}

impl ClientIds {
    /// Nothing derived yet.
    pub(crate) fn new(random: &dyn Random) -> Self {
        Self { cache: Cache::new(random) }
    }

    /// Writes the id of a caller, if the caller has a token.
    pub(crate) fn write(&self, request: &mut Object<'_>, auth: &AuthView<'_>) {
        if !auth.entity_id.is_empty() {
            request.text("client_id", auth.entity_id);
            return;
        }
        if auth.client_token.is_empty() || auth.token_policies.is_empty() {
            return;
        }
        let rights = rights(auth.token_policies, auth.namespace);
        let id = self.cache.get(rights.as_bytes(), || encoded(&digest::sha256(rights.as_bytes())));
        let id = id.get(..ENCODED).and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default();
        request.text("client_id", id);
    }
}

/// Characters of a SHA-256 in base64.
const ENCODED: usize = 44;

/// Sorted policies and the token's namespace, joined as Vault joins them.
fn rights(policies: &[String], namespace: &str) -> String {
    let mut text = if policies.is_sorted() {
        policies.join("\x7f")
    } else {
        let mut sorted: Vec<&str> = policies.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        sorted.join("\x7f")
    };
    text.push('\0');
    text.push_str(namespace);
    text
}

fn encoded(digest: &[u8; 32]) -> Hex {
    let mut out = [0; 64];
    // 64 characters hold the 44 of a digest, so this cannot fail.
    let _ = base64::engine::general_purpose::STANDARD.encode_slice(digest, &mut out);
    out
}
