//! Completions for shells, made from the declarations.

use crate::command::{Command, Takes};
use crate::commands::GROUPS;
use crate::failure::{Exit, Failure, Outcome};
use crate::host::Host;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

/// The words that may follow each sequence of words.
type NextWords = BTreeMap<String, Vec<String>>;

/// The script for a shell.
pub(crate) fn script(shell: &str, commands: &[&'static Command], program: &str) -> Result<String, Failure> {
    let words = next_words(commands);
    match shell {
        "bash" => Ok(bash(&words, program)),
        "zsh" => Ok(zsh(&words, program)),
        "fish" => Ok(fish(&words, commands, program)),
        other => {
            Err(Failure::local(format!("There are no completions for {other:?}: use bash, zsh or fish")))
        }
    }
}

/// Adds a line to the start-up files of the shells that are in use.
pub(crate) fn install(host: &mut Host) -> Outcome {
    let home = home(host)?;
    let mut done = 0;
    for (shell, file) in START_FILES {
        let path = home.join(file);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let line = line(&host.program, shell);
        if !text.lines().any(|l| l == line) {
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            rewrite(&path, &format!("{text}{gap}{line}\n"))?;
        }
        host.write_out(&format!("Completions for {shell} are on in {}; open a new shell.\n", path.display()));
        done += 1;
    }
    if done == 0 {
        let program = &host.program;
        return Err(Failure::local(format!(
            "There is neither .bashrc nor .zshrc in the home folder. Try: {program} completion fish > \
             ~/.config/fish/completions/{program}.fish"
        )));
    }
    Ok(Exit::OK)
}

/// Takes the lines away again.
pub(crate) fn uninstall(host: &mut Host) -> Outcome {
    let home = home(host)?;
    for (shell, file) in START_FILES {
        let path = home.join(file);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let line = line(&host.program, shell);
        if text.lines().any(|l| l == line) {
            let kept: String =
                text.split_inclusive('\n').filter(|l| l.trim_end_matches('\n') != line).collect();
            rewrite(&path, &kept)?;
            host.write_out(&format!("Completions for {shell} are off in {}.\n", path.display()));
        }
    }
    Ok(Exit::OK)
}

/// What may follow each sequence of words: further words, or flags.
fn next_words(commands: &[&'static Command]) -> NextWords {
    let mut next = NextWords::new();
    for command in commands {
        let mut before = String::new();
        for word in command.name.split(' ') {
            let list = next.entry(before.clone()).or_default();
            if !list.iter().any(|w| w == word) {
                list.push(word.to_owned());
            }
            before = if before.is_empty() { word.to_owned() } else { format!("{before} {word}") };
        }
        let flags = command.all_flags().map(|f| match f.takes {
            Takes::Switch => format!("-{}", f.name),
            _ => format!("-{}=", f.name),
        });
        next.entry(command.name.to_owned()).or_default().extend(flags);
    }
    next
}

fn bash(words: &NextWords, program: &str) -> String {
    let function = function_name(program);
    let cases = cases(words, |after| format!("'{}'", after.join(" ")));
    format!(
        "{function}() {{\n  local cur=${{COMP_WORDS[COMP_CWORD]}} path='' next='' word\n  \
         for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n    case $word in -*|=|*/*) break;; esac\n    \
         path=\"${{path:+$path }}$word\"\n  done\n  case $path in\n{cases}  esac\n  \
         COMPREPLY=($(compgen -W \"$next\" -- \"$cur\"))\n  \
         [[ ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace\n}}\n\
         complete -o default -o bashdefault -F {function} {program}\n"
    )
}

/// Works sourced as well as from a folder of `fpath`.
fn zsh(words: &NextWords, program: &str) -> String {
    let function = function_name(program);
    let cases = cases(words, |after| format!("({})", after.join(" ")));
    format!(
        "#compdef {program}\n{function}() {{\n  local before='' word\n  local -a next\n  \
         for word in \"${{(@)words[2,CURRENT-1]}}\"; do\n    case $word in -*|=|*/*) break;; esac\n    \
         before=\"${{before:+$before }}$word\"\n  done\n  case $before in\n{cases}  esac\n  \
         local -a open=(${{(M)next:#*=}}) whole=(${{next:#*=}})\n  local -i found=1\n  \
         (( $#open )) && compadd -S '' -a open && found=0\n  \
         (( $#whole )) && compadd -a whole && found=0\n  \
         (( found )) && _files\n  return found\n}}\n\
         if [[ ${{funcstack[1]}} == {function} ]]; then\n  {function} \"$@\"\nelse\n  \
         (( ${{+functions[compdef]}} )) || {{ autoload -Uz compinit && compinit }}\n  \
         compdef {function} {program}\nfi\n"
    )
}

fn function_name(program: &str) -> String {
    format!("_{}", program.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

fn cases(words: &NextWords, list: impl Fn(&[String]) -> String) -> String {
    let mut cases = String::new();
    for (before, after) in words {
        let _ = writeln!(cases, "    '{before}') next={};;", list(after));
    }
    cases
}

fn fish(words: &NextWords, commands: &[&'static Command], program: &str) -> String {
    let mut out = format!("complete -c {program} -f\n");
    for (before, after) in words {
        let after: Vec<&str> = after.iter().map(String::as_str).filter(|w| !w.starts_with('-')).collect();
        let condition = if before.is_empty() {
            "__fish_use_subcommand".to_owned()
        } else {
            format!("{}; and not __fish_seen_subcommand_from {}", fish_seen(before), after.join(" "))
        };
        for word in after {
            let about = fish_quoted(about(format!("{before} {word}").trim_start(), commands));
            let _ = writeln!(out, "complete -c {program} -n '{condition}' -a {word} -d {about}");
        }
    }
    for command in commands {
        let condition = fish_seen(command.name);
        for flag in command.all_flags() {
            let needs = if flag.takes == Takes::Switch { "" } else { " -r" };
            let about = fish_quoted(flag.help);
            let _ =
                writeln!(out, "complete -c {program} -n '{condition}' -o {}{needs} -d {about}", flag.name);
        }
    }
    out
}

fn fish_seen(words: &str) -> String {
    let seen: Vec<String> = words.split(' ').map(|w| format!("__fish_seen_subcommand_from {w}")).collect();
    seen.join("; and ")
}

fn about(name: &str, commands: &[&'static Command]) -> &'static str {
    let command = commands.iter().find(|c| c.name == name).map(|c| c.about);
    let group = || GROUPS.iter().find(|(group, _)| *group == name).map(|(_, about)| *about);
    command.or_else(group).unwrap_or_default()
}

fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn line(program: &str, shell: &str) -> String {
    format!("source <({program} completion {shell})")
}

fn home(host: &Host) -> Result<PathBuf, Failure> {
    (host.variable)("HOME")
        .filter(|h| !h.is_empty())
        .map(PathBuf::from)
        .ok_or_else(|| Failure::local("HOME is not set"))
}

fn rewrite(path: &PathBuf, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|e| Failure::local(format!("Error writing {}: {e}", path.display())))
}

const START_FILES: &[(&str, &str)] = &[("bash", ".bashrc"), ("zsh", ".zshrc")];
