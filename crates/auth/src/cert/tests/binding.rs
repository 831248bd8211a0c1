//! Every binding with what it takes and what it refuses.

use super::*;

/// A change to a certificate that is to be made.
type Change = Box<dyn FnOnce(&mut CertificateParams)>;

/// Holds a role with one binding against a certificate that fits and others that do not.
async fn hold(binding: Value, fits: impl FnOnce(&mut CertificateParams), misfits: Vec<Change>) {
    let root = authority("root");
    let b = Bench::with_role(&root, binding.clone()).await;
    let reply = b.login(&[&client(&root, "web", fits)]).await;
    assert_eq!(reply.status, 200, "{binding} {reply:?}");
    for (nth, misfit) in misfits.into_iter().enumerate() {
        assert_eq!(b.status(&[&client(&root, "web", misfit)]).await, 400, "{binding}, misfit {nth}");
    }
}

fn alternative(name: SanType) -> Change {
    Box::new(move |p| p.subject_alt_names = vec![name])
}

fn called(common_name: &'static str) -> Change {
    Box::new(move |p| p.distinguished_name.push(DnType::CommonName, common_name))
}

fn nothing() -> Change {
    Box::new(|_| {})
}

fn mail(address: &str) -> SanType {
    SanType::Rfc822Name(address.try_into().unwrap())
}

fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().unwrap())
}

#[tokio::test]
async fn allowed_names() {
    let role = json!({"allowed_names": "db-*,*.red.example,*@red.example"});
    hold(role.clone(), called("db-1"), vec![nothing(), called("xdb-1")]).await;
    hold(role.clone(), alternative(dns("a.red.example")), vec![alternative(dns("red.example.x"))]).await;
    hold(role, alternative(mail("a@red.example")), vec![alternative(uri("x://a.red.example"))]).await;
}

#[tokio::test]
async fn allowed_common_names() {
    let role = json!({"allowed_common_names": "db-*"});
    hold(role, called("db-1"), vec![nothing(), called("DB-1"), alternative(dns("db-1"))]).await;
}

#[tokio::test]
async fn allowed_dns_sans() {
    let role = json!({"allowed_dns_sans": "*.red.example"});
    let misfits = vec![nothing(), alternative(dns("a.blue.example")), called("a.red.example")];
    hold(role, alternative(dns("a.red.example")), misfits).await;
}

#[tokio::test]
async fn allowed_email_sans() {
    let role = json!({"allowed_email_sans": "*@red.example"});
    let misfits = vec![nothing(), alternative(mail("a@blue.example")), alternative(dns("a.red.example"))];
    hold(role, alternative(mail("a@red.example")), misfits).await;
}

#[tokio::test]
async fn allowed_uri_sans() {
    let role = json!({"allowed_uri_sans": "spiffe://red.example/*"});
    let misfits = vec![nothing(), alternative(uri("spiffe://blue.example/a"))];
    hold(role, alternative(uri("spiffe://red.example/a")), misfits).await;
}

#[tokio::test]
async fn allowed_organizational_units() {
    let unit = |name: &'static str| -> Change {
        Box::new(move |p| p.distinguished_name.push(DnType::OrganizationalUnitName, name))
    };
    let role = json!({"allowed_organizational_units": "engineering"});
    hold(role, unit("engineering"), vec![nothing(), unit("sales"), called("engineering")]).await;
}

#[tokio::test]
async fn required_extensions() {
    let with = |oid: &'static [u64], text: &'static str| -> Change {
        Box::new(move |p| p.custom_extensions = vec![extension(oid, text)])
    };
    let role = json!({"required_extensions": ["1.2.3.4:red*"]});
    let misfits = vec![nothing(), with(&[1, 2, 3, 4], "blue"), with(&[1, 2, 3, 5], "red")];
    hold(role, with(&[1, 2, 3, 4], "reddish"), misfits).await;
    let role = json!({"required_extensions": ["hex:1.2.3.4:0C03*"]});
    hold(role, with(&[1, 2, 3, 4], "red"), vec![nothing(), with(&[1, 2, 3, 4], "reds")]).await;
    let role = json!({"required_extensions": ["1.2.3.4:a", "1.2.3.5:b"]});
    let both = |p: &mut CertificateParams| {
        p.custom_extensions = vec![extension(&[1, 2, 3, 4], "a"), extension(&[1, 2, 3, 5], "b")];
    };
    hold(role, both, vec![with(&[1, 2, 3, 4], "a"), with(&[1, 2, 3, 5], "b")]).await;
}

#[tokio::test]
async fn all_bindings_of_a_role_must_be_met() {
    let role = json!({"allowed_common_names": "web", "allowed_dns_sans": "a.example"});
    let both = |p: &mut CertificateParams| {
        p.distinguished_name.push(DnType::CommonName, "other");
        p.subject_alt_names = vec![dns("a.example")];
    };
    hold(role, alternative(dns("a.example")), vec![nothing(), Box::new(both)]).await;
}

#[tokio::test]
async fn addresses_bind_tokens_and_logins() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({"token_bound_cidrs": "10.0.0.0/8"})).await;
    let leaf = client(&root, "a", |_| {});
    for (status, address) in [(200, "10.1.2.3"), (403, "127.0.0.1")] {
        let mut request = b.harness.request(None, Operation::Update, "auth/c/login", json!({}));
        request.certificates = vec![leaf.der().to_vec()];
        request.remote.address = address.parse().unwrap();
        assert_eq!(b.harness.send(request).await.status, status);
    }
}

#[tokio::test]
async fn extensions_become_metadata_where_the_role_wants_it() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({"allowed_metadata_extensions": ["1.2.3.4", "1.2.3.9"]})).await;
    let leaf = client(&root, "a", |p| {
        p.custom_extensions = vec![extension(&[1, 2, 3, 4], "red"), extension(&[1, 2, 3, 5], "no")];
    });
    let metadata = b.login(&[&leaf]).await.at("/auth/metadata");
    assert_eq!(
        (&metadata["1-2-3-4"], metadata.get("1-2-3-5"), metadata.get("1-2-3-9")),
        (&json!("red"), None, None)
    );
}

#[tokio::test]
async fn the_common_name_is_who_logs_in() {
    use strongroom_core::identity::entities;
    let root = authority("root");
    let b = Bench::with_role(&root, json!({})).await;
    let entity = async |name: &str| b.login(&[&client(&root, name, |_| {})]).await.at("/auth/entity_id");
    let a = entity("a").await;
    assert_eq!((entity("a").await == a, entity("b").await == a), (true, false));
    let metadata = async || {
        let found = entities::find(&mut b.harness.core.txn(), a.as_str().unwrap()).await.unwrap().unwrap();
        json!(found.aliases[0].metadata)
    };
    assert_eq!(metadata().await.get("common_name"), None);
    b.write("config", json!({"enable_identity_alias_metadata": true})).await;
    entity("a").await;
    assert_eq!(metadata().await["common_name"], json!("a"));
}
