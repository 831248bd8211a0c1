//! The tokens that logins show; tests sign some.

pub use strongroom_core::web_token::{Dates, WebToken, WebTokenError};

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::json;
    use strongroom_core::Value;
    use strongroom_crypto::ed25519::PrivateKey;
    use strongroom_crypto::jws::Key;

    /// Signs claims with the Ed25519 key of a seed of equal bytes.
    pub(crate) fn sign(seed: u8, header: Value, claims: &Value) -> String {
        let mut full = json!({"alg": "EdDSA", "typ": "JWT"});
        full.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
        let part = |v: &Value| BASE64_URL_SAFE_NO_PAD.encode(v.to_string());
        let message = format!("{}.{}", part(&full), part(claims));
        let signature = private(seed).sign(message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key of that seed, in PEM.
    pub(crate) fn public_pem(seed: u8) -> String {
        let prefix = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
        let der = [&prefix[..], private(seed).public()].concat();
        strongroom_crypto::pem::encode("PUBLIC KEY", &der).to_string()
    }

    /// The public key of that seed, as a key set has it.
    pub(crate) fn public_jwk(seed: u8, kid: &str) -> Value {
        let x = BASE64_URL_SAFE_NO_PAD.encode(private(seed).public());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x})
    }

    fn private(seed: u8) -> PrivateKey {
        PrivateKey::from_seed(&[seed; 32]).unwrap()
    }

    #[test]
    fn takes_apart_what_it_verifies() {
        let text =
            sign(1, json!({"kid": "k"}), &json!({"sub": "ann", "aud": ["a", "b"], "exp": 1.5, "nbf": null}));
        let token = WebToken::parse(&format!(" {text}\n")).unwrap();
        assert_eq!((token.key_id.as_deref(), token.text("sub"), token.text("aud")), (Some("k"), "ann", ""));
        assert_eq!(token.audiences(), Some(vec!["a", "b"]));
        assert_eq!(token.dates(), Ok(Dates { expires: Some(1), ..Dates::default() }));
        assert!(token.is_signed_by(&Key::from_pem(&public_pem(1)).unwrap()));
        assert!(!token.is_signed_by(&Key::from_pem(&public_pem(2)).unwrap()));
    }

    #[test]
    fn refuses_what_is_no_token() {
        let part = |v: Value| BASE64_URL_SAFE_NO_PAD.encode(v.to_string());
        let with = |header: Value| format!("{}.{}.AAAA", part(header), part(json!({})));
        for (text, error) in [
            (String::new(), WebTokenError::Malformed),
            ("a.b.c".to_owned(), WebTokenError::Malformed),
            (format!("{}.{}", part(json!({"alg": "EdDSA"})), part(json!({}))), WebTokenError::Malformed),
            (with(json!({"alg": "EdDSA"})) + ".AAAA", WebTokenError::Malformed),
            (with(json!([])), WebTokenError::Malformed),
            (with(json!({"alg": "none"})), WebTokenError::Algorithm),
            (with(json!({"alg": "HS256"})), WebTokenError::Algorithm),
            (with(json!({})), WebTokenError::Algorithm),
            (
                with(json!({"alg": "EdDSA", "x": {"$serde_json::private::RawValue": "1"}})),
                WebTokenError::Malformed,
            ),
            (with(json!({"alg": "EdDSA", "crit": ["b64"], "b64": false})), WebTokenError::Critical),
            ("a".repeat(64 * 1024 + 1), WebTokenError::TooLong),
        ] {
            assert_eq!(WebToken::parse(&text).err(), Some(error), "{}", text.get(..40).unwrap_or(&text));
        }
    }

    #[test]
    fn times_are_numbers() {
        for bad in [json!("1"), json!([]), json!(1e300), json!(true)] {
            let token = WebToken::parse(&sign(1, json!({}), &json!({"exp": 1, "iat": bad}))).unwrap();
            assert_eq!(token.dates(), Err("iat"), "{bad}");
        }
        let token = WebToken::parse(&sign(1, json!({}), &json!({"aud": [5]}))).unwrap();
        assert_eq!(token.audiences(), None);
    }
}
