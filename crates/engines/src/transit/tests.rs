use super::*;
use super::{key::Key, kind, policy::Backup};
use jiff::SignedDuration;
use serde_json::{Value, json};
use strongroom_core::core::Plugs;
use strongroom_core::{Class, Operation};
use strongroom_crypto::rsa::{Encryption, PublicKey};
use strongroom_crypto::{key_wrap, pem};
use strongroom_testkit::{Harness, Reply};

mod model;

use Operation::{Delete, List, Read, Update};

async fn server() -> Harness {
    let harness = Harness::start(Plugs::default().engine(Arc::new(Transit::default()))).await;
    harness.mount(Class::Secret, "t/", "transit", &[]).await.unwrap();
    harness.mount(Class::Secret, "u/", "transit", &[]).await.unwrap();
    harness
}

async fn post(harness: &Harness, path: &str, body: Value) -> Reply {
    harness.call(Update, path, body).await
}

async fn ok(harness: &Harness, path: &str, body: Value) -> Value {
    let reply = post(harness, path, body).await;
    assert!(reply.status < 300, "{path}: {reply:?}");
    reply.at("/data")
}

async fn get(harness: &Harness, path: &str) -> Value {
    let reply = harness.call(Read, path, Value::Null).await;
    assert!(reply.status == 200, "{path}: {reply:?}");
    reply.at("/data")
}

async fn refused(harness: &Harness, path: &str, body: Value, words: &str) {
    let reply = post(harness, path, body).await;
    assert!(reply.status >= 400, "{path}: {reply:?}");
    assert!(reply.body.to_string().contains(words), "{path}: {reply:?} does not say {words:?}");
}

/// The kinds that are made quickly, with the body that makes them.
fn kinds() -> Vec<(kind::Kind, Value)> {
    kind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, kind::Kind::Rsa3072 | kind::Kind::Rsa4096))
        .map(|kind| {
            let mut body = json!({"type": kind.name(), "exportable": true, "allow_plaintext_backup": true});
            if kind == kind::Kind::Hmac {
                body["key_size"] = 40.into();
            }
            if !kind.parameter_set().is_empty() {
                body["parameter_set"] = kind.parameter_set().into();
            }
            (kind, body)
        })
        .collect()
}

/// What only the holder of the key could have made of `aGk=`: a ciphertext, signature and keyed hash.
async fn make(harness: &Harness, kind: kind::Kind, path: &str) -> Vec<(&'static str, Value)> {
    let mut made = Vec::new();
    let of = |what: &str| {
        format!("{}/{what}/{}", path.split('/').next().unwrap(), path.split('/').next_back().unwrap())
    };
    if kind.encrypts() {
        let sealed = ok(harness, &of("encrypt"), json!({"plaintext": "aGk="})).await["ciphertext"].clone();
        made.push(("decrypt", json!({ "ciphertext": sealed })));
    }
    if kind.signs() {
        let signed = ok(harness, &of("sign"), json!({"input": "aGk="})).await["signature"].clone();
        made.push(("verify", json!({"input": "aGk=", "signature": signed})));
    }
    let hashed = ok(harness, &of("hmac"), json!({"input": "aGk="})).await["hmac"].clone();
    made.push(("verify", json!({"input": "aGk=", "hmac": hashed})));
    made
}

async fn check(harness: &Harness, mount: &str, name: &str, made: &[(&str, Value)]) {
    for (what, body) in made {
        let answer = ok(harness, &format!("{mount}/{what}/{name}"), body.clone()).await;
        let expected = if *what == "decrypt" { json!({"plaintext": "aGk="}) } else { json!({"valid": true}) };
        assert_eq!(answer, expected, "{name} {body}");
    }
}

