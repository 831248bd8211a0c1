//! Renewals need what the login had.

use super::*;

struct Login {
    b: Bench,
    root: Issuer,
    key: KeyPair,
    leaf: rcgen::Certificate,
    accessor: String,
}

impl Login {
    async fn start(role: Value) -> Self {
        let root = authority("root");
        let key = KeyPair::generate().unwrap();
        let leaf = client_with(&root, &key, "a", |_| {});
        let b = Bench::with_role(&root, role).await;
        let accessor = b.login(&[&leaf]).await.at("/auth/accessor").as_str().unwrap().to_owned();
        Self { b, root, key, leaf, accessor }
    }

    async fn renew(&self, shown: &[&rcgen::Certificate]) -> Result<u64, u16> {
        let shown: Vec<Vec<u8>> = shown.iter().map(|c| c.der().to_vec()).collect();
        let mut txn = self.b.harness.core.txn();
        let renewed = self.b.harness.core.renew_token(&mut txn, &self.accessor, 0, &shown).await;
        renewed.map(|(_, seconds, _)| seconds).map_err(|fault| fault.status())
    }
}

/// CVE-2026-39388: another certificate of the same authority does not renew.
#[tokio::test]
async fn the_certificate_of_the_login_renews_and_others_do_not() {
    let login = Login::start(json!({"token_ttl": 70})).await;
    assert_eq!(login.renew(&[&login.leaf]).await, Ok(70));
    assert_eq!(login.renew(&[]).await, Err(400));
    assert_eq!(login.renew(&[&client(&login.root, "a", |_| {})]).await, Err(400));
    assert_eq!(login.renew(&[&client_with(&login.root, &login.key, "b", |_| {})]).await, Err(400));
    assert_eq!(login.renew(&[&client_with(&authority("root"), &login.key, "a", |_| {})]).await, Err(400));
    // Issued anew for the same key and name.
    assert_eq!(login.renew(&[&client_with(&login.root, &login.key, "a", |_| {})]).await, Ok(70));
}

#[tokio::test]
async fn the_binding_can_be_switched_off() {
    let login = Login::start(json!({"token_ttl": 70})).await;
    login.b.write("config", json!({"disable_binding": true})).await;
    assert_eq!(login.renew(&[]).await, Ok(70));
}

#[tokio::test]
async fn what_the_role_wants_now_counts() {
    let login = Login::start(json!({"token_ttl": 70, "token_policies": "p"})).await;
    let write = async |body| login.b.write("certs/r", body).await;
    write(json!({"token_ttl": 80})).await;
    assert_eq!(login.renew(&[&login.leaf]).await, Ok(80));
    write(json!({"allowed_common_names": "other"})).await;
    assert_eq!(login.renew(&[&login.leaf]).await, Err(400));
    write(json!({"allowed_common_names": "", "token_policies": "q"})).await;
    assert_eq!(login.renew(&[&login.leaf]).await, Err(400));
    write(json!({"token_policies": "p"})).await;
    assert_eq!(login.renew(&[&login.leaf]).await, Ok(80));
    login.b.harness.call(Operation::Delete, "auth/c/certs/r", json!({})).await;
    assert_eq!(login.renew(&[&login.leaf]).await, Err(400));
}
