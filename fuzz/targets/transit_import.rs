//! Keys that callers bring: the wrapped form, and every form of key inside. What is taken for a key
//! gives itself again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::ecdsa::{self, Curve};
use strongroom_crypto::ml_dsa::{self, ParameterSet};
use strongroom_crypto::{ed25519, key_wrap, rsa};
use strongroom_engines::transit::wrapped;

fuzz_target!(|bytes: &[u8]| {
    if let Some(parts) = wrapped::split(bytes) {
        assert_eq!(parts.ephemeral.len() + parts.key.len(), bytes.len());
        assert!(key_wrap::unwrap(&[7; 32], parts.key).is_err(), "a forged wrapping opens");
    }
    let _ = key_wrap::unwrap(&[7; 32], bytes);
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        curve_keys(curve, bytes);
    }
    if let Ok(key) = rsa::PublicKey::from_spki(bytes) {
        let (n, e) = key.numbers();
        assert_eq!(rsa::PublicKey::from_numbers(n, e).expect("the same key").numbers(), (n, e));
    }
    if let Ok(key) = rsa::PrivateKey::from_pkcs8(bytes) {
        let again = rsa::PrivateKey::from_pkcs1(&key.numbers().pkcs1()).expect("the same key");
        assert_eq!(again.numbers().d, key.numbers().d);
    }
    if let Ok(seed) = ed25519::seed_from_pkcs8(bytes) {
        ed25519::PrivateKey::from_seed(&seed).expect("every seed is a key");
    }
    if let Ok(public) = ed25519::from_spki(bytes) {
        ed25519::PublicKey::new(&public).expect("it was a key");
    }
    let _ = ml_dsa::PublicKey::new(ParameterSet::Small, bytes);
});

fn curve_keys(curve: Curve, bytes: &[u8]) {
    if let Ok(key) = ecdsa::PrivateKey::from_pkcs8(curve, bytes) {
        let secret = key.secret().expect("a number");
        ecdsa::PrivateKey::from_parts(curve, &secret, key.point()).expect("the same key");
    }
    if let Ok(key) = ecdsa::PublicKey::from_spki(curve, bytes) {
        assert_eq!(ecdsa::PublicKey::from_spki(curve, &key.spki()).expect("the same key").point(), key.point());
    }
    if let Some(fixed) = ecdsa::fixed_from_der(curve, bytes) {
        let der = ecdsa::der_from_fixed(curve, &fixed).expect("a signature");
        assert_eq!(ecdsa::fixed_from_der(curve, &der).expect("a signature"), fixed);
    }
}
