//! Becoming another program, with values in its environment.

use crate::command::{termination, unless_stopped};
use crate::compose::Composed;
use crate::expand::expand;
use crate::patience::Patience;
use crate::report::{Ending, TERMINATION_VARIABLE, say};
use crate::sessions::Sessions;
use crate::source::Secrets;
use crate::{compose, gather, place};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use strongroom_plan::{PLAN_VARIABLE, Part, Plan, WATCH_ANNOTATION};
use zeroize::Zeroizing;

type Environment = BTreeMap<OsString, OsString>;

/// A program that only has to be started.
pub(crate) struct Prepared {
    program: PathBuf,
    words: Vec<OsString>,
    environment: Environment,
}

impl Prepared {
    /// Becomes the program. Comes back only if that fails.
    pub(crate) fn start(self) -> Ending {
        let mut command = Command::new(&self.program);
        if let Some((name, arguments)) = self.words.split_first() {
            command.arg0(name).args(arguments);
        }
        let error = command.env_clear().envs(&self.environment).exec();
        Ending::unstartable(format!("cannot start {}: {error}", self.program.display()), CANNOT_START)
    }
}

/// Reads the values, writes the files, and makes everything ready for the start.
pub(crate) async fn prepare(plan: Plan, words: &[OsString]) -> Result<Prepared, Ending> {
    let mut stop = termination()?;
    let mut sessions = Sessions::new(&plan)?;
    let work = async {
        let secrets = gather::all(&plan, &mut sessions, &Patience::of(&plan)).await?;
        let way_out = format!(
            "a running program's variables cannot change; take it as a file or by fileKeyRef, and annotate the Pod \
             with {WATCH_ANNOTATION}"
        );
        gather::refuse_leases(&secrets, &way_out)?;
        place::all(compose::files(&plan, &secrets))?;
        environment(std::env::vars_os().collect(), &plan, &secrets)
    };
    let environment = unless_stopped(&mut stop, work).await;
    sessions.end().await;
    let environment = environment?;
    let words = expanded(words, &plan.expand, &environment)?;
    check_sizes(&words, &environment)?;
    let program = find(words.first().map_or(OsStr::new(""), OsString::as_os_str), &environment)?;
    Ok(Prepared { program, words, environment })
}

