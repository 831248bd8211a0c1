//! Lists of revoked certificates.

use super::*;
use jiff::SignedDuration;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, date_time_ymd};

const URL: &str = "http://crl.example/list";

fn list(issuer: &Issuer, serials: &[u64]) -> rcgen::CertificateRevocationList {
    let revoked = serials.iter().map(|serial| RevokedCertParams {
        serial_number: (*serial).into(),
        revocation_time: date_time_ymd(2025, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2025, 1, 1),
        next_update: date_time_ymd(2026, 2, 1),
        crl_number: 1_u64.into(),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap()
}

fn numbered(issuer: &Issuer, serial: u64) -> rcgen::Certificate {
    client(issuer, "a", |p| p.serial_number = Some(serial.into()))
}

#[tokio::test]
async fn a_revoked_certificate_does_not_log_in() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    // The high bit makes a leading zero in DER.
    let (good, bad, high) = (numbered(&root, 5), numbered(&root, 6), numbered(&root, 0x80));
    assert_eq!((b.status(&[&bad]).await, b.status(&[&high]).await), (200, 200));
    assert_eq!(b.write("crls/One", json!({"crl": list(&root, &[6, 0x80]).pem().unwrap()})).await.status, 204);
    assert_eq!(b.read("crls/one").await.at("/data"), json!({"serials": {"6": {}, "128": {}}}));
    assert_eq!(
        (b.status(&[&good]).await, b.status(&[&bad]).await, b.status(&[&high]).await),
        (200, 400, 400)
    );
    // One that is named does not either.
    let pinned = Bench::start().await;
    pinned.role("r", &bad.pem(), json!({})).await;
    pinned.write("crls/one", json!({"crl": list(&root, &[6]).pem().unwrap()})).await;
    assert_eq!(pinned.status(&[&bad]).await, 400);
    b.harness.call(Operation::Delete, "auth/c/crls/one", json!({})).await;
    assert_eq!(b.status(&[&bad]).await, 200);
}

#[tokio::test]
async fn a_revoked_intermediate_takes_its_certificates_along() {
    let root = authority("root");
    let mut params = authority_params("between");
    params.serial_number = Some(9_u64.into());
    let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
    let b = Bench::with_role(&root, json!({})).await;
    let leaf = numbered(&between, 1);
    assert_eq!(b.status(&[&leaf, between.as_ref()]).await, 200);
    b.write("crls/one", json!({"crl": list(&root, &[9]).pem().unwrap()})).await;
    assert_eq!(b.status(&[&leaf, between.as_ref()]).await, 400);
}

#[tokio::test]
async fn lists_speak_of_their_issuers_certificates_only() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    b.write("crls/one", json!({"crl": list(&authority("other"), &[6]).pem().unwrap()})).await;
    assert_eq!(b.status(&[&numbered(&root, 6)]).await, 200);
}

#[tokio::test]
async fn lists_are_fetched_and_fetched_again() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    assert_eq!(b.write("crls/one", json!({"url": URL})).await.status, 400, "it cannot be fetched");
    let first = list(&root, &[6]).der().to_vec();
    b.world.set(URL, move |_| Some(first.clone()));
    assert_eq!(b.write("crls/one", json!({"url": URL})).await.status, 204);
    assert_eq!(b.read("crls/one").await.at("/data/cdp/url"), json!(URL));
    assert_eq!((b.status(&[&numbered(&root, 5)]).await, b.status(&[&numbered(&root, 6)]).await), (200, 400));
    assert_eq!(b.world.count(), 2);
    let next = list(&root, &[5]).pem().unwrap().into_bytes();
    b.world.set(URL, move |_| Some(next.clone()));
    b.harness.clock.advance(SignedDuration::from_hours(24 * 40));
    assert_eq!((b.status(&[&numbered(&root, 6)]).await, b.status(&[&numbered(&root, 5)]).await), (200, 400));
    // Away for a while: what is known stands, and not every login asks.
    b.world.set(URL, |_| None);
    b.harness.clock.advance(SignedDuration::from_hours(24 * 40));
    assert_eq!(b.status(&[&numbered(&root, 6)]).await, 200);
    let asked = b.world.count();
    assert_eq!((b.status(&[&numbered(&root, 6)]).await, b.world.count()), (200, asked));
    assert_eq!(b.status(&[&numbered(&root, 5)]).await, 400);
}

/// Who stands between us and the publisher could send an empty list.
#[tokio::test]
async fn a_fetched_list_must_be_signed_by_its_issuer() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    let forged = list(&authority("root"), &[]).der().to_vec();
    b.world.set(URL, move |_| Some(forged.clone()));
    assert_eq!(b.write("crls/one", json!({"url": URL})).await.status, 204);
    assert_eq!(b.status(&[&numbered(&root, 5)]).await, 400);
}

#[tokio::test]
async fn lists_are_checked() {
    let root = authority("root");
    let b = Bench::start().await;
    let pem = list(&root, &[1]).pem().unwrap();
    for bad in [
        json!({}),
        json!({"crl": "garbage"}),
        json!({"crl": root.pem()}),
        json!({"crl": pem, "url": URL}),
        json!({"url": "file:///etc/passwd"}),
    ] {
        assert_eq!(b.write("crls/x", bad.clone()).await.status, 400, "{bad}");
    }
    use base64::Engine;
    let der = base64::prelude::BASE64_STANDARD.encode(list(&root, &[1]).der());
    assert_eq!(b.write("crls/x", json!({"crl": der})).await.status, 204);
    assert_eq!(b.read("crls/y").await.status, 400);
    assert_eq!(b.harness.call(Operation::Delete, "auth/c/crls/y", json!({})).await.status, 400);
}
