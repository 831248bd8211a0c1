//! `sys/kv/copy` and `sys/kv/move`: a secret goes to another path or mount, of either version, without its
//! values leaving the server. All of it is one commit.

use super::config::{self, Config};
use super::secret::{self, OldVersion, Secret};
use super::versioned::SECRETS;
use super::{Version, data, metadata, version};
use serde_json::json;
use std::sync::Arc;
use strongroom_core::mount::Mounted;
use strongroom_core::{Allowance, BoxFuture, Call, Fault, Map, Operation, Path, Response, Route, Value};
use strongroom_wire::field::{Field, Kind};

const SOURCE: &str = "source";
const TARGET: &str = "target";
const HISTORY: &str = "history";
const CAS: &str = "cas";

static FIELDS: [Field; 4] = [
    Field::new(SOURCE, Kind::Text, "Mount and path of the secret, as in secret/app/db, without data/."),
    Field::new(TARGET, Kind::Text, "Mount and path it goes to."),
    Field::new(
        HISTORY,
        Kind::Bool,
        "All its versions and its metadata, not just the newest; the target must not be there. Moves within version 2 do so if nothing is said.",
    ),
    Field::new(CAS, Kind::Int, "The version of the target that must be the newest; 0 for none at all."),
];

/// Versions that are taken along in one commit.
const MAX_HISTORY: usize = 1000;

/// The routes below `sys/`.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new("kv/copy", "Copies a secret without giving out its values.", &FIELDS)
            .holder(Operation::Update, copy),
        Route::new("kv/move", "Moves a secret without giving out its values.", &FIELDS)
            .holder(Operation::Update, shift),
    ]
}

fn copy(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(transfer(call, false))
}

fn shift(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(transfer(call, true))
}

async fn transfer(call: Call<'_>, moves: bool) -> Result<Response, Fault> {
    let (source, target) = (Spot::find(&call, SOURCE)?, Spot::find(&call, TARGET)?);
    if source.mounted.entry.id == target.mounted.entry.id && source.path == target.path {
        return Err(Fault::invalid("source and target are the same secret"));
    }
    let both_versioned = source.version == Version::Two && target.version == Version::Two;
    let history = call.args.bool(HISTORY).unwrap_or(moves && both_versioned);
    if history && !both_versioned {
        return Err(Fault::invalid("field \"history\": only stores of version 2 have one"));
    }
    let allowance = call.allowance().await?;
    source.check(&allowance, Operation::Read, "data/", &Map::new(), SOURCE)?;
    if history {
        source.check(&allowance, Operation::Read, "metadata/", &Map::new(), SOURCE)?;
    }
    if moves {
        source.check(&allowance, Operation::Delete, "metadata/", &Map::new(), SOURCE)?;
    }
    let secret = call.txn.get::<Secret>(&source.key()).await?;
    let there = call.txn.get::<Secret>(&target.key()).await?;
    let may_write = |section: &str, body: &Map| {
        let operation = if there.is_some() { Operation::Update } else { Operation::Create };
        target.check(&allowance, operation, section, body, TARGET)
    };
    let Some(secret) = secret else {
        // Whoever may not write there learns nothing more.
        may_write("data/", &Map::new())?;
        return Err(source.missing());
    };
    let job = Job { call, source: &source, target: &target, secret: &secret, there: there.as_ref() };
    let mut answer = if history {
        may_write("data/", &Map::new())?;
        may_write("metadata/", &settings(&secret))?;
        job.with_history(moves).await?
    } else {
        let data = newest(&job)?;
        let cas = job.call.args.int(CAS);
        let body = match target.version {
            Version::One => data.clone(),
            Version::Two => {
                let options = cas.map_or_else(|| json!({}), |cas| json!({ "cas": cas }));
                Map::from_iter([
                    ("data".to_owned(), Value::Object(data.clone())),
                    ("options".to_owned(), options),
                ])
            }
        };
        may_write("data/", &body)?;
        job.newest(moves, cas).await?
    };
    answer.insert(SOURCE.to_owned(), source.shown().into());
    answer.insert(TARGET.to_owned(), target.shown().into());
    Ok(Response::data(answer))
}

/// What is copied, and where to.
struct Job<'a> {
    call: Call<'a>,
    source: &'a Spot,
    target: &'a Spot,
    secret: &'a Arc<Secret>,
    there: Option<&'a Arc<Secret>>,
}

/// The values of the newest version.
fn newest(job: &Job<'_>) -> Result<Map, Fault> {
    let now = job.call.now();
    let newest = job.secret.version(job.secret.current);
    if newest.is_none_or(|v| v.is_gone(now)) {
        return Err(Fault::invalid(format!(
            "the newest version of {:?} is deleted or destroyed: restore it first, or take the whole history",
            job.source.shown()
        )));
    }
    let data = job.secret.data.as_ref();
    data.ok_or_else(|| Fault::invalid(format!("{:?} holds no values", job.source.shown())))?.read()
}

