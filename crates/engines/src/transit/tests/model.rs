//! Random sequences of operations on one key against a model of what each version may still do.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Encrypt(Vec<(u8, i64)>),
    Rotate,
    Rewrap,
    Minimum { decryption: i64, encryption: i64 },
    Trim(i64),
}

#[derive(Default)]
struct Model {
    latest: i64,
    min_decryption: i64,
    min_encryption: i64,
    min_available: i64,
    /// Ciphertext, version and plaintext.
    sealed: Vec<(String, i64, String)>,
}

impl Model {
    fn may_encrypt(&self, version: i64) -> bool {
        let floor = self.min_encryption.max(self.min_decryption).max(1);
        version == 0 || (floor..=self.latest).contains(&version)
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let items = proptest::collection::vec((any::<u8>(), -1_i64..6), 1..5);
    let step = prop_oneof![
        5 => items.prop_map(Step::Encrypt),
        3 => Just(Step::Rotate),
        2 => Just(Step::Rewrap),
        3 => (-1_i64..6, -1_i64..6).prop_map(|(decryption, encryption)| Step::Minimum { decryption, encryption }),
        2 => (-1_i64..6).prop_map(Step::Trim),
    ];
    proptest::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn batches_keep_their_order_and_versions_their_rules(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}

async fn run(steps: Vec<Step>) {
    let harness = server().await;
    ok(&harness, "t/keys/a", json!({})).await;
    let mut model = Model { latest: 1, min_decryption: 1, ..Model::default() };
    for step in steps {
        take(&harness, &mut model, step).await;
        decrypt_all(&harness, &model).await;
        let shown = get(&harness, "t/keys/a").await;
        assert_eq!(shown["latest_version"], model.latest);
        let usable = usize::try_from(model.latest - model.min_decryption + 1).unwrap();
        assert_eq!(shown["keys"].as_object().unwrap().len(), usable);
    }
}

async fn take(harness: &Harness, model: &mut Model, step: Step) {
    match step {
        Step::Encrypt(items) => encrypt(harness, model, items).await,
        Step::Rotate => {
            ok(harness, "t/keys/a/rotate", json!({})).await;
            model.latest += 1;
        }
        Step::Rewrap => rewrap(harness, model).await,
        Step::Minimum { decryption, encryption } => {
            let body = json!({"min_decryption_version": decryption, "min_encryption_version": encryption});
            let lowest = decryption.max(1);
            let fits = decryption >= 0
                && encryption >= 0
                && lowest <= model.latest
                && encryption <= model.latest
                && (encryption == 0 || encryption >= lowest)
                && lowest >= model.min_available;
            assert_eq!(post(harness, "t/keys/a/config", body).await.status < 300, fits);
            if fits {
                (model.min_decryption, model.min_encryption) = (lowest, encryption);
            }
        }
        Step::Trim(oldest) => {
            let fits = oldest > 0
                && model.min_encryption > 0
                && oldest >= model.min_available
                && oldest <= model.min_encryption.min(model.min_decryption).min(model.latest);
            let body = json!({ "min_available_version": oldest });
            assert_eq!(post(harness, "t/keys/a/trim", body).await.status < 300, fits);
            if fits {
                model.min_available = oldest;
            }
        }
    }
}

async fn encrypt(harness: &Harness, model: &mut Model, items: Vec<(u8, i64)>) {
    let inputs: Vec<Value> = items
        .iter()
        .enumerate()
        .map(|(at, (byte, version))| {
            json!({"plaintext": text::encode(&[*byte; 3]), "key_version": version, "reference": at.to_string()})
        })
        .collect();
    let reply = post(harness, "t/encrypt/a", json!({ "batch_input": inputs })).await;
    let results = reply.at("/data/batch_results").as_array().unwrap().clone();
    assert_eq!(results.len(), items.len());
    let all = items.iter().all(|(_, version)| model.may_encrypt(*version));
    assert_eq!(reply.status, if all { 200 } else { 400 });
    for (at, (result, (byte, version))) in results.iter().zip(items).enumerate() {
        assert_eq!(result["reference"], at.to_string());
        assert_eq!(result.get("error").is_none(), model.may_encrypt(version), "{result}");
        if let Some(sealed) = result["ciphertext"].as_str() {
            let version = if version == 0 { model.latest } else { version };
            assert_eq!(result["key_version"], version);
            assert!(sealed.starts_with(&format!("vault:v{version}:")));
            model.sealed.push((sealed.to_owned(), version, text::encode(&[byte; 3])));
        }
    }
}

async fn rewrap(harness: &Harness, model: &mut Model) {
    for (sealed, version, _) in &mut model.sealed {
        let reply = post(harness, "t/rewrap/a", json!({ "ciphertext": sealed })).await;
        assert_eq!(reply.status == 200, *version >= model.min_decryption, "{reply:?}");
        if let Some(new) = reply.at("/data/ciphertext").as_str() {
            (*sealed, *version) = (new.to_owned(), model.latest);
        }
    }
}

async fn decrypt_all(harness: &Harness, model: &Model) {
    if model.sealed.is_empty() {
        return;
    }
    let items: Vec<Value> = model.sealed.iter().map(|(sealed, ..)| json!({ "ciphertext": sealed })).collect();
    let reply =
        post(harness, "t/decrypt/a", json!({"batch_input": items, "partial_failure_response_code": 207}))
            .await;
    for (result, (_, version, plain)) in
        reply.at("/data/batch_results").as_array().unwrap().iter().zip(&model.sealed)
    {
        let expected = if *version >= model.min_decryption { plain.as_str() } else { "" };
        assert_eq!(result["plaintext"], expected, "{result}");
    }
}
