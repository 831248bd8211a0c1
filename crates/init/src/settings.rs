//! The plan, checked as far as it can be before anything is asked.

use crate::report::Ending;
use crate::source::references;
use std::collections::BTreeSet;
use strongroom_plan::{PLAN_VARIABLE, Part, Plan, Variable};

/// What the program was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Init,
    Watch,
    Exec,
}

/// Reads the plan from the environment.
pub(crate) fn plan(mode: Mode) -> Result<Plan, Ending> {
    let text = std::env::var(PLAN_VARIABLE).map_err(|_| {
        Ending::usage(format!("{PLAN_VARIABLE} is not set or no UTF-8: lowering or the webhook set it"))
    })?;
    let plan = Plan::from_json(&text).map_err(|e| Ending::usage(e.to_string()))?;
    check(&plan, mode).map_err(|why| Ending::usage(format!("{PLAN_VARIABLE}: {why}")))?;
    Ok(plan)
}

/// Octal permissions, as a plan writes them.
pub(crate) fn mode_bits(text: &str) -> Option<u32> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    u32::from_str_radix(text, 8).ok().filter(|bits| digits && *bits <= 0o777)
}

fn check(plan: &Plan, mode: Mode) -> Result<(), String> {
    match mode {
        Mode::Exec if !plan.env_files.is_empty() => return Err("envFiles are for init and watch".to_owned()),
        Mode::Init | Mode::Watch if !plan.variables.is_empty() => {
            return Err("variables are for exec".to_owned());
        }
        Mode::Watch if plan.env_files.is_empty() && plan.files.is_empty() => {
            return Err("watch has no file to keep up to date".to_owned());
        }
        _ => {}
    }
    for reference in references(plan) {
        if reference.path.trim_matches('/').is_empty() || reference.mount.trim_matches('/').is_empty() {
            return Err("a reference lacks mount or path".to_owned());
        }
        if reference.role.is_none() && plan.server.role.is_none() {
            let at = format!("{}/{}", reference.mount, reference.path);
            return Err(format!("no role to read {at} with: name one in server.role or in the reference"));
        }
    }
    let paths = plan.env_files.iter().map(|f| &f.path).chain(plan.files.iter().map(|f| &f.path));
    let mut seen = BTreeSet::new();
    for path in paths {
        if !path.starts_with('/') || path.ends_with('/') {
            return Err(format!("{path:?} is no absolute path of a file"));
        }
        if !seen.insert(path) {
            return Err(format!("{path:?} is named twice"));
        }
    }
    if let Some(file) = plan.files.iter().find(|f| mode_bits(&f.mode).is_none()) {
        return Err(format!("{:?} is no mode for {}: it is octal, as in \"0440\"", file.mode, file.path));
    }
    plan.variables.iter().try_for_each(|v| check_variable(v, false))?;
    plan.env_files.iter().flat_map(|f| &f.entries).try_for_each(|v| check_variable(v, true))?;
    check_signal(plan)
}

fn check_variable(variable: &Variable, in_file: bool) -> Result<(), String> {
    let name = &variable.name;
    let takes_all = variable.parts.iter().any(|part| matches!(part, Part::All(_)));
    if takes_all && in_file {
        return Err(format!("{name:?}: a whole secret cannot go into an environment file"));
    }
    if in_file && variable.parts.iter().any(|part| matches!(part, Part::Variable(_))) {
        return Err(format!("{name:?}: an environment file cannot hold another variable's value"));
    }
    if takes_all && variable.parts.len() > 1 {
        return Err(format!("{name:?}: a whole secret stands alone"));
    }
    if (name.is_empty() && !takes_all) || name.contains(['=', '\0']) {
        return Err(format!("{name:?} is no name of a variable"));
    }
    Ok(())
}

fn check_signal(plan: &Plan) -> Result<(), String> {
    let Some(change) = &plan.on_change else { return Ok(()) };
    if change.poll_seconds == 0 {
        return Err("onChange.pollSeconds must be at least 1".to_owned());
    }
    match (&change.signal, &change.process) {
        (None, None) => Ok(()),
        (Some(name), Some(_)) => crate::process::signal_number(name)
            .map(drop)
            .ok_or_else(|| format!("onChange.signal: {name:?} is unknown; SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGQUIT and SIGWINCH are known")),
        _ => Err("onChange needs both signal and process, or neither".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str, mode: Mode) -> String {
        check(&Plan::from_json(text).unwrap(), mode).unwrap_err()
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!((mode_bits("0440"), mode_bits("400")), (Some(0o440), Some(0o400)));
        for text in ["", "4", "0888", "+440", "4755", "00440"] {
            assert_eq!(mode_bits(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let with = |more: &str| {
            format!(r#"{{"version":1,"server":{{"address":"http://s","tokenFile":"/t","role":"r"}},{more}}}"#)
        };
        let file = |path: &str, mode: &str| {
            format!(r#"{{"container":"c","path":"{path}","mode":"{mode}","value":{{"path":"p","key":"k"}}}}"#)
        };
        let files = |all: &[String]| with(&format!(r#""files":[{}]"#, all.join(",")));
        assert!(wrong(&files(&[file("/a", "440"), file("/a", "440")]), Mode::Init).contains("twice"));
        assert!(wrong(&files(&[file("a", "440")]), Mode::Init).contains("absolute"));
        assert!(wrong(&files(&[file("/a", "u+r")]), Mode::Init).contains("octal"));
        assert!(wrong(&with(r#""files":[]"#), Mode::Watch).contains("no file"));
        let variables = with(r#""variables":[{"name":"A","parts":[{"secret":{"path":"p","key":"k"}}]}]"#);
        assert!(wrong(&variables, Mode::Init).contains("exec"));
        assert!(wrong(&variables.replace(r#","role":"r""#, ""), Mode::Exec).contains("no role"));
        assert!(wrong(&variables.replace("\"A\"", "\"A=\""), Mode::Exec).contains("no name"));
        assert!(wrong(&variables.replace("\"path\":\"p\"", "\"path\":\"/\""), Mode::Exec).contains("lacks"));
        let change = r#""onChange":{"pollSeconds":1,"signal":"HANGUP","process":"p"}"#;
        assert!(wrong(&with(change), Mode::Init).contains("unknown"));
    }
}
