//! Encryption and decryption of one message under one key.

use super::input::refused_with_500;
use super::key::{Derivation, Key, Version};
use super::ready::Ready;
use super::text;
use strongroom_core::Fault;
use strongroom_crypto::hmac::HmacKey;
use strongroom_crypto::rsa::Encryption;
use strongroom_crypto::symmetric::CipherKey;
use strongroom_crypto::{Random, ed25519, kdf};
use zeroize::Zeroizing;

/// What goes with a message.
#[derive(Default)]
pub(super) struct Terms {
    /// Derived keys come from it.
    pub(super) context: Zeroizing<Vec<u8>>,
    /// Only the first convergent keys take one from outside: a repeated nonce gives the key away.
    pub(super) nonce: Vec<u8>,
    /// Authenticated with the message.
    pub(super) associated: Vec<u8>,
    /// RSA only.
    pub(super) padding: Option<Encryption>,
}

/// What a convergent ciphertext's nonce is made of.
enum Nonce {
    Random,
    Given,
    /// The keyed hash of the message.
    Keyed(Zeroizing<Vec<u8>>),
}

pub(super) const NEEDS_CONTEXT: &str = "missing 'context' for key derivation: the key is a derived one, every request must bring the context it is derived from";
const TAMPERED: &str = "cipher: message authentication failed";

/// `vault:v1:...` of a message under this version.
pub(super) fn encrypt(
    key: &Key,
    random: &dyn Random,
    number: u64,
    terms: &Terms,
    plain: &[u8],
) -> Result<String, Fault> {
    let version = key.version(number)?;
    check(key, version, terms)?;
    if let Ready::Rsa(_, public) = version.ready(key.kind)? {
        let padding = terms.padding.unwrap_or(Encryption::Oaep);
        let sealed = public.encrypt(padding, plain);
        return Ok(text::seal(
            number,
            &sealed.map_err(|_| {
                Fault::invalid("failed to RSA encrypt the plaintext: it is too long for the key")
            })?,
        ));
    }
    let sealed = if key.derived {
        let (cipher, nonce) = derive(key, version, terms)?;
        seal(&cipher, random, &nonce, terms, plain)
    } else {
        seal(symmetric(key, version)?, random, &Nonce::Random, terms, plain)
    };
    Ok(text::seal(number, &sealed?))
}

/// The message of a `vault:v1:...`.
pub(super) fn decrypt(key: &Key, terms: &Terms, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let parsed = text::parse(sealed).map_err(|e| Fault::invalid(format!("invalid ciphertext: {e}")))?;
    let version = key.version(key.check_old(parsed.version, "ciphertext")?)?;
    check(key, version, terms)?;
    let body = text::decode(parsed.body)
        .map_err(|_| Fault::invalid("invalid ciphertext: could not decode base64"))?;
    if let Ready::Rsa(private, _) = version.ready(key.kind)? {
        let private = private.as_ref().ok_or_else(|| no_private("decryption"))?;
        let padding = terms.padding.unwrap_or(Encryption::Oaep);
        return private
            .decrypt(padding, &body)
            .map_err(|_| Fault::invalid("failed to RSA decrypt the ciphertext"));
    }
    let derived = if key.derived { Some(derive(key, version, terms)?) } else { None };
    let (cipher, nonce) = match &derived {
        Some((cipher, nonce)) => (cipher, nonce),
        None => (symmetric(key, version)?, &Nonce::Random),
    };
    let nonce_len = if matches!(nonce, Nonce::Given) { 0 } else { cipher.cipher().nonce_len() };
    if body.len() < nonce_len + strongroom_crypto::symmetric::TAG_LEN {
        return Err(Fault::invalid("invalid ciphertext length"));
    }
    let opened = match nonce {
        Nonce::Given => cipher.open_with(&terms.nonce, &terms.associated, &body),
        Nonce::Random | Nonce::Keyed(_) => cipher.open(&terms.associated, &body),
    };
    opened.map_err(|_| Fault::invalid(TAMPERED))
}

