//! Chains from a client's certificate to an authority that is trusted.

use super::Certificate;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};

/// A chain that holds, the client's own certificate first, and who is trusted last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain(pub Vec<Certificate>);

/// The chain from a client's certificate over those it has shown beside it to one of the authorities, if
/// there is one that holds at this time. Validity, signatures, name constraints, lengths and the use for
/// client authentication are checked along it, the authority's own dates and length too.
pub fn client_chain(
    own: &Certificate,
    shown: &[Vec<u8>],
    authorities: &[Certificate],
    now: i64,
) -> Option<Chain> {
    let trusted: Vec<&Certificate> =
        authorities.iter().filter(|c| c.may_issue() && c.is_valid_at(now)).collect();
    let ders: Vec<CertificateDer<'_>> =
        trusted.iter().map(|c| CertificateDer::from(c.der.as_slice())).collect();
    let anchors: Vec<TrustAnchor<'_>> =
        ders.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
    let own_der = CertificateDer::from(own.der.as_slice());
    let leaf = EndEntityCert::try_from(&own_der).ok()?;
    let between: Vec<CertificateDer<'_>> =
        shown.iter().take(MAX_SHOWN).map(|der| CertificateDer::from(der.as_slice())).collect();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).ok()?));
    let path = leaf
        .verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &between, at, ClientUse, None, None)
        .ok()?;
    let mut chain = vec![own.clone()];
    for certificate in path.intermediate_certificates() {
        let certificate = Certificate::parse(&certificate.der()).ok().filter(Certificate::may_issue)?;
        chain.push(certificate);
    }
    let last = chain.last()?;
    let mut anchors = trusted.into_iter().filter(|c| last.is_issued_by(c) && has_key(c, path.anchor()));
    // webpki takes of an anchor its name, its key and its constraints of names, and no more.
    let anchor = anchors.find(|c| c.path_length.is_none_or(|most| chain.len() <= usize::from(most) + 1))?;
    chain.push(anchor.clone());
    Some(Chain(chain))
}

/// Certificates beside its own that a client may show.
const MAX_SHOWN: usize = 16;

/// id-kp-clientAuth and anyExtendedKeyUsage.
const CLIENT_USES: [&[usize]; 2] = [&[1, 3, 6, 1, 5, 5, 7, 3, 2], &[2, 5, 29, 37, 0]];

/// Certificates for client authentication or anything, and those that say nothing of their use.
struct ClientUse;

impl ExtendedKeyUsageValidator for ClientUse {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut says_nothing = true;
        for usage in usages {
            says_nothing = false;
            let usage = usage?.to_decoded_oid();
            if CLIENT_USES.contains(&usage.as_slice()) {
                return Ok(());
            }
        }
        if says_nothing { Ok(()) } else { Err(webpki::Error::UnsupportedCertVersion) }
    }
}

fn has_key(certificate: &Certificate, anchor: &TrustAnchor<'_>) -> bool {
    let content = super::signed::content_of(&certificate.public_key);
    content.is_some_and(|content| content == anchor.subject_public_key_info.as_ref())
}
