//! What is added to a Pod: our containers and volumes.

use super::files::{Files, memory_volume};
use super::refusal::Problem;
use super::settings::{Settings, Target};
use super::{PROGRAM, names};
use serde_json::{Map, Value, json};
use strongroom_plan::{EnvFile, OnChange, PLAN_VARIABLE, PLAN_VERSION, Plan, Server, Variable};

/// The user of our containers, where no consumer says another.
const USER: u64 = 65532;
const MEMORY: &str = "32Mi";
const CPU: &str = "10m";
const DEADLINE_SECONDS: u64 = 300;
const POLL_SECONDS: u64 = 5;
const AUDIENCE: &str = "vault";
const PROGRAM_SIZE_LIMIT: &str = "16Mi";
const TOKEN_SECONDS: u64 = 600;

/// What is to be added, gathered while the Pod is lowered.
pub(super) struct Injection<'s> {
    settings: &'s Settings,
    /// Why the shim and not `fileKeyRef`.
    pub(super) why_shim: String,
    exit_is_final: bool,
    resources: Value,
    files: Files,
    env_files: Vec<EnvFile>,
    shims: bool,
}

impl<'s> Injection<'s> {
    pub(super) fn new(settings: &'s Settings, spec: &Value) -> Self {
        let why_shim = match (&settings.target, &settings.nodes) {
            (Target::Shim, _) => "which is asked for".to_owned(),
            (_, None) => "as nothing is known of the cluster's kubelets".to_owned(),
            (_, Some(nodes)) => nodes
                .why_no_file_key_ref()
                .map_or("as the references need it".to_owned(), |why| format!("as {why}")),
        };
        Self {
            settings,
            why_shim,
            exit_is_final: spec.get("restartPolicy").and_then(Value::as_str) == Some("Never"),
            resources: resources(spec),
            files: Files::default(),
            env_files: Vec::new(),
            shims: false,
        }
    }

    pub(super) fn add_files(&mut self, files: Files) {
        self.files = files;
    }

    pub(super) fn add_env_file(&mut self, file: EnvFile, volume: String, place: String) {
        self.env_files.push(file);
        self.files.mounts.push((volume, place));
    }

    /// The entry of `env` with the plan of a container that starts through the shim.
    pub(super) fn shim_plan(
        &mut self,
        variables: Vec<Variable>,
        kept: Vec<String>,
        expand: Vec<usize>,
    ) -> Result<Value, Problem> {
        self.shims = true;
        plan_entry(&Plan { variables, kept, expand, ..self.plan()? })
    }

    /// What such a container mounts.
    pub(super) fn shim_mounts(&self) -> Vec<Value> {
        let mut mounts = vec![mount(names::PROGRAM_VOLUME, names::PROGRAM_DIRECTORY, true)];
        mounts.extend(self.login_mounts());
        mounts
    }

    /// What a container that logs in mounts.
    fn login_mounts(&self) -> Vec<Value> {
        let ca = self.settings.ca_config_map.iter().map(|_| mount(names::CA, names::CA_DIRECTORY, true));
        std::iter::once(mount(names::TOKEN, names::TOKEN_DIRECTORY, true)).chain(ca).collect()
    }

    /// A plan that does nothing yet.
    fn plan(&self) -> Result<Plan, Problem> {
        let settings = self.settings;
        let address = settings.address.clone().ok_or_else(|| {
            let way_out = "set the annotation strongroom.io/address on the Pod (or Pod template), the flag --address, or \
                           address in the cluster's strongroom-config";
            Problem::new("metadata.annotations", "nothing says where Strongroom is", way_out)
        })?;
        Ok(Plan {
            version: PLAN_VERSION,
            server: Server {
                address,
                ca_pem: if settings.ca_config_map.is_some() { None } else { settings.ca_pem.clone() },
                ca_file: settings.ca_config_map.as_ref().map(|_| names::CA_FILE.to_owned()),
                tls_server_name: settings.tls_server_name.clone(),
                tls_skip_verify: settings.tls_skip_verify,
                auth_mount: settings.auth_mount.clone().unwrap_or_else(|| "kubernetes".to_owned()),
                role: settings.role.clone(),
                namespace: settings.namespace.clone().filter(|name| !name.is_empty()),
                token_file: names::TOKEN_FILE.to_owned(),
            },
            deadline_seconds: settings.deadline_seconds.unwrap_or(DEADLINE_SECONDS),
            exit_is_final: self.exit_is_final,
            env_files: Vec::new(),
            files: Vec::new(),
            variables: Vec::new(),
            expand: Vec::new(),
            kept: Vec::new(),
            on_change: None,
        })
    }
}

