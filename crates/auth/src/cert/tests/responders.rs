//! OCSP, with `openssl ocsp` as the responder.

use super::*;
use jiff::SignedDuration;
use std::path::Path;
use std::process::Command;

const URL: &str = "http://ocsp.example/";

/// A responder of `openssl`, over an index of its own.
#[derive(Clone)]
struct Responder {
    folder: Arc<tempfile::TempDir>,
    /// Further arguments.
    times: Vec<String>,
}

impl Responder {
    /// One that signs with a certificate and key, for certificates of an authority.
    fn new(authority: &rcgen::Certificate, signer: &rcgen::Certificate, key: &KeyPair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", authority.pem());
        write("signer.pem", signer.pem());
        write("key.pem", key.serialize_pem());
        write("index", String::new());
        Self { folder: Arc::new(folder), times: vec!["-ndays".to_owned(), "1".to_owned()] }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Says of serial numbers whether they are valid (V) or revoked (R).
    fn index(&self, entries: &[(char, u64)]) {
        let line = |(status, serial): &(char, u64)| {
            let revoked = if *status == 'R' { "250101000000Z" } else { "" };
            format!("{status}\t491231235959Z\t{revoked}\t{serial:02X}\tunknown\t/CN={serial}\n")
        };
        std::fs::write(self.path().join("index"), entries.iter().map(line).collect::<String>()).unwrap();
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        std::fs::write(self.path().join("question"), question).unwrap();
        let arguments =
            "ocsp -index index -CA ca.pem -rsigner signer.pem -rkey key.pem -reqin question -respout answer";
        let done = Command::new("openssl")
            .args(arguments.split(' '))
            .args(&self.times)
            .current_dir(self.path())
            .output()
            .expect("openssl, which this test needs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Some(std::fs::read(self.path().join("answer")).unwrap())
    }

    fn serve(&self, b: &Bench, url: &str) {
        let responder = self.clone();
        b.world.set(url, move |question| responder.answer(question));
        // openssl knows what time it is, and files know it from the system.
        let now = std::fs::metadata(self.path().join("index")).unwrap().modified().unwrap();
        b.harness.clock.set(now.try_into().unwrap());
    }
}

fn of(issuer: &Issuer, serial: u64) -> rcgen::Certificate {
    client(issuer, "a", |p| p.serial_number = Some(serial.into()))
}

async fn bench(root: &Issuer, more: Value) -> (Bench, Responder) {
    let mut role = json!({"ocsp_enabled": true, "ocsp_servers_override": [URL], "ocsp_max_retries": 0});
    for (key, value) in more.as_object().unwrap() {
        role[key] = value.clone();
    }
    let b = Bench::with_role(root, role).await;
    let responder = Responder::new(root.as_ref(), root.as_ref(), root.key());
    responder.index(&[('V', 5), ('R', 6)]);
    responder.serve(&b, URL);
    (b, responder)
}

#[tokio::test]
async fn the_responder_decides() {
    let root = authority("root");
    let (b, responder) = bench(&root, json!({})).await;
    assert_eq!((b.status(&[&of(&root, 5)]).await, b.status(&[&of(&root, 6)]).await), (200, 400));
    assert_eq!(b.status(&[&of(&root, 7)]).await, 400, "unknown to it");
    // Good and revoked are remembered while they hold, unknown is not.
    responder.index(&[('R', 5), ('V', 7)]);
    assert_eq!((b.status(&[&of(&root, 5)]).await, b.status(&[&of(&root, 7)]).await), (200, 200));
    b.harness.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(b.status(&[&of(&root, 5)]).await, 400, "an old answer to a question asked anew");
}

#[tokio::test]
async fn certificates_name_their_responders() {
    let root = authority("root");
    let (b, _) = bench(&root, json!({"ocsp_servers_override": ""})).await;
    assert_eq!(b.status(&[&of(&root, 5)]).await, 400, "nobody can be asked");
    // AuthorityInfoAccess with one responder.
    let uri = URL.as_bytes();
    let lengths = [u8::try_from(uri.len()).unwrap(), u8::try_from(uri.len() + 12).unwrap()];
    let mut access =
        vec![0x30, lengths[1] + 2, 0x30, lengths[1], 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 0x86, lengths[0]];
    access.extend_from_slice(uri);
    let leaf = client(&root, "a", |p| {
        p.serial_number = Some(5_u64.into());
        p.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)];
    });
    assert_eq!(b.status(&[&leaf]).await, 200);
}

#[tokio::test]
async fn failing_open_lets_the_unknown_through_and_not_the_revoked() {
    let root = authority("root");
    let (b, _) = bench(&root, json!({"ocsp_fail_open": true})).await;
    assert_eq!((b.status(&[&of(&root, 7)]).await, b.status(&[&of(&root, 6)]).await), (200, 400));
    b.world.set(URL, |_| None);
    assert_eq!(b.status(&[&of(&root, 8)]).await, 200);
    b.write("certs/r", json!({"ocsp_fail_open": false})).await;
    assert_eq!(b.status(&[&of(&root, 8)]).await, 400);
}

