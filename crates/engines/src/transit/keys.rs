//! `keys/`: making, reading, listing and deleting keys.

use super::input::{CONTEXT_FIELD, NAME, NAME_FIELD, TYPE, map, refused_with_500};
use super::key::{self, Derivation, Key, Moment, Version};
use super::kind::Kind;
use super::ready::Ready;
use super::{access, cipher, generate, input, text};
use std::collections::BTreeMap;
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, Value};
use strongroom_crypto::pem;
use strongroom_wire::field::{Args, Field, Kind as FieldKind};
use strongroom_wire::time;

pub(super) const DERIVED: &str = "derived";
pub(super) const EXPORTABLE: &str = "exportable";
pub(super) const PLAINTEXT_BACKUP: &str = "allow_plaintext_backup";
pub(super) const AUTO_ROTATE: &str = "auto_rotate_period";
const CONVERGENT: &str = "convergent_encryption";
const KEY_SIZE: &str = "key_size";
pub(super) const PARAMETER_SET: &str = "parameter_set";
const MANAGED_NAME: &str = "managed_key_name";
const MANAGED_ID: &str = "managed_key_id";

/// Seconds of the shortest period of automatic rotation.
const SHORTEST_PERIOD: u64 = 3600;
/// Bytes of keys of type hmac.
const HMAC_SIZES: std::ops::RangeInclusive<u64> = 32..=512;

static CREATE: [Field; 12] = [
    NAME_FIELD,
    Field::new(TYPE, FieldKind::Text, "Type of the key; aes256-gcm96 unless given."),
    Field::new(DERIVED, FieldKind::Bool, "Whether requests bring a context from which the key is derived."),
    Field::new(
        CONVERGENT,
        FieldKind::Bool,
        "Whether equal messages in equal contexts have equal ciphertexts.",
    ),
    Field::new(EXPORTABLE, FieldKind::Bool, "Whether the key can be exported; cannot be taken back."),
    Field::new(PLAINTEXT_BACKUP, FieldKind::Bool, "Whether the key can be backed up; cannot be taken back."),
    Field::new(AUTO_ROTATE, FieldKind::Seconds, "Age at which the key gets a new version: 0 or at least 1h."),
    Field::new(KEY_SIZE, FieldKind::Int, "Bytes of a key of type hmac, 32 to 512."),
    Field::new(PARAMETER_SET, FieldKind::Text, "44, 65 or 87, of keys of type ml-dsa."),
    CONTEXT_FIELD,
    Field::new(MANAGED_NAME, FieldKind::Text, "Keys held elsewhere are not supported."),
    Field::new(MANAGED_ID, FieldKind::Text, "Keys held elsewhere are not supported."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("keys", "The names of all keys.", &[]).on(Operation::List, |call| Box::pin(list(call))),
        Route::new("keys/{name}", "Makes, reads and deletes a key.", &CREATE)
            .on(Operation::Update, |call| Box::pin(create(call)))
            .on(Operation::Read, |call| Box::pin(read(call)))
            .on(Operation::Delete, |call| Box::pin(delete(call))),
    ]
}

/// A key to be made.
pub(super) struct New {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) key_size: u64,
    pub(super) derived: bool,
    pub(super) convergent: bool,
    pub(super) exportable: bool,
    pub(super) plaintext_backup: bool,
    pub(super) auto_rotate: u64,
}

impl Default for New {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: Kind::Aes256Gcm,
            key_size: 0,
            derived: false,
            convergent: false,
            exportable: false,
            plaintext_backup: false,
            auto_rotate: 0,
        }
    }
}

impl New {
    /// What the fields ask for.
    pub(super) fn read(args: &Args) -> Result<Self, Fault> {
        let mut new = Self::read_imported(args)?;
        new.key_size = key_size(args, new.kind)?;
        Ok(new)
    }

