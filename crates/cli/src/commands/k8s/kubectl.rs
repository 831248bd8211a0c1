//! The user's kubectl.

use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Flags that say which cluster and as whom, which reading the configuration needs too.
const CONNECTION: &[&str] = &[
    "--as",
    "--as-group",
    "--as-uid",
    "--certificate-authority",
    "--client-certificate",
    "--client-key",
    "--cluster",
    "--context",
    "--insecure-skip-tls-verify",
    "--kubeconfig",
    "--password",
    "--request-timeout",
    "--server",
    "-s",
    "--tls-server-name",
    "--token",
    "--user",
    "--username",
];

/// Gives a text to `kubectl VERB -f -` and ends as kubectl ends.
pub(super) fn run(cx: &Context<'_>, verb: &str, further: &[String], text: &str) -> Outcome {
    let mut command = command(cx);
    command.args([verb, "-f", "-"]).args(further).stdin(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A kubectl that ends before it has read all says why itself.
        let _ = stdin.write_all(text.as_bytes());
    }
    let status = child.wait().map_err(failed)?;
    Ok(Exit(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// What kubectl prints.
pub(super) fn output(cx: &Context<'_>, args: &[String]) -> Result<String, Failure> {
    let done = command(cx).args(args).stderr(Stdio::inherit()).output().map_err(failed)?;
    if !done.status.success() {
        return Err(Failure::local(format!("kubectl {} failed", args.join(" "))));
    }
    String::from_utf8(done.stdout).map_err(|_| Failure::local("kubectl's output is not UTF-8 text"))
}

/// What the ConfigMaps `strongroom-config` and `strongroom-nodes` say, as one. None if there are none or they may
/// not be read.
pub(super) fn config(
    cx: &mut Context<'_>,
    namespace: &str,
    further: &[String],
) -> Result<Option<Value>, Failure> {
    let done = command(cx)
        .args(["get", "configmap", "strongroom-config", "strongroom-nodes", "--ignore-not-found"])
        .args(["--namespace", namespace, "--output", "json"])
        .args(connection(further))
        .output()
        .map_err(failed)?;
    if !done.status.success() {
        let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        if !why.contains("(Forbidden)") {
            return Err(Failure::local(format!("Failed to read the cluster's strongroom-config: {why}")));
        }
        cx.warn("The ConfigMap strongroom-config may not be read: only flags and annotations count.");
        return Ok(None);
    }
    if done.stdout.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let found: Value = serde_json::from_slice(&done.stdout)
        .map_err(|error| Failure::local(format!("kubectl get did not print JSON: {error}")))?;
    let maps = found.get("items").and_then(Value::as_array);
    let maps = maps.map_or(std::slice::from_ref(&found), Vec::as_slice);
    let entries = maps.iter().filter_map(|map| map.get("data")?.as_object()).flatten();
    let data: Map<String, Value> = entries.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(Some(json!({ "data": data })))
}

fn command(cx: &Context<'_>) -> Command {
    Command::new(cx.variable("STRONGROOM_KUBECTL").unwrap_or_else(|| "kubectl".to_owned()))
}

fn failed(error: std::io::Error) -> Failure {
    Failure::local(format!(
        "Failed to run kubectl: {error}. Put it on the PATH or name it in STRONGROOM_KUBECTL"
    ))
}

/// The flags among `further` that say which cluster and as whom.
fn connection(further: &[String]) -> Vec<String> {
    let mut picked = Vec::new();
    let mut rest = further.iter();
    while let Some(arg) = rest.next() {
        let name = arg.split('=').next().unwrap_or_default();
        if !CONNECTION.contains(&name) {
            continue;
        }
        picked.push(arg.clone());
        if !arg.contains('=') && name != "--insecure-skip-tls-verify" {
            picked.extend(rest.next().cloned());
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_about_the_cluster_are_found() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let line = "--server-side --context a -n team --insecure-skip-tls-verify --kubeconfig=x --wait -s u";
        assert_eq!(
            connection(&words(line)),
            words("--context a --insecure-skip-tls-verify --kubeconfig=x -s u")
        );
    }
}
