//! ECDSA over the curves of NIST, on digests of any algorithm.
//!
//! A signature depends on the leftmost bits of a digest only, as many as the curve's order has, and a
//! shorter digest is the number it writes. So every digest is brought to the length that the library's
//! one algorithm per curve takes: cut behind, or filled with zeros in front.

use crate::der::{self, Reader, tag};
use crate::{KeyError, number};
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, EcPrivateKeyRfc5915Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair, ParsedPublicKey,
};
use zeroize::Zeroizing;

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

/// A private key with its public one.
pub struct PrivateKey {
    curve: Curve,
    pair: EcdsaKeyPair,
}

/// A public key.
pub struct PublicKey {
    curve: Curve,
    point: Vec<u8>,
    key: ParsedPublicKey,
}

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

impl Curve {
    /// Bytes of a coordinate, and of a private key.
    pub fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn oid(self) -> &'static [u8] {
        match self {
            Self::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            Self::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
            Self::P521 => &[0x2b, 0x81, 0x04, 0x00, 0x23],
        }
    }

    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
        }
    }

    fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1,
            Self::P384 => &ECDSA_P384_SHA384_ASN1,
            Self::P521 => &ECDSA_P521_SHA512_ASN1,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::P256 => &digest::SHA256,
            Self::P384 => &digest::SHA384,
            Self::P521 => &digest::SHA512,
        }
    }

    /// The digest in the length that the library takes for this curve. Longer ones than 64 bytes do not
    /// occur but as prehashed input, where P-521 could tell more bits apart: they are refused.
    fn fit(self, given: &[u8]) -> Result<Digest, KeyError> {
        let algorithm = self.digest();
        let len = algorithm.output_len();
        if given.len() > len && self == Self::P521 {
            return Err(KeyError::TooLong);
        }
        let cut = given.get(..len).unwrap_or(given);
        let mut fitted = vec![0; len - cut.len()];
        fitted.extend_from_slice(cut);
        Digest::import_less_safe(&fitted, algorithm).map_err(|_| KeyError::Failed)
    }
}

impl PrivateKey {
    /// A new key, from the library's own generator.
    pub fn generate(curve: Curve) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(curve.signing()).map_err(|_| KeyError::Failed)?;
        Ok(Self { curve, pair })
    }

    /// A key from its number and the uncompressed point that belongs to it.
    pub fn from_parts(curve: Curve, secret: &[u8], point: &[u8]) -> Result<Self, KeyError> {
        let secret = number::padded(secret, curve.size()).ok_or(KeyError::Refused)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), &secret, point);
        Ok(Self { curve, pair: pair.map_err(|_| KeyError::Refused)? })
    }

    /// A key in PKCS#8.
    pub fn from_pkcs8(curve: Curve, der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(curve.signing(), der).map_err(|_| KeyError::OtherKind)?;
        Ok(Self { curve, pair })
    }

    /// The private number.
    pub fn secret(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes: EcPrivateKeyBin = self.pair.private_key().as_be_bytes().map_err(|_| KeyError::Failed)?;
        Ok(Zeroizing::new(bytes.as_ref().to_vec()))
    }

    /// The key as RFC 5915 has it, what PEM calls `EC PRIVATE KEY`.
    pub fn rfc5915(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der: EcPrivateKeyRfc5915Der = self.pair.private_key().as_der().map_err(|_| KeyError::Failed)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The key in PKCS#8.
    pub fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self.pair.to_pkcs8v1().map_err(|_| KeyError::Failed)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// The uncompressed point of the public key.
    pub fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// A signature of a digest, in DER.
    pub fn sign(&self, digest: &[u8]) -> Result<Vec<u8>, KeyError> {
        let digest = self.curve.fit(digest)?;
        Ok(self.pair.sign_digest(&digest).map_err(|_| KeyError::Failed)?.as_ref().to_vec())
    }
}