    /// What the fields ask for of a key that is brought along.
    pub(super) fn read_imported(args: &Args) -> Result<Self, Fault> {
        for managed in [MANAGED_NAME, MANAGED_ID] {
            if !args.text_or_empty(managed).is_empty() {
                return Err(Fault::invalid(format!("field {managed:?}: managed keys are not supported")));
            }
        }
        let kind = match args.text_or_empty(TYPE) {
            "" => Kind::Aes256Gcm,
            name => Kind::read(name, args.text_or_empty(PARAMETER_SET))?,
        };
        let new = Self {
            name: args.text_or_empty(NAME).to_owned(),
            kind,
            key_size: 0,
            derived: args.bool(DERIVED).unwrap_or(false),
            convergent: args.bool(CONVERGENT).unwrap_or(false),
            exportable: args.bool(EXPORTABLE).unwrap_or(false),
            plaintext_backup: args.bool(PLAINTEXT_BACKUP).unwrap_or(false),
            auto_rotate: auto_rotate(args)?.unwrap_or(0),
        };
        if new.derived && !kind.derives() {
            return Err(refused_with_500(format!(
                "key derivation not supported for keys of type {}",
                kind.name()
            )));
        }
        if new.convergent && !new.derived {
            return Err(Fault::invalid("convergent encryption requires derivation to be enabled"));
        }
        if new.convergent && kind.cipher().is_none() {
            return Err(refused_with_500(format!(
                "convergent encryption not supported for keys of type {}",
                kind.name()
            )));
        }
        Ok(new)
    }

    /// Makes the key and writes it.
    pub(super) async fn make(self, call: &mut Call<'_>) -> Result<Key, Fault> {
        let mut key = self.without_versions();
        key.add(generate::version(call.core, key.kind, key.key_size, key.convergent).await?);
        access::save(call, &key)?;
        Ok(key)
    }

    /// The record with the settings and nothing in it yet.
    pub(super) fn without_versions(self) -> Key {
        Key {
            name: self.name,
            kind: self.kind,
            key_size: self.key_size,
            derived: self.derived,
            derivation: Derivation::Hkdf,
            convergent: self.convergent,
            convergent_version: if self.convergent { -1 } else { 0 },
            exportable: self.exportable,
            deletion_allowed: false,
            plaintext_backup: self.plaintext_backup,
            min_decryption: 1,
            min_encryption: 0,
            min_available: 0,
            latest: 0,
            auto_rotate: self.auto_rotate,
            imported: false,
            imported_rotation: false,
            backed_up: None,
            restored: None,
            versions: BTreeMap::new(),
        }
    }
}

/// `auto_rotate_period`, if it was given.
pub(super) fn auto_rotate(args: &Args) -> Result<Option<u64>, Fault> {
    match args.seconds(AUTO_ROTATE) {
        Some(period) if period != 0 && period < SHORTEST_PERIOD => {
            Err(Fault::invalid("auto rotate period must be 0 to disable or at least an hour"))
        }
        period => Ok(period),
    }
}

fn key_size(args: &Args, kind: Kind) -> Result<u64, Fault> {
    let given = args.int(KEY_SIZE).unwrap_or(0);
    if kind != Kind::Hmac {
        return match given {
            0 => Ok(0),
            _ => Err(Fault::invalid(format!("key_size is not valid for algorithm {}", kind.name()))),
        };
    }
    let refusal = format!("invalid key_size {given} for a key of type hmac, want 32 to 512 bytes");
    match u64::try_from(given) {
        Ok(0) => Err(refused_with_500(refusal)),
        Ok(size) if HMAC_SIZES.contains(&size) => Ok(size),
        _ => Err(Fault::invalid(refusal)),
    }
}

async fn list(call: Call<'_>) -> Result<Response, Fault> {
    let prefix = call.key(key::PREFIX);
    Response::keys(call.txn.names(&prefix).await?)
}

async fn create(mut call: Call<'_>) -> Result<Response, Fault> {
    let new = New::read(call.args)?;
    let key = match access::find(&mut call).await? {
        Some(known) => Key::clone(&known),
        None => new.make(&mut call).await?,
    };
    describe(&key, &[]).map(Response::data)
}

async fn read(mut call: Call<'_>) -> Result<Response, Fault> {
    let key = access::find(&mut call).await?.ok_or(Fault::NotFound)?;
    let context = input::bytes(call.args, input::CONTEXT)?;
    describe(&key, &context).map(Response::data)
}

