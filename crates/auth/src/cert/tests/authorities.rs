//! Who is trusted: chains, pinned certificates, dates, uses.

use super::*;
use jiff::SignedDuration;
use rcgen::{GeneralSubtree, IsCa, NameConstraints, date_time_ymd};

#[tokio::test]
async fn certificates_of_the_authority_log_in_and_others_do_not() {
    let (ours, other) = (authority("ours"), authority("ours"));
    let b =
        Bench::with_role(&ours, json!({"token_policies": "p", "token_ttl": 60, "display_name": "Web"})).await;
    let reply = b.login(&[&client(&ours, "a", |p| p.serial_number = Some(300_u64.into()))]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.at("/auth/policies"), json!(["default", "p"]));
    assert_eq!(reply.at("/auth/lease_duration"), json!(60));
    let metadata = reply.at("/auth/metadata");
    assert_eq!((&metadata["cert_name"], &metadata["common_name"]), (&json!("r"), &json!("a")));
    assert_eq!(metadata["serial_number"], json!("300"));
    assert_eq!(metadata["authority_key_id"].as_str().unwrap().len(), 20 * 3 - 1);
    // Same name, another key.
    let stranger = b.login(&[&client(&other, "a", |_| {})]).await;
    assert_eq!(stranger.status, 400);
    assert_eq!(b.status(&[]).await, 400);
    let own = named("a").self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(b.status(&[&own]).await, 400);
}

#[tokio::test]
async fn intermediates_are_taken_from_the_client() {
    let root = authority("root");
    let between =
        CertifiedIssuer::signed_by(authority_params("between"), KeyPair::generate().unwrap(), &root).unwrap();
    let leaf = client(&between, "a", |_| {});
    let b = Bench::with_role(&root, json!({})).await;
    assert_eq!(b.status(&[&leaf, between.as_ref()]).await, 200);
    assert_eq!(b.status(&[&leaf]).await, 400);
    assert_eq!(b.status(&[&leaf, authority("between").as_ref()]).await, 400);
    // The intermediate itself may be what is trusted.
    let b = Bench::with_role(&between, json!({})).await;
    assert_eq!(b.status(&[&leaf]).await, 200);
    assert_eq!(b.status(&[&client(&root, "a", |_| {})]).await, 400);
}

/// An authority that may issue no authorities is trusted for no more than that.
#[tokio::test]
async fn the_length_of_chains_is_bounded_by_the_authority() {
    for (longest, direct, by_another) in [(0, 200, 400), (1, 200, 200)] {
        let mut params = authority_params("root");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(longest));
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let between = authority_params("between");
        let between = CertifiedIssuer::signed_by(between, KeyPair::generate().unwrap(), &root).unwrap();
        let b = Bench::with_role(&root, json!({})).await;
        assert_eq!(b.status(&[&client(&root, "a", |_| {})]).await, direct);
        assert_eq!(b.status(&[&client(&between, "a", |_| {}), between.as_ref()]).await, by_another);
    }
}

#[tokio::test]
async fn who_is_no_authority_vouches_for_nobody() {
    let root = authority("root");
    for change in [
        |p: &mut CertificateParams| p.is_ca = IsCa::ExplicitNoCa,
        |p: &mut CertificateParams| p.is_ca = IsCa::NoCa,
        |p: &mut CertificateParams| p.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature],
    ] {
        let mut params = authority_params("between");
        change(&mut params);
        let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
        let b = Bench::with_role(&root, json!({})).await;
        assert_eq!(b.status(&[&client(&between, "a", |_| {}), between.as_ref()]).await, 400);
    }
}

#[tokio::test]
async fn one_certificate_can_be_named() {
    let root = authority("root");
    let key = KeyPair::generate().unwrap();
    let leaf = client_with(&root, &key, "a", |p| p.serial_number = Some(7_u64.into()));
    let b = Bench::start().await;
    b.role("r", &leaf.pem(), json!({})).await;
    assert_eq!(b.status(&[&leaf]).await, 200);
    assert_eq!(b.status(&[&client(&root, "a", |_| {})]).await, 400);
    // CVE-2025-6037: the same name, serial number and even key do not make it the same certificate.
    let again = client_with(&root, &key, "a", |p| p.serial_number = Some(7_u64.into()));
    let forged = client_with(&authority("root"), &key, "a", |p| p.serial_number = Some(7_u64.into()));
    assert_ne!(again.der(), leaf.der());
    assert_eq!((b.status(&[&again]).await, b.status(&[&forged]).await), (400, 400));
    // What it signs is nothing to us.
    let signed = client(&CertifiedIssuer::self_signed(named("a"), key).unwrap(), "b", |_| {});
    assert_eq!(b.status(&[&signed, &leaf]).await, 400);
}