/// What was there before, without what is for this program only, and the plan's variables over it.
fn environment(mut all: Environment, plan: &Plan, secrets: &Secrets) -> Result<Environment, Ending> {
    all.remove(OsStr::new(PLAN_VARIABLE));
    all.remove(OsStr::new(TERMINATION_VARIABLE));
    let mut problems = Vec::new();
    for variable in &plan.variables {
        let is_whole = matches!(variable.parts.as_slice(), [Part::All(_)]);
        let known = |name: &str| text_of(&all, name).map(Zeroizing::new);
        let composed = match compose::variable(variable, secrets, &plan.server, known) {
            Ok(composed) => composed,
            Err(why) => {
                problems.push(format!("{why}, for variable {}", variable.name));
                continue;
            }
        };
        for new in composed {
            if is_whole && plan.kept.contains(&new.name) {
                continue;
            }
            match obstacle(&new) {
                None => drop(all.insert(OsString::from(new.name), OsString::from(new.value.as_str()))),
                Some(why) if is_whole && is_no_name(&new.name) => say(&format!("{why}: left out")),
                Some(why) => problems.push(why),
            }
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(Ending::failed(problems.join("\n"))) }
}

/// Why Linux could not take a variable.
fn obstacle(new: &Composed) -> Option<String> {
    let reason = if is_no_name(&new.name) {
        "this is no name of a variable"
    } else if new.value.contains('\0') {
        "the value has a NUL byte, which no variable can carry: use a file"
    } else if new.name.len() + new.value.len() + 2 > LONGEST_TEXT {
        "name and value take more than 128 KiB, which Linux refuses: use a file"
    } else {
        return None;
    };
    Some(format!("{}, for variable {}: {reason}", new.origin, new.name))
}

fn is_no_name(name: &str) -> bool {
    name.is_empty() || name.contains(['=', '\0'])
}

fn text_of(environment: &Environment, name: &str) -> Option<String> {
    environment.get(OsStr::new(name)).and_then(|value| value.to_str()).map(str::to_owned)
}

fn expanded(words: &[OsString], which: &[usize], environment: &Environment) -> Result<Vec<OsString>, Ending> {
    if let Some(beyond) = which.iter().find(|at| **at >= words.len()) {
        let text = format!("{PLAN_VARIABLE}: expand names word {beyond}, and there are {}", words.len());
        return Err(Ending::usage(text));
    }
    let words = words.iter().enumerate().map(|(at, word)| match word.to_str() {
        Some(text) if which.contains(&at) => OsString::from(expand(text, |name| text_of(environment, name))),
        _ => word.clone(),
    });
    Ok(words.collect())
}

/// What `execve` would refuse with a bare "Argument list too long".
fn check_sizes(words: &[OsString], environment: &Environment) -> Result<(), Ending> {
    let mut total = 0;
    for (at, word) in words.iter().enumerate() {
        if word.len() + 1 > LONGEST_TEXT {
            let text = format!("word {at} of the command takes more than 128 KiB, which Linux refuses");
            return Err(Ending::unstartable(text, CANNOT_START));
        }
        total += word.len() + 1 + POINTER;
    }
    let mut longest: (&OsStr, usize) = (OsStr::new(""), 0);
    for (name, value) in environment {
        let length = name.len() + value.len() + 2;
        total += length + POINTER;
        if length > longest.1 {
            longest = (name, length);
        }
    }
    let limit = longest_total();
    if total <= limit {
        return Ok(());
    }
    let text = format!(
        "command and environment take {total} bytes, and Linux allows {limit}: the longest variable is {} ({} bytes); \
         use files",
        longest.0.display(),
        longest.1
    );
    Err(Ending::unstartable(text, CANNOT_START))
}

/// A quarter of the stack, at most 6 MiB, at least 128 KiB; some of it goes to the program's path and the kernel.
fn longest_total() -> usize {
    let stack = rustix::process::getrlimit(rustix::process::Resource::Stack).current.unwrap_or(u64::MAX);
    let quarter = usize::try_from(stack / 4).unwrap_or(usize::MAX);
    quarter.clamp(LONGEST_TEXT, 6 << 20) - 8192
}

/// Finds a program as shells do: a name with a slash is a path from the working folder on, any other is looked
/// for in the folders of `PATH`.
fn find(name: &OsStr, environment: &Environment) -> Result<PathBuf, Ending> {
    let shown = name.display();
    let refused = |path: &Path| {
        Ending::unstartable(format!("{}: it may not be executed", path.display()), CANNOT_START)
    };
    let missing = |where_: String| Ending::unstartable(format!("{shown}: not found{where_}"), NOT_FOUND);
    if name.is_empty() {
        return Err(missing(": the command is empty".to_owned()));
    }
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return match look(&path) {
            Look::Program => Ok(path),
            Look::Refused => Err(refused(&path)),
            Look::Nothing => Err(missing(String::new())),
        };
    }
    let folders = environment.get(OsStr::new("PATH")).map_or(OsStr::new(USUAL_PATH), OsString::as_os_str);
    let mut first_refused = None;
    for folder in std::env::split_paths(folders) {
        // An empty part is the working folder.
        let path = if folder.as_os_str().is_empty() { Path::new(".").join(name) } else { folder.join(name) };
        match look(&path) {
            Look::Program => return Ok(path),
            Look::Refused => first_refused = first_refused.or(Some(path)),
            Look::Nothing => {}
        }
    }
    match first_refused {
        Some(path) => Err(refused(&path)),
        None => Err(missing(format!(" in PATH ({})", folders.display()))),
    }
}

enum Look {
    Program,
    Refused,
    Nothing,
}

fn look(path: &Path) -> Look {
    match path.metadata() {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => Look::Program,
        Ok(_) => Look::Refused,
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => Look::Refused,
        Err(_) => Look::Nothing,
    }
}

/// As shells have it.
const NOT_FOUND: u8 = 127;
const CANNOT_START: u8 = 126;
/// One text of command or environment, its end among them (`MAX_ARG_STRLEN`).
const LONGEST_TEXT: usize = 128 << 10;
const POINTER: usize = 8;
/// What container runtimes take when an image says nothing.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[cfg(test)]
mod tests;
