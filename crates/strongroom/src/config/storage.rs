//! The stores that can be configured.

use super::keys::Keys;
use super::{Config, ConfigError};
use std::path::{Path, PathBuf};
use strongroom_policy::hcl::{self, Labelled};

/// Where entries are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In memory.
    Memory,
    /// In a redb database.
    Redb {
        /// The folder, or a file that ends in `.redb`.
        path: PathBuf,
        /// As it was named: `redb` or `file`.
        named: String,
        /// Bytes of the database kept in memory.
        cache_bytes: Option<usize>,
    },
}

/// What `operator migrate` copies.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) source: Storage,
    pub(crate) destination: Storage,
    pub(crate) warnings: Vec<String>,
}

/// The text of every message about other stores.
const KINDS: &str = "use \"redb\" (also called \"file\") with a path, or \"inmem\"";

impl Storage {
    /// Its name in listings.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Memory => "inmem",
            Self::Redb { named, .. } => named,
        }
    }
}

/// Reads the storage stanza, if there is one.
pub(super) fn read(keys: &Keys<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for name in ["storage", "backend"] {
        for stanza in keys.labelled(name)? {
            if config.storage.is_some() {
                return Err(
                    keys.wrong(stanza.line, "there is a second storage stanza; a server has one store")
                );
            }
            config.storage = Some(stanza_of(keys, name, &stanza, &mut config.warnings)?);
        }
    }
    Ok(())
}

/// Reads the configuration of `operator migrate`.
pub(crate) fn migration(path: &Path) -> Result<Migration, ConfigError> {
    let file = path.display().to_string();
    let text = super::load::text(path)?;
    let object = hcl::parse(&text)
        .map_err(|e| ConfigError { place: format!("{file}:{}", e.line), problem: e.problem })?;
    let keys = Keys::top(&object, &file);
    let mut warnings = Vec::new();
    let mut one = |name: &str| match keys.labelled(name)?.as_slice() {
        [stanza] => stanza_of(&keys, name, stanza, &mut warnings),
        [] => Err(ConfigError {
            place: file.clone(),
            problem: format!("there is no {name} stanza, as in {name} \"redb\" {{ path = \"...\" }}"),
        }),
        [_, second, ..] => Err(keys.wrong(second.line, format!("there is a second {name} stanza"))),
    };
    let (source, destination) = (one("storage_source")?, one("storage_destination")?);
    warnings.extend(keys.unknown());
    Ok(Migration { source, destination, warnings })
}

fn stanza_of(
    keys: &Keys<'_>,
    name: &str,
    stanza: &Labelled<'_>,
    warnings: &mut Vec<String>,
) -> Result<Storage, ConfigError> {
    let inner = keys.block(format!("{name} {:?}", stanza.label), stanza.body);
    let storage = match stanza.label {
        "inmem" => Storage::Memory,
        "redb" | "file" => {
            let path = inner.text("path")?.filter(|p| !p.is_empty());
            let path = path.ok_or_else(|| {
                inner.wrong(stanza.line, "needs a path, as in path = \"/var/lib/strongroom\"")
            })?;
            let path = PathBuf::from(path);
            if let Some(whose) = others_data(&path) {
                let problem = format!(
                    "{} holds {whose}, which this server cannot read; give it an empty folder",
                    path.display()
                );
                return Err(inner.wrong(inner.line("path"), problem));
            }
            let cache = inner.bytes("cache_bytes")?.map(|b| usize::try_from(b).unwrap_or(usize::MAX));
            Storage::Redb { path, named: stanza.label.to_owned(), cache_bytes: cache }
        }
        other => return Err(keys.wrong(stanza.line, format!("there is no storage {other:?} here: {KINDS}"))),
    };
    warnings.extend(inner.unknown());
    Ok(storage)
}

/// Whether a folder holds the data of Vault or OpenBao, which would otherwise seem to be lost.
fn others_data(path: &Path) -> Option<&'static str> {
    let has = |inner: &str| path.join(inner).exists();
    if has("core/_keyring") || has("core/_seal-config") || has("core/_master") {
        return Some("the data of a Vault server (file storage)");
    }
    (has("vault.db") || has("raft/raft.db")).then_some("the data of a Vault server (raft storage)")
}
