//! The annotations of Bank-Vaults' webhook, as far as they mean something here.

use crate::lower::{Refusal, Settings};
use serde_json::Value;

const PREFIX: &str = "vault.security.banzaicloud.io/";

/// What they say besides settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wishes {
    /// Secrets that are missing leave their variables out.
    pub(crate) optional: bool,
    /// The Pod is to be left alone.
    pub(crate) skip: bool,
    /// What is told to whoever creates the Pod.
    pub(crate) warnings: Vec<String>,
}

/// About a container that we do not add: there is nothing to do.
const IGNORED: &[&str] = &[
    "enable-json-log",
    "log-level",
    "mutate-configmap",
    "psp-allow-privilege-escalation",
    "readonly-root-fs",
    "registry-skip-verify",
    "run-as-group",
    "run-as-non-root",
    "run-as-user",
    "vault-client-timeout",
    "vault-env-cpu-limit",
    "vault-env-cpu-request",
    "vault-env-image",
    "vault-env-image-pull-policy",
    "vault-env-log-level",
    "vault-env-memory-limit",
    "vault-env-memory-request",
    "vault-image",
    "vault-image-pull-policy",
    "vault-image-pull-secret",
];

/// About something that would be missing, each with the way out.
const REFUSED: &[(&str, &str)] = &[
    ("mutate-probes", "use the target fileKeyRef, whose values probes see"),
    ("token-auth-mount", "name the auth method in vault-path"),
    ("transit-key-id", "store the values as secrets"),
    ("transit-path", "store the values as secrets"),
    ("use-agent-leader", "leave it out"),
    ("vault-agent", "write a volume with vaultSecret items"),
    ("vault-agent-configmap", "write a volume with vaultSecret items"),
    ("vault-configfile-path", "write a volume with vaultSecret items"),
    ("vault-consul-template-configmap", "write a volume with vaultSecret items"),
    ("vault-ct-configmap", "write a volume with vaultSecret items"),
    ("vault-env-daemon", "set the annotation strongroom.io/watch: \"true\""),
    ("vault-env-from-path", "name each key: vault:PATH#KEY, or envFrom with vaultSecretRef"),
    ("vault-env-passthrough", "set the program's own variables in env"),
    ("vault-serviceaccount", "set spec.serviceAccountName"),
    ("vault-tls-secret", "put the authority into a ConfigMap and name it in strongroom.io/ca-config-map"),
];

/// Reads a Pod's annotations into settings, over which the Pod's own `strongroom.io/...` still win.
pub(crate) fn apply(
    settings: &mut Settings,
    annotations: Option<&Value>,
    object: &str,
) -> Result<Wishes, Vec<Refusal>> {
    let mut wishes = Wishes::default();
    let mut refusals = Vec::new();
    for (key, value) in annotations.and_then(Value::as_object).into_iter().flatten() {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let value = value.as_str().unwrap_or_default();
        if let Err((problem, way_out)) = one(settings, &mut wishes, name, value) {
            let (path, object) = (format!("metadata.annotations[{key}]"), object.to_owned());
            refusals.push(Refusal { document: 0, object, path, problem, way_out });
        }
    }
    if refusals.is_empty() { Ok(wishes) } else { Err(refusals) }
}

/// Takes over one annotation, or says what is wrong and what to do.
fn one(
    settings: &mut Settings,
    wishes: &mut Wishes,
    name: &str,
    value: &str,
) -> Result<(), (String, String)> {
    let setting = match name {
        "vault-addr" => Some("address"),
        "vault-role" => Some("role"),
        "vault-path" => Some("auth-mount"),
        "vault-namespace" => Some("namespace"),
        _ => None,
    };
    if let Some(setting) = setting {
        let set = settings.set(setting, value);
        return set.map(|_| ()).map_err(|why| (why, "correct the annotation".to_owned()));
    }
    match name {
        "vault-skip-verify" => settings.tls_skip_verify = truth(value)?,
        "vault-ignore-missing-secrets" => wishes.optional = truth(value)?,
        "mutate" if value == "skip" => wishes.skip = true,
        "mutate" => {}
        "vault-auth-method" if matches!(value, "kubernetes" | "jwt") => {}
        "vault-auth-method" => {
            let way_out =
                "Pods log in with their service account: leave it out, and name the mount in vault-path";
            return Err((format!("the method {value:?} is not supported"), way_out.to_owned()));
        }
        _ if IGNORED.contains(&name) => {
            wishes.warnings.push(format!("the annotation {PREFIX}{name} has no effect with Strongroom"));
        }
        _ => {
            if matches!(value, "" | "false") && REFUSED.iter().any(|(known, _)| *known == name) {
                return Ok(());
            }
            let known = REFUSED.iter().find(|(known, _)| *known == name);
            return Err(match known {
                Some((_, way_out)) => ("what it asks for is not supported".to_owned(), (*way_out).to_owned()),
                None => ("it is not known what it means".to_owned(), "leave it out".to_owned()),
            });
        }
    }
    Ok(())
}

/// Reads what Go's `ParseBool` reads.
fn truth(value: &str) -> Result<bool, (String, String)> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err((format!("{value:?} is neither true nor false"), "write \"true\" or \"false\"".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(name: &str, value: &str) -> (Settings, Result<Wishes, Vec<Refusal>>) {
        let mut settings = Settings::default();
        let annotations = json!({ format!("{PREFIX}{name}"): value, "other/annotation": "x" });
        let wishes = apply(&mut settings, Some(&annotations), "Pod/p");
        (settings, wishes)
    }

    #[test]
    fn supported_ones_become_settings() {
        assert_eq!(with("vault-addr", "https://v:8200/").0.address.as_deref(), Some("https://v:8200"));
        assert_eq!(with("vault-role", "app").0.role.as_deref(), Some("app"));
        assert_eq!(with("vault-path", "auth/cluster-a").0.auth_mount.as_deref(), Some("cluster-a"));
        assert_eq!(with("vault-namespace", "team").0.namespace.as_deref(), Some("team"));
        assert!(with("vault-skip-verify", "true").0.tls_skip_verify);
        assert!(!with("vault-skip-verify", "F").0.tls_skip_verify);
        assert!(with("vault-ignore-missing-secrets", "1").1.unwrap().optional);
        assert!(with("mutate", "skip").1.unwrap().skip);
    }

    #[test]
    fn others_are_ignored_with_a_warning_or_refused_with_the_way_out() {
        for name in IGNORED {
            let wishes = with(name, "x").1.unwrap();
            assert!(
                wishes.warnings.iter().all(|warning| warning.contains(name)) && wishes.warnings.len() == 1
            );
        }
        for (name, way_out) in REFUSED {
            let refusals = with(name, "true").1.unwrap_err();
            assert!(refusals[0].path.contains(name) && refusals[0].way_out == *way_out, "{refusals:?}");
            assert_eq!(with(name, "false").1, Ok(Wishes::default()));
        }
        for (name, value) in [
            ("vault-never-heard-of", "x"),
            ("vault-addr", "v:8200"),
            ("vault-role", ""),
            ("vault-skip-verify", "yes"),
            ("vault-auth-method", "aws-iam"),
        ] {
            assert_eq!(with(name, value).1.unwrap_err().len(), 1, "{name}");
        }
    }
}