impl PublicKey {
    /// A key from its uncompressed point.
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        if point.len() != 1 + 2 * curve.size() || point.first() != Some(&4) {
            return Err(KeyError::OtherKind);
        }
        let key = ParsedPublicKey::new(curve.verification(), point).map_err(|_| KeyError::Refused)?;
        Ok(Self { curve, point: point.to_vec(), key })
    }

    /// A key in X.509's SubjectPublicKeyInfo.
    pub fn from_spki(curve: Curve, der: &[u8]) -> Result<Self, KeyError> {
        let point = read_spki(curve, der).map_err(|_| KeyError::Malformed)?.ok_or(KeyError::OtherKind)?;
        Self::from_point(curve, point)
    }

    /// The key as SubjectPublicKeyInfo.
    pub fn spki(&self) -> Vec<u8> {
        let algorithm = der::sequence(&[
            &der::element(tag::OID, &[EC_PUBLIC_KEY]),
            &der::element(tag::OID, &[self.curve.oid()]),
        ]);
        der::sequence(&[&algorithm, &der::bit_string(&self.point)]).to_vec()
    }

    /// The uncompressed point.
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// Whether a signature in DER belongs to a digest.
    pub fn verify(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.curve.fit(digest).is_ok_and(|digest| self.key.verify_digest_sig(&digest, signature).is_ok())
    }
}

/// The two numbers of a signature in DER one after the other, as JWS writes them; none if it is not DER.
pub fn fixed_from_der(curve: Curve, signature: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::of_sequence(signature).ok()?;
    let (r, s) = (reader.integer().ok()?, reader.integer().ok()?);
    reader.end().ok()?;
    let mut out = number::padded(r, curve.size())?.to_vec();
    out.extend_from_slice(&number::padded(s, curve.size())?);
    Some(out)
}

/// A signature in DER from two numbers one after the other; none if the length is wrong.
pub fn der_from_fixed(curve: Curve, signature: &[u8]) -> Option<Vec<u8>> {
    if signature.len() != 2 * curve.size() {
        return None;
    }
    let (r, s) = signature.split_at_checked(curve.size())?;
    Some(der::sequence(&[&der::integer(r), &der::integer(s)]).to_vec())
}

/// The point, or none if it is another kind of key.
fn read_spki(curve: Curve, bytes: &[u8]) -> Result<Option<&[u8]>, der::DerError> {
    let mut outer = Reader::of_sequence(bytes)?;
    let mut algorithm = outer.sequence()?;
    let is_ec = algorithm.element(tag::OID)? == EC_PUBLIC_KEY;
    let is_curve = is_ec && algorithm.element(tag::OID)? == curve.oid();
    let point = outer.bit_string()?;
    outer.end()?;
    Ok(is_curve.then_some(point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest as Algorithm;

    const ALL: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

    #[test]
    fn every_digest_signs_on_every_curve() {
        for curve in ALL {
            let key = PrivateKey::generate(curve).unwrap();
            let public = PublicKey::from_point(curve, key.point()).unwrap();
            for algorithm in [Algorithm::Sha1, Algorithm::Sha224, Algorithm::Sha256, Algorithm::Sha3_512] {
                let digest = algorithm.of(b"message");
                let signature = key.sign(&digest).unwrap();
                assert!(public.verify(&digest, &signature));
                assert!(!public.verify(&algorithm.of(b"other"), &signature));
                let fixed = fixed_from_der(curve, &signature).unwrap();
                assert_eq!(fixed.len(), 2 * curve.size());
                assert_eq!(der_from_fixed(curve, &fixed).unwrap(), signature);
            }
        }
    }

    #[test]
    fn keys_come_back_from_their_parts() {
        for curve in ALL {
            let key = PrivateKey::generate(curve).unwrap();
            let again = PrivateKey::from_parts(curve, &key.secret().unwrap(), key.point()).unwrap();
            assert_eq!(again.point(), key.point());
            let again = PrivateKey::from_pkcs8(curve, &key.pkcs8().unwrap()).unwrap();
            assert_eq!(again.point(), key.point());
            let public = PublicKey::from_point(curve, key.point()).unwrap();
            assert_eq!(PublicKey::from_spki(curve, &public.spki()).unwrap().point(), key.point());
            for other in ALL.into_iter().filter(|other| *other != curve) {
                assert_eq!(PublicKey::from_spki(other, &public.spki()).err(), Some(KeyError::OtherKind));
            }
            let stranger = PrivateKey::generate(curve).unwrap();
            assert!(PrivateKey::from_parts(curve, &key.secret().unwrap(), stranger.point()).is_err());
        }
    }
}
