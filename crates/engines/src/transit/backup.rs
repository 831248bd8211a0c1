//! `backup/` and `restore/`.

use super::input::{NAME, NAME_FIELD, map, refused_with_500};
use super::key::{Key, Moment};
use super::policy::Backup;
use super::{access, key, text};
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};
use zeroize::Zeroizing;

const BACKUP: &str = "backup";
const FORCE: &str = "force";

static NAMED: [Field; 1] = [NAME_FIELD];
static RESTORE: [Field; 3] = [
    Field::new(NAME, Kind::Text, "Another name for the key than it had."),
    Field::new(BACKUP, Kind::Text, "What backup gave.").secret(),
    Field::new(FORCE, Kind::Bool, "Whether a key of that name is replaced."),
];

pub(super) fn routes() -> Vec<Route> {
    let restore = |pattern| {
        Route::new(pattern, "Restores a key that was backed up.", &RESTORE)
            .on(Operation::Update, |call| Box::pin(restore(call)))
    };
    vec![
        Route::new("backup/{name}", "A key with all its versions, in the clear.", &NAMED)
            .on(Operation::Read, |call| Box::pin(backup(call))),
        restore("restore"),
        restore("restore/{name}"),
    ]
}

async fn backup(mut call: Call<'_>) -> Result<Response, Fault> {
    let known = access::find(&mut call).await?.ok_or_else(|| disallowed("key not found"))?;
    let mut key = Key::clone(&known);
    if !key.exportable {
        return Err(disallowed("exporting is disallowed on the policy"));
    }
    if !key.plaintext_backup {
        return Err(disallowed("plaintext backup is disallowed on the policy"));
    }
    key.backed_up = Some(Moment { time: call.now(), version: key.latest });
    let unreadable = || Fault::Internal("a key cannot be written as a backup".to_owned());
    let backup = Backup::of(&key).ok_or_else(unreadable)?;
    let json = Zeroizing::new(serde_json::to_vec(&backup).map_err(|_| unreadable())?);
    access::save(&mut call, &key)?;
    Ok(Response::data(map([(BACKUP, text::encode(&json).into())])))
}

async fn restore(mut call: Call<'_>) -> Result<Response, Fault> {
    let refuse = |why: &str| refused_with_500(format!("field {BACKUP:?}: {why}"));
    let given = call.args.text_or_empty(BACKUP);
    if given.is_empty() {
        return Err(Fault::invalid("'backup' must be supplied"));
    }
    let json = text::decode(given).map_err(|e| refuse(&e.to_string()))?;
    // The parser's own message could show what it stumbled over.
    let backup: Backup = serde_json::from_slice(&json).map_err(|_| refuse("not a backup of a key"))?;
    let name = call.args.text(NAME).unwrap_or_else(|| backup.name()).to_owned();
    if !is_name(&name) {
        return Err(Fault::invalid("the name of the key may have letters, digits, '_', '-' and '.' only"));
    }
    let place = call.key(&key::place(&name));
    if !call.args.bool(FORCE).unwrap_or(false) && call.txn.exists(&place).await? {
        return Err(refused_with_500(format!("key {name:?} already exists")));
    }
    let mut key = backup.key().map_err(|e| refuse(&e.to_string()))?;
    key.name = name;
    key.restored = Some(Moment { time: call.now(), version: key.latest });
    access::save(&mut call, &key)?;
    Ok(Response::none())
}

/// Vault's form of these errors, which clients look for.
fn disallowed(why: &str) -> Fault {
    refused_with_500(format!("1 error occurred:\n\t* {why}\n\n"))
}

/// What the paths of keys can name.
fn is_name(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(word) && text.ends_with(word) && text.chars().all(|c| word(c) || matches!(c, '-' | '.'))
}