#[tokio::test]
async fn answers_of_strangers_are_not_believed() {
    let (root, stranger) = (authority("root"), authority("root"));
    let (b, _) = bench(&root, json!({})).await;
    let forger = Responder::new(root.as_ref(), stranger.as_ref(), stranger.key());
    forger.index(&[('V', 5)]);
    forger.serve(&b, URL);
    assert_eq!(b.status(&[&of(&root, 5)]).await, 400);
    // Unless the operator trusts them.
    b.write("certs/r", json!({"ocsp_ca_certificates": stranger.pem()})).await;
    assert_eq!(b.status(&[&of(&root, 5)]).await, 200);
}

#[tokio::test]
async fn who_is_certified_for_it_may_answer() {
    let root = authority("root");
    let (b, _) = bench(&root, json!({})).await;
    for (status, usage) in
        [(400, ExtendedKeyUsagePurpose::ClientAuth), (200, ExtendedKeyUsagePurpose::OcspSigning)]
    {
        let key = KeyPair::generate().unwrap();
        let delegate = client_with(&root, &key, "responder", |p| p.extended_key_usages = vec![usage]);
        let responder = Responder::new(root.as_ref(), &delegate, &key);
        responder.index(&[('V', 5)]);
        responder.serve(&b, URL);
        assert_eq!(b.status(&[&of(&root, 5)]).await, status);
    }
}

#[tokio::test]
async fn an_answer_about_another_certificate_is_none() {
    let root = authority("root");
    let (b, responder) = bench(&root, json!({})).await;
    responder.index(&[('V', 5), ('R', 6)]);
    let about_five = Mutex::new(None::<Vec<u8>>);
    b.world.set(URL, move |question| {
        let mut kept = about_five.lock().unwrap();
        if kept.is_none() {
            *kept = responder.answer(question);
        }
        kept.clone()
    });
    assert_eq!((b.status(&[&of(&root, 5)]).await, b.status(&[&of(&root, 6)]).await), (200, 400));
    assert_eq!(b.status(&[&of(&root, 7)]).await, 400);
}

#[tokio::test]
async fn old_answers_do_not_do() {
    let root = authority("root");
    let (b, responder) = bench(&root, json!({"ocsp_this_update_max_age": "1m"})).await;
    assert_eq!(b.status(&[&of(&root, 5)]).await, 200);
    b.harness.clock.advance(SignedDuration::from_secs(400));
    assert_eq!(b.status(&[&of(&root, 5)]).await, 400);
    // Without a next update, an answer is good for an hour.
    let undated = Responder { times: Vec::new(), ..responder };
    undated.serve(&b, URL);
    b.write("certs/r", json!({"ocsp_this_update_max_age": 0})).await;
    assert_eq!(b.status(&[&of(&root, 5)]).await, 200);
    b.harness.clock.advance(SignedDuration::from_hours(48));
    assert_eq!(b.status(&[&of(&root, 5)]).await, 400);
}

#[tokio::test]
async fn all_servers_must_agree_where_all_are_asked() {
    let root = authority("root");
    let second = "http://second.example/";
    let (b, first) = bench(&root, json!({"ocsp_servers_override": [URL, second]})).await;
    assert_eq!(b.status(&[&of(&root, 5)]).await, 200, "the first answer is enough");
    b.write("certs/r", json!({"ocsp_query_all_servers": true})).await;
    assert_eq!(b.status(&[&of(&root, 5)]).await, 400, "one cannot be reached");
    first.serve(&b, second);
    assert_eq!(b.status(&[&of(&root, 5)]).await, 200);
    let strict = Responder::new(root.as_ref(), root.as_ref(), root.key());
    strict.index(&[('V', 5), ('R', 8)]);
    first.index(&[('V', 5), ('V', 8)]);
    strict.serve(&b, second);
    assert_eq!(b.status(&[&of(&root, 8)]).await, 400, "one says revoked");
}

#[tokio::test]
async fn a_responder_that_stumbles_is_asked_again() {
    let root = authority("root");
    let (b, responder) = bench(&root, json!({"ocsp_max_retries": 1})).await;
    let tries = Mutex::new(0);
    b.world.set(URL, move |question| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries == 1 { None } else { responder.answer(question) }
    });
    assert_eq!(b.status(&[&of(&root, 5)]).await, 200);
}

/// A pinned certificate has no chain: whom it was issued by, only the operator can say.
#[tokio::test]
async fn pinned_certificates_need_a_known_issuer() {
    let root = authority("root");
    let (b, _) = bench(&root, json!({})).await;
    let leaf = of(&root, 5);
    b.role("r", &leaf.pem(), json!({})).await;
    assert_eq!(b.status(&[&leaf, root.as_ref()]).await, 400);
    b.role("r", &leaf.pem(), json!({"ocsp_ca_certificates": root.pem()})).await;
    assert_eq!(b.status(&[&leaf]).await, 200);
    b.role("r", &format!("{}{}", leaf.pem(), root.pem()), json!({"ocsp_ca_certificates": ""})).await;
    assert_eq!(b.status(&[&leaf]).await, 200);
}
