//! What a role wants certificates to say.

use super::role::Bindings;
use crate::glob;
use crate::x509::Certificate;
use strongroom_core::Fault;
use strongroom_crypto::hex;

/// The first binding that a certificate does not satisfy.
pub(super) fn unmet(bound: &Bindings, certificate: &Certificate) -> Option<&'static str> {
    let c = certificate;
    let common_name = std::slice::from_ref(&c.common_name);
    let names: Vec<String> = [common_name, &c.dns_names, &c.emails].concat();
    for (binding, patterns, texts) in [
        ("allowed_names", &bound.allowed_names, names.as_slice()),
        ("allowed_common_names", &bound.allowed_common_names, common_name),
        ("allowed_dns_sans", &bound.allowed_dns_sans, &c.dns_names),
        ("allowed_email_sans", &bound.allowed_email_sans, &c.emails),
        ("allowed_uri_sans", &bound.allowed_uri_sans, &c.uris),
        ("allowed_organizational_units", &bound.allowed_organizational_units, &c.organizational_units),
    ] {
        if !one_matches(patterns.as_deref().unwrap_or_default(), texts) {
            return Some(binding);
        }
    }
    let required = bound.required_extensions.as_deref().unwrap_or_default();
    let all_there = required.iter().all(|text| Required::parse(text).is_some_and(|r| r.is_in(c)));
    (!all_there).then_some("required_extensions")
}

/// Checks that every required extension can be understood.
pub(super) fn check(bound: &Bindings) -> Result<(), Fault> {
    for text in bound.required_extensions.iter().flatten() {
        let required = Required::parse(text).ok_or_else(|| {
            Fault::invalid(format!(
                "'required_extensions': {text:?} is neither oid:pattern nor hex:oid:pattern, such as \"1.2.3.4:value*\""
            ))
        })?;
        check_oid("required_extensions", required.oid)?;
    }
    Ok(())
}

/// Checks an object identifier.
pub(super) fn check_oid(field: &str, oid: &str) -> Result<(), Fault> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if oid.contains('.') && oid.split('.').all(is_number) {
        return Ok(());
    }
    Err(Fault::invalid(format!("'{field}': {oid:?} is no object identifier, such as \"1.2.3.4\"")))
}

/// An extension that must be there.
struct Required<'a> {
    oid: &'a str,
    pattern: &'a str,
    /// The pattern is for the bytes in hexadecimal, not for the text.
    is_hex: bool,
}

impl<'a> Required<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (is_hex, rest) = match text.strip_prefix("hex:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (oid, pattern) = rest.split_once(':')?;
        Some(Self { oid: oid.trim(), pattern, is_hex })
    }

    fn is_in(&self, certificate: &Certificate) -> bool {
        if self.is_hex {
            let bytes = certificate.extension(self.oid);
            return bytes.is_some_and(|b| glob::matches(&self.pattern.to_ascii_lowercase(), &hex::encode(b)));
        }
        certificate.extension_text(self.oid).is_some_and(|text| glob::matches(self.pattern, &text))
    }
}

/// Whether a text matches a pattern; no patterns want nothing.
fn one_matches(patterns: &[String], texts: &[String]) -> bool {
    patterns.is_empty()
        || texts.iter().any(|text| patterns.iter().any(|pattern| glob::matches(pattern, text)))
}
