//! Settings of lowering: the cluster's, a file's, the environment's, flags'. Annotations win over all of them.

use crate::context::Context;
use crate::failure::Failure;
use serde_json::{Value, json};
use strongroom_k8s::Settings;

/// Flags that are settings, where they are called otherwise.
const RENAMED: &[(&str, &str)] = &[("vault-namespace", "namespace")];

/// Puts the settings together.
pub(super) fn gather(cx: &Context<'_>, cluster: Option<&Value>) -> Result<Settings, Failure> {
    let mut settings = Settings::default();
    if let Some(config_map) = cluster {
        settings
            .set_from_config_map(config_map)
            .map_err(|why| Failure::local(format!("the cluster's strongroom-config: {why}")))?;
    }
    if let Some(file) = cx.text("config") {
        from_file(&mut settings, file)?;
    }
    for name in Settings::names() {
        let upper = name.to_ascii_uppercase().replace('-', "_");
        let variables = [format!("STRONGROOM_{upper}"), format!("ARGOCD_ENV_STRONGROOM_{upper}")];
        if let Some((variable, value)) = variables.iter().find_map(|v| Some((v, cx.variable(v)?))) {
            set(&mut settings, name, &value, variable)?;
        }
    }
    let flags = ["address", "role", "target", "auth-mount", "audience", "image", "vault-namespace"];
    for flag in flags {
        let name = RENAMED.iter().find(|(given, _)| *given == flag).map_or(flag, |(_, name)| name);
        if let Some(value) = cx.text(flag) {
            set(&mut settings, name, value, &format!("-{flag}"))?;
        }
    }
    for (flag, name) in [("ca-cert", "ca-pem"), ("nodes", "nodes")] {
        if let Some(file) = cx.text(flag) {
            set(&mut settings, name, &read(file)?, file)?;
        }
    }
    for pair in cx.list("set") {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::local(format!("-set {pair:?} must look like NAME=VALUE")))?;
        set(&mut settings, name, value, "-set")?;
    }
    Ok(settings)
}

/// A ConfigMap, or a mapping of what stands in its `data`.
fn from_file(settings: &mut Settings, file: &str) -> Result<(), Failure> {
    let wrong = |why: String| Failure::local(format!("{file}: {why}"));
    let documents = strongroom_k8s::documents(&read(file)?).map_err(wrong)?;
    let first = documents.into_iter().next().unwrap_or_default();
    let config = if first.get("data").is_some() { first } else { json!({ "data": first }) };
    settings.set_from_config_map(&config).map_err(wrong)
}

fn set(settings: &mut Settings, name: &str, value: &str, source: &str) -> Result<(), Failure> {
    match settings.set(name, value) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let names = Settings::names().join(", ");
            Err(Failure::local(format!("{source}: no setting is called {name:?}; there are {names}")))
        }
        Err(why) => Err(Failure::local(format!("{source}: {why}"))),
    }
}

fn read(file: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::local(format!("Failed to read {file}: {error}")))
}
