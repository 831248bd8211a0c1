//! Signatures over digests that the library's table lacks: SHA-1, SHA-224, SHA-3, PSS with a salt of any
//! length, and PKCS#1 v1.5 over input that is no digest. The paddings are those of RFC 8017; the power is
//! computed in constant time and checked before it leaves, so that a fault gives nothing away.

use super::{Numbers, Padding, Salt};
use crate::digest::Digest;
use crate::number::padded;
use crate::{KeyError, Random, ct_eq, der};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use zeroize::{Zeroize, Zeroizing};

pub(super) fn sign(
    key: &Numbers,
    random: &dyn Random,
    padding: Padding,
    algorithm: Option<Digest>,
    digest: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let encoded = match padding {
        Padding::Pkcs1v15 => pkcs1_v15(key.n.len(), algorithm, digest).ok_or(KeyError::TooLong)?,
        Padding::Pss(salt) => {
            let algorithm = algorithm.ok_or(KeyError::OtherKind)?;
            pss(bits(&key.n), random, salt, algorithm, digest).ok_or(KeyError::TooLong)?
        }
    };
    let mut exponent = number(&key.d, bits(&key.n)).ok_or(KeyError::Failed)?;
    let signature = power(&key.n, &exponent, bits(&key.n), &encoded);
    exponent.zeroize();
    let signature = signature.ok_or(KeyError::Failed)?;
    let back = public_power(&key.n, &key.e, &signature).ok_or(KeyError::Failed)?;
    let expected = padded(&encoded, key.n.len()).ok_or(KeyError::Failed)?;
    if !ct_eq(&back, &expected) {
        return Err(KeyError::Failed);
    }
    Ok(signature)
}

pub(super) fn verify(
    n: &[u8],
    e: &[u8],
    padding: Padding,
    algorithm: Option<Digest>,
    digest: &[u8],
    signature: &[u8],
) -> bool {
    if signature.len() != n.len() {
        return false;
    }
    let Some(encoded) = public_power(n, e, signature) else { return false };
    match (padding, algorithm) {
        // Made anew and compared as a whole: nothing in it is parsed, so nothing can be hidden in it.
        (Padding::Pkcs1v15, _) => {
            pkcs1_v15(n.len(), algorithm, digest).is_some_and(|expected| ct_eq(&expected, &encoded))
        }
        (Padding::Pss(salt), Some(algorithm)) => {
            check_pss(bits(n), salt, algorithm, digest, &encoded).is_some()
        }
        (Padding::Pss(_), None) => false,
    }
}

/// EMSA-PKCS1-v1_5.
fn pkcs1_v15(len: usize, algorithm: Option<Digest>, digest: &[u8]) -> Option<Vec<u8>> {
    let info = match algorithm {
        Some(algorithm) => digest_info(algorithm, digest)?,
        None => Zeroizing::new(digest.to_vec()),
    };
    let fill = len.checked_sub(info.len() + 3).filter(|fill| *fill >= 8)?;
    let mut out = vec![0, 1];
    out.resize(2 + fill, 0xff);
    out.push(0);
    out.extend_from_slice(&info);
    Some(out)
}

