//! What a certificate says.

use super::X509Error;
use super::signed::{Signed, public_key_parts};
use std::collections::BTreeSet;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner};
use x509_cert::der::asn1::{Any, AnyRef, BmpString, Ia5StringRef, ObjectIdentifier, OctetString};
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage,
};

/// A certificate, read and not yet believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// All of it.
    pub der: Vec<u8>,
    /// The serial number, big-endian, as it is encoded.
    pub serial: Vec<u8>,
    /// The subject's name in DER.
    pub subject: Vec<u8>,
    /// The issuer's name in DER.
    pub issuer: Vec<u8>,
    /// The subject's common name, the last if there are several; empty without one.
    pub common_name: String,
    /// The subject's organizational units.
    pub organizational_units: Vec<String>,
    /// Host names among the alternative names.
    pub dns_names: Vec<String>,
    /// Mail addresses among the alternative names.
    pub emails: Vec<String>,
    /// URIs among the alternative names.
    pub uris: Vec<String>,
    /// Object identifiers and values of all extensions.
    pub extensions: Vec<(String, Vec<u8>)>,
    /// From when on it is valid, in seconds since 1970.
    pub not_before: u64,
    /// Until when, that second included.
    pub not_after: u64,
    /// Whether it may issue certificates.
    pub is_authority: bool,
    /// How many authorities may stand between it and the certificates at the end; none for any number.
    pub path_length: Option<u8>,
    /// What its key may be used for; none for anything.
    pub extended_usages: Option<Vec<String>>,
    /// Identifier of its key; empty without one.
    pub subject_key_id: Vec<u8>,
    /// Identifier of the key that signed it; empty without one.
    pub authority_key_id: Vec<u8>,
    /// Its key as a `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    /// Where its issuer answers OCSP.
    pub ocsp_servers: Vec<String>,
}

impl Certificate {
    /// Reads DER.
    pub fn parse(der: &[u8]) -> Result<Self, X509Error> {
        let read = CertificateInner::<Raw>::from_der(der)?;
        let fields = read.tbs_certificate();
        let mut certificate = Self {
            der: der.to_vec(),
            serial: fields.serial_number().as_bytes().to_vec(),
            subject: fields.subject().to_der()?,
            issuer: fields.issuer().to_der()?,
            not_before: fields.validity().not_before.to_unix_duration().as_secs(),
            not_after: fields.validity().not_after.to_unix_duration().as_secs(),
            public_key: fields.subject_public_key_info().to_der()?,
            ..Self::default()
        };
        certificate.read_subject(fields)?;
        let extensions = fields.extensions().map(Vec::as_slice).unwrap_or_default();
        let distinct: BTreeSet<_> = extensions.iter().map(|e| e.extn_id).collect();
        if distinct.len() != extensions.len() {
            return Err(X509Error("an extension occurs twice"));
        }
        extensions.iter().try_for_each(|extension| certificate.read_extension(extension))?;
        Ok(certificate)
    }

    /// Whether it is valid at a time, in seconds since 1970.
    pub fn is_valid_at(&self, now: i64) -> bool {
        u64::try_from(now).is_ok_and(|now| (self.not_before..=self.not_after).contains(&now))
    }

    /// Whether the key may be used for something, by object identifier.
    pub fn allows_usage(&self, usage: &str) -> bool {
        self.extended_usages.as_ref().is_none_or(|all| all.iter().any(|u| u == usage || u == ANY_USAGE))
    }

    /// The value of an extension, if it is one text in ASN.1.
    pub fn extension_text(&self, oid: &str) -> Option<String> {
        let value = self.extension(oid)?;
        text(&Any::from_der(value).ok()?)
    }

    /// The bytes of an extension's value.
    pub fn extension(&self, oid: &str) -> Option<&[u8]> {
        self.extensions.iter().find(|(id, _)| id == oid).map(|(_, value)| value.as_slice())
    }

    /// The bits of its key, without the algorithm.
    pub fn key_bits(&self) -> &[u8] {
        public_key_parts(&self.public_key).map(|(_, bits)| bits).unwrap_or_default()
    }

    /// Whether it names the other as its issuer and is signed with the other's key.
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject
            && Signed::read(&self.der).is_ok_and(|signed| signed.is_signed_by(&issuer.public_key))
    }

    fn read_subject(&mut self, fields: &TbsCertificateInner<Raw>) -> Result<(), X509Error> {
        for AttributeTypeAndValue { oid, value } in fields.subject().iter() {
            let unreadable = || X509Error("the subject's name is no text");
            match *oid {
                COMMON_NAME => self.common_name = text(value).ok_or_else(unreadable)?,
                ORGANIZATIONAL_UNIT => self.organizational_units.push(text(value).ok_or_else(unreadable)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_extension(&mut self, extension: &Extension) -> Result<(), X509Error> {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            ALTERNATIVE_NAMES => self.read_names(GeneralNames::from_der(value)?),
            BASIC_CONSTRAINTS => {
                let constraints = BasicConstraints::from_der(value)?;
                (self.is_authority, self.path_length) = (constraints.ca, constraints.path_len_constraint);
            }
            EXTENDED_KEY_USAGE => {
                let usages = ExtendedKeyUsage::from_der(value)?.0;
                self.extended_usages = Some(usages.iter().map(ToString::to_string).collect());
            }
            SUBJECT_KEY_ID => self.subject_key_id = OctetString::from_der(value)?.as_bytes().to_vec(),
            AUTHORITY_KEY_ID => {
                let id = AuthorityKeyIdentifier::from_der(value)?.key_identifier;
                self.authority_key_id = id.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
            }
            AUTHORITY_ACCESS => {
                let access = AuthorityInfoAccessSyntax::from_der(value)?.0;
                let answers = access.into_iter().filter(|a| a.access_method == OCSP_ACCESS);
                self.ocsp_servers = answers.filter_map(|a| uri(a.access_location)).collect();
            }
            _ => {}
        }
        self.extensions.push((extension.extn_id.to_string(), value.to_vec()));
        Ok(())
    }

    fn read_names(&mut self, names: GeneralNames) {
        for name in names {
            match name {
                GeneralName::DnsName(name) => self.dns_names.push(name.to_string()),
                GeneralName::Rfc822Name(name) => self.emails.push(name.to_string()),
                GeneralName::UniformResourceIdentifier(name) => self.uris.push(name.to_string()),
                _ => {}
            }
        }
    }

    /// Whether its key may sign certificates: an authority whose key usage, if there is any, says so.
    pub fn may_issue(&self) -> bool {
        let usage = self.extension(KEY_USAGE).map(KeyUsage::from_der);
        self.is_authority && usage.is_none_or(|usage| usage.is_ok_and(|usage| usage.key_cert_sign()))
    }
}

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const AUTHORITY_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const OCSP_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const KEY_USAGE: &str = "2.5.29.15";
const ANY_USAGE: &str = "2.5.29.37.0";

fn uri(name: GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        _ => None,
    }
}

/// A text in one of the encodings that certificates use.
fn text(value: &Any) -> Option<String> {
    let value: AnyRef<'_> = value.into();
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String => String::from_utf8(bytes.to_vec()).ok(),
        Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            Ia5StringRef::new(bytes).ok().map(|text| text.to_string())
        }
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => BmpString::from_ucs2(bytes.to_vec()).ok().map(|text| text.to_string()),
        _ => None,
    }
}
