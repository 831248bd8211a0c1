//! Random sequences of operations against a naive model that keeps everything in one map.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use strongroom_wire::{Clock, time};

#[derive(Debug, Clone)]
enum Step {
    Write { value: u8, cas: Option<i64> },
    Patch { value: u8, cas: Option<i64> },
    DeleteNewest,
    Delete(Vec<u64>),
    Undelete(Vec<u64>),
    Destroy(Vec<u64>),
    Own { max_versions: u64, cas_required: bool, life: u64 },
    Mount { max_versions: u64, cas_required: bool, life: i64 },
    Forget,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cas = || proptest::option::weighted(0.4, 0_i64..6);
    let some = || proptest::collection::vec(0_u64..14, 1..4);
    let step = prop_oneof![
        8 => (any::<u8>(), cas()).prop_map(|(value, cas)| Step::Write { value, cas }),
        3 => (any::<u8>(), cas()).prop_map(|(value, cas)| Step::Patch { value, cas }),
        2 => Just(Step::DeleteNewest),
        2 => some().prop_map(Step::Delete),
        2 => some().prop_map(Step::Undelete),
        2 => some().prop_map(Step::Destroy),
        2 => (0_u64..5, any::<bool>(), 0_u64..4)
            .prop_map(|(max_versions, cas_required, life)| Step::Own { max_versions, cas_required, life }),
        1 => (0_u64..5, any::<bool>(), -1_i64..4)
            .prop_map(|(max_versions, cas_required, life)| Step::Mount { max_versions, cas_required, life }),
        1 => Just(Step::Forget),
        2 => (0_i64..3).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..60)
}

#[derive(Default)]
struct Model {
    now: i64,
    mount: (u64, bool, i64),
    secret: Option<Naive>,
}

#[derive(Default, Clone)]
struct Naive {
    own: (u64, bool, u64),
    current: u64,
    oldest: u64,
    versions: BTreeMap<u64, Kept>,
}

#[derive(Clone)]
struct Kept {
    data: Value,
    deletion: Option<i64>,
    destroyed: bool,
}

impl Kept {
    fn is_gone(&self, now: i64) -> bool {
        self.destroyed || self.deletion.is_some_and(|at| at <= now)
    }
}

impl Model {
    /// The status that the step must answer with.
    fn apply(&mut self, step: &Step) -> u16 {
        let now = self.now;
        match step {
            Step::Write { value, cas } => self.write(json!({ "v": value }), *cas),
            Step::Patch { value, cas } => self.patch(*value, *cas),
            Step::Wait(seconds) => {
                self.now += seconds;
                204
            }
            Step::Forget => {
                self.secret = None;
                204
            }
            Step::Own { max_versions, cas_required, life } => {
                self.secret.get_or_insert_default().own = (*max_versions, *cas_required, *life);
                if self.mount.1 && !cas_required { 200 } else { 204 }
            }
            Step::Mount { max_versions, cas_required, life } => {
                self.mount = (*max_versions, *cas_required, *life);
                204
            }
            Step::DeleteNewest => {
                let newest = self.secret.as_ref().map_or(0, |s| s.current);
                self.each(&[newest], |v| {
                    if !v.is_gone(now) {
                        v.deletion = Some(now)
                    }
                })
            }
            Step::Delete(numbers) => self.each(numbers, |v| {
                if !v.is_gone(now) {
                    v.deletion = Some(now)
                }
            }),
            Step::Undelete(numbers) => self.each(numbers, |v| {
                if !v.destroyed {
                    v.deletion = None
                }
            }),
            Step::Destroy(numbers) => self.each(numbers, |v| v.destroyed = true),
        }
    }

    fn each(&mut self, numbers: &[u64], change: impl Fn(&mut Kept)) -> u16 {
        let versions = self.secret.iter_mut().flat_map(|s| s.versions.iter_mut());
        versions.filter(|(n, _)| numbers.contains(n)).for_each(|(_, v)| change(v));
        204
    }

    fn refuses(&self, cas: Option<i64>) -> bool {
        let (current, own) = self.secret.as_ref().map_or((0, false), |s| (s.current, s.own.1));
        match cas {
            None => own || self.mount.1,
            Some(cas) => cas != i64::try_from(current).unwrap(),
        }
    }

    fn patch(&mut self, value: u8, cas: Option<i64>) -> u16 {
        let Some(secret) = &self.secret else { return 404 };
        if self.refuses(cas) {
            return 400;
        }
        match secret.versions.get(&secret.current) {
            Some(newest) if !newest.is_gone(self.now) => {
                let mut data = newest.data.clone();
                data["p"] = json!({ "q": value });
                self.write(data, cas)
            }
            _ => 404,
        }
    }

