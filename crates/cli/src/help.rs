//! Help texts, all made from the declarations.

use crate::command::{Command, Flag, Takes};
use crate::flags;
use std::fmt::Write;

/// Help on the program: its commands, the common ones first.
pub(crate) fn program(commands: &[&'static Command], program: &str) -> String {
    let mut out = format!("Usage: {program} <command> [options] [arguments]\n");
    let rows = first_words(commands);
    let (common, others): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(name, _)| COMMON.contains(&name.as_str()));
    let _ = write!(out, "\nCommon commands:\n{}\nOther commands:\n{}", listing(&common), listing(&others));
    let _ = write!(out, "\nExample: {program} kv put secret/app/db password=s3cret\n");
    let _ = writeln!(out, "Help on one command: {program} <command> -help");
    out
}

/// Help on a group such as `kv`.
pub(crate) fn group(
    name: &str,
    groups: &[(&str, &str)],
    commands: &[&'static Command],
    program: &str,
) -> String {
    let about = groups.iter().find(|(g, _)| *g == name).map_or("", |(_, about)| about);
    let mut out =
        format!("Usage: {program} {name} <command> [options] [arguments]\n\n{about}\n\nCommands:\n");
    let prefix = format!("{name} ");
    let members: Vec<_> = commands.iter().filter(|c| c.name.starts_with(&prefix)).collect();
    let rows: Vec<_> =
        members.iter().map(|c| (c.name.trim_start_matches(&prefix).to_owned(), c.about.to_owned())).collect();
    out.push_str(&listing(&rows));
    if let Some(first) = members.first() {
        let _ = write!(out, "\n{}", first_example(first, program));
    }
    out
}

/// Help on one command.
pub(crate) fn command(command: &Command, program: &str) -> String {
    let mut out = format!("Usage: {program} {} {}\n\n{}\n", command.name, command.usage, command.about);
    if !command.details.is_empty() {
        let _ = write!(out, "\n{}\n", command.details);
    }
    out.push_str("\nExamples:\n");
    for (purpose, line) in command.examples {
        let _ = write!(out, "\n  {purpose}\n      $ {}\n", line.replace("{}", program));
    }
    let is_own = |flag: &&Flag| command.flags.iter().any(|f| f.name == flag.name);
    let (own, shared): (Vec<_>, Vec<_>) = command.all_flags().partition(is_own);
    let is_output = |flag: &&Flag| flags::FORMAT.iter().chain(flags::FIELD).any(|f| f.name == flag.name);
    let (output, server): (Vec<_>, Vec<_>) = shared.into_iter().partition(is_output);
    for (title, list) in [("Options", own), ("Output options", output), ("Server options", server)] {
        if !list.is_empty() {
            let _ = write!(out, "\n{title}:\n");
            list.iter().for_each(|flag| out.push_str(&describe(flag)));
        }
    }
    out
}

/// The first example, as a line of its own.
pub(crate) fn first_example(command: &Command, program: &str) -> String {
    command
        .examples
        .first()
        .map_or(String::new(), |(_, line)| format!("Example: {}\n", line.replace("{}", program)))
}

/// What follows a flag, as in `=FILE`.
fn operand(flag: &Flag) -> String {
    match flag.takes {
        Takes::Switch => String::new(),
        Takes::Text(what) | Takes::List(what) => format!("={what}"),
        Takes::Duration => "=DURATION".to_owned(),
        Takes::Number => "=NUMBER".to_owned(),
    }
}

fn describe(flag: &Flag) -> String {
    let mut names = format!("-{}{}", flag.name, operand(flag));
    for alias in flag.aliases {
        let _ = write!(names, ", -{alias}");
    }
    let env = if flag.env.is_empty() { String::new() } else { format!(" ({})", flag.env) };
    format!("\n  {names}\n      {}{env}\n", flag.help)
}

/// The commands of one word, and the groups.
fn first_words(commands: &[&'static Command]) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for command in commands {
        let word = command.name.split(' ').next().unwrap_or_default();
        if rows.iter().any(|(name, _)| name == word) {
            continue;
        }
        let group = crate::commands::GROUPS.iter().find(|(name, _)| *name == word);
        let own = commands.iter().find(|c| c.name == word).map(|c| c.about);
        rows.push((word.to_owned(), own.or(group.map(|(_, about)| *about)).unwrap_or_default().to_owned()));
    }
    rows.sort();
    rows
}

fn listing(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, about)| format!("    {name:width$}    {about}\n")).collect()
}

const COMMON: &[&str] = &["read", "write", "delete", "list", "kv", "login", "server", "status", "unwrap"];
