//! Certificates and lists as operators write them.

use super::{Certificate, X509Error};
use strongroom_crypto::pem;

/// All certificates of a text in PEM, at least one. Other text may stand between them, other blocks may not.
pub fn certificates(text: &str) -> Result<Vec<Certificate>, X509Error> {
    let mut found = Vec::new();
    for part in blocks(text) {
        let block = pem::decode(part).ok_or(X509Error("a PEM block is damaged"))?;
        if block.label.contains("PRIVATE KEY") {
            return Err(X509Error("a private key does not belong here"));
        }
        if !matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE") {
            return Err(X509Error("a PEM block is no CERTIFICATE"));
        }
        found.push(Certificate::parse(&block.bytes)?);
    }
    if found.is_empty() {
        return Err(X509Error("there is no certificate in it; required type: PEM"));
    }
    Ok(found)
}

/// The bytes of the first block with this label.
pub fn first_block(text: &str, label: &str) -> Option<Vec<u8>> {
    let found = blocks(text).filter_map(pem::decode).find(|block| block.label == label)?;
    Some(found.bytes.to_vec())
}

const BEGIN: &str = "-----BEGIN ";

/// The text cut before every BEGIN.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = text.match_indices(BEGIN).map(|(at, _)| at).collect();
    let ends: Vec<usize> = starts.iter().copied().skip(1).chain([text.len()]).collect();
    starts.into_iter().zip(ends).filter_map(|(start, end)| text.get(start..end))
}