    fn write(&mut self, data: Value, cas: Option<i64>) -> u16 {
        if self.refuses(cas) {
            return 400;
        }
        let (mount_max, _, mount_life) = self.mount;
        let now = self.now;
        let secret = self.secret.get_or_insert_default();
        secret.current += 1;
        let own = i64::try_from(secret.own.2).unwrap();
        let life = [mount_life, own].into_iter().filter(|l| *l > 0).min().filter(|_| mount_life >= 0);
        secret
            .versions
            .insert(secret.current, Kept { data, deletion: life.map(|l| now + l), destroyed: false });
        let limit = match mount_max.max(secret.own.0) {
            0 => 10,
            n => n,
        };
        if secret.current - secret.oldest >= limit {
            secret.oldest = secret.current - limit + 1;
            let oldest = secret.oldest;
            secret.versions.retain(|n, _| *n >= oldest);
        }
        200
    }
}

async fn send(harness: &Harness, step: &Step) -> u16 {
    let options = |cas: &Option<i64>| cas.map_or(json!({}), |cas| json!({ "cas": cas }));
    let (operation, path, body) = match step {
        Step::Write { value, cas } => {
            (Update, "data/a/b", json!({"data": {"v": value}, "options": options(cas)}))
        }
        Step::Patch { value, cas } => {
            (Patch, "data/a/b", json!({"data": {"p": {"q": value, "gone": null}}, "options": options(cas)}))
        }
        Step::DeleteNewest => (Delete, "data/a/b", Value::Null),
        Step::Delete(versions) => (Update, "delete/a/b", json!({ "versions": versions })),
        Step::Undelete(versions) => (Update, "undelete/a/b", json!({ "versions": versions })),
        Step::Destroy(versions) => (Update, "destroy/a/b", json!({ "versions": versions })),
        Step::Own { max_versions, cas_required, life } => (
            Update,
            "metadata/a/b",
            json!({"max_versions": max_versions, "cas_required": cas_required, "delete_version_after": life}),
        ),
        Step::Mount { max_versions, cas_required, life } => (
            Update,
            "config",
            json!({"max_versions": max_versions, "cas_required": cas_required, "delete_version_after": life}),
        ),
        Step::Forget => (Delete, "metadata/a/b", Value::Null),
        Step::Wait(seconds) => {
            harness.clock.advance(jiff::SignedDuration::from_secs(*seconds));
            return 204;
        }
    };
    harness.call(operation, &format!("two/{path}"), body).await.status
}

/// Everything a client can see equals what the model holds, and the store holds no more than that.
async fn compare(harness: &Harness, model: &Model, start: jiff::Timestamp) {
    let shown = harness.call(Read, "two/metadata/a/b", Value::Null).await;
    let Some(secret) = &model.secret else {
        assert_eq!(shown.status, 404);
        assert!(stored(harness, "two/").await.iter().all(|k| k == "config"));
        return;
    };
    let at = |deletion: Option<i64>| {
        let moment = |s| time::rfc3339(time::after(start, u64::try_from(s).unwrap()));
        deletion.map(moment).unwrap_or_default()
    };
    assert_eq!(shown.at("/data/current_version"), secret.current);
    assert_eq!(shown.at("/data/oldest_version"), secret.oldest);
    let versions = shown.at("/data/versions");
    assert_eq!(versions.as_object().unwrap().len(), secret.versions.len());
    for (number, kept) in &secret.versions {
        let version = &versions[number.to_string()];
        assert_eq!(version["destroyed"], kept.destroyed, "version {number}");
        assert_eq!(version["deletion_time"], at(kept.deletion), "version {number}");
    }
    for number in 1..=secret.current + 1 {
        let reply = harness.call(Read, "two/data/a/b", json!({ "version": number })).await;
        match secret.versions.get(&number) {
            None => assert_eq!(reply.body, json!({"errors": []})),
            Some(kept) if kept.is_gone(model.now) => {
                assert_eq!((reply.status, reply.at("/data/data")), (404, Value::Null));
                assert_eq!(reply.at("/data/metadata/version"), number);
            }
            Some(kept) => assert_eq!((reply.status, reply.at("/data/data")), (200, kept.data.clone())),
        }
    }
    let newest = harness.call(Read, "two/data/a/b", Value::Null).await;
    let by_number = harness.call(Read, "two/data/a/b", json!({ "version": secret.current.max(1) })).await;
    assert_eq!((newest.status, newest.at("/data")), (by_number.status, by_number.at("/data")));
    let older = secret.versions.iter().filter(|(n, v)| **n != secret.current && !v.destroyed).count();
    let records = stored(harness, "two/").await.into_iter().filter(|k| k.starts_with("s/")).count();
    assert_eq!(records, 1 + older);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_equals_the_model(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let harness = server().await;
            let start = harness.clock.now();
            let mut model = Model::default();
            for step in &steps {
                let wanted = model.apply(step);
                assert_eq!(send(&harness, step).await, wanted, "{step:?}");
                compare(&harness, &model, start).await;
            }
        });
    }
}
