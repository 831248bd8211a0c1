//! Signatures of one input under one key.

use super::cipher::{derived_ed25519, no_private};
use super::input::{CONTEXT, bytes, refused_with_500};
use super::key::{Key, Version};
use super::kind::Kind;
use super::mac;
use super::ready::Ready;
use super::text::{self, Sealed};
use std::borrow::Cow;
use strongroom_core::Fault;
use strongroom_crypto::digest::Digest;
use strongroom_crypto::ecdsa::{self, Curve};
use strongroom_crypto::rsa::{Padding, Salt};
use strongroom_crypto::{KeyError, Random, ed25519};
use strongroom_wire::field::{Args, Field, Kind as FieldKind};

pub(super) const URL_ALGORITHM: &str = "urlalgorithm";
pub(super) const HASH_ALGORITHM: &str = "hash_algorithm";
pub(super) const ALGORITHM: &str = "algorithm";
const PREHASHED: &str = "prehashed";
const SIGNATURE_ALGORITHM: &str = "signature_algorithm";
const MARSHALING: &str = "marshaling_algorithm";
const SALT_LENGTH: &str = "salt_length";

const USUAL_HASH: &str = "sha2-256";

/// The fields of sign and verify that say how.
pub(super) const HOW: [Field; 7] = [
    Field::new(URL_ALGORITHM, FieldKind::Text, "Hash algorithm; wins over the one in the body."),
    Field::new(
        HASH_ALGORITHM,
        FieldKind::Text,
        "sha1, sha2-224, -256, -384 or -512, sha3 with these, or none; sha2-256 unless given.",
    ),
    Field::new(ALGORITHM, FieldKind::Text, "Older name of hash_algorithm, used where that is empty."),
    Field::new(PREHASHED, FieldKind::Bool, "Whether the input is a hash already."),
    Field::new(SIGNATURE_ALGORITHM, FieldKind::Text, "Padding of RSA keys: pss or pkcs1v15."),
    Field::new(MARSHALING, FieldKind::Text, "Form of the signature: asn1 or jws."),
    Field::new(SALT_LENGTH, FieldKind::Text, "Salt of pss: auto, hash, or so many bytes."),
];

/// How to sign or verify.
pub(super) struct How {
    /// None where the input is signed as it is.
    hash: Option<Digest>,
    prehashed: bool,
    /// Of RSA keys; none where another one is named, which the other keys do not look at.
    padding: Option<Padding>,
    jws: bool,
}

/// A signature.
pub(super) struct Signed {
    pub(super) text: String,
    /// The public key that a derived key gives for the context.
    pub(super) public: Option<String>,
}

impl How {
    pub(super) fn read(args: &Args) -> Result<Self, Fault> {
        let salt = salt(args.text_or_empty(SALT_LENGTH))?;
        let padding = match args.text_or_empty(SIGNATURE_ALGORITHM) {
            "" | "pss" => Some(Padding::Pss(salt)),
            "pkcs1v15" => Some(Padding::Pkcs1v15),
            _ => None,
        };
        let prehashed = args.bool(PREHASHED).unwrap_or(false);
        let hash = match hash_name(args) {
            "none" if prehashed && padding == Some(Padding::Pkcs1v15) => None,
            "none" => {
                return Err(Fault::invalid(
                    "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15",
                ));
            }
            name => Some(mac::algorithm(name).map_err(|_| unsupported_hash(name))?),
        };
        let jws = match args.text(MARSHALING).unwrap_or("asn1") {
            "asn1" | "" => false,
            "jws" => true,
            _ => return Err(Fault::invalid(format!("field {MARSHALING:?}: want asn1 or jws"))),
        };
        Ok(Self { hash, prehashed, padding, jws })
    }

    fn padding(&self) -> Result<Padding, Fault> {
        self.padding.ok_or_else(|| {
            refused_with_500(format!("unsupported rsa {SIGNATURE_ALGORITHM}, want pss or pkcs1v15"))
        })
    }

    /// What is signed in place of the input.
    fn digest<'i>(&self, input: &'i [u8]) -> Cow<'i, [u8]> {
        match self.hash {
            Some(hash) if !self.prehashed => Cow::Owned(hash.of(input)),
            _ => Cow::Borrowed(input),
        }
    }
}

/// The name of the hash algorithm that a request asks for.
pub(super) fn hash_name(args: &Args) -> &str {
    let given = |field: &str| Some(args.text_or_empty(field)).filter(|name| !name.is_empty());
    match (given(URL_ALGORITHM), args.text(HASH_ALGORITHM)) {
        (Some(name), _) => name,
        (None, None) => USUAL_HASH,
        (None, Some("")) => given(ALGORITHM).unwrap_or(USUAL_HASH),
        (None, Some(name)) => name,
    }
}

