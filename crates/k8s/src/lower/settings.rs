//! What holds for a manifest: the cluster's configuration, flags, annotations, by one table of names.

use super::nodes::NodeRecord;
use super::refusal::Problem;
use serde_json::Value;
use strongroom_wire::duration;

/// The prefix of the annotations.
pub(crate) const ANNOTATIONS: &str = "strongroom.io/";

/// What a `vaultSecret` in an environment becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// [`Target::FileKeyRef`] where the record of nodes says that every kubelet can, else [`Target::Shim`].
    #[default]
    Auto,
    /// `valueFrom.fileKeyRef`: an init container writes a file, the kubelet reads it.
    FileKeyRef,
    /// `strongroom-init` as the container's entrypoint.
    Shim,
    /// A Secret that an operator keeps in step, and `secretKeyRef`.
    Secret,
}

/// What holds where a manifest says nothing else. The names in [`Settings::set`] are those of annotations
/// (after `strongroom.io/`), of flags, and of keys in the cluster's ConfigMap `strongroom-config`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Where Strongroom is.
    pub address: Option<String>,
    /// PEM of the authorities that sign its certificate.
    pub ca_pem: Option<String>,
    /// A ConfigMap of the Pod's namespace with such a PEM under `ca.crt`.
    pub ca_config_map: Option<String>,
    /// The name its certificate must bear.
    pub tls_server_name: Option<String>,
    /// Takes any certificate.
    pub tls_skip_verify: bool,
    /// The path of the Kubernetes auth mount.
    pub auth_mount: Option<String>,
    /// The role to log in as.
    pub role: Option<String>,
    /// The namespace in Strongroom.
    pub namespace: Option<String>,
    /// The audience of the Pod's token: `vault` if none; empty for the cluster's own.
    pub audience: Option<String>,
    /// The image with `strongroom-init`.
    pub image: Option<String>,
    /// `imagePullPolicy` of our containers.
    pub image_pull_policy: Option<String>,
    /// What references become.
    pub target: Target,
    /// What the kubelets can do, if it is known.
    pub nodes: Option<NodeRecord>,
    /// Seconds after which a value that cannot be had ends the Pod's start.
    pub deadline_seconds: Option<u64>,
    /// Whether a sidecar keeps files in step with Strongroom.
    pub watch: bool,
    /// Seconds between its looks.
    pub watch_poll_seconds: Option<u64>,
    /// The signal it sends when a file has changed.
    pub watch_signal: Option<String>,
    /// The process it sends it to.
    pub watch_process: Option<String>,
}

/// The names that [`Settings::set`] knows.
pub(crate) const NAMES: &[&str] = &[
    "address",
    "ca-pem",
    "ca-config-map",
    "tls-server-name",
    "tls-skip-verify",
    "auth-mount",
    "role",
    "namespace",
    "audience",
    "image",
    "image-pull-policy",
    "target",
    "nodes",
    "deadline",
    "watch",
    "watch-poll",
    "watch-signal",
    "watch-process",
];