#[tokio::test]
async fn an_authority_may_log_in_itself() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    assert_eq!(b.status(&[root.as_ref()]).await, 200);
    assert_eq!(b.status(&[authority("root").as_ref()]).await, 400);
}

#[tokio::test]
async fn dates_are_checked_along_the_chain() {
    let until = |year| move |p: &mut CertificateParams| p.not_after = date_time_ymd(year, 6, 1);
    let from = |year| move |p: &mut CertificateParams| p.not_before = date_time_ymd(year, 6, 1);
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    for (status, leaf) in [
        (200, client(&root, "a", until(2026))),
        (400, client(&root, "a", until(2025))),
        (200, client(&root, "a", from(2025))),
        (400, client(&root, "a", from(2026))),
    ] {
        assert_eq!(b.status(&[&leaf]).await, status);
        let pinned = Bench::start().await;
        pinned.role("r", &leaf.pem(), json!({})).await;
        assert_eq!(pinned.status(&[&leaf]).await, status, "pinned");
    }
    let mut params = authority_params("old");
    params.not_after = date_time_ymd(2026, 6, 1);
    let old = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let b = Bench::with_role(&old, json!({})).await;
    let leaf = client(&old, "a", |_| {});
    assert_eq!(b.status(&[&leaf]).await, 200);
    b.harness.clock.advance(SignedDuration::from_hours(24 * 180));
    assert_eq!(b.status(&[&leaf]).await, 400, "an authority ends too");
}

#[tokio::test]
async fn certificates_must_be_for_clients() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    for (status, uses) in [
        (200, vec![]),
        (200, vec![ExtendedKeyUsagePurpose::Any]),
        (200, vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]),
        (400, vec![ExtendedKeyUsagePurpose::ServerAuth]),
        (400, vec![ExtendedKeyUsagePurpose::OcspSigning]),
    ] {
        let leaf = client(&root, "a", |p| p.extended_key_usages = uses);
        assert_eq!(b.status(&[&leaf]).await, status);
    }
}

#[tokio::test]
async fn name_constraints_hold() {
    let root = authority("root");
    let mut params = authority_params("between");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("red.example".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
    let b = Bench::with_role(&root, json!({})).await;
    let named = |name: &str| client(&between, "a", |p| p.subject_alt_names = vec![dns(name)]);
    assert_eq!(b.status(&[&named("a.red.example"), between.as_ref()]).await, 200);
    assert_eq!(b.status(&[&named("a.blue.example"), between.as_ref()]).await, 400);
}

#[tokio::test]
async fn the_role_that_is_meant_is_the_one_that_counts() {
    let (red, blue) = (authority("red"), authority("blue"));
    let b = Bench::with_role(&red, json!({"token_policies": "red"})).await;
    b.role("blue", &blue.pem(), json!({"token_policies": "blue"})).await;
    let leaf = client(&blue, "a", |_| {});
    let reply = b.login(&[&leaf]).await;
    assert_eq!(reply.at("/auth/token_policies"), json!(["blue", "default"]));
    assert_eq!(b.login_as("BLUE", &[&leaf]).await.status, 200);
    assert_eq!(b.login_as("r", &[&leaf]).await.status, 400);
    assert_eq!(b.login_as("none", &[&leaf]).await.status, 400);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    let leaf = client(&root, "a", |_| {}).der().to_vec();
    for der in [vec![], vec![0x30], leaf[..leaf.len() - 1].to_vec(), [leaf.as_slice(), &[0]].concat()] {
        let mut request = b.harness.request(None, Operation::Update, "auth/c/login", json!({}));
        request.certificates = vec![der];
        assert_eq!(b.harness.send(request).await.status, 400);
    }
}