#[tokio::test]
async fn every_kind_does_what_it_says_through_rotation_and_restoration() {
    let harness = server().await;
    for (at, (kind, body)) in kinds().into_iter().enumerate() {
        let name = format!("k{at}");
        let shown = ok(&harness, &format!("t/keys/{name}"), body).await;
        assert_eq!(shown["supports_encryption"], kind.encrypts());
        assert_eq!(shown["supports_signing"], kind.signs());
        let mut made = make(&harness, kind, &format!("t/{name}")).await;
        ok(&harness, &format!("t/keys/{name}/rotate"), json!({})).await;
        made.extend(make(&harness, kind, &format!("t/{name}")).await);
        check(&harness, "t", &name, &made).await;
        // The backup opens in another mount, under another name, and makes the same backup again.
        let backup = get(&harness, &format!("t/backup/{name}")).await["backup"].clone();
        ok(&harness, &format!("u/restore/copy{at}"), json!({ "backup": backup })).await;
        check(&harness, "u", &format!("copy{at}"), &made).await;
        for form in ["encryption-key", "signing-key", "hmac-key", "public-key"] {
            let there = harness.call(Read, &format!("t/export/{form}/{name}"), Value::Null).await;
            let here = harness.call(Read, &format!("u/export/{form}/copy{at}"), Value::Null).await;
            assert_eq!(there.at("/data/keys"), here.at("/data/keys"), "{form} {}", kind.name());
            let exists = match form {
                "encryption-key" => kind.encrypts(),
                "hmac-key" => true,
                _ => kind.signs(),
            };
            assert_eq!(there.status == 200, exists, "{form} {}", kind.name());
        }
    }
}

/// CVE-2023-4680: a caller who chooses the nonce can repeat one and so learn the key stream.
#[tokio::test]
async fn caller_nonces_are_refused() {
    let harness = server().await;
    let nonce = "AAAAAAAAAAAAAAAA";
    ok(&harness, "t/keys/plain", json!({})).await;
    ok(&harness, "t/keys/derived", json!({"derived": true})).await;
    ok(&harness, "t/keys/convergent", json!({"derived": true, "convergent_encryption": true})).await;
    for name in ["plain", "derived", "convergent"] {
        let body = json!({"plaintext": "aGk=", "context": "Y3R4", "nonce": nonce});
        refused(&harness, &format!("t/encrypt/{name}"), body.clone(), "nonce not allowed").await;
        refused(&harness, &format!("t/datakey/plaintext/{name}"), body, "nonce not allowed").await;
        let batch = json!({"batch_input": [{"plaintext": "aGk=", "context": "Y3R4", "nonce": nonce}]});
        refused(&harness, &format!("t/encrypt/{name}"), batch, "nonce not allowed").await;
    }
}

#[tokio::test]
async fn the_oldest_convergent_keys_take_their_nonce_from_the_caller() {
    let harness = server().await;
    for (name, version, kdf) in [("one", 1, 0), ("two", 2, 1)] {
        let backup = text::encode(old_backup(version, kdf).to_string().as_bytes());
        ok(&harness, &format!("t/restore/{name}"), json!({ "backup": backup })).await;
    }
    let body = json!({"plaintext": "aGk=", "context": "Y3R4"});
    refused(&harness, "t/encrypt/one", body.clone(), "12 bytes long").await;
    let with = json!({"plaintext": "aGk=", "context": "Y3R4", "nonce": "AAAAAAAAAAAAAAAA"});
    let sealed = ok(&harness, "t/encrypt/one", with.clone()).await["ciphertext"].clone();
    assert_eq!(ok(&harness, "t/encrypt/one", with).await["ciphertext"], sealed);
    // The nonce does not travel: 2 bytes of message and 16 of tag.
    assert_eq!(text::decode(text::parse(sealed.as_str().unwrap()).unwrap().body).unwrap().len(), 18);
    let open = json!({"ciphertext": sealed, "context": "Y3R4", "nonce": "AAAAAAAAAAAAAAAA"});
    assert_eq!(ok(&harness, "t/decrypt/one", open).await["plaintext"], "aGk=");
    let sealed = ok(&harness, "t/encrypt/two", body.clone()).await["ciphertext"].clone();
    assert_eq!(ok(&harness, "t/encrypt/two", body).await["ciphertext"], sealed);
    // After a rotation new versions make their nonces as new keys do.
    ok(&harness, "t/keys/one/rotate", json!({})).await;
    let body = json!({"plaintext": "aGk=", "context": "Y3R4"});
    assert_eq!(ok(&harness, "t/encrypt/one", body).await["key_version"], 2);
}

fn old_backup(convergent_version: u64, kdf: u64) -> Value {
    json!({"policy": {
        "name": "old", "type": 0, "derived": true, "kdf": kdf, "convergent_encryption": true,
        "convergent_version": convergent_version, "latest_version": 1, "min_decryption_version": 1,
        "keys": {"1": {"key": text::encode(&[7; 32]), "hmac_key": text::encode(&[8; 32]),
            "time": "2016-01-02T03:04:05Z", "creation_time": 1}}
    }})
}