/// Adds our containers and volumes to the Pod.
pub(super) fn finish(spec: &mut Value, injection: Injection<'_>) -> Result<(), Problem> {
    let settings = injection.settings;
    let mut containers = Vec::new();
    let mut volumes = vec![token_volume(settings)];
    if let Some(name) = &settings.ca_config_map {
        let items = json!([{"key": "ca.crt", "path": "ca.crt"}]);
        volumes.push(json!({"name": names::CA, "configMap": {"name": name, "items": items}}));
    }
    if injection.shims {
        volumes.push(memory_volume(names::PROGRAM_VOLUME, PROGRAM_SIZE_LIMIT));
        let mounts = vec![mount(names::PROGRAM_VOLUME, names::PROGRAM_DIRECTORY, false)];
        let command = ["copy", names::PROGRAM_FILE];
        containers.push(container(&injection, names::COPY, &command, mounts, None));
    }
    let writes = !injection.env_files.is_empty() || !injection.files.files.is_empty();
    if settings.watch {
        check_watch(spec, &injection, writes)?;
    }
    if writes {
        containers.push(writer(&injection)?);
    }
    put_first(spec, "initContainers", containers);
    put_first(spec, "volumes", volumes);
    Ok(())
}

/// The container that writes files: once, or again and again as a sidecar.
fn writer(injection: &Injection<'_>) -> Result<Value, Problem> {
    let settings = injection.settings;
    let on_change = settings.watch.then(|| OnChange {
        poll_seconds: settings.watch_poll_seconds.unwrap_or(POLL_SECONDS),
        signal: settings.watch_signal.clone(),
        process: settings.watch_process.clone(),
    });
    let env_files = injection.env_files.clone();
    let files = injection.files.files.clone();
    let plan = Plan { env_files, files, on_change, ..injection.plan()? };
    let mut mounts = injection.login_mounts();
    mounts.extend(injection.files.mounts.iter().map(|(volume, place)| mount(volume, place, false)));
    let entry = Some(plan_entry(&plan)?);
    if !settings.watch {
        return Ok(container(injection, names::INIT, &["init"], mounts, entry));
    }
    let mut sidecar = container(injection, names::WATCH, &["watch"], mounts, entry);
    if let Some(sidecar) = sidecar.as_object_mut() {
        sidecar.insert("restartPolicy".to_owned(), json!("Always"));
        // The containers after it start when the probe has seen its files. Its own deadline ends it before
        // the probe gives up.
        let probe = json!({
            "exec": {"command": [PROGRAM, "ready"]},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": plan.deadline_seconds.saturating_add(30).min(86_400),
        });
        sidecar.insert("startupProbe".to_owned(), probe);
    }
    Ok(sidecar)
}

fn check_watch(spec: &Value, injection: &Injection<'_>, writes: bool) -> Result<(), Problem> {
    let settings = injection.settings;
    let wrong = |name: &str, why: &str, way_out: &str| {
        Err(Problem::new(&format!("metadata.annotations[strongroom.io/{name}]"), why, way_out))
    };
    if !writes {
        let way_out = "remove the annotation, or use the target fileKeyRef or a volume";
        return wrong("watch", "there is no file to watch: the shim reads values once", way_out);
    }
    match (&settings.watch_signal, &settings.watch_process) {
        (None, None) => Ok(()),
        (Some(_), None) => wrong("watch-process", "a signal needs a process", "name it as in /proc/PID/comm"),
        (None, Some(_)) => wrong("watch-signal", "a process without a signal", "name the signal, as SIGHUP"),
        (Some(_), Some(_)) if spec.get("shareProcessNamespace") != Some(&Value::Bool(true)) => {
            wrong("watch-signal", "the sidecar does not see the process", "set shareProcessNamespace: true")
        }
        (Some(_), Some(_)) if injection.files.owner.is_none() => {
            let way_out =
                "set the same securityContext.runAsUser, not 0, for all containers that mount the files";
            wrong("watch-signal", "the sidecar may only signal processes of its own user", way_out)
        }
        (Some(_), Some(_)) => Ok(()),
    }
}

