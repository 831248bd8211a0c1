use super::*;
use crate::SystemRandom;
use std::sync::LazyLock;

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate(2048).unwrap());

const DIGESTS: [Digest; 9] = [
    Digest::Sha1,
    Digest::Sha224,
    Digest::Sha256,
    Digest::Sha384,
    Digest::Sha512,
    Digest::Sha3_224,
    Digest::Sha3_256,
    Digest::Sha3_384,
    Digest::Sha3_512,
];

#[test]
fn every_padding_signs_every_digest() {
    let public = KEY.public().unwrap();
    let paddings = [
        Padding::Pkcs1v15,
        Padding::Pss(Salt::Auto),
        Padding::Pss(Salt::Digest),
        Padding::Pss(Salt::Bytes(0)),
        Padding::Pss(Salt::Bytes(17)),
    ];
    for padding in paddings {
        for algorithm in DIGESTS {
            let digest = algorithm.of(b"message");
            let signature = KEY.sign(&SystemRandom, padding, Some(algorithm), &digest).unwrap();
            assert!(
                public.verify(padding, Some(algorithm), &digest, &signature),
                "{padding:?} {algorithm:?}"
            );
            assert!(!public.verify(padding, Some(algorithm), &algorithm.of(b"other"), &signature));
            let mut damaged = signature.clone();
            damaged[100] ^= 1;
            assert!(!public.verify(padding, Some(algorithm), &digest, &damaged));
            assert!(!public.verify(padding, Some(algorithm), &digest, &signature[1..]));
            if padding != Padding::Pkcs1v15 {
                assert!(public.verify(Padding::Pss(Salt::Auto), Some(algorithm), &digest, &signature));
                assert!(!public.verify(Padding::Pss(Salt::Bytes(16)), Some(algorithm), &digest, &signature));
            }
        }
    }
}

#[test]
fn the_own_paddings_are_the_librarys() {
    let public = KEY.public().unwrap();
    for algorithm in [Digest::Sha256, Digest::Sha384, Digest::Sha512] {
        let digest = algorithm.of(b"message");
        // PKCS#1 v1.5 is the same bytes; a PSS signature of ours holds for the library.
        let own =
            raw::sign(KEY.numbers(), &SystemRandom, Padding::Pkcs1v15, Some(algorithm), &digest).unwrap();
        assert_eq!(own, KEY.sign(&SystemRandom, Padding::Pkcs1v15, Some(algorithm), &digest).unwrap());
        let (n, e) = public.numbers();
        assert!(raw::verify(n, e, Padding::Pkcs1v15, Some(algorithm), &digest, &own));
    }
    let digest = Digest::Sha256.of(b"message");
    let padding = Padding::Pss(Salt::Digest);
    let own = raw::sign(KEY.numbers(), &SystemRandom, padding, Some(Digest::Sha256), &digest).unwrap();
    let key = signature::UnparsedPublicKey::new(&signature::RSA_PSS_2048_8192_SHA256, public.spki());
    assert!(key.verify(b"message", &own).is_ok());
}

#[test]
fn signs_input_without_an_algorithm_as_it_is() {
    let public = KEY.public().unwrap();
    let signature = KEY.sign(&SystemRandom, Padding::Pkcs1v15, None, b"anything").unwrap();
    assert!(public.verify(Padding::Pkcs1v15, None, b"anything", &signature));
    assert!(!public.verify(
        Padding::Pkcs1v15,
        Some(Digest::Sha256),
        &Digest::Sha256.of(b"anything"),
        &signature
    ));
    assert_eq!(KEY.sign(&SystemRandom, Padding::Pkcs1v15, None, &[0; 246]), Err(KeyError::TooLong));
    assert!(KEY.sign(&SystemRandom, Padding::Pss(Salt::Auto), None, b"x").is_err());
    let long = Padding::Pss(Salt::Bytes(300));
    assert!(KEY.sign(&SystemRandom, long, Some(Digest::Sha256), &[0; 32]).is_err());
}

#[test]
fn encrypts_and_decrypts() {
    let public = KEY.public().unwrap();
    for how in [Encryption::Oaep, Encryption::OaepSha1, Encryption::OaepSha512, Encryption::Pkcs1v15] {
        let ciphertext = public.encrypt(how, b"plain").unwrap();
        assert_eq!(KEY.decrypt(how, &ciphertext).unwrap().as_slice(), b"plain");
        assert!(KEY.decrypt(how, &ciphertext[1..]).is_err());
    }
    assert_eq!(public.encrypt(Encryption::Oaep, &[0; 191]), Err(KeyError::TooLong));
}

#[test]
fn keys_come_back_from_their_numbers() {
    let numbers = KEY.numbers();
    let again = Numbers::from_primes(&numbers.n, &numbers.e, &numbers.d, &numbers.p, &numbers.q).unwrap();
    assert_eq!(again.pkcs1(), numbers.pkcs1());
    assert_eq!(PrivateKey::from_pkcs1(&again.pkcs1()).unwrap().bits(), 2048);
    assert_eq!(PrivateKey::from_pkcs8(&numbers.pkcs8()).unwrap().numbers().pkcs1(), numbers.pkcs1());
    let public = KEY.public().unwrap();
    let (n, e) = public.numbers();
    assert_eq!(PublicKey::from_numbers(n, e).unwrap().spki(), public.spki());
    let wrong = Numbers { d: numbers.dp.clone(), ..numbers.clone() };
    assert!(PrivateKey::from_pkcs1(&wrong.pkcs1()).is_err());
    assert_eq!(PrivateKey::generate(1024).err(), Some(KeyError::OtherKind));
}