async fn delete(mut call: Call<'_>) -> Result<Response, Fault> {
    let Some(known) = access::find(&mut call).await? else {
        let name = call.args.text_or_empty(NAME);
        return Err(Fault::invalid(format!("could not delete key; not found: {name}")));
    };
    if !known.deletion_allowed {
        return Err(Fault::invalid(format!(
            "error deleting policy {}: deletion is not allowed for this key",
            known.name
        )));
    }
    let place = call.key(&key::place(&known.name));
    call.txn.delete(&place);
    Ok(Response::none())
}

/// What reading a key answers. With a context, a derived signing key shows its public part.
pub(super) fn describe(key: &Key, context: &[u8]) -> Result<Map, Fault> {
    let kind = key.kind;
    let mut out = map([
        ("name", key.name.clone().into()),
        (TYPE, kind.name().into()),
        (DERIVED, key.derived.into()),
        (EXPORTABLE, key.exportable.into()),
        (PLAINTEXT_BACKUP, key.plaintext_backup.into()),
        ("deletion_allowed", key.deletion_allowed.into()),
        ("min_available_version", key.min_available.into()),
        ("min_decryption_version", key.min_decryption.into()),
        ("min_encryption_version", key.min_encryption.into()),
        ("latest_version", key.latest.into()),
        (AUTO_ROTATE, key.auto_rotate.into()),
        ("imported_key", key.imported.into()),
        ("supports_encryption", kind.encrypts().into()),
        ("supports_decryption", kind.encrypts().into()),
        ("supports_signing", kind.signs().into()),
        ("supports_derivation", kind.derives().into()),
    ]);
    let mut add = |name: &str, value: Value| out.insert(name.to_owned(), value);
    if key.imported {
        add("imported_key_allow_rotation", key.imported_rotation.into());
    }
    if kind == Kind::Hmac {
        add(KEY_SIZE, key.key_size.into());
    }
    if !kind.parameter_set().is_empty() {
        add(PARAMETER_SET, kind.parameter_set().into());
    }
    if key.derived {
        let name = match key.derivation {
            Derivation::Hkdf => "hkdf_sha256",
            Derivation::Counter => "hmac-sha256-counter",
        };
        add("kdf", name.into());
        add(CONVERGENT, key.convergent.into());
        if key.convergent {
            add("convergent_encryption_version", key.convergent_version.into());
        }
    }
    for (name, moment) in [("backup_info", key.backed_up), ("restore_info", key.restored)] {
        if let Some(moment) = moment {
            add(name, Value::Object(at(moment)));
        }
    }
    let versions = key.usable().map(|(number, version)| {
        describe_version(key, version, context).map(|shown| (number.to_string(), shown))
    });
    add("keys", Value::Object(versions.collect::<Result<Map, Fault>>()?));
    Ok(out)
}

fn at(moment: Moment) -> Map {
    map([("time", time::rfc3339(moment.time).into()), ("version", moment.version.into())])
}

fn describe_version(key: &Key, version: &Version, context: &[u8]) -> Result<Value, Fault> {
    let Some(name) = key.kind.version_name() else { return Ok(time::unix(version.created).into()) };
    let public = match (key.derived, context) {
        (true, []) => String::new(),
        (true, context) => text::encode(cipher::derived_ed25519(key, version, context)?.public()),
        (false, _) => public(key, version)?,
    };
    Ok(Value::Object(map([
        ("name", name.into()),
        ("public_key", public.into()),
        ("creation_time", time::rfc3339(version.created).into()),
        ("certificate_chain", "".into()),
    ])))
}

/// The public part of a version as clients are shown it: PEM of RSA and ECDSA, base64 of the others.
pub(super) fn public(key: &Key, version: &Version) -> Result<String, Fault> {
    let pem = |spki: &[u8]| pem::encode("PUBLIC KEY", spki).to_string();
    Ok(match version.ready(key.kind)? {
        Ready::Rsa(_, public) => pem(public.spki()),
        Ready::Ecdsa(_, public) => pem(&public.spki()),
        Ready::Ed25519(..) | Ready::MlDsa(..) => text::encode(&version.public),
        Ready::Cipher(_) | Ready::Hmac => {
            return Err(refused_with_500(format!("keys of type {} have no public part", key.kind.name())));
        }
    })
}