/// A container of ours, fit for the restricted Pod Security standard.
fn container(
    injection: &Injection<'_>,
    name: &str,
    arguments: &[&str],
    mounts: Vec<Value>,
    plan: Option<Value>,
) -> Value {
    let (user, group) = injection.files.owner.unwrap_or((USER, Some(USER)));
    let command: Vec<&str> = std::iter::once(PROGRAM).chain(arguments.iter().copied()).collect();
    let mut out = json!({
        "name": name,
        "image": injection.settings.image(),
        "command": command,
        "resources": injection.resources,
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsGroup": group.unwrap_or(user),
            "runAsNonRoot": true,
            "runAsUser": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    });
    if let Some(out) = out.as_object_mut() {
        out.extend(plan.map(|plan| ("env".to_owned(), json!([plan]))));
        let policy = injection.settings.image_pull_policy.as_ref();
        out.extend(policy.map(|policy| ("imagePullPolicy".to_owned(), json!(policy))));
    }
    out
}

/// Requests and limits that leave the Pod its class: limits equal requests, and a limit of processor time where
/// all other containers have one.
fn resources(spec: &Value) -> Value {
    let containers = || {
        let lists = super::collect::LISTS.into_iter();
        lists.flat_map(|list| super::collect::members(spec, list))
    };
    let quantity = |container: &Value, kind: &str, what: &str| {
        container.pointer(&format!("/resources/{kind}/{what}")).cloned()
    };
    let all_limit = |what: &str| containers().all(|container| quantity(container, "limits", what).is_some());
    let all_equal = |what: &str| {
        containers().all(|container| {
            let limit = quantity(container, "limits", what);
            limit.is_some()
                && quantity(container, "requests", what).is_none_or(|request| Some(request) == limit)
        })
    };
    let mut limits = Map::new();
    let mut requests = Map::new();
    limits.insert("memory".to_owned(), json!(MEMORY));
    requests.insert("memory".to_owned(), json!(MEMORY));
    requests.insert("cpu".to_owned(), json!(CPU));
    if all_limit("cpu") {
        // As much as a container of the Pod's own: what that may have, a LimitRange lets ours have too.
        let limit = super::collect::members(spec, "containers").find_map(|c| quantity(c, "limits", "cpu"));
        let limit = limit.unwrap_or_else(|| json!(CPU));
        if all_equal("cpu") && all_equal("memory") {
            requests.insert("cpu".to_owned(), limit.clone());
        }
        limits.insert("cpu".to_owned(), limit);
    }
    json!({"limits": limits, "requests": requests})
}

fn token_volume(settings: &Settings) -> Value {
    let mut token = json!({"path": "token", "expirationSeconds": TOKEN_SECONDS});
    let audience = settings.audience.as_deref().unwrap_or(AUDIENCE);
    if let (false, Some(token)) = (audience.is_empty(), token.as_object_mut()) {
        token.insert("audience".to_owned(), json!(audience));
    }
    json!({"name": names::TOKEN, "projected": {"sources": [{"serviceAccountToken": token}]}})
}

fn mount(volume: &str, place: &str, read_only: bool) -> Value {
    let mut mount = json!({"name": volume, "mountPath": place});
    if let (true, Some(mount)) = (read_only, mount.as_object_mut()) {
        mount.insert("readOnly".to_owned(), json!(true));
    }
    mount
}

/// The variable with the plan. The kubelet expands `$(NAME)` in it, and takes `$$` for `$`.
fn plan_entry(plan: &Plan) -> Result<Value, Problem> {
    let text = plan.to_json().map_err(|error| Problem::new("spec", error.to_string(), "report this"))?;
    Ok(json!({"name": PLAN_VARIABLE, "value": text.replace('$', "$$")}))
}

/// Puts members in front of one of the Pod's lists, which may not be there yet.
pub(super) fn put_first(spec: &mut Value, list: &str, more: Vec<Value>) {
    if let Some(spec) = spec.as_object_mut() {
        super::apply::put_first_in(spec, list, more);
    }
}
