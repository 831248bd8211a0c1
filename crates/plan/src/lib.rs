//! The plan: what `strongroom-init` is to do inside a Pod. Lowering and the webhook write it, as JSON in
//! one environment variable of the containers they add; `strongroom-init` reads it. It carries
//! references only, never a value.

use serde::{Deserialize, Serialize};

/// The environment variable that holds the plan.
pub const PLAN_VARIABLE: &str = "STRONGROOM_PLAN";

/// The annotation that selects the shim, as `strongroom-init` names it where an environment file cannot carry a
/// value.
pub const SHIM_ANNOTATION: &str = "strongroom.io/target: shim";

/// The annotation that selects watch mode, as `strongroom-init` names it where a secret is leased.
pub const WATCH_ANNOTATION: &str = "strongroom.io/watch: \"true\"";

/// The version of the format written here; another is refused, not guessed.
pub const PLAN_VERSION: u32 = 1;

/// What one container that runs `strongroom-init` is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// Where Strongroom is, and who asks.
    pub server: Server,
    /// Seconds after which a value that cannot be had ends the program with an error.
    #[serde(default = "default_deadline")]
    pub deadline_seconds: u64,
    /// Whether an exit is final (`restartPolicy: Never`), so that a 403 is tried again until the deadline.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exit_is_final: bool,
    /// Environment files for `fileKeyRef`, one for each consuming container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_files: Vec<EnvFile>,
    /// Files that hold one value each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ValueFile>,
    /// Variables that `exec` sets before it starts the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Variable>,
    /// The words after `exec --` (the program is 0) in which `exec` expands `$(VAR)`, as the kubelet would have
    /// from the container's variables: those words of `command` and `args` that hold a `$(`. Whoever writes the
    /// plan doubles every `$` in them, so that the kubelet hands them on as they were written; words that came
    /// from the image (ENTRYPOINT, CMD) are doubled too and not named here, for nobody expands those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expand: Vec<usize>,
    /// Names in the container's own `env`: what [`Part::All`] brings never replaces them, as `envFrom` never
    /// replaces `env`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// What `watch` does when a value has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_change: Option<OnChange>,
}

/// Where Strongroom is, and who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// The URL, without `/v1`.
    pub address: String,
    /// PEM of the authorities that may have signed the server's certificate; the system's if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// A file with such a PEM, mounted into the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The name the server's certificate must bear, if it is not the address's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_server_name: Option<String>,
    /// Takes any certificate. For experiments.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tls_skip_verify: bool,
    /// The path of the Kubernetes auth mount, `kubernetes` if not said.
    #[serde(default = "default_auth_mount")]
    pub auth_mount: String,
    /// The role to log in as, where a reference names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The namespace of mounts and role, where a reference names none; root if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The file with the projected service-account token. Read anew for each login.
    pub token_file: String,
}

/// One value in Strongroom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reference {
    /// The mount's path, without slashes at its ends. Whether it is kv version 1 or 2, or another engine, the
    /// server says (`sys/internal/ui/mounts`).
    #[serde(default = "default_mount")]
    pub mount: String,
    /// The secret's path below the mount, as `vault kv get` takes it (without `data/`).
    pub path: String,
    /// The key inside the secret.
    pub key: String,
    /// The version; the newest if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Another role than the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Another namespace than the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A secret or key that does not exist leaves the variable or file out instead of failing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

/// An environment file that the kubelet reads for `valueFrom.fileKeyRef`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvFile {
    /// The consuming container, for messages.
    pub container: String,
    /// Where to write, mode 0400.
    pub path: String,
    /// The lines: name and what the value is made of; texts and references only.
    pub entries: Vec<Variable>,
}

/// An environment variable and what its value is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variable {
    /// The variable's name.
    pub name: String,
    /// What the value consists of, in order.
    pub parts: Vec<Part>,
}

/// A piece of a variable's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// A value from Strongroom.
    Secret(Reference),
    /// The value of another variable of the container, as the kubelet set it or as this plan sets it before;
    /// `$(NAME)` as it stands if there is none.
    Variable(String),
    /// Every key of a secret becomes a variable of its own, as `envFrom` does; `name` is then the prefix,
    /// and `key` of the reference is empty.
    All(Reference),
}

/// A file that holds one value, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueFile {
    /// The consuming container, for messages.
    pub container: String,
    /// Where to write.
    pub path: String,
    /// Permissions, octal in a string (`"0440"`).
    pub mode: String,
    /// Where the value is.
    pub value: Reference,
    /// The value is base64 text of the bytes to write.
    #[serde(default, skip_serializing_if = "is_false")]
    pub base64: bool,
}

/// What `watch` does when a file was rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnChange {
    /// Seconds between looks at the versions of what was read.
    pub poll_seconds: u64,
    /// The signal to send (`SIGHUP`), with `process`; none if files are only rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The name of the process to signal (as in `/proc/<pid>/comm`); needs `shareProcessNamespace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

impl Plan {
    /// Reads a plan. The error says what is wrong, with its place.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let plan: Self =
            serde_json::from_str(text).map_err(|error| PlanError::Malformed(error.to_string()))?;
        if plan.version == PLAN_VERSION { Ok(plan) } else { Err(PlanError::Version(plan.version)) }
    }

    /// Writes the plan on one line; the same plan always gives the same bytes.
    pub fn to_json(&self) -> Result<String, PlanError> {
        serde_json::to_string(self).map_err(|error| PlanError::Malformed(error.to_string()))
    }
}

/// Why a plan cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// Not a plan's JSON.
    Malformed(String),
    /// A version that this program does not know.
    Version(u32),
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(why) => write!(out, "{PLAN_VARIABLE} is no plan: {why}"),
            Self::Version(version) => write!(
                out,
                "{PLAN_VARIABLE} has version {version}, this strongroom-init reads version {PLAN_VERSION}: \
                 use images of one release for webhook, kubectl plugin and Pod"
            ),
        }
    }
}

impl std::error::Error for PlanError {}

fn default_deadline() -> u64 {
    300
}

fn default_auth_mount() -> String {
    "kubernetes".to_owned()
}

fn default_mount() -> String {
    "secret".to_owned()
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_another_version_is_refused_by_name() {
        let text = r#"{"version":2,"server":{"address":"https://s:8200","tokenFile":"/t"}}"#;
        assert_eq!(Plan::from_json(text), Err(PlanError::Version(2)));
    }

    #[test]
    fn defaults_are_filled_in_and_unknown_fields_refused() {
        let text = r#"{"version":1,"server":{"address":"https://s:8200","tokenFile":"/t"},
            "variables":[{"name":"A","parts":[{"text":"x"},{"secret":{"path":"p","key":"k"}}]}]}"#;
        let plan = Plan::from_json(text).unwrap();
        assert_eq!((plan.deadline_seconds, plan.server.auth_mount.as_str()), (300, "kubernetes"));
        let Part::Secret(reference) = &plan.variables[0].parts[1] else { panic!("a reference") };
        assert_eq!(reference.mount, "secret");
        assert_eq!(Plan::from_json(&plan.to_json().unwrap()).unwrap(), plan);
        assert!(matches!(Plan::from_json(r#"{"version":1,"wrong":1}"#), Err(PlanError::Malformed(_))));
    }
}
