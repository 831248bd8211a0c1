//! RSA keys: signatures with either padding over any digest, and encryption.

mod numbers;
mod raw;

pub use numbers::Numbers;

use crate::der::{self, Reader, tag};
use crate::digest::Digest;
use crate::{KeyError, Random};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384,
    OAEP_SHA512_MGF1SHA512, OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
    RsaParameters, RsaPssSaltLength,
};
use aws_lc_rs::signature::{
    self, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaSignatureEncoding,
};
use zeroize::Zeroizing;

/// How a digest is made as long as the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// PSS with MGF1 over the digest's own algorithm.
    Pss(Salt),
    /// PKCS#1 version 1.5; without an algorithm the input is signed as it is.
    Pkcs1v15,
}

/// The length of a PSS salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Salt {
    /// As long as fits when signing, whatever is found when verifying.
    Auto,
    /// As long as the digest.
    Digest,
    /// So many bytes.
    Bytes(usize),
}

/// How a message is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// OAEP with SHA-256 and MGF1 over it.
    Oaep,
    /// OAEP with SHA-1, for key wrapping with older tools.
    OaepSha1,
    /// OAEP with SHA-384.
    OaepSha384,
    /// OAEP with SHA-512.
    OaepSha512,
    /// PKCS#1 version 1.5.
    Pkcs1v15,
}

/// A private key.
pub struct PrivateKey {
    pair: KeyPair,
    decrypting: PrivateDecryptingKey,
    numbers: Numbers,
}

/// A public key.
pub struct PublicKey {
    /// SubjectPublicKeyInfo.
    spki: Vec<u8>,
    n: Vec<u8>,
    e: Vec<u8>,
    encrypting: PublicEncryptingKey,
}

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

static PSS_256: RsaSignatureEncoding = signature::RSA_PSS_SHA256;
static PSS_384: RsaSignatureEncoding = signature::RSA_PSS_SHA384;
static PSS_512: RsaSignatureEncoding = signature::RSA_PSS_SHA512;
static PSS_256_MAX: RsaSignatureEncoding =
    signature::RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);
static PSS_384_MAX: RsaSignatureEncoding =
    signature::RSA_PSS_SHA384.with_pss_salt_length(RsaPssSaltLength::Max);
static PSS_512_MAX: RsaSignatureEncoding =
    signature::RSA_PSS_SHA512.with_pss_salt_length(RsaPssSaltLength::Max);

