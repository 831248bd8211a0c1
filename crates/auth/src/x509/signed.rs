//! What certificates, lists and OCSP answers have in common: content, algorithm, signature.

use super::X509Error;
use x509_cert::der::asn1::{AnyRef, BitStringRef};
use x509_cert::der::{Decode, Reader, SliceReader, Tag, Tagged};

/// The parts of something signed.
pub(super) struct Signed<'a> {
    /// The bytes that are signed.
    content: &'a [u8],
    /// Content of the `AlgorithmIdentifier`.
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// What follows the signature.
    pub(super) rest: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Finds the parts.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, X509Error> {
        let mut parts = sequence(der)?;
        let content = parts.tlv_bytes()?;
        let algorithm = AnyRef::decode(&mut parts)?;
        let signature = whole(BitStringRef::decode(&mut parts)?)?;
        let rest = parts.read_slice(parts.remaining_len())?;
        if algorithm.tag() != Tag::Sequence {
            return Err(X509Error("the signature's algorithm is missing"));
        }
        Ok(Self { content, algorithm: algorithm.value(), signature, rest })
    }

    /// The bytes that are signed.
    pub(super) fn content(&self) -> &'a [u8] {
        self.content
    }

    /// Whether a key has signed it, given as a `SubjectPublicKeyInfo`.
    pub(super) fn is_signed_by(&self, public_key: &[u8]) -> bool {
        let Ok((algorithm, bits)) = public_key_parts(public_key) else { return false };
        webpki::ALL_VERIFICATION_ALGS.iter().any(|known| {
            known.signature_alg_id().as_ref() == self.algorithm
                && known.public_key_alg_id().as_ref() == algorithm
                && known.verify_signature(bits, self.content, self.signature).is_ok()
        })
    }
}

/// A reader of what stands in the one sequence that the bytes are.
pub(super) fn sequence(der: &[u8]) -> Result<SliceReader<'_>, X509Error> {
    let outer = AnyRef::from_der(der)?;
    if outer.tag() != Tag::Sequence {
        return Err(X509Error("a sequence is missing"));
    }
    Ok(SliceReader::new(outer.value())?)
}

/// What stands in an element, without its tag and length.
pub(super) fn content_of(der: &[u8]) -> Option<&[u8]> {
    AnyRef::from_der(der).ok().map(AnyRef::value)
}

/// The content of the algorithm's identifier and the bits of a `SubjectPublicKeyInfo`.
pub(super) fn public_key_parts(info: &[u8]) -> Result<(&[u8], &[u8]), X509Error> {
    let mut parts = sequence(info)?;
    let algorithm = AnyRef::decode(&mut parts)?.value();
    let bits = whole(BitStringRef::decode(&mut parts)?)?;
    Ok((algorithm, bits))
}

fn whole(bits: BitStringRef<'_>) -> Result<&[u8], X509Error> {
    bits.as_bytes().ok_or(X509Error("bits are not whole bytes"))
}
