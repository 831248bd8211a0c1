//! What every signed token says, and what templates add.

use super::template::Template;
use serde_json::json;
use strongroom_core::{Map, Value};

/// Whom a token is about, for whom it is, who says so, and how long it holds.
pub(super) struct Basics<'a> {
    pub(super) issuer: &'a str,
    pub(super) subject: &'a str,
    pub(super) audience: &'a str,
    pub(super) namespace: &'a str,
    /// Seconds since 1970.
    pub(super) issued: i64,
    pub(super) ttl: u64,
}

impl Basics<'_> {
    /// The claims. What is added cannot take their place.
    pub(super) fn claims(&self, added: Map) -> Map {
        let ttl = i64::try_from(self.ttl).unwrap_or(i64::MAX);
        let own = json!({
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "namespace": self.namespace,
            "iat": self.issued,
            "exp": self.issued.saturating_add(ttl),
        });
        let mut claims = added;
        if let Value::Object(own) = own {
            claims.extend(own);
        }
        claims
    }
}

/// The first name that two scopes both claim, as the templates stand for somebody of whom nothing is
/// known: the claim and both scopes.
pub(super) fn conflict(
    scopes: &[(String, String)],
    reserved: &[&str],
) -> Result<Option<(String, String, String)>, strongroom_core::Fault> {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (name, template) in scopes {
        for key in Template::check(template, reserved)?.keys() {
            match seen.iter().find(|(claim, scope)| claim == key && *scope != name.as_str()) {
                Some((_, other)) => {
                    return Ok(Some((key.clone(), (*other).to_owned(), name.clone())));
                }
                None => seen.push((key.clone(), name)),
            }
        }
    }
    Ok(None)
}