impl PrivateKey {
    /// A new key of 2048, 3072 or 4096 bits, from the library's own generator. Takes a while.
    pub fn generate(bits: usize) -> Result<Self, KeyError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return Err(KeyError::OtherKind),
        };
        let pair = KeyPair::generate(size).map_err(|_| KeyError::Failed)?;
        let der: Pkcs8V1Der = pair.as_der().map_err(|_| KeyError::Failed)?;
        Self::from_pkcs8(der.as_ref())
    }

    /// A key in PKCS#8.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_pkcs1(read_pkcs8(der).map_err(|_| KeyError::Malformed)?.ok_or(KeyError::OtherKind)?)
    }

    /// A key in PKCS#1, what PEM calls `RSA PRIVATE KEY`.
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let numbers = Numbers::from_pkcs1(der).ok_or(KeyError::Malformed)?;
        let pair = KeyPair::from_der(der).map_err(|_| KeyError::Refused)?;
        let decrypting = PrivateDecryptingKey::from_pkcs8(&pkcs8(der)).map_err(|_| KeyError::Refused)?;
        Ok(Self { pair, decrypting, numbers })
    }

    /// The numbers that the key consists of.
    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Bits of the modulus.
    pub fn bits(&self) -> usize {
        self.decrypting.key_size_bits()
    }

    /// The public key.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        let der: PublicKeyX509Der = self.decrypting.public_key().as_der().map_err(|_| KeyError::Failed)?;
        PublicKey::from_spki(der.as_ref())
    }

    /// A signature of a digest. Without an algorithm, which only PKCS#1 v1.5 allows, the input is padded
    /// as it is.
    pub fn sign(
        &self,
        random: &dyn Random,
        padding: Padding,
        algorithm: Option<Digest>,
        digest: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        if let Some(algorithm) = algorithm
            && let Some(encoding) = encoding(padding, algorithm)
            && let Some(library) = algorithm.algorithm()
        {
            let digest = aws_lc_rs::digest::Digest::import_less_safe(digest, library);
            let digest = digest.map_err(|_| KeyError::Malformed)?;
            let mut out = vec![0; self.pair.public_modulus_len()];
            self.pair.sign_digest(encoding, &digest, &mut out).map_err(|_| KeyError::Failed)?;
            return Ok(out);
        }
        raw::sign(&self.numbers, random, padding, algorithm, digest)
    }

    /// The message that was encrypted.
    pub fn decrypt(&self, how: Encryption, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut out = Zeroizing::new(vec![0; self.decrypting.key_size_bytes()]);
        let len = match how.oaep() {
            Some(algorithm) => OaepPrivateDecryptingKey::new(self.decrypting.clone())
                .and_then(|key| Ok(key.decrypt(algorithm, ciphertext, &mut out, None)?.len())),
            None => Pkcs1PrivateDecryptingKey::new(self.decrypting.clone())
                .and_then(|key| Ok(key.decrypt(ciphertext, &mut out)?.len())),
        };
        out.truncate(len.map_err(|_| KeyError::Failed)?);
        Ok(out)
    }
}

impl PublicKey {
    /// A key in X.509's SubjectPublicKeyInfo.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = read_spki(der).map_err(|_| KeyError::Malformed)?.ok_or(KeyError::OtherKind)?;
        let encrypting = PublicEncryptingKey::from_der(der).map_err(|_| KeyError::Refused)?;
        Ok(Self { spki: der.to_vec(), n: n.to_vec(), e: e.to_vec(), encrypting })
    }

    /// A key from modulus and exponent.
    pub fn from_numbers(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let algorithm =
            der::sequence(&[&der::element(tag::OID, &[RSA_ENCRYPTION]), &der::element(tag::NULL, &[])]);
        let key = der::sequence(&[&der::integer(n), &der::integer(e)]);
        Self::from_spki(&der::sequence(&[&algorithm, &der::bit_string(&key)]))
    }

    /// The key as SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Modulus and public exponent.
    pub fn numbers(&self) -> (&[u8], &[u8]) {
        (&self.n, &self.e)
    }

    /// Bits of the modulus.
    pub fn bits(&self) -> usize {
        self.encrypting.key_size_bits()
    }

    /// Whether a signature belongs to a digest.
    pub fn verify(
        &self,
        padding: Padding,
        algorithm: Option<Digest>,
        digest: &[u8],
        signature: &[u8],
    ) -> bool {
        let library = |algorithm: Digest| match (padding, algorithm) {
            (Padding::Pkcs1v15, Digest::Sha256) => Some(&RSA_PKCS1_2048_8192_SHA256),
            (Padding::Pkcs1v15, Digest::Sha384) => Some(&RSA_PKCS1_2048_8192_SHA384),
            (Padding::Pkcs1v15, Digest::Sha512) => Some(&RSA_PKCS1_2048_8192_SHA512),
            _ => None,
        };
        match algorithm.and_then(|a| Some((library(a)?, a.algorithm()?))) {
            Some((parameters, library)) => self.verify_by_library(parameters, library, digest, signature),
            None => raw::verify(&self.n, &self.e, padding, algorithm, digest, signature),
        }
    }

    fn verify_by_library(
        &self,
        parameters: &'static RsaParameters,
        library: &'static aws_lc_rs::digest::Algorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> bool {
        let key = signature::UnparsedPublicKey::new(parameters, &self.spki);
        aws_lc_rs::digest::Digest::import_less_safe(digest, library)
            .is_ok_and(|digest| key.verify_digest(&digest, signature).is_ok())
    }

    /// An encrypted message.
    pub fn encrypt(&self, how: Encryption, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut out = vec![0; self.encrypting.key_size_bytes()];
        let key = self.encrypting.clone();
        let len = match how.oaep() {
            Some(algorithm) => OaepPublicEncryptingKey::new(key)
                .and_then(|key| Ok(key.encrypt(algorithm, plain, &mut out, None)?.len())),
            None => {
                Pkcs1PublicEncryptingKey::new(key).and_then(|key| Ok(key.encrypt(plain, &mut out)?.len()))
            }
        };
        out.truncate(len.map_err(|_| KeyError::TooLong)?);
        Ok(out)
    }
}