fn digest_info(algorithm: Digest, digest: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if digest.len() != algorithm.size() {
        return None;
    }
    const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
    let nist = |last: u8| vec![0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    let oid = match algorithm {
        Digest::Sha1 => SHA1.to_vec(),
        Digest::Sha256 => nist(1),
        Digest::Sha384 => nist(2),
        Digest::Sha512 => nist(3),
        Digest::Sha224 => nist(4),
        Digest::Sha3_224 => nist(7),
        Digest::Sha3_256 => nist(8),
        Digest::Sha3_384 => nist(9),
        Digest::Sha3_512 => nist(10),
    };
    let name = der::sequence(&[&der::element(der::tag::OID, &[&oid]), &der::element(der::tag::NULL, &[])]);
    Some(der::sequence(&[&name, &der::element(der::tag::OCTET_STRING, &[digest])]))
}

/// EMSA-PSS-ENCODE.
fn pss(bits: usize, random: &dyn Random, salt: Salt, algorithm: Digest, digest: &[u8]) -> Option<Vec<u8>> {
    if digest.len() != algorithm.size() {
        return None;
    }
    let len = bits.saturating_sub(1).div_ceil(8);
    let room = len.checked_sub(algorithm.size() + 2)?;
    let salt_len = match salt {
        Salt::Auto => room,
        Salt::Digest => algorithm.size(),
        Salt::Bytes(bytes) => bytes,
    };
    let zeros = room.checked_sub(salt_len)?;
    let mut salt = vec![0; salt_len];
    random.fill(&mut salt);
    let hash = salted(algorithm, digest, &salt);
    let mut block = vec![0; zeros];
    block.push(1);
    block.extend_from_slice(&salt);
    mask(algorithm, &hash, &mut block);
    clear_top(bits, len, &mut block);
    block.extend_from_slice(&hash);
    block.push(0xbc);
    Some(block)
}

/// EMSA-PSS-VERIFY; the salt's length is found, and compared where one was asked for.
fn check_pss(bits: usize, salt: Salt, algorithm: Digest, digest: &[u8], encoded: &[u8]) -> Option<()> {
    let len = bits.saturating_sub(1).div_ceil(8);
    let encoded = padded(encoded, len)?;
    let (0xbc, rest) = encoded.split_last().map(|(last, rest)| (*last, rest))? else { return None };
    let (block, hash) = rest.split_at_checked(rest.len().checked_sub(algorithm.size())?)?;
    let mut block = block.to_vec();
    let top = *block.first()?;
    clear_top(bits, len, &mut block);
    if block.first() != Some(&top) {
        return None;
    }
    mask(algorithm, hash, &mut block);
    clear_top(bits, len, &mut block);
    let one = block.iter().position(|byte| *byte != 0)?;
    let (1, found) = block.get(one..)?.split_first().map(|(first, rest)| (*first, rest))? else {
        return None;
    };
    let fits = match salt {
        Salt::Auto => true,
        Salt::Digest => found.len() == algorithm.size(),
        Salt::Bytes(bytes) => found.len() == bytes,
    };
    (fits && ct_eq(&salted(algorithm, digest, found), hash)).then_some(())
}

fn salted(algorithm: Digest, digest: &[u8], salt: &[u8]) -> Vec<u8> {
    algorithm.of(&[&[0; 8], digest, salt].concat())
}

/// Applies MGF1 over the digest's own algorithm.
fn mask(algorithm: Digest, seed: &[u8], block: &mut [u8]) {
    for (counter, chunk) in (0_u32..).zip(block.chunks_mut(algorithm.size())) {
        let part = algorithm.of(&[seed, &counter.to_be_bytes()].concat());
        chunk.iter_mut().zip(part).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// The encoded message is one bit shorter than the modulus.
fn clear_top(bits: usize, len: usize, block: &mut [u8]) {
    let unused = (8 * len).saturating_sub(bits.saturating_sub(1));
    if let Some(first) = block.first_mut() {
        *first &= 0xff_u8 >> unused;
    }
}

fn bits(n: &[u8]) -> usize {
    let top = n.first().map_or(0, |first| first.leading_zeros() as usize);
    n.len() * 8 - top
}

fn public_power(n: &[u8], e: &[u8], base: &[u8]) -> Option<Vec<u8>> {
    let exponent = BoxedUint::from_be_slice_vartime(e);
    power(n, &exponent, e.len() * 8, base)
}

/// `base ^ exponent mod n` in as many bytes as `n` has; none unless `base` is below `n`.
fn power(n: &[u8], exponent: &BoxedUint, exponent_bits: usize, base: &[u8]) -> Option<Vec<u8>> {
    let modulus: Odd<BoxedUint> = Option::from(Odd::new(number(n, bits(n))?))?;
    let base = number(base, bits(n))?;
    if base >= *modulus.as_ref() {
        return None;
    }
    let form = BoxedMontyForm::new(base, &BoxedMontyParams::new(modulus));
    let result = form.pow_bounded_exp(exponent, u32::try_from(exponent_bits).ok()?).retrieve();
    padded(&result.to_be_bytes(), n.len()).map(|bytes| bytes.to_vec())
}

/// A number in words enough for `bits`.
fn number(bytes: &[u8], bits: usize) -> Option<BoxedUint> {
    let precision = u32::try_from(bits.next_multiple_of(64)).ok()?;
    let bytes = padded(bytes, (bits.next_multiple_of(64)) / 8)?;
    BoxedUint::from_be_slice(&bytes, precision).ok()
}
