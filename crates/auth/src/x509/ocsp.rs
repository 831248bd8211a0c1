//! Questions to OCSP responders and their answers (RFC 6960).

use super::signed::{Signed, content_of, sequence};
use super::{Certificate, X509Error};
use strongroom_crypto::der;
use strongroom_crypto::digest::Digest;
use x509_cert::der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, OctetStringRef};
use x509_cert::der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

/// What a responder says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is not revoked.
    Good,
    /// It is revoked.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

/// A status with the times it holds for, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: Status,
    /// When it was known to be so.
    pub this_update: u64,
    /// When something newer will be known.
    pub next_update: Option<u64>,
}

/// The question after one certificate, in DER.
pub fn question(certificate: &Certificate, issuer: &Certificate) -> Vec<u8> {
    let name = der::element(OCTET_STRING, &[&Digest::Sha1.of(&issuer.subject)]);
    let key = der::element(OCTET_STRING, &[&Digest::Sha1.of(issuer.key_bits())]);
    let serial = der::element(INTEGER, &[&certificate.serial]);
    let id = der::sequence(&[SHA1, &name, &key, &serial]);
    let request = der::sequence(&[&id]);
    let list = der::sequence(&[&request]);
    let content = der::sequence(&[&list]);
    der::sequence(&[&content]).to_vec()
}

/// What an answer says of a certificate. It must be signed by the issuer, by one of the others that are
/// trusted for it, or by somebody whom one of these has certified for that.
pub fn answer(
    bytes: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
    others: &[Certificate],
    now: i64,
) -> Result<Answer, X509Error> {
    let basic = basic(bytes)?;
    let signed = Signed::read(basic)?;
    if !is_trusted(&signed, issuer, others, now)? {
        return Err(X509Error("nobody who is trusted has signed the answer"));
    }
    let mut responses = responses(signed.content())?;
    while !responses.is_finished() {
        if let Some(answer) = single(responses.tlv_bytes()?, certificate, issuer)? {
            return Ok(answer);
        }
    }
    Err(X509Error("the answer is about another certificate"))
}

const OCTET_STRING: u8 = 0x04;
const INTEGER: u8 = 0x02;
/// The algorithm identifier of SHA-1, which every responder knows. It only names who is asked about.
const SHA1: &[u8] = &[0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00];
/// The object identifier in it.
const SHA1_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// id-kp-OCSPSigning.
const SIGNING: &str = "1.3.6.1.5.5.7.3.9";
/// Certificates in an answer that are looked at.
const MAX_CERTIFICATES: usize = 8;

/// The basic answer in an `OCSPResponse`.
fn basic(bytes: &[u8]) -> Result<&[u8], X509Error> {
    let mut parts = sequence(bytes)?;
    let status = AnyRef::decode(&mut parts)?;
    if status.tag() != Tag::Enumerated || status.value() != [0] {
        return Err(X509Error("the responder refuses to answer"));
    }
    let explicit = tagged(&mut parts, TagNumber(0))?.ok_or(X509Error("the answer is empty"))?;
    let mut typed = sequence(explicit)?;
    if ObjectIdentifier::decode(&mut typed)? != BASIC {
        return Err(X509Error("the answer is of an unknown kind"));
    }
    Ok(<&OctetStringRef>::decode(&mut typed)?.as_bytes())
}

fn is_trusted(
    signed: &Signed<'_>,
    issuer: &Certificate,
    others: &[Certificate],
    now: i64,
) -> Result<bool, X509Error> {
    let trusted = || others.iter().filter(|c| c.is_valid_at(now)).chain([issuer]);
    if trusted().any(|c| signed.is_signed_by(&c.public_key)) {
        return Ok(true);
    }
    if signed.rest.is_empty() {
        return Ok(false);
    }
    let mut rest = SliceReader::new(signed.rest)?;
    let Some(list) = tagged(&mut rest, TagNumber(0))? else { return Ok(false) };
    let mut list = sequence(list)?;
    for _ in 0..MAX_CERTIFICATES {
        if list.is_finished() {
            break;
        }
        let delegate = Certificate::parse(list.tlv_bytes()?)?;
        let is_for_it = delegate.extended_usages.as_ref().is_some_and(|all| all.iter().any(|u| u == SIGNING));
        if is_for_it
            && delegate.is_valid_at(now)
            && signed.is_signed_by(&delegate.public_key)
            && trusted().any(|c| delegate.is_issued_by(c))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The single answers in a `ResponseData`.
fn responses(content: &[u8]) -> Result<SliceReader<'_>, X509Error> {
    let mut parts = sequence(content)?;
    tagged(&mut parts, TagNumber(0))?;
    // The responder's id, then the time it was signed.
    AnyRef::decode(&mut parts)?;
    GeneralizedTime::decode(&mut parts)?;
    sequence(parts.tlv_bytes()?)
}

/// One answer, if it is about this certificate.
fn single(
    bytes: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<Option<Answer>, X509Error> {
    let mut parts = sequence(bytes)?;
    let is_it = names(parts.tlv_bytes()?, certificate, issuer)?;
    let status = match AnyRef::decode(&mut parts)?.tag() {
        Tag::ContextSpecific { number: TagNumber(0), .. } => Status::Good,
        Tag::ContextSpecific { number: TagNumber(1), .. } => Status::Revoked,
        Tag::ContextSpecific { number: TagNumber(2), .. } => Status::Unknown,
        _ => return Err(X509Error("the answer has an unknown status")),
    };
    let this_update = GeneralizedTime::decode(&mut parts)?.to_unix_duration().as_secs();
    let next_update = tagged(&mut parts, TagNumber(0))?.map(GeneralizedTime::from_der).transpose()?;
    let next_update = next_update.map(|time| time.to_unix_duration().as_secs());
    Ok(is_it.then_some(Answer { status, this_update, next_update }))
}

/// Whether a `CertID` names a certificate, in the way it was asked about.
fn names(id: &[u8], certificate: &Certificate, issuer: &Certificate) -> Result<bool, X509Error> {
    let mut parts = sequence(id)?;
    let mut algorithm = sequence(parts.tlv_bytes()?)?;
    let is_sha1 = ObjectIdentifier::decode(&mut algorithm)? == SHA1_OID;
    let name = <&OctetStringRef>::decode(&mut parts)?;
    let key = <&OctetStringRef>::decode(&mut parts)?;
    let serial = content_of(parts.tlv_bytes()?).unwrap_or_default();
    Ok(is_sha1
        && name.as_bytes() == Digest::Sha1.of(&issuer.subject)
        && key.as_bytes() == Digest::Sha1.of(issuer.key_bits())
        && serial == certificate.serial)
}

/// The content of the next element, if it has this explicit tag.
fn tagged<'a>(reader: &mut SliceReader<'a>, wanted: TagNumber) -> Result<Option<&'a [u8]>, X509Error> {
    if reader.is_finished() {
        return Ok(None);
    }
    match Tag::peek(reader)? {
        Tag::ContextSpecific { constructed: true, number } if number == wanted => {
            Ok(Some(AnyRef::decode(reader)?.value()))
        }
        _ => Ok(None),
    }
}