pub(super) fn sign(
    key: &Key,
    random: &dyn Random,
    number: u64,
    how: &How,
    args: &Args,
    input: &[u8],
) -> Result<Signed, Fault> {
    check_kind(key.kind, "signing")?;
    let version = key.version(number)?;
    let mut public = None;
    let lacks = || no_private("signing");
    let signature = match version.ready(key.kind)? {
        Ready::Ed25519(..) if key.derived => {
            let derived = derived_ed25519(key, version, &bytes(args, CONTEXT)?)?;
            public = Some(text::encode(derived.public()));
            derived.sign(input)
        }
        Ready::Ed25519(private, _) => private.as_ref().ok_or_else(lacks)?.sign(input),
        Ready::MlDsa(private, _) => private.as_ref().ok_or_else(lacks)?.sign(input),
        Ready::Ecdsa(private, _) => {
            let signature = private.as_ref().ok_or_else(lacks)?.sign(&how.digest(input));
            signature.and_then(|der| in_form(how, key.kind.curve(), der))
        }
        Ready::Rsa(private, _) => {
            private.as_ref().ok_or_else(lacks)?.sign(random, how.padding()?, how.hash, &how.digest(input))
        }
        Ready::Cipher(_) | Ready::Hmac => Err(KeyError::OtherKind),
    }
    .map_err(refusal)?;
    let text = if how.jws { text::seal_for_jws(number, &signature) } else { text::seal(number, &signature) };
    Ok(Signed { text, public })
}

/// Whether a signature belongs to an input.
pub(super) fn verify(key: &Key, how: &How, args: &Args, input: &[u8], given: &str) -> Result<bool, Fault> {
    check_kind(key.kind, "verification")?;
    let sealed = text::parse(given).map_err(|e| Fault::invalid(format!("invalid signature: {e}")))?;
    let version = key.version(key.check_old(sealed.version, "signature")?)?;
    let signature = unseal(how, sealed)?;
    Ok(match version.ready(key.kind)? {
        Ready::Ed25519(..) if key.derived => derived_public(key, version, args)?.verify(input, &signature),
        Ready::Ed25519(_, public) => public.verify(input, &signature),
        Ready::MlDsa(_, public) => public.verify(input, &signature),
        Ready::Ecdsa(_, public) => {
            let der = from_form(how, key.kind.curve(), signature)
                .ok_or_else(|| Fault::invalid("supplied signature is invalid"))?;
            public.verify(&how.digest(input), &der)
        }
        Ready::Rsa(_, public) => public.verify(how.padding()?, how.hash, &how.digest(input), &signature),
        Ready::Cipher(_) | Ready::Hmac => false,
    })
}

fn check_kind(kind: Kind, what: &str) -> Result<(), Fault> {
    if kind.signs() {
        return Ok(());
    }
    Err(Fault::invalid(format!("key type {} does not support {what}", kind.name())))
}

fn derived_public(key: &Key, version: &Version, args: &Args) -> Result<ed25519::PublicKey, Fault> {
    let derived = derived_ed25519(key, version, &bytes(args, CONTEXT)?)?;
    ed25519::PublicKey::new(derived.public()).map_err(|e| Fault::Internal(e.to_string()))
}

fn unseal(how: &How, sealed: Sealed<'_>) -> Result<Vec<u8>, Fault> {
    let bytes = if how.jws {
        text::decode_for_jws(sealed.body)
    } else {
        text::decode(sealed.body).ok().map(|bytes| bytes.to_vec())
    };
    bytes.ok_or_else(|| Fault::invalid("invalid base64 signature value"))
}

fn in_form(how: &How, curve: Option<Curve>, der: Vec<u8>) -> Result<Vec<u8>, KeyError> {
    if !how.jws {
        return Ok(der);
    }
    curve.and_then(|curve| ecdsa::fixed_from_der(curve, &der)).ok_or(KeyError::Failed)
}

/// The DER of a signature in the asked form; none if it is not in that form.
fn from_form(how: &How, curve: Option<Curve>, signature: Vec<u8>) -> Option<Vec<u8>> {
    let curve = curve?;
    if how.jws {
        return ecdsa::der_from_fixed(curve, &signature);
    }
    ecdsa::fixed_from_der(curve, &signature).map(|_| signature)
}

fn salt(text: &str) -> Result<Salt, Fault> {
    let invalid =
        || Fault::invalid("invalid salt_length argument provided: want auto, hash, or a number of bytes");
    Ok(match text.to_ascii_lowercase().as_str() {
        "" | "auto" => Salt::Auto,
        "hash" => Salt::Digest,
        number => match number.parse::<i64>() {
            // The numbers that Go's library gives these two.
            Ok(0) => Salt::Auto,
            Ok(-1) => Salt::Digest,
            Ok(bytes) => Salt::Bytes(usize::try_from(bytes).map_err(|_| invalid())?),
            Err(_) => return Err(invalid()),
        },
    })
}

fn unsupported_hash(name: &str) -> Fault {
    let shown: String = name.chars().take(32).collect();
    Fault::invalid(format!(
        "invalid hash algorithm {shown:?}, want sha1, sha2-224 to sha2-512, sha3-224 to sha3-512 or none"
    ))
}

fn refusal(error: KeyError) -> Fault {
    match error {
        KeyError::TooLong => Fault::invalid("the input or the salt is too long for the key"),
        KeyError::Malformed => Fault::invalid("input is not a hash of the given algorithm"),
        KeyError::OtherKind | KeyError::Refused => Fault::invalid("the key does not support this signature"),
        KeyError::Failed => Fault::Internal("a signature could not be made".to_owned()),
    }
}