impl Job<'_> {
    async fn newest(self, moves: bool, cas: Option<i64>) -> Result<Map, Fault> {
        let (now, txn, key) = (self.call.now(), self.call.txn, self.target.key());
        let data = self.secret.data.clone();
        let answer = match self.target.version {
            Version::One => {
                match (cas, self.there) {
                    (None, _) | (Some(0), None) => {}
                    (Some(0), Some(_)) => {
                        return Err(Fault::invalid(format!(
                            "cas: there is something at {:?}",
                            self.target.shown()
                        )));
                    }
                    _ => {
                        return Err(Fault::invalid(
                            "cas: a store of version 1 takes 0 only, for none at all",
                        ));
                    }
                }
                let data =
                    data.ok_or_else(|| Fault::Internal("a secret without values was copied".to_owned()))?;
                txn.put(&key, &Secret::plain(data, now))?;
                Map::new()
            }
            Version::Two => {
                let config = Config::load(txn, &self.target.mounted.entry.key(config::KEY)).await?;
                let secret = self.there.map_or_else(|| Secret::empty(now), |known| Secret::clone(known));
                data::check_version(cas, &config, &secret)?;
                data::store(txn, &key, secret, data, &config, now)?.data.unwrap_or_default()
            }
        };
        if moves {
            metadata::remove(txn, &self.source.key(), self.secret);
        }
        Ok(answer)
    }

    async fn with_history(self, moves: bool) -> Result<Map, Fault> {
        if self.there.is_some() || self.call.args.int(CAS).is_some_and(|cas| cas != 0) {
            return Err(Fault::invalid(format!(
                "a history goes only where there is none: {:?} must not be there, and cas can only be 0",
                self.target.shown()
            )));
        }
        if self.secret.versions().count() > MAX_HISTORY {
            return Err(Fault::invalid(format!(
                "the secret has more than {MAX_HISTORY} versions: copy the newest one (history=false), or trim it"
            )));
        }
        let (txn, from, to) = (self.call.txn, self.source.key(), self.target.key());
        txn.put(&to, self.secret.as_ref())?;
        for (number, version) in self.secret.versions() {
            if number == self.secret.current || version.destroyed {
                continue;
            }
            let old = txn.get::<OldVersion>(&secret::version_key(&from, number)).await?;
            let old =
                old.ok_or_else(|| Fault::Internal(format!("the data of version {number} is missing")))?;
            txn.put(&secret::version_key(&to, number), old.as_ref())?;
        }
        if moves {
            metadata::remove(txn, &from, self.secret);
        }
        Ok(Map::from_iter([
            ("version".to_owned(), self.secret.current.into()),
            ("versions".to_owned(), self.secret.versions().count().into()),
        ]))
    }
}

/// What a metadata write would set, for the rules that look at it.
fn settings(secret: &Secret) -> Map {
    let settings = &secret.settings;
    Map::from_iter([
        ("max_versions".to_owned(), settings.max_versions.into()),
        ("cas_required".to_owned(), settings.cas_required.into()),
        ("delete_version_after".to_owned(), settings.delete_version_after.into()),
        ("custom_metadata".to_owned(), secret.custom_metadata()),
    ])
}

/// A secret's place.
struct Spot {
    mounted: Arc<Mounted>,
    version: Version,
    /// Below the mount.
    path: String,
}

impl Spot {
    /// The place that a field names. A store that is not there is told from one that is by nobody.
    fn find(call: &Call<'_>, field: &str) -> Result<Self, Fault> {
        let given = call.args.text_or_empty(field);
        let given = given.strip_prefix('/').unwrap_or(given);
        let wanted = || {
            Fault::invalid(format!("field {field:?}: want mount and path of a secret, as in secret/app/db"))
        };
        let path = Path::parse(given).map_err(|e| Fault::invalid(format!("field {field:?}: {e}")))?;
        if path.as_str().is_empty() || path.is_folder() {
            return Err(wanted());
        }
        let mounted =
            call.mounts().resolve(path.as_str()).filter(|m| m.entry.kind == "kv" && !m.entry.removed);
        let mounted = mounted.ok_or_else(|| refused(field))?.clone();
        let local = path.as_str().get(mounted.full_path.len()..).unwrap_or("");
        if local.is_empty() {
            return Err(wanted());
        }
        let version = version(&mounted.entry)?;
        Ok(Self { version, path: local.to_owned(), mounted })
    }

    /// Refuses what the caller could not do at this place by itself.
    fn check(
        &self,
        allowance: &Allowance,
        operation: Operation,
        section: &str,
        body: &Map,
        field: &str,
    ) -> Result<(), Fault> {
        let section = if self.version == Version::One { "" } else { section };
        let path = format!("{}{section}{}", self.mounted.full_path, self.path);
        if allowance.allows(operation, &path, body) { Ok(()) } else { Err(refused(field)) }
    }

    fn key(&self) -> Vec<u8> {
        secret::key(self.mounted.entry.key(SECRETS), &self.path)
    }

    fn shown(&self) -> String {
        format!("{}{}", self.mounted.full_path, self.path)
    }

    fn missing(&self) -> Fault {
        let hint = match self.path.strip_prefix("data/") {
            Some(path) if self.version == Version::Two => {
                format!("; paths are given without data/, as in {}{path}", self.mounted.full_path)
            }
            _ => String::new(),
        };
        Fault::Status(404, format!("there is no secret at {:?}{hint}", self.shown()))
    }
}

fn refused(field: &str) -> Fault {
    Fault::Refused(format!(
        "permission denied, or no key-value store is mounted there: field {field:?} (a copy needs read on the source and \
         create or update on the target, a move delete on the source's metadata too)"
    ))
}