/// The signing key that a derived Ed25519 key gives for a context. It is derived from both halves of
/// the key, as Vault does.
pub(super) fn derived_ed25519(
    key: &Key,
    version: &Version,
    context: &[u8],
) -> Result<ed25519::PrivateKey, Fault> {
    if context.is_empty() {
        return Err(Fault::invalid(NEEDS_CONTEXT));
    }
    let whole = Zeroizing::new([&*version.secret, &*version.public].concat());
    let seed = derived_bytes(key.derivation, &whole, context, ed25519::LEN)?;
    ed25519::PrivateKey::from_seed(&seed).map_err(|e| Fault::Internal(e.to_string()))
}

pub(super) fn no_private(what: &str) -> Fault {
    refused_with_500(format!("requested version for {what} does not contain a private part"))
}

/// Whether the terms suit the key.
fn check(key: &Key, version: &Version, terms: &Terms) -> Result<(), Fault> {
    let kind = key.kind;
    if !kind.encrypts() {
        return Err(Fault::invalid(format!(
            "key type {} does not support encryption and decryption",
            kind.name()
        )));
    }
    if kind.cipher().is_none() && !terms.associated.is_empty() {
        return Err(Fault::invalid(format!(
            "field \"associated_data\": keys of type {} take none",
            kind.name()
        )));
    }
    let given = key.convergence(version) == 1;
    if !given && !terms.nonce.is_empty() {
        return Err(Fault::invalid("provided nonce not allowed for this key"));
    }
    let len = kind.cipher().map_or(0, |cipher| cipher.nonce_len());
    if given && terms.nonce.len() != len {
        return Err(Fault::invalid(format!(
            "base64-decoded nonce must be {len} bytes long when using convergent encryption with this key"
        )));
    }
    Ok(())
}

fn symmetric<'k>(key: &Key, version: &'k Version) -> Result<&'k CipherKey, Fault> {
    match version.ready(key.kind)? {
        Ready::Cipher(cipher) => Ok(cipher),
        _ => Err(Fault::invalid(format!("key type {} does not support encryption", key.kind.name()))),
    }
}

/// The cipher for a context and where its nonces come from.
fn derive(key: &Key, version: &Version, terms: &Terms) -> Result<(CipherKey, Nonce), Fault> {
    if terms.context.is_empty() {
        return Err(Fault::invalid(NEEDS_CONTEXT));
    }
    let cipher =
        key.kind.cipher().ok_or_else(|| Fault::Internal("a derived key without a cipher".to_owned()))?;
    let convergence = key.convergence(version);
    let nonce_key_len = if convergence > 2 { 32 } else { 0 };
    let bytes =
        derived_bytes(key.derivation, &version.secret, &terms.context, cipher.key_len() + nonce_key_len)?;
    let (own, nonce_key) = bytes.split_at_checked(cipher.key_len()).unwrap_or_default();
    let nonce = match convergence {
        0 => Nonce::Random,
        1 => Nonce::Given,
        2 => Nonce::Keyed(terms.context.clone()),
        _ => Nonce::Keyed(Zeroizing::new(nonce_key.to_vec())),
    };
    let ready = CipherKey::new(cipher, own);
    Ok((ready.ok_or_else(|| Fault::Internal("a derived key has the wrong length".to_owned()))?, nonce))
}

fn derived_bytes(
    how: Derivation,
    key: &[u8],
    context: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    match how {
        Derivation::Hkdf => kdf::hkdf_sha256(key, context, len),
        Derivation::Counter => kdf::counter_sha256(key, context, len),
    }
    .ok_or_else(|| Fault::Internal("a key could not be derived".to_owned()))
}

fn seal(
    cipher: &CipherKey,
    random: &dyn Random,
    nonce: &Nonce,
    terms: &Terms,
    plain: &[u8],
) -> Result<Vec<u8>, Fault> {
    let aad = &terms.associated;
    let sealed = match nonce {
        Nonce::Random => cipher.seal(random, aad, plain),
        Nonce::Keyed(key) => {
            let hash = HmacKey::sha256(key).sign(plain);
            cipher.seal_with(hash.get(..cipher.cipher().nonce_len()).unwrap_or_default(), aad, plain)
        }
        // Kept by the caller: it does not travel with the ciphertext.
        Nonce::Given => cipher
            .seal_with(&terms.nonce, aad, plain)
            .map(|sealed| sealed.get(terms.nonce.len()..).unwrap_or_default().to_vec()),
    };
    sealed.map_err(|e| Fault::invalid(e.to_string()))
}