impl Encryption {
    fn oaep(self) -> Option<&'static OaepAlgorithm> {
        match self {
            Self::Oaep => Some(&OAEP_SHA256_MGF1SHA256),
            Self::OaepSha1 => Some(&OAEP_SHA1_MGF1SHA1),
            Self::OaepSha384 => Some(&OAEP_SHA384_MGF1SHA384),
            Self::OaepSha512 => Some(&OAEP_SHA512_MGF1SHA512),
            Self::Pkcs1v15 => None,
        }
    }
}

/// The library's name for a padding over a digest, where it has one.
fn encoding(padding: Padding, algorithm: Digest) -> Option<&'static RsaSignatureEncoding> {
    Some(match (padding, algorithm) {
        (Padding::Pkcs1v15, Digest::Sha256) => &signature::RSA_PKCS1_SHA256,
        (Padding::Pkcs1v15, Digest::Sha384) => &signature::RSA_PKCS1_SHA384,
        (Padding::Pkcs1v15, Digest::Sha512) => &signature::RSA_PKCS1_SHA512,
        (Padding::Pss(Salt::Digest), Digest::Sha256) => &PSS_256,
        (Padding::Pss(Salt::Digest), Digest::Sha384) => &PSS_384,
        (Padding::Pss(Salt::Digest), Digest::Sha512) => &PSS_512,
        (Padding::Pss(Salt::Auto), Digest::Sha256) => &PSS_256_MAX,
        (Padding::Pss(Salt::Auto), Digest::Sha384) => &PSS_384_MAX,
        (Padding::Pss(Salt::Auto), Digest::Sha512) => &PSS_512_MAX,
        _ => return None,
    })
}

/// A PKCS#1 key in PKCS#8.
fn pkcs8(pkcs1: &[u8]) -> Zeroizing<Vec<u8>> {
    let algorithm =
        der::sequence(&[&der::element(tag::OID, &[RSA_ENCRYPTION]), &der::element(tag::NULL, &[])]);
    der::sequence(&[&der::integer(&[]), &algorithm, &der::element(tag::OCTET_STRING, &[pkcs1])])
}

/// The PKCS#1 key inside; none if it is another kind of key.
fn read_pkcs8(bytes: &[u8]) -> Result<Option<&[u8]>, der::DerError> {
    let mut outer = Reader::of_sequence(bytes)?;
    outer.integer()?;
    let known = outer.sequence()?.element(tag::OID)? == RSA_ENCRYPTION;
    let key = outer.element(tag::OCTET_STRING)?;
    Ok(known.then_some(key))
}

type Public<'a> = (&'a [u8], &'a [u8]);

/// Modulus and exponent; none if it is another kind of key.
fn read_spki(bytes: &[u8]) -> Result<Option<Public<'_>>, der::DerError> {
    let mut outer = Reader::of_sequence(bytes)?;
    if outer.sequence()?.element(tag::OID)? != RSA_ENCRYPTION {
        return Ok(None);
    }
    let mut key = Reader::of_sequence(outer.bit_string()?)?;
    outer.end()?;
    let numbers = (key.integer()?, key.integer()?);
    key.end()?;
    Ok(Some(numbers))
}

#[cfg(test)]
mod tests;
