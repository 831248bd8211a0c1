//! What the headers of a request say.

use crate::refusal::Refusal;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use strongroom_crypto::Secret;
use strongroom_wire::duration;

static TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
static NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
static WRAP_TTL: HeaderName = HeaderName::from_static("x-vault-wrap-ttl");
static WRAP_FORMAT: HeaderName = HeaderName::from_static("x-vault-wrap-format");

/// Takes the headers that carry a token out and returns the token: `X-Vault-Token` before
/// `Authorization: Bearer`, the first of several.
pub(crate) fn take_token(headers: &mut HeaderMap) -> Option<Secret<String>> {
    let own = headers.remove(&TOKEN).and_then(|v| trimmed(v.as_bytes()));
    if !headers.contains_key(AUTHORIZATION) {
        return own;
    }
    let is_bearer = |v: &&http::HeaderValue| v.as_bytes().starts_with(b"Bearer ");
    let bearer = headers.get_all(AUTHORIZATION).iter().find(is_bearer);
    let Some(bearer) = bearer else { return own };
    let bearer = bearer.as_bytes().strip_prefix(b"Bearer ").and_then(trimmed);
    headers.remove(AUTHORIZATION);
    own.or(bearer)
}

/// The namespace, as it was sent; empty where none was.
pub(crate) fn namespace(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut given = headers.get_all(&NAMESPACE).iter();
    let Some(first) = given.next() else { return Ok("") };
    if given.any(|other| other != first) {
        return Err(Refusal::invalid("X-Vault-Namespace: give one namespace, not several"));
    }
    std::str::from_utf8(first.as_bytes())
        .map_err(|_| Refusal::invalid("X-Vault-Namespace: a namespace is named in UTF-8"))
}

/// The seconds of `X-Vault-Wrap-TTL`.
pub(crate) fn wrap_ttl(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(value) = headers.get(&WRAP_TTL) else { return Ok(None) };
    // Who asks for a token that can be read without the server must not be given another kind.
    if headers.get(&WRAP_FORMAT).is_some_and(|format| format.as_bytes().eq_ignore_ascii_case(b"jwt")) {
        return Err(Refusal::invalid(
            "X-Vault-Wrap-Format: jwt is not supported; leave the header out for a usual wrapping token",
        ));
    }
    let parsed = value.to_str().ok().and_then(|text| duration::parse(text).ok());
    match parsed {
        Some(ttl) => Ok(Some(ttl.as_secs())),
        None => {
            Err(Refusal::invalid("X-Vault-Wrap-TTL: use seconds (60) or a form like \"5m\" or \"1h30m\""))
        }
    }
}

/// The media type of the body, lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = text.split(';').next().unwrap_or("");
    Some(kind.trim().to_ascii_lowercase())
}

/// Bytes that are no text make a token that nobody has.
fn trimmed(bytes: &[u8]) -> Option<Secret<String>> {
    let text = bytes.trim_ascii();
    (!text.is_empty()).then(|| Secret::new(String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn takes_the_first_token_and_its_headers() {
        type Case = (&'static [(&'static str, &'static str)], Option<&'static str>);
        let cases: [Case; 9] = [
            (&[], None),
            (&[("x-vault-token", "  root\t")], Some("root")),
            (&[("x-vault-token", "   ")], None),
            (&[("x-vault-token", "a"), ("x-vault-token", "b")], Some("a")),
            (&[("authorization", "Bearer root ")], Some("root")),
            (&[("authorization", "Bearer bogus"), ("x-vault-token", "root")], Some("root")),
            (&[("authorization", "bearer root")], None),
            (&[("authorization", "Basic cm9vdA==")], None),
            (&[("authorization", "Basic x"), ("authorization", "Bearer root")], Some("root")),
        ];
        for (given, wanted) in cases {
            let mut headers = map(given);
            let token = take_token(&mut headers);
            assert_eq!(token.as_ref().map(|t| t.expose().as_str()), wanted, "{given:?}");
            assert!(!headers.contains_key("x-vault-token"));
            assert!(!headers.values().any(|v| v.as_bytes().starts_with(b"Bearer")));
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-vault-token", HeaderValue::from_bytes(b"r\xf6\xf6t").unwrap());
        assert!(take_token(&mut headers).is_some());
    }

    #[test]
    fn takes_one_namespace() {
        assert_eq!(namespace(&map(&[])).unwrap(), "");
        for name in ["", "root", "/team/", " team/a "] {
            assert_eq!(namespace(&map(&[("x-vault-namespace", name)])).unwrap(), name);
        }
        let twice = |a, b| map(&[("x-vault-namespace", a), ("x-vault-namespace", b)]);
        assert_eq!(namespace(&twice("team", "team")).unwrap(), "team");
        assert!(namespace(&twice("", "team")).is_err());
        let mut headers = HeaderMap::new();
        headers.insert("x-vault-namespace", HeaderValue::from_bytes(b"r\xf6").unwrap());
        assert!(namespace(&headers).is_err());
    }

    #[test]
    fn reads_wrapping_times() {
        let of = |text: &str| wrap_ttl(&map(&[("x-vault-wrap-ttl", text)])).ok();
        assert_eq!(of("5m"), Some(Some(300)));
        assert_eq!(of("90"), Some(Some(90)));
        assert_eq!(of("0"), Some(Some(0)));
        assert_eq!(of(""), Some(Some(0)));
        for bad in ["soon", "-5", "1x"] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(wrap_ttl(&HeaderMap::new()).ok(), Some(None));
        let formed = |format| map(&[("x-vault-wrap-ttl", "60"), ("x-vault-wrap-format", format)]);
        assert!(wrap_ttl(&formed("jwt")).is_err());
        assert_eq!(wrap_ttl(&formed("uuid")).ok(), Some(Some(60)));
    }

    #[test]
    fn reads_media_types() {
        let of = |text: &str| media_type(&map(&[("content-type", text)]));
        assert_eq!(of("Application/JSON; charset=utf-8").as_deref(), Some("application/json"));
        assert_eq!(of("nonsense").as_deref(), Some("nonsense"));
    }
}