#[tokio::test]
async fn keys_rotate_when_they_are_used_after_their_period() {
    let harness = server().await;
    ok(&harness, "t/keys/a", json!({"auto_rotate_period": "2h"})).await;
    let old = ok(&harness, "t/encrypt/a", json!({"plaintext": "aGk="})).await;
    assert_eq!(old["key_version"], 1);
    harness.clock.advance(SignedDuration::from_hours(2) - SignedDuration::from_secs(1));
    assert_eq!(ok(&harness, "t/encrypt/a", json!({"plaintext": "aGk="})).await["key_version"], 1);
    harness.clock.advance(SignedDuration::from_secs(1));
    // Decrypting takes an old version and makes no new one.
    let plain = ok(&harness, "t/decrypt/a", json!({"ciphertext": old["ciphertext"]})).await;
    assert_eq!(plain["plaintext"], "aGk=");
    assert_eq!(get(&harness, "t/keys/a").await["latest_version"], 1);
    assert_eq!(ok(&harness, "t/encrypt/a", json!({"plaintext": "aGk="})).await["key_version"], 2);
    assert_eq!(ok(&harness, "t/encrypt/a", json!({"plaintext": "aGk="})).await["key_version"], 2);
    // Two at once make one version.
    harness.clock.advance(SignedDuration::from_hours(2));
    let encrypt = || post(&harness, "t/encrypt/a", json!({"plaintext": "aGk="}));
    let (one, other) = tokio::join!(encrypt(), encrypt());
    assert_eq!((one.at("/data/key_version"), other.at("/data/key_version")), (3.into(), 3.into()));
    harness.clock.advance(SignedDuration::from_hours(2));
    let hashed = ok(&harness, "t/hmac/a", json!({"input": "aGk="})).await;
    assert!(hashed["hmac"].as_str().unwrap().starts_with("vault:v4:"));
    assert_eq!(get(&harness, "t/keys/a").await["latest_version"], 4);
}

#[tokio::test]
async fn keys_made_elsewhere_come_in_through_the_wrapping_key() {
    let harness = server().await;
    let shown = get(&harness, "t/wrapping_key").await["public_key"].clone();
    let block = pem::decode(shown.as_str().unwrap()).unwrap();
    let wrapping = PublicKey::from_spki(&block.bytes).unwrap();
    assert_eq!(wrapping.bits(), 4096);
    let wrap = |how: Encryption, key: &[u8]| {
        let parts = [wrapping.encrypt(how, &[9; 32]).unwrap(), key_wrap::wrap(&[9; 32], key).unwrap()];
        text::encode(&parts.concat())
    };
    let blob = wrap(Encryption::Oaep, &[5; 32]);
    ok(&harness, "t/keys/a/import", json!({"ciphertext": blob, "exportable": true})).await;
    assert_eq!(get(&harness, "t/export/encryption-key/a").await["keys"]["1"], text::encode(&[5; 32]));
    refused(&harness, "t/keys/a/rotate", json!({}), "does not allow rotation").await;
    let second = wrap(Encryption::OaepSha1, &[6; 32]);
    let body = json!({"ciphertext": second, "hash_function": "SHA1"});
    ok(&harness, "t/keys/a/import_version", body).await;
    assert_eq!(get(&harness, "t/export/encryption-key/a/latest").await["keys"]["2"], text::encode(&[6; 32]));
    // A key of another size, another hash function, and a damaged one.
    let short = json!({ "ciphertext": wrap(Encryption::Oaep, &[5; 31]) });
    refused(&harness, "t/keys/b/import", short, "another kind").await;
    let other = json!({"ciphertext": blob, "hash_function": "SHA512"});
    refused(&harness, "t/keys/b/import", other, "cannot be unwrapped").await;
    refused(
        &harness,
        "t/keys/b/import",
        json!({ "ciphertext": text::encode(&[1; 600]) }),
        "cannot be unwrapped",
    )
    .await;
    ok(&harness, "t/keys/c", json!({})).await;
    refused(&harness, "t/keys/c/import", json!({ "ciphertext": blob }), "existing key").await;
    refused(&harness, "t/keys/c/import_version", json!({ "ciphertext": blob }), "imported key").await;
}

