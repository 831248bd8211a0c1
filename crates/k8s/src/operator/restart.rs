//! Restart on change.

use super::secrets::{Current, Session};
use super::workload::{Place, State, Workload};
use crate::api::{Api, text};
use crate::lower::Settings;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// The name under which fields are ours.
const MANAGER: &str = "strongroom-operator";
/// Workloads that one look restarts: many at once would be an outage of our making.
const MOST_RESTARTS: usize = 10;
const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Looks for changes, again and again.
pub(super) struct Restarts {
    role: String,
    token: PathBuf,
    minimum_age: SignedDuration,
    /// How long a namespace that has not opted in is left alone.
    patience: Duration,
    refused: BTreeMap<String, Instant>,
}

/// What is to be done about a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    state: State,
    reason: Option<String>,
}

impl Restarts {
    pub(super) fn new(role: String, token: PathBuf, minimum_age: SignedDuration, interval: Duration) -> Self {
        Self { role, token, minimum_age, patience: interval * 2, refused: BTreeMap::new() }
    }

    /// Looks once.
    pub(super) async fn look(
        &mut self,
        api: &Api,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(), String> {
        let workloads = self.workloads(api, settings).await?;
        if workloads.is_empty() {
            return Ok(());
        }
        let mut session = Session::begin(settings, &self.role, &self.token).await?;
        let mut current = BTreeMap::new();
        for place in workloads.iter().flat_map(|workload| workload.secrets.keys()) {
            if current.contains_key(place) {
                continue;
            }
            match session.current(place).await {
                Ok(found) => {
                    if found == Current::Unversioned {
                        tracing::debug!(%place, "its mount keeps no versions: its changes are not seen");
                    }
                    current.insert(place.clone(), found);
                }
                // What was not seen this time counts for nothing.
                Err(why) => tracing::warn!("restarts: {why}"),
            }
        }
        let mut restarts = 0;
        for workload in &workloads {
            if let Err(why) = self.one(api, &session, workload, &current, now, &mut restarts).await {
                tracing::warn!(workload = workload.path(), "restarts: {why}");
            }
        }
        session.end().await;
        Ok(())
    }

    async fn one(
        &self,
        api: &Api,
        session: &Session,
        workload: &Workload,
        current: &BTreeMap<Place, Current>,
        now: Timestamp,
        restarts: &mut usize,
    ) -> Result<(), String> {
        let mut changed = Vec::new();
        for (place, keys) in &workload.secrets {
            let (Some(Current::Version(new)), Some(old)) =
                (current.get(place), workload.state.versions.get(&place.to_string()))
            else {
                continue;
            };
            if old != new && session.differ(place, keys, *old, *new).await? {
                changed.push(place);
            }
        }
        let may_restart = *restarts < MOST_RESTARTS;
        let step = step(workload, current, &changed, may_restart, self.minimum_age, now);
        if step.reason.is_none() && step.state == workload.state {
            return Ok(());
        }
        let object = workload.applied(&step.state, step.reason.as_deref());
        api.apply(&workload.path(), MANAGER, &object).await.map_err(|error| error.to_string())?;
        if let Some(reason) = step.reason {
            *restarts += 1;
            tracing::info!(workload = workload.path(), reason, "restarted");
        }
        Ok(())
    }

    /// The workloads that ask, in all namespaces that have opted in.
    async fn workloads(&mut self, api: &Api, settings: &Settings) -> Result<Vec<Workload>, String> {
        let namespaces = api.items("/api/v1/namespaces", "").await.map_err(|error| error.to_string())?;
        let patience = self.patience;
        self.refused.retain(|_, at| at.elapsed() < patience);
        let mut found = Vec::new();
        for namespace in namespaces.iter().map(|namespace| text(namespace, "/metadata/name")) {
            if self.refused.contains_key(namespace) {
                continue;
            }
            for kind in KINDS {
                let plural = format!("{}s", kind.to_ascii_lowercase());
                match api.items(&format!("/apis/apps/v1/namespaces/{namespace}/{plural}"), "").await {
                    Ok(objects) => {
                        found.extend(
                            objects.iter().filter_map(|object| Workload::read(kind, object, settings)),
                        );
                    }
                    Err(error) if error.is_forbidden() => {
                        self.refused.insert(namespace.to_owned(), Instant::now());
                        break;
                    }
                    Err(error) => tracing::warn!(namespace, "restarts: {error}"),
                }
            }
        }
        Ok(found)
    }
}

/// What follows for a workload from the secrets' versions, and from those of its secrets that have `changed`.
fn step(
    workload: &Workload,
    current: &BTreeMap<Place, Current>,
    changed: &[&Place],
    may_restart: bool,
    minimum_age: SignedDuration,
    now: Timestamp,
) -> Step {
    let age = workload.state.restarted.map(|at| now.duration_since(at));
    let restarts = !changed.is_empty() && may_restart && age.is_none_or(|age| age >= minimum_age);
    let mut versions = BTreeMap::new();
    let mut reasons = Vec::new();
    for place in workload.secrets.keys() {
        let name = place.to_string();
        let seen = workload.state.versions.get(&name).copied();
        let version = match current.get(place) {
            Some(Current::Version(version)) if changed.contains(&place) => {
                if restarts {
                    reasons.push(format!("{name}@{version}"));
                    Some(*version)
                } else {
                    seen
                }
            }
            Some(Current::Version(version)) => Some(*version),
            Some(Current::Gone | Current::Unversioned) | None => seen,
        };
        versions.extend(version.map(|version| (name, version)));
    }
    let restarted = if restarts { Some(now) } else { workload.state.restarted };
    Step { state: State { versions, restarted }, reason: restarts.then(|| reasons.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const AGE: SignedDuration = SignedDuration::from_secs(60);

    fn place(path: &str) -> Place {
        Place { namespace: None, mount: "secret".to_owned(), path: path.to_owned() }
    }

    /// A workload with the secrets a and b.
    fn workload(state: State) -> Workload {
        let mut settings = Settings::default();
        settings.set("address", "https://s:8200").unwrap();
        let env =
            ["a", "b"].map(|name| json!({"name": name, "value": format!("vault:secret/data/{name}#k")}));
        let state = serde_json::to_string(&state).unwrap();
        let annotations =
            json!({"strongroom.io/restart-on-change": "true", "strongroom.io/restart-state": state});
        let object = json!({
            "metadata": {"name": "w", "annotations": annotations},
            "spec": {"template": {"spec": {"containers": [{"name": "c", "env": env}]}}},
        });
        Workload::read("Deployment", &object, &settings).unwrap()
    }

    fn seen(pairs: &[(&str, u64)], restarted: Option<Timestamp>) -> State {
        let versions = pairs.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect();
        State { versions, restarted }
    }

    fn versions(a: Current, b: Current) -> BTreeMap<Place, Current> {
        [(place("a"), a), (place("b"), b)].into()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    #[test]
    fn the_first_look_restarts_nothing_and_remembers() {
        let current = versions(Current::Version(3), Current::Gone);
        let step = step(&workload(State::default()), &current, &[], true, AGE, at(0));
        assert_eq!(step, Step { state: seen(&[("secret/a", 3)], None), reason: None });
    }

    #[test]
    fn a_change_restarts_once_and_not_too_often() {
        let before = seen(&[("secret/a", 3), ("secret/b", 1)], Some(at(0)));
        let current = versions(Current::Version(4), Current::Version(1));
        let (workload, changed) = (workload(before.clone()), place("a"));
        // Too soon, or too many at once: it is still due at the next look.
        for (may, now) in [(true, at(59)), (false, at(61))] {
            let step = step(&workload, &current, &[&changed], may, AGE, now);
            assert_eq!(step, Step { state: before.clone(), reason: None });
        }
        let done = step(&workload, &current, &[&changed], true, AGE, at(61));
        let after = seen(&[("secret/a", 4), ("secret/b", 1)], Some(at(61)));
        assert_eq!(done, Step { state: after.clone(), reason: Some("secret/a@4".to_owned()) });
        let next = step(&self::workload(after.clone()), &current, &[], true, AGE, at(200));
        assert_eq!(next, Step { state: after, reason: None });
    }

    #[test]
    fn unchanged_values_and_missed_looks_restart_nothing() {
        let before = seen(&[("secret/a", 3), ("secret/b", 1)], None);
        let workload = workload(before.clone());
        let same_value =
            step(&workload, &versions(Current::Version(4), Current::Version(1)), &[], true, AGE, at(0));
        assert_eq!(same_value.state.versions.get("secret/a"), Some(&4));
        assert_eq!(same_value.reason, None);
        for current in [BTreeMap::new(), versions(Current::Gone, Current::Unversioned)] {
            let step = step(&workload, &current, &[], true, AGE, at(0));
            assert_eq!(step, Step { state: before.clone(), reason: None });
        }
    }
}
