use super::*;
use crate::{SystemRandom, hex};
use proptest::prelude::*;

/// Share sets computed by a separate program (logarithm tables, not this arithmetic).
#[test]
fn combines_shares_made_elsewhere() {
    let sets: [(&str, &[&str]); 3] = [
        ("00ff1053aa", &["82481ebdd501", "80ea9dd6dcff"]),
        (
            "7465737420736563726574",
            &["4eafa98538707069d2cda607", "df3e70b8c5e78f39047ae7c8", "97b401af53daa9cebce78f21"],
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            &[
                "075eea6fe834585ad2ec975dfbe87d3149145f7225bb98c4a4344c31dd18bb2411",
                "9fd2fc02621219ce4e260dd81fdbdafcfaa640930563fda251d157cb59814b5563",
                "f276c37d29c0cea553cc8027aceb6e38293f53a031803fa4d2b9f49336464f4dfe",
                "d9b0445ced24d67d824f7d4e4f36e882cad11cc0e4103e0bca649a222174e33802",
                "3b8720d4fb14db3b5115a2f08e8aa1f4cf2b93fdfb3675f41563b029541e698180",
            ],
        ),
    ];
    for (secret, shares) in sets {
        let shares: Vec<Vec<u8>> = shares.iter().map(|s| hex::decode(s).unwrap()).collect();
        assert_eq!(hex::encode(combine(&shares).unwrap().expose()), secret);
    }
}

#[test]
fn the_arithmetic_is_a_field() {
    // FIPS 197, section 4.2.
    assert_eq!(multiply(0x57, 0x83), 0xc1);
    assert_eq!(multiply(0x57, 0x13), 0xfe);
    for a in 1..=255 {
        assert_eq!(multiply(a, invert(a)), 1);
    }
    assert_eq!(invert(0), 0);
}

#[test]
fn refuses_impossible_splits() {
    let refused =
        |secret: &[u8], parts, threshold| split(secret, parts, threshold, &SystemRandom).unwrap_err();
    assert_eq!(refused(b"", 2, 2), SplitError::Empty);
    assert_eq!(refused(b"s", 2, 1), SplitError::Threshold);
    assert_eq!(refused(b"s", 300, 256), SplitError::Threshold);
    assert_eq!(refused(b"s", 2, 3), SplitError::Parts);
    assert_eq!(refused(b"s", 256, 3), SplitError::Parts);
}

#[test]
fn refuses_shares_that_cannot_belong_together() {
    let combined = |shares: &[&[u8]]| combine(shares).map(|_| ()).unwrap_err();
    assert_eq!(combined(&[]), CombineError::TooFew);
    assert_eq!(combined(&[b"a1"]), CombineError::TooFew);
    assert_eq!(combined(&[b"1", b"2"]), CombineError::TooShort);
    assert_eq!(combined(&[b"", b""]), CombineError::TooShort);
    assert_eq!(combined(&[b"a1", b"ab2"]), CombineError::Lengths);
    assert_eq!(combined(&[b"a1", b"b1"]), CombineError::Duplicate);
    assert_eq!(combined(&[b"a\0", b"b1"]), CombineError::Zero);
}

#[test]
fn splits_into_255_shares() {
    let shares = split(b"everyone", 255, 255, &SystemRandom).unwrap();
    let mut coordinates: Vec<u8> = shares.iter().map(|s| *s.expose().last().unwrap()).collect();
    assert_ne!(coordinates, (1..=255).collect::<Vec<u8>>(), "the order must be random");
    coordinates.sort_unstable();
    assert_eq!(coordinates, (1..=255).collect::<Vec<u8>>());
    let shares: Vec<&[u8]> = shares.iter().map(|s| s.expose().as_slice()).collect();
    assert_eq!(combine(&shares).unwrap().expose(), b"everyone");
    assert_ne!(combine(&shares[1..]).unwrap().expose(), b"everyone");
}

proptest! {
    #[test]
    fn any_threshold_of_them_combine_and_fewer_do_not(
        secret in prop::collection::vec(any::<u8>(), 16..64),
        (parts, threshold) in (2_usize..12).prop_flat_map(|parts| (Just(parts), 2..=parts)),
        order in any::<prop::sample::Index>(),
        extra in 0_usize..4,
    ) {
        let shares = split(&secret, parts, threshold, &SystemRandom).unwrap();
        let mut shares: Vec<&[u8]> = shares.iter().map(|s| s.expose().as_slice()).collect();
        shares.rotate_left(order.index(parts));
        let given = (threshold + extra).min(parts);
        let combined = combine(&shares[..given]).unwrap();
        prop_assert_eq!(combined.expose(), &secret);
        if threshold > 2 {
            let combined = combine(&shares[..threshold - 1]).unwrap();
            prop_assert_ne!(combined.expose(), &secret);
        }
    }

    #[test]
    fn never_panics(shares in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..6)) {
        let _ = combine(&shares);
    }
}