#[tokio::test]
async fn keys_move_to_another_mount_under_its_wrapping_key() {
    let harness = server().await;
    let public = get(&harness, "u/wrapping_key").await["public_key"].clone();
    ok(&harness, "t/keys/there/import", json!({"type": "rsa-4096", "public_key": public})).await;
    ok(&harness, "t/keys/kept", json!({})).await;
    for path in ["t/byok-export/there/kept", "t/byok-export/kept/kept", "t/byok-export/there/nobody"] {
        assert!(harness.call(Read, path, Value::Null).await.status >= 400, "{path}");
    }
    for (at, (kind, body)) in kinds().into_iter().enumerate() {
        let name = format!("k{at}");
        ok(&harness, &format!("t/keys/{name}"), body.clone()).await;
        let mut made = make(&harness, kind, &format!("t/{name}")).await;
        // Keyed hashes have a key of their own, which does not travel.
        if kind != kind::Kind::Hmac {
            made.retain(|(_, body)| body.get("hmac").is_none());
        }
        let wrapped = get(&harness, &format!("t/byok-export/there/{name}")).await["keys"]["1"].clone();
        let mut import = json!({"type": body["type"], "ciphertext": wrapped});
        if let Some(set) = body.get("parameter_set") {
            import["parameter_set"] = set.clone();
        }
        ok(&harness, &format!("u/keys/{name}/import"), import).await;
        check(&harness, "u", &name, &made).await;
    }
}

#[tokio::test]
async fn derived_signing_keys_differ_by_context() {
    let harness = server().await;
    ok(&harness, "t/keys/a", json!({"type": "ed25519", "derived": true})).await;
    let one = ok(&harness, "t/sign/a", json!({"input": "aGk=", "context": "b25l"})).await;
    let body = |context: &str| json!({"input": "aGk=", "signature": one["signature"], "context": context});
    assert_eq!(ok(&harness, "t/verify/a", body("b25l")).await["valid"], true);
    assert_eq!(ok(&harness, "t/verify/a", body("dHdv")).await["valid"], false);
    refused(&harness, "t/verify/a", body(""), "context").await;
    refused(&harness, "t/sign/a", json!({"input": "aGk="}), "context").await;
    let shown = harness.call(Read, "t/keys/a", json!({"context": "b25l"})).await;
    assert_eq!(shown.at("/data/keys/1/public_key"), one["public_key"]);
    assert_eq!(get(&harness, "t/keys/a").await["keys"]["1"]["public_key"], "");
}

#[tokio::test]
async fn a_batch_that_makes_a_key_and_fails_leaves_no_key_behind() {
    let harness = server().await;
    let body = json!({"batch_input": [{"plaintext": "%"}, {"plaintext": "%"}]});
    assert_eq!(post(&harness, "t/encrypt/new", body).await.status, 400);
    assert_eq!(harness.call(List, "t/keys", Value::Null).await.status, 404);
    // With one good item the key stays, or its ciphertext would be lost.
    let body = json!({"batch_input": [{"plaintext": "aGk="}, {"plaintext": "%"}]});
    let reply = post(&harness, "t/encrypt/new", body).await;
    assert_eq!(reply.status, 400);
    let sealed = reply.at("/data/batch_results/0/ciphertext");
    assert_eq!(ok(&harness, "t/decrypt/new", json!({ "ciphertext": sealed })).await["plaintext"], "aGk=");
}

