//! Ciphertexts that callers bring: whatever is read writes itself again, and nothing opens but what was
//! sealed here.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use strongroom_crypto::symmetric::{Cipher, CipherKey};
use strongroom_crypto::{number, pem};
use strongroom_engines::transit::text;

static KEYS: LazyLock<Vec<CipherKey>> = LazyLock::new(|| {
    let ciphers = [Cipher::Aes128Gcm, Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305, Cipher::XChaCha20Poly1305];
    ciphers.map(|cipher| CipherKey::new(cipher, &vec![7; cipher.key_len()]).expect("a key")).into()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(given) = std::str::from_utf8(bytes) else { return };
    match text::decode(given) {
        Ok(decoded) => {
            let again = text::decode(&text::encode(&decoded)).expect("it reads what it writes");
            assert_eq!(again.as_slice(), decoded.as_slice());
        }
        Err(text::Base64Error(place)) => assert!(place <= given.len(), "a place beyond the text"),
    }
    if let Some(decimal) = number::from_decimal(given) {
        assert_eq!(number::from_decimal(&number::to_decimal(&decimal)).expect("a number"), decimal);
    }
    let _ = pem::decode(given);
    let Ok(sealed) = text::parse(given) else { return };
    let _ = text::decode_for_jws(sealed.body);
    let Ok(body) = text::decode(sealed.body) else { return };
    assert_eq!(text::parse(&text::seal(sealed.version, &body)).expect("a seal").version, sealed.version);
    for key in &*KEYS {
        assert!(key.open(b"", &body).is_err(), "a forged ciphertext opens");
        let own = key.seal_with(&vec![1; key.cipher().nonce_len()], bytes, &body).expect("sealing works");
        assert_eq!(key.open(bytes, &own).expect("it opens").as_slice(), body.as_slice());
    }
});
