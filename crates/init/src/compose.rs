//! From what was read to what containers get.

use crate::envfile;
use crate::settings::mode_bits;
use crate::source::{Reading, Secrets, Source};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use strongroom_plan::{EnvFile, Part, Plan, Reference, Server, ValueFile, Variable};
use zeroize::Zeroizing;

/// A variable with its value.
pub(crate) struct Composed {
    pub(crate) name: String,
    pub(crate) value: Zeroizing<String>,
    /// Where the value comes from, for messages.
    pub(crate) origin: String,
}

/// A file to write.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// Every file of a plan, or why it cannot be made. Files of missing optional values are left out.
pub(crate) fn files(plan: &Plan, secrets: &Secrets) -> Vec<Result<File, Vec<String>>> {
    let env_files = plan.env_files.iter().map(|file| Some(env_file(file, secrets, &plan.server)));
    let values = plan.files.iter().map(|file| value_file(file, secrets, &plan.server).transpose());
    env_files.chain(values).flatten().collect()
}

/// What a variable of a plan becomes: nothing if it is optional and missing, several for a whole secret. `known`
/// gives the variables that are there already.
pub(crate) fn variable(
    variable: &Variable,
    secrets: &Secrets,
    server: &Server,
    known: impl Fn(&str) -> Option<Zeroizing<String>>,
) -> Result<Vec<Composed>, String> {
    if let [Part::All(reference)] = variable.parts.as_slice() {
        return Ok(whole(&variable.name, reference, secrets, server));
    }
    let mut value = Zeroizing::new(String::new());
    let mut origin = Vec::new();
    for part in &variable.parts {
        match part {
            Part::Text(text) => value.push_str(text),
            Part::Variable(name) => match known(name) {
                Some(other) => value.push_str(&other),
                None => value.push_str(&format!("$({name})")),
            },
            Part::Secret(reference) | Part::All(reference) => {
                let Some(piece) = look_up(reference, secrets, server)? else { return Ok(Vec::new()) };
                value.push_str(piece);
                origin.push(shown(reference, server));
            }
        }
    }
    Ok(vec![Composed { name: variable.name.clone(), value, origin: origin.join(", ") }])
}

fn env_file(file: &EnvFile, secrets: &Secrets, server: &Server) -> Result<File, Vec<String>> {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for entry in &file.entries {
        match variable(entry, secrets, server, |_| None) {
            Ok(composed) => entries.extend(composed),
            Err(why) => {
                problems.push(format!("{why}, for variable {} of container {}", entry.name, file.container))
            }
        }
    }
    match envfile::encode(&entries, &file.container) {
        Ok(bytes) if problems.is_empty() => Ok(File { path: file.path.clone(), mode: 0o400, bytes }),
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

fn value_file(file: &ValueFile, secrets: &Secrets, server: &Server) -> Result<Option<File>, Vec<String>> {
    let purpose = format!("for file {} of container {}", file.path, file.container);
    let failed = |why: String| vec![format!("{why}, {purpose}")];
    let Some(value) = look_up(&file.value, secrets, server).map_err(failed)? else { return Ok(None) };
    let bytes = if file.base64 {
        let packed: Zeroizing<String> = Zeroizing::new(value.split_ascii_whitespace().collect());
        BASE64_STANDARD
            .decode(packed.as_bytes())
            .map_err(|_| failed(format!("{}: the value is not base64", shown(&file.value, server))))?
    } else {
        value.as_bytes().to_vec()
    };
    let mode = mode_bits(&file.mode).unwrap_or(0o400);
    Ok(Some(File { path: file.path.clone(), mode, bytes: Zeroizing::new(bytes) }))
}

fn whole(prefix: &str, reference: &Reference, secrets: &Secrets, server: &Server) -> Vec<Composed> {
    let source = Source::of(reference, server);
    let Some(Reading::Found(found)) = secrets.get(&source) else { return Vec::new() };
    let composed = found.fields.iter().map(|(key, value)| Composed {
        name: format!("{prefix}{key}"),
        value: value.clone(),
        origin: format!("{source}, key {key}"),
    });
    composed.collect()
}

/// The value of a reference; none if it is missing and may be.
fn look_up<'a>(
    reference: &Reference,
    secrets: &'a Secrets,
    server: &Server,
) -> Result<Option<&'a Zeroizing<String>>, String> {
    let found = match secrets.get(&Source::of(reference, server)) {
        Some(Reading::Found(found)) => found.fields.get(&reference.key),
        Some(Reading::Missing) | None => None,
    };
    match found {
        None if !reference.optional => {
            Err(format!("{}: the secret has no such key, or it is null", shown(reference, server)))
        }
        found => Ok(found),
    }
}

fn shown(reference: &Reference, server: &Server) -> String {
    format!("{}, key {}", Source::of(reference, server), reference.key)
}
