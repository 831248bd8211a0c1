//! Command line to flags and arguments, the way Go's `flag` package reads them: one dash or two,
//! `-name value` or `-name=value`. Flags may also follow the arguments.

use crate::command::{Command, Flag, Run, Takes};
use std::collections::BTreeMap;
use strongroom_wire::duration;

/// The flags and arguments given to a command. No `Debug`: arguments carry secrets.
#[derive(Default)]
pub(crate) struct Parsed {
    flags: BTreeMap<&'static str, Vec<String>>,
    pub(crate) args: Vec<String>,
    pub(crate) help: bool,
}

impl Parsed {
    /// All values given for a flag, by its main name.
    pub(crate) fn values(&self, name: &str) -> &[String] {
        self.flags.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Reads `args` with the flags of `command`. The error names what is wrong, for the user.
pub(crate) fn parse(command: &Command, args: &[String]) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            parsed.args.extend(rest.by_ref().cloned());
            break;
        }
        let Some((name, value)) = as_flag(arg) else {
            parsed.args.push(arg.clone());
            continue;
        };
        if matches!(name, "h" | "help") {
            parsed.help = true;
            continue;
        }
        let Some(flag) = command.all_flags().find(|f| f.is_called(name)) else {
            // After the first argument, what only looks like a flag is data; another program's always is.
            if parsed.args.is_empty() && !matches!(command.run, Run::Wrapper(_)) {
                return Err(unknown(command, name));
            }
            parsed.args.push(arg.clone());
            continue;
        };
        let value = match (value, flag.takes) {
            (Some(value), _) => value.to_owned(),
            (None, Takes::Switch) => "true".to_owned(),
            (None, _) => rest.next().cloned().ok_or_else(|| format!("flag needs an argument: -{name}"))?,
        };
        check(flag, &value)?;
        parsed.flags.entry(flag.name).or_default().push(value);
    }
    Ok(parsed)
}

/// Splits off the shared flags that stand before the command's words. Returns how many of `args`
/// they take.
pub(crate) fn leading_flags(args: &[String]) -> usize {
    let mut count = 0;
    while let Some((name, value)) = args.get(count).and_then(|arg| as_flag(arg)) {
        let shared = crate::flags::SERVER.iter().chain(crate::flags::FORMAT).chain(crate::flags::FIELD);
        let Some(flag) = shared.into_iter().find(|f| f.is_called(name)) else { break };
        count += if value.is_none() && flag.takes != Takes::Switch { 2 } else { 1 };
    }
    count.min(args.len())
}

/// `true` and `false` as Go reads them.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The known name that `given` is most likely a misspelling of.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.map(|name| (distance(given, name), name)).min()?;
    (best.0 <= given.chars().count() / 3 + 1).then_some(best.1)
}

/// Name and value of what looks like a flag; a lone dash does not, for it means standard input.
fn as_flag(arg: &str) -> Option<(&str, Option<&str>)> {
    let name = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|name| !name.is_empty())?;
    Some(match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    })
}

fn check(flag: &Flag, value: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("invalid value {value:?} for flag -{}: {what}", flag.name));
    match flag.takes {
        Takes::Switch if truth(value).is_none() => wrong("use true or false"),
        Takes::Number if value.parse::<i64>().is_err() => wrong("use a whole number"),
        Takes::Duration => duration::parse(value).map(drop).or_else(|e| wrong(&e.to_string())),
        _ => Ok(()),
    }
}

fn unknown(command: &Command, name: &str) -> String {
    let mut text = format!("flag provided but not defined: -{name}");
    if let Some(near) = nearest(name, command.all_flags().map(|f| f.name)) {
        text.push_str(&format!("\nDid you mean -{near}?"));
    }
    text
}

/// How many letters must change to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let cost = (diagonal + usize::from(x != *y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
