//! Cipher suites by their names.

use crate::tls::TlsError;
use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES;

/// The named suites of TLS 1.2, and those of TLS 1.3, which are not chosen among; all for no names.
pub(crate) fn choose(names: &[String]) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    if names.is_empty() {
        return Ok(rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES.to_vec());
    }
    let (newer, older): (Vec<_>, Vec<_>) =
        ALL_CIPHER_SUITES.iter().copied().partition(|s| s.tls13().is_some());
    let mut chosen = newer.clone();
    for name in names {
        if newer.iter().any(|s| is_called(*s, name)) {
            continue;
        }
        match older.iter().find(|s| is_called(**s, name)) {
            Some(suite) => chosen.push(*suite),
            None => return Err(unknown(name, &older)),
        }
    }
    Ok(chosen)
}

/// Names as the standard has them. Go leaves the digest of the ChaCha suites out; rustls marks those of
/// TLS 1.3.
fn is_called(suite: SupportedCipherSuite, name: &str) -> bool {
    let own = plain_name(suite);
    own == name
        || own.strip_suffix("_SHA256").is_some_and(|short| short == name && name.ends_with("POLY1305"))
}

fn plain_name(suite: SupportedCipherSuite) -> String {
    suite.suite().as_str().unwrap_or("").replacen("TLS13_", "TLS_", 1)
}

fn unknown(name: &str, known: &[SupportedCipherSuite]) -> TlsError {
    let known: Vec<String> = known.iter().map(|s| plain_name(*s)).collect();
    TlsError::Settings(format!(
        "tls_cipher_suites: {name:?} is not among the suites there are: {}",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_gos_names() {
        let of = |names: &[&str]| choose(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        let named = of(&[
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
            "TLS_AES_128_GCM_SHA256",
        ]);
        assert_eq!(named.unwrap().iter().filter(|s| s.tls13().is_none()).count(), 2);
        assert!(of(&[]).unwrap().len() > 5);
        let error = of(&["TLS_RSA_WITH_AES_128_CBC_SHA"]).unwrap_err().to_string();
        assert!(error.contains("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), "{error}");
    }
}
