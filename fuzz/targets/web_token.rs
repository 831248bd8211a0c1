//! Tokens that others sign, and the keys they are verified with: whatever is read can be asked, and nothing
//! is taken for signed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use strongroom_auth::web_token::WebToken;
use strongroom_crypto::jws::{ALGORITHMS, Key};

const P256: &str = "-----BEGIN CERTIFICATE-----
MIIBNzCB36ADAgECAgISNDAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9Db3JwdXMg
Um9vdCBPbmUwIBcNMjQwMTAxMDAwMDAwWhgPMjA1NDAxMDEwMDAwMDBaMBoxGDAW
BgNVBAMMD0NvcnB1cyBSb290IE9uZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BNfrxC3jNkV8+akhKQr6HcwMDsANtJmS723HJUb0IFF9xAZM3HBMGLhSdXuv5NLZ
wgyFrNOcy3/hrPpV9o0v/xSjEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0E
AwIDRwAwRAIgFMgX2MJWVZOe90Phf6u4eE3pbIS6yltLV+DvwA0jCyUCIFjPMV0U
gaj5K+fpAmsSzWAwjxxZfefRbVXaI0t13aZ7
-----END CERTIFICATE-----
";

static KEYS: LazyLock<[Key; 2]> = LazyLock::new(|| {
    let edwards = Key::from_ed25519(&[
        0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c,
        0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c,
    ]);
    [Key::from_pem(P256).expect("a certificate"), edwards.expect("a key")]
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = Key::from_pem(text) {
        assert!(!ALGORITHMS.iter().any(|(_, algorithm)| key.verify(*algorithm, bytes, b"signature")));
    }
    let Ok(token) = WebToken::parse(text) else { return };
    assert!(token.claims.is_object());
    let _ = (token.audiences(), token.dates(), token.text("sub"));
    assert!(!KEYS.iter().any(|key| token.is_signed_by(key)), "a forged token is taken");
});
