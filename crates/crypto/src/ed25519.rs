//! Ed25519 (RFC 8032).

use crate::der::{self, Reader, tag};
use crate::{KeyError, Random};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use zeroize::Zeroizing;

/// Bytes of a seed and of a public key.
pub const LEN: usize = 32;

const OID: &[u8] = &[0x2b, 0x65, 0x70];

/// A private key with its public one.
pub struct PrivateKey(Ed25519KeyPair);

/// A public key.
pub struct PublicKey(ParsedPublicKey);

/// A new seed.
pub fn generate(random: &dyn Random) -> Zeroizing<[u8; LEN]> {
    let mut seed = Zeroizing::new([0; LEN]);
    random.fill(seed.as_mut_slice());
    seed
}

impl PrivateKey {
    /// The key of a seed.
    pub fn from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| KeyError::Malformed)
    }

    /// The public key.
    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// A signature of a message.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(self.0.try_sign(message).map_err(|_| KeyError::Failed)?.as_ref().to_vec())
    }
}

impl PublicKey {
    /// A public key of 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != LEN {
            return Err(KeyError::OtherKind);
        }
        ParsedPublicKey::new(&ED25519, bytes).map(Self).map_err(|_| KeyError::Refused)
    }

    /// Whether a signature belongs to a message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A seed in PKCS#8.
pub fn pkcs8(seed: &[u8]) -> Zeroizing<Vec<u8>> {
    let inner = der::element(tag::OCTET_STRING, &[seed]);
    let algorithm = der::sequence(&[&der::element(tag::OID, &[OID])]);
    der::sequence(&[&der::integer(&[]), &algorithm, &der::element(tag::OCTET_STRING, &[&inner])])
}

/// The seed in a PKCS#8 key.
pub fn seed_from_pkcs8(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let seed = read_pkcs8(bytes).map_err(|_| KeyError::Malformed)?.ok_or(KeyError::OtherKind)?;
    if seed.len() != LEN {
        return Err(KeyError::Malformed);
    }
    Ok(Zeroizing::new(seed.to_vec()))
}

/// The public key in a SubjectPublicKeyInfo.
pub fn from_spki(bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = read_spki(bytes).map_err(|_| KeyError::Malformed)?.ok_or(KeyError::OtherKind)?;
    PublicKey::new(key).map(|_| key.to_vec())
}

fn read_pkcs8(bytes: &[u8]) -> Result<Option<&[u8]>, der::DerError> {
    let mut outer = Reader::of_sequence(bytes)?;
    outer.integer()?;
    if outer.sequence()?.element(tag::OID)? != OID {
        return Ok(None);
    }
    // Attributes and the public key may follow.
    let mut inner = Reader::new(outer.element(tag::OCTET_STRING)?);
    let seed = inner.element(tag::OCTET_STRING)?;
    inner.end()?;
    Ok(Some(seed))
}

fn read_spki(bytes: &[u8]) -> Result<Option<&[u8]>, der::DerError> {
    let mut outer = Reader::of_sequence(bytes)?;
    let known = outer.sequence()?.element(tag::OID)? == OID;
    let key = outer.bit_string()?;
    outer.end()?;
    Ok(known.then_some(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SystemRandom, hex};

    #[test]
    fn agrees_with_rfc_8032() {
        // Section 7.1, test 2.
        let seed = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let key = PrivateKey::from_seed(&seed).unwrap();
        assert_eq!(
            hex::encode(key.public()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = key.sign(&[0x72]).unwrap();
        assert!(hex::encode(&signature).starts_with("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8f"));
        let public = PublicKey::new(key.public()).unwrap();
        assert!(public.verify(&[0x72], &signature));
        assert!(!public.verify(&[0x73], &signature));
        assert!(!public.verify(&[0x72], &signature[1..]));
    }

    #[test]
    fn reads_the_usual_forms() {
        let seed = generate(&SystemRandom);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).unwrap();
        for pkcs8 in [pair.to_pkcs8v1().unwrap(), pair.to_pkcs8().unwrap()] {
            assert_eq!(seed_from_pkcs8(pkcs8.as_ref()).unwrap().as_slice(), seed.as_slice());
        }
        assert_eq!(pkcs8(seed.as_slice()).as_slice(), pair.to_pkcs8v1().unwrap().as_ref());
        let spki = hex::decode(concat!(
            "302a300506032b6570032100",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        ))
        .unwrap();
        assert_eq!(from_spki(&spki).unwrap(), spki[12..]);
        assert_eq!(from_spki(&spki[1..]), Err(KeyError::Malformed));
    }
}
