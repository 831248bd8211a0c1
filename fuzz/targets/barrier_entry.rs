//! Stored entries: nothing that was not sealed here opens, and what was sealed opens only whole and
//! where it was written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use strongroom_barrier::entry;
use strongroom_crypto::{SystemRandom, aead};

static KEY: LazyLock<aead::Key> = LazyLock::new(|| aead::Key::new(&[7; aead::KEY_LEN]));

fuzz_target!(|bytes: &[u8]| {
    let key_of = |term| (term == 1).then_some(&*KEY);
    assert!(entry::open(key_of, b"root/kv/a", bytes).is_err(), "a forged entry opens");
    let sealed = entry::seal(&KEY, 1, b"root/kv/a", bytes, &SystemRandom).expect("sealing works");
    assert_eq!(sealed.len(), bytes.len() + entry::OVERHEAD);
    assert_eq!(entry::open(key_of, b"root/kv/a", &sealed).expect("it opens").as_slice(), bytes);
    assert!(entry::open(key_of, b"root/kv/b", &sealed).is_err(), "a moved entry opens");
    let mut damaged = sealed;
    let at = bytes.iter().fold(bytes.len(), |sum, byte| sum + usize::from(*byte)) % damaged.len();
    damaged[at] ^= 1 << (bytes.len() % 8);
    assert!(entry::open(key_of, b"root/kv/a", &damaged).is_err(), "a damaged entry opens");
    damaged.truncate(at);
    assert!(entry::open(key_of, b"root/kv/a", &damaged).is_err(), "a cut-off entry opens");
});
