//! From the command line to an exit code.

use crate::command::{Command, Run};
use crate::commands::{self, ABSENT, GROUPS};
use crate::context::Context;
use crate::failure::{Exit, Failure, NO_TOKEN, Outcome};
use crate::host::Host;
use crate::parse::{self, Parsed};
use crate::{completion, help};
use std::process::ExitCode;

/// Runs the program with the process's arguments. `extra` are commands of the binary's own.
pub fn main(extra: &'static [Command]) -> ExitCode {
    let mut host = Host::process();
    let mut args = Vec::new();
    for arg in std::env::args_os().skip(1) {
        match arg.into_string() {
            Ok(arg) => args.push(arg),
            Err(_) => {
                host.write_err("an argument is not UTF-8 text; pass such values with @file\n");
                return ExitCode::from(1);
            }
        }
    }
    let words = words_of(&host.program);
    if words.first().is_some_and(|first| args.first().is_none_or(|given| given != first)) {
        args.splice(..0, words.iter().map(|word| (*word).to_owned()));
    }
    ExitCode::from(run(&args, extra, &mut host))
}

/// The command that a name of the program stands for: others call it by names alone.
fn words_of(program: &str) -> &'static [&'static str] {
    match program {
        "kubectl-strongroom" => &["k8s"],
        "strongroom-krm" => &["k8s", "krm"],
        "strongroom-post-renderer" => &["k8s", "post-render"],
        _ => &[],
    }
}

/// Runs a command line (without the program's name) and returns the exit code.
pub fn run(args: &[String], extra: &'static [Command], host: &mut Host) -> u8 {
    let commands = commands::all(extra);
    let leading = parse::leading_flags(args);
    let (before, rest) = args.split_at(leading);
    if let Some(code) = answer_without_command(rest, &commands, host) {
        return code;
    }
    let Some((command, words)) = find(rest, &commands) else {
        return not_a_command(rest, &commands, host);
    };
    let given: Vec<String> = before.iter().chain(rest.iter().skip(words)).cloned().collect();
    let code = match parse::parse(command, &given) {
        Err(message) => usage_error(command, &message, host),
        Ok(parsed) if parsed.help => {
            let text = help::command(command, &host.program);
            host.write_out(&text);
            0
        }
        Ok(parsed) => {
            let count = parsed.args.len();
            let (least, most) = command.args;
            if count < least || count > most {
                let (kind, expected) = if count < least { ("Not enough", least) } else { ("Too many", most) };
                usage_error(command, &format!("{kind} arguments (expected {expected}, got {count})"), host)
            } else {
                work(command, &commands, parsed, host)
            }
        }
    };
    if host.write_failed && code == 0 {
        host.write_err("Error writing the output\n");
        return 1;
    }
    code
}

