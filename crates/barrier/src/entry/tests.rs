use super::*;
use proptest::prelude::*;
use strongroom_crypto::hex;

struct Counting;

impl Random for Counting {
    fn fill(&self, out: &mut [u8]) {
        for (at, byte) in out.iter_mut().enumerate() {
            *byte = at as u8;
        }
    }
}

/// An entry of this release, made by a separate program. It must open for ever.
const GOLDEN: &str =
    "0100000007000102030405060708090a0b7efcf4b3d04e9e6ef9247e75b0b1285e4f5553f050a65f8ceafd47dbb5c8a878ef";

#[test]
fn the_format_stays() {
    let key = aead::Key::new(&[0x42; 32]);
    let sealed = seal(&key, 7, b"root/core/config/cors", b"{\"enabled\":false}", &Counting).unwrap();
    assert_eq!(hex::encode(&sealed), GOLDEN);
    let opened = open(|term| (term == 7).then_some(&key), b"root/core/config/cors", &sealed).unwrap();
    assert_eq!(opened.as_slice(), b"{\"enabled\":false}");
}

#[test]
fn says_what_is_wrong() {
    let key = aead::Key::new(&[0x42; 32]);
    let sealed = seal(&key, 7, b"a", b"v", &Counting).unwrap();
    assert_eq!(sealed.len(), 1 + OVERHEAD);
    let open_at = |at: &[u8], entry: &[u8]| open(|term| (term == 7).then_some(&key), at, entry).map(|_| ());
    assert_eq!(open_at(b"a", &sealed), Ok(()));
    assert_eq!(open_at(b"b", &sealed), Err(OpenError::Refused));
    assert_eq!(open_at(b"a", &sealed[..OVERHEAD - 1]), Err(OpenError::TooShort));
    assert_eq!(open_at(b"a", &[2; 80]), Err(OpenError::Format(2)));
    assert_eq!(open_at(b"a", &[1; 80]), Err(OpenError::Term(0x0101_0101)));
}

proptest! {
    #[test]
    fn any_change_is_noticed(plain in prop::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), bit in 0..8) {
        let key = aead::Key::new(&[0x42; 32]);
        let mut sealed = seal(&key, 1, b"k", &plain, &strongroom_crypto::SystemRandom).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1_u8 << bit;
        // Whatever term the damage points to, there is a key.
        prop_assert!(open(|_| Some(&key), b"k", &sealed).is_err() || (1..5).contains(&at));
        prop_assert!(open(|term| (term == 1).then_some(&key), b"k", &sealed).is_err());
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let key = aead::Key::new(&[0x42; 32]);
        prop_assert!(open(|_| Some(&key), b"k", &bytes).is_err());
    }
}