impl Settings {
    /// The names that [`Settings::set`] knows.
    pub fn names() -> &'static [&'static str] {
        NAMES
    }

    /// Sets one by its name. False if there is none of this name; the error says what a value must be.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let text = || Some(value.to_owned());
        let filled = || if value.is_empty() { Err(format!("{name} is empty")) } else { Ok(text()) };
        match name {
            "address" => self.address = Some(address(value)?),
            "ca-pem" | "ca.crt" => self.ca_pem = Some(pem(value)?),
            "ca-config-map" => self.ca_config_map = filled()?,
            "tls-server-name" => self.tls_server_name = filled()?,
            "tls-skip-verify" => self.tls_skip_verify = truth(name, value)?,
            "auth-mount" => {
                let mount = value.trim_matches('/');
                let mount = mount.strip_prefix("auth/").unwrap_or(mount);
                self.auth_mount = if mount.is_empty() {
                    return Err(format!("{name} is empty"));
                } else {
                    Some(mount.to_owned())
                };
            }
            "role" => self.role = filled()?,
            "namespace" => self.namespace = text(),
            "audience" => self.audience = text(),
            "image" => self.image = filled()?,
            "image-pull-policy" => match value {
                "Always" | "IfNotPresent" | "Never" => self.image_pull_policy = text(),
                _ => return Err(format!("{value:?} is no pull policy: Always, IfNotPresent or Never")),
            },
            "target" => self.target = Target::parse(value)?,
            "nodes" => {
                let record = serde_json::from_str(value);
                self.nodes =
                    Some(record.map_err(|error| format!("the record of nodes cannot be read: {error}"))?);
            }
            "deadline" => self.deadline_seconds = Some(seconds(name, value)?),
            "watch" => self.watch = truth(name, value)?,
            "watch-poll" => self.watch_poll_seconds = Some(seconds(name, value)?),
            "watch-signal" => {
                let letters = value.strip_prefix("SIG").unwrap_or_default();
                let is_name = !letters.is_empty()
                    && letters.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
                self.watch_signal = if is_name {
                    text()
                } else {
                    return Err(format!("{value:?} is no signal such as SIGHUP"));
                };
            }
            "watch-process" => self.watch_process = filled()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes over what a ConfigMap (`strongroom-config`) says under `data`.
    pub fn set_from_config_map(&mut self, config_map: &Value) -> Result<(), String> {
        self.set_from(config_map, "data")
    }

    /// Takes over the texts below a field.
    pub(crate) fn set_from(&mut self, object: &Value, field: &str) -> Result<(), String> {
        for (name, value) in object.get(field).and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().ok_or_else(|| format!("{field}.{name} is no text"))?;
            let known = self.set(name, value).map_err(|why| format!("{field}.{name}: {why}"))?;
            if !known {
                return Err(format!(
                    "{field}.{name}: no setting has this name; there are {}",
                    NAMES.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// The settings of a Pod with these annotations.
    pub(super) fn with_annotations(&self, annotations: Option<&Value>) -> Result<Self, Problem> {
        let mut settings = self.clone();
        for (key, value) in annotations.and_then(Value::as_object).into_iter().flatten() {
            let Some(name) = key.strip_prefix(ANNOTATIONS) else { continue };
            let path = format!("metadata.annotations[{key}]");
            let wrong = |why: String| Problem::new(&path, why, "correct the annotation");
            let value = value.as_str().ok_or_else(|| wrong("an annotation is a text".to_owned()))?;
            if name == "nodes" {
                return Err(wrong("the record of nodes is the cluster's, not a Pod's".to_owned()));
            }
            settings.set(name, value).map_err(wrong)?;
        }
        Ok(settings)
    }

    /// The image with `strongroom-init`: this release's if none is set.
    pub(super) fn image(&self) -> String {
        self.image
            .clone()
            .unwrap_or_else(|| concat!("strongroom/strongroom:", env!("CARGO_PKG_VERSION")).to_owned())
    }
}

impl Target {
    /// Reads a target's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "fileKeyRef" => Ok(Self::FileKeyRef),
            "shim" => Ok(Self::Shim),
            "secret" => Ok(Self::Secret),
            _ => Err(format!("{text:?} is no target: auto, fileKeyRef, shim or secret")),
        }
    }
}

fn address(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(format!("{text:?} is no address such as https://strongroom.strongroom:8200")),
    }
}

fn pem(text: &str) -> Result<String, String> {
    if text.contains("-----BEGIN CERTIFICATE-----") {
        Ok(text.to_owned())
    } else {
        Err("no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned())
    }
}

fn truth(name: &str, text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{name} is {text:?}, not \"true\" or \"false\"")),
    }
}

fn seconds(name: &str, text: &str) -> Result<u64, String> {
    let wrong = || format!("{name} is {text:?}, not a time such as 30s or 5m");
    let time = duration::parse(text).map_err(|_| wrong())?;
    let seconds = time.as_secs();
    if seconds == 0 { Err(wrong()) } else { Ok(seconds) }
}