/// Version, help and completions, which need no command.
fn answer_without_command(rest: &[String], commands: &[&'static Command], host: &mut Host) -> Option<u8> {
    let first = rest.first().map(String::as_str);
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (first, words.as_slice()) {
        (None, _) => {
            let text = help::program(commands, &host.program);
            host.write_err(&text);
            Some(127)
        }
        (Some("-h" | "-help" | "--help"), _) | (Some("help"), ["help"]) => {
            let text = help::program(commands, &host.program);
            host.write_out(&text);
            Some(0)
        }
        (Some("-v" | "-version" | "--version"), _) => {
            let text = commands::version::text();
            host.write_out(&text);
            Some(0)
        }
        (Some("-autocomplete-install" | "--autocomplete-install"), _) => {
            Some(finish(completion::install(host), host))
        }
        (Some("-autocomplete-uninstall" | "--autocomplete-uninstall"), _) => {
            Some(finish(completion::uninstall(host), host))
        }
        (Some("help"), [_, asked @ ..]) => {
            let asked: Vec<String> = asked.iter().map(|w| (*w).to_owned()).collect();
            Some(match find(&asked, commands) {
                Some((command, _)) => {
                    let text = help::command(command, &host.program);
                    host.write_out(&text);
                    0
                }
                None => not_a_command(&asked, commands, host),
            })
        }
        _ => None,
    }
}

/// The command whose words `args` begin with, the longest first, and how many words that are.
fn find(args: &[String], commands: &[&'static Command]) -> Option<(&'static Command, usize)> {
    (1..=MOST_WORDS.min(args.len())).rev().find_map(|count| {
        let name = args.get(..count)?.join(" ");
        commands.iter().find(|c| c.name == name).map(|c| (*c, count))
    })
}

/// Help for a group of commands, or what may have been meant.
fn not_a_command(args: &[String], commands: &[&'static Command], host: &mut Host) -> u8 {
    let words: Vec<&str> =
        args.iter().take(MOST_WORDS).map(String::as_str).take_while(|w| !w.starts_with('-')).collect();
    let group = (1..=words.len()).rev().find_map(|n| {
        let name = words.get(..n)?.join(" ");
        let known =
            commands.iter().any(|c| c.name.strip_prefix(&name).is_some_and(|rest| rest.starts_with(' ')));
        known.then_some((name, n))
    });
    let wants_help = args.iter().any(|a| matches!(a.as_str(), "-h" | "-help" | "--help"));
    match group {
        Some((name, n)) if n == words.len() && wants_help => {
            let text = help::group(&name, GROUPS, commands, &host.program);
            host.write_out(&text);
            0
        }
        Some((name, n)) => {
            if let Some(word) = words.get(n) {
                host.write_err(&format!("{} {name} has no command {word:?}.\n\n", host.program.clone()));
            }
            let text = help::group(&name, GROUPS, commands, &host.program);
            host.write_err(&text);
            1
        }
        None => {
            let word = words.first().copied().unwrap_or_else(|| args.first().map_or("", String::as_str));
            let program = host.program.clone();
            if let Some((name, instead)) = ABSENT.iter().find(|(name, _)| *name == word) {
                host.write_err(&format!(
                    "This version has no command {name:?}. {instead} See {program} -help\n"
                ));
                return 127;
            }
            let firsts = commands.iter().filter_map(|c| c.name.split(' ').next());
            let meant = parse::nearest(word, firsts).map_or(String::new(), |m| format!(" Did you mean {m}?"));
            host.write_err(&format!("There is no command {word:?}.{meant} See {program} -help\n"));
            127
        }
    }
}

fn usage_error(command: &Command, message: &str, host: &mut Host) -> u8 {
    let program = host.program.clone();
    let example = help::first_example(command, &program);
    let usage = command.usage;
    host.write_err(&format!(
        "{message}\n\nUsage: {program} {} {usage}\n{example}See {program} {} -help\n",
        command.name, command.name
    ));
    1
}

fn work(command: &'static Command, commands: &[&'static Command], parsed: Parsed, host: &mut Host) -> u8 {
    let mut cx = Context { commands, parsed, host };
    let outcome = match command.run {
        Run::Plain(f) | Run::Wrapper(f) => f(&mut cx),
        Run::Async(f) => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(f(&mut cx)),
            Err(e) => Err(Failure::local(format!("cannot start: {e}"))),
        },
    };
    finish(outcome, host)
}

fn finish(outcome: Outcome, host: &mut Host) -> u8 {
    match outcome {
        Ok(Exit(code)) => code,
        Err(failure) if failure.shown => {
            host.write_out(&format!("{}\n", failure.message));
            failure.exit
        }
        Err(failure) => {
            host.write_err(&format!("{}\n", failure.message));
            let advice = match (failure.advice, failure.refused) {
                (_, Some(_)) if host.without_token => Some(NO_TOKEN.to_owned()),
                (None, Some((method, path))) => Some(format!(
                    "To learn which rule decides, with a token that may: {{}} policy explain TOKEN {method} {path}"
                )),
                (advice, _) => advice,
            };
            if let Some(advice) = advice {
                let advice = advice.replacen("{}", &host.program, 1);
                host.write_err(&format!("\n{advice}\n"));
            }
            failure.exit
        }
    }
}

/// As in `kv metadata get` or `operator raft snapshot save`.
const MOST_WORDS: usize = 4;