#[tokio::test]
async fn errors_do_not_repeat_what_was_to_be_kept() {
    let harness = server().await;
    let canary = "canary-3141!";
    ok(&harness, "t/keys/a", json!({})).await;
    ok(&harness, "t/keys/d", json!({"derived": true})).await;
    for (path, body) in [
        ("t/encrypt/a", json!({ "plaintext": canary })),
        ("t/encrypt/a", json!({"plaintext": [canary]})),
        ("t/encrypt/a", json!({"batch_input": canary})),
        ("t/encrypt/a", json!({"batch_input": [canary]})),
        ("t/encrypt/a", json!({"batch_input": [{ "plaintext": canary }]})),
        ("t/encrypt/d", json!({"plaintext": "aGk=", "context": canary})),
        ("t/sign/a", json!({ "input": canary })),
        ("t/hmac/a", json!({ "input": canary })),
        ("t/hash", json!({ "input": canary })),
        ("t/restore", json!({ "backup": canary })),
        (
            "t/restore",
            json!({ "backup": text::encode(format!("{{\"policy\":{{\"name\":{canary:?}}}").as_bytes()) }),
        ),
    ] {
        let reply = post(&harness, path, body).await;
        assert!(reply.status >= 400 && !reply.body.to_string().contains("3141"), "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn backups_that_do_not_fit_together_are_refused() {
    let harness = server().await;
    let whole = old_backup(3, 1);
    let changed = |pointer: &str, value: Value| {
        let mut backup = whole.clone();
        match backup.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => backup["policy"][pointer.rsplit('/').next().unwrap()] = value,
        }
        text::encode(backup.to_string().as_bytes())
    };
    ok(&harness, "t/restore", json!({ "backup": changed("/policy/name", "fine".into()) })).await;
    for (pointer, value) in [
        ("/policy/name", json!("../a")),
        ("/policy/name", json!("")),
        ("/policy/type", json!(99)),
        ("/policy/type", json!(2)),
        ("/policy/type", json!(3)),
        ("/policy/latest_version", json!(2)),
        ("/policy/latest_version", json!(0)),
        ("/policy/min_decryption_version", json!(2)),
        ("/policy/soft_deleted", json!(true)),
        ("/policy/keys/1/key", json!("AAAA")),
        ("/policy/keys/1/key", Value::Null),
        ("/policy/keys", json!({"x": {}})),
        ("/policy/keys", json!({"18446744073709551615": {}})),
    ] {
        let reply = post(&harness, "t/restore", json!({ "backup": changed(pointer, value.clone()) })).await;
        assert!(reply.status >= 400, "{pointer} {value}: {reply:?}");
    }
}

#[tokio::test]
async fn trimmed_versions_are_gone_from_the_store() {
    let harness = server().await;
    ok(&harness, "t/keys/a", json!({"exportable": true, "allow_plaintext_backup": true})).await;
    let secret = get(&harness, "t/export/encryption-key/a").await["keys"]["1"].clone();
    ok(&harness, "t/keys/a/rotate", json!({})).await;
    let minimum = json!({"min_decryption_version": 2, "min_encryption_version": 2, "deletion_allowed": true});
    ok(&harness, "t/keys/a/config", minimum).await;
    let stored = |backup: Value| text::decode(backup["backup"].as_str().unwrap()).unwrap();
    let holds = |json: &[u8]| String::from_utf8_lossy(json).contains(secret.as_str().unwrap());
    assert!(holds(&stored(get(&harness, "t/backup/a").await)));
    ok(&harness, "t/keys/a/trim", json!({"min_available_version": 2})).await;
    assert!(!holds(&stored(get(&harness, "t/backup/a").await)));
    assert_eq!(harness.call(Delete, "t/keys/a", Value::Null).await.status, 204);
}

#[test]
fn records_of_the_first_release_open_and_stay_as_they_are() {
    let record = concat!(
        r#"{"name":"a","kind":"ml-dsa-44","derived":false,"derivation":"hkdf","convergent":false,"#,
        r#""convergent_version":0,"exportable":true,"deletion_allowed":false,"plaintext_backup":true,"#,
        r#""min_decryption":1,"min_encryption":0,"min_available":0,"latest":2,"auto_rotate":3600,"#,
        r#""imported":true,"imported_rotation":true,"backed_up":{"time":"2026-01-02T03:04:05Z","version":1},"#,
        r#""versions":{"1":{"secret":"AQI=","public":"AwQ=","hmac":"BQY=","created":"2026-01-02T03:04:05Z"},"#,
        r#""2":{"secret":"AQI=","hmac":"BQY=","created":"2026-01-02T03:04:05Z","convergent_version":3}}}"#
    );
    let key: Key = serde_json::from_str(record).unwrap();
    assert_eq!(serde_json::to_string(&key).unwrap(), record);
}

#[test]
fn backups_are_the_same_after_a_round() {
    let backup = old_backup(3, 1);
    let first = serde_json::from_value::<Backup>(backup).unwrap().key().unwrap();
    let again = serde_json::to_value(Backup::of(&first).unwrap()).unwrap();
    let second = serde_json::from_value::<Backup>(again.clone()).unwrap().key().unwrap();
    assert_eq!(serde_json::to_value(Backup::of(&second).unwrap()).unwrap(), again);
    assert_eq!(again["policy"]["archive_version"], 1);
    assert_eq!(again["archived_keys"]["keys"][0]["time"], "0001-01-01T00:00:00Z");
}
