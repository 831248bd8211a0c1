//! `delete/`, `undelete/` and `destroy/`: what is done to chosen versions.

use super::secret::{self, Secret};
use super::versioned::{self, PATH_FIELD};
use jiff::Timestamp;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Args, Field, Kind};

const VERSIONS: &str = "versions";
static FIELDS: [Field; 2] = [PATH_FIELD, Field::new(VERSIONS, Kind::CommaList, "Numbers of the versions.")];

pub(super) fn routes() -> [Route; 3] {
    [
        Route::new("delete/{path:rest}", "Marks versions as deleted; they can be restored.", &FIELDS)
            .on(Operation::Update, |call| Box::pin(change(call, mark_deleted))),
        Route::new("undelete/{path:rest}", "Restores versions that were marked as deleted.", &FIELDS)
            .on(Operation::Update, |call| Box::pin(change(call, restore))),
        Route::new("destroy/{path:rest}", "Removes the data of versions for good.", &FIELDS)
            .on(Operation::Update, |call| Box::pin(destroy(call))),
    ]
}

/// Changes one version; says whether anything changed.
type Change = fn(&mut Secret, u64, Timestamp) -> bool;

async fn change(call: Call<'_>, change: Change) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let numbers = numbers(call.args)?;
    let now = call.now();
    let key = versioned::key(&call);
    let Some(known) = call.txn.get::<Secret>(&key).await? else { return Ok(Response::none()) };
    let mut secret = Secret::clone(&known);
    let changed = numbers.into_iter().filter(|number| change(&mut secret, *number, now)).count();
    if changed > 0 {
        call.txn.put(&key, &secret)?;
    }
    Ok(Response::none())
}

fn mark_deleted(secret: &mut Secret, number: u64, now: Timestamp) -> bool {
    match secret.version_mut(number) {
        Some(version) if !version.is_gone(now) => {
            version.deletion = Some(now);
            true
        }
        _ => false,
    }
}

fn restore(secret: &mut Secret, number: u64, _now: Timestamp) -> bool {
    match secret.version_mut(number) {
        Some(version) if !version.destroyed && version.deletion.is_some() => {
            version.deletion = None;
            true
        }
        _ => false,
    }
}

async fn destroy(call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let numbers = numbers(call.args)?;
    let key = versioned::key(&call);
    let Some(known) = call.txn.get::<Secret>(&key).await? else { return Ok(Response::none()) };
    let mut secret = Secret::clone(&known);
    let mut changed = false;
    for number in numbers {
        match secret.version_mut(number) {
            Some(version) if !version.destroyed => version.destroyed = true,
            _ => continue,
        }
        changed = true;
        if number == secret.current {
            secret.data = None;
        } else {
            call.txn.delete(&secret::version_key(&key, number));
        }
    }
    if changed {
        call.txn.put(&key, &secret)?;
    }
    Ok(Response::none())
}

/// The numbers that were given; such as cannot be a version stand for none.
fn numbers(args: &Args) -> Result<Vec<u64>, Fault> {
    let given = args.list(VERSIONS).unwrap_or_default();
    if given.is_empty() {
        return Err(Fault::invalid("no version number provided: field \"versions\" must list at least one"));
    }
    let mut numbers = Vec::with_capacity(given.len());
    for text in given {
        let number: i64 = text.parse().map_err(|_| {
            let shown: String = text.chars().take(20).collect();
            Fault::invalid(format!("field \"{VERSIONS}\": cannot take {shown:?}, want whole numbers"))
        })?;
        numbers.extend(u64::try_from(number).ok());
    }
    Ok(numbers)
}
