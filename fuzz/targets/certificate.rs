//! Certificates, revocation lists and OCSP answers, as strangers send them: whatever is read can be asked, and
//! nothing is taken for signed or for a chain.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use strongroom_auth::x509::{Certificate, RevocationList, certificates, client_chain, first_block, ocsp};

const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----
MIIBNzCB36ADAgECAgISNDAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9Db3JwdXMg
Um9vdCBPbmUwIBcNMjQwMTAxMDAwMDAwWhgPMjA1NDAxMDEwMDAwMDBaMBoxGDAW
BgNVBAMMD0NvcnB1cyBSb290IE9uZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BNfrxC3jNkV8+akhKQr6HcwMDsANtJmS723HJUb0IFF9xAZM3HBMGLhSdXuv5NLZ
wgyFrNOcy3/hrPpV9o0v/xSjEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0E
AwIDRwAwRAIgFMgX2MJWVZOe90Phf6u4eE3pbIS6yltLV+DvwA0jCyUCIFjPMV0U
gaj5K+fpAmsSzWAwjxxZfefRbVXaI0t13aZ7
-----END CERTIFICATE-----
";
/// A time at which the authority is valid.
const NOW: i64 = 1_767_323_045;

static TRUSTED: LazyLock<Vec<Certificate>> = LazyLock::new(|| certificates(AUTHORITY).expect("a certificate"));

fuzz_target!(|bytes: &[u8]| {
    let authority = &TRUSTED[0];
    if let Ok(certificate) = Certificate::parse(bytes) {
        let _ = (certificate.allows_usage("1.2.3"), certificate.key_bits(), certificate.may_issue());
        for (oid, _) in &certificate.extensions {
            let _ = certificate.extension_text(oid);
        }
        if certificate.der != authority.der {
            let shown = [bytes.to_vec()];
            assert!(client_chain(&certificate, &shown, &TRUSTED, NOW).is_none(), "a forged chain holds");
        }
        assert!(!ocsp::question(&certificate, authority).is_empty());
    }
    if let Ok(list) = RevocationList::parse(bytes) {
        let _ = list.revokes(authority);
        assert!(!list.is_issued_by(authority), "a forged list is taken");
    }
    assert!(ocsp::answer(bytes, authority, authority, &[], NOW).is_err(), "a forged answer is taken");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (certificates(text), first_block(text, "X509 CRL"));
    }
});
