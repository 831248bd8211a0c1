//! The public key in a certificate, read without judging the rest: clients show certificates of every
//! age, version 1 among them, and only the key matters for the proof of possession.

/// Where the parts of a key stand in a certificate.
pub(super) struct PublicKey<'a> {
    /// Content of the `AlgorithmIdentifier`.
    pub(super) algorithm: &'a [u8],
    /// The bits of the key.
    pub(super) bits: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const VERSION: u8 = 0xa0;

/// The key of a DER certificate (RFC 5280, 4.1); none if it is not one.
pub(super) fn public_key(certificate: &[u8]) -> Option<PublicKey<'_>> {
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(outer, SEQUENCE)?;
    if let Some((_, after)) = element(rest, VERSION) {
        rest = after;
    }
    // Serial number; signature algorithm, issuer, validity, subject.
    (_, rest) = element(rest, INTEGER)?;
    for _ in 0..4 {
        (_, rest) = element(rest, SEQUENCE)?;
    }
    let (info, _) = element(rest, SEQUENCE)?;
    let (algorithm, rest) = element(info, SEQUENCE)?;
    let (bits, _) = element(rest, BIT_STRING)?;
    match bits.split_first() {
        Some((0, bits)) => Some(PublicKey { algorithm, bits }),
        _ => None,
    }
}

/// The content of the first element, if it has this tag, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = input.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (bytes.iter().fold(0_usize, |n, b| (n << 8) | usize::from(*b)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_key_and_survives_cuts() {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let der = made.cert.der();
        let key = public_key(der).unwrap();
        assert!(made.signing_key.public_key_raw() == key.bits);
        for cut in 0..der.len() {
            // A cut certificate is refused or, where only its signature is cut, still has its key.
            if let Some(key) = public_key(&der[..cut]) {
                assert!(made.signing_key.public_key_raw() == key.bits);
            }
        }
        assert!(public_key(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_none());
        assert!(public_key(&[]).is_none());
    }
}
