//! Calls from web pages of other origins.

use crate::refusal::Refusal;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};
use strongroom_core::cors::{CorsConfig, STANDARD_HEADERS};

/// What becomes of a request that names its origin.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Headers of the answer.
    pub(crate) headers: Vec<(http::HeaderName, HeaderValue)>,
    /// A question beforehand, which is answered right here with 204.
    pub(crate) preflight: bool,
}

const METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "LIST", "OPTIONS", "PATCH", "POST", "PUT"];
/// Seconds that a browser may remember the answer.
const MAX_AGE: &str = "300";

/// Judges a request by the rules in force.
pub(crate) fn judge(rules: &CorsConfig, method: &Method, headers: &HeaderMap) -> Result<Verdict, Refusal> {
    let Some(origin) = headers.get(ORIGIN).filter(|_| rules.enabled) else { return Ok(Verdict::default()) };
    let known = |allowed: &String| allowed == "*" || allowed.as_bytes() == origin.as_bytes();
    if !rules.allowed_origins.iter().any(known) {
        return Err(Refusal::Error(403, "origin not allowed".into()));
    }
    let preflight = method == Method::OPTIONS;
    let mut verdict =
        vec![(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()), (VARY, HeaderValue::from_static("Origin"))];
    if preflight {
        let asked = headers.get(ACCESS_CONTROL_REQUEST_METHOD).and_then(|v| v.to_str().ok()).unwrap_or("");
        if !METHODS.contains(&asked) {
            return Err(Refusal::Bare(405));
        }
        let configured = rules.allowed_headers.iter().map(String::as_str);
        let further = configured.filter(|c| !STANDARD_HEADERS.iter().any(|n| n.eq_ignore_ascii_case(c)));
        let names = STANDARD_HEADERS.into_iter().chain(further).collect::<Vec<_>>().join(", ");
        let names = HeaderValue::from_str(&names)
            .map_err(|_| Refusal::invalid("the allowed headers are no header names"))?;
        verdict.push((
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("DELETE, GET, HEAD, LIST, OPTIONS, PATCH, POST, PUT"),
        ));
        verdict.push((ACCESS_CONTROL_ALLOW_HEADERS, names));
        verdict.push((ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE)));
    }
    Ok(Verdict { headers: verdict, preflight })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(rules: &CorsConfig, method: Method, origin: &str, wants: &str) -> Result<Verdict, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_str(wants).unwrap());
        judge(rules, &method, &headers)
    }

    #[test]
    fn lets_known_origins_in() {
        let mut rules = CorsConfig {
            enabled: true,
            allowed_origins: vec!["https://a.example".into()],
            allowed_headers: vec!["X-Own".into()],
        };
        let verdict = ask(&rules, Method::GET, "https://a.example", "").unwrap();
        assert!(!verdict.preflight && verdict.headers.len() == 2);
        let verdict = ask(&rules, Method::OPTIONS, "https://a.example", "LIST").unwrap();
        assert!(verdict.preflight);
        assert!(verdict.headers.iter().any(|(_, v)| v.to_str().unwrap().contains("X-Own")));
        assert!(matches!(ask(&rules, Method::GET, "https://b.example", ""), Err(Refusal::Error(403, _))));
        assert!(matches!(ask(&rules, Method::OPTIONS, "https://a.example", "FOO"), Err(Refusal::Bare(405))));
        rules.enabled = false;
        assert!(ask(&rules, Method::GET, "https://b.example", "").unwrap().headers.is_empty());
    }
}
