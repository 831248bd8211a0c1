//! `k8s webhook` and `k8s operator`: what runs in a cluster beside the server.

use crate::log::{Destination, Format, Levels, Log};
use crate::server::process;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use strongroom_cli::{Command, Context, Exit, Failure, Flag, Outcome, Run, Shared};
use strongroom_core::loggers::Level;
use strongroom_k8s::{Api, Operator, Webhook};
use strongroom_wire::SystemClock;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) const WEBHOOK: Command = Command {
    name: "k8s webhook",
    about: "Run the webhook that resolves references in Pods.",
    usage: "-namespace=NAME -service=NAME -secret=NAME -lease=NAME -webhook-configuration=NAME [options]",
    details: "Pods with values such as vault:secret/data/app#password in env are changed on their way into the cluster, \
              as `k8s apply` changes manifests. The chart in deploy/helm runs it, with the objects it names. Settings \
              are read from the ConfigMaps strongroom-config and strongroom-nodes, again and again.",
    examples: &[(
        "As the chart runs it",
        "{} k8s webhook -namespace=strongroom -service=hook -secret=hook-tls -lease=hook -webhook-configuration=hook",
    )],
    flags: &[
        Flag::text("listen", "ADDRESS", "Where to listen: 0.0.0.0:8443 if not said."),
        NAMESPACE,
        Flag::text("service", "NAME", "The Service by which the API server reaches it."),
        Flag::text("secret", "NAME", "The Secret for its certificates. It must exist."),
        LEASE,
        Flag::text(
            "webhook-configuration",
            "NAME",
            "The MutatingWebhookConfiguration whose caBundle it keeps.",
        ),
        Flag::list(
            "allowed-address",
            "URL",
            "An address of Strongroom that Pods may name besides the cluster's own.",
        ),
        Flag::list(
            "allowed-registry",
            "HOST",
            "A registry that may be asked what an image starts, for the shim.",
        ),
        Flag::text(
            "registry-credentials",
            "FILE",
            "Credentials for registries, as in ~/.docker/config.json.",
        ),
        Flag::duration(
            "certificate-lifetime",
            "How long a certificate lives, 90d if not said; rotated after two thirds.",
        ),
        IDENTITY,
        LEVEL,
        KUBE_API,
        KUBE_CA,
        KUBE_TOKEN,
    ],
    shared: Shared::Nothing,
    args: (0, 0),
    run: Run::Plain(webhook),
};

pub(crate) const OPERATOR: Command = Command {
    name: "k8s operator",
    about: "Run the operator: what kubelets can do, and restarts when secrets change.",
    usage: "-namespace=NAME -lease=NAME [options]",
    details: "It writes into the ConfigMap strongroom-nodes what every kubelet can do. Workloads with the annotation \
              strongroom.io/restart-on-change: \"true\" are restarted when a value changes that their Pods read, in \
              namespaces that let it. The chart in deploy/helm runs it.",
    examples: &[("As the chart runs it", "{} k8s operator -namespace=strongroom -lease=strongroom-operator")],
    flags: &[
        Flag::text("listen", "ADDRESS", "Where to answer /health: 0.0.0.0:8080 if not said."),
        NAMESPACE,
        LEASE,
        Flag::text(
            "role",
            "NAME",
            "The role to log in to Strongroom as, \"strongroom-operator\" if not said.",
        ),
        Flag::text("token-file", "FILE", "The token to log in to Strongroom with: /token/token if not said."),
        Flag::duration("interval", "How often it looks for new versions of secrets, 30s if not said."),
        Flag::duration(
            "minimum-age",
            "The least time between two restarts of one workload, 60s if not said.",
        ),
        Flag::text(
            "kubelet-ca",
            "FILE",
            "PEM of the authorities of kubelets' certificates, the cluster's if not said.",
        ),
        IDENTITY,
        LEVEL,
        KUBE_API,
        KUBE_CA,
        KUBE_TOKEN,
    ],
    shared: Shared::Nothing,
    args: (0, 0),
    run: Run::Plain(operator),
};

const NAMESPACE: Flag = Flag::text("namespace", "NAME", "The namespace that it runs in.");
const LEASE: Flag =
    Flag::text("lease", "NAME", "The Lease by which replicas agree on one of them. It must exist.");
const IDENTITY: Flag = Flag::text("identity", "NAME", "The name of this replica, HOSTNAME if not said.");
const LEVEL: Flag = Flag::text("log-level", "LEVEL", "trace, debug, info, warn or error.");
const KUBE_API: Flag =
    Flag::text("kube-api", "URL", "The API server, if not that of the cluster it runs in.");
const KUBE_CA: Flag = Flag::text("kube-ca", "FILE", "PEM of the authorities of -kube-api's certificate.");
const KUBE_TOKEN: Flag = Flag::text("kube-token", "FILE", "The token for -kube-api.");

const LISTEN: &str = "0.0.0.0:8443";
const INTERVAL: Duration = Duration::from_secs(30);
const MINIMUM_AGE: Duration = Duration::from_secs(60);
const LIFETIME: Duration = Duration::from_secs(90 * 86_400);

fn webhook(cx: &mut Context<'_>) -> Outcome {
    let lifetime = cx.duration("certificate-lifetime").unwrap_or(LIFETIME);
    let webhook = Webhook {
        listen: address(cx, "listen", LISTEN)?,
        namespace: needed(cx, "namespace")?,
        service: needed(cx, "service")?,
        secret: needed(cx, "secret")?,
        lease: needed(cx, "lease")?,
        configuration: needed(cx, "webhook-configuration")?,
        allowed_addresses: cx
            .list("allowed-address")
            .iter()
            .map(|one| one.trim_end_matches('/').to_owned())
            .collect(),
        allowed_registries: cx.list("allowed-registry").to_vec(),
        registry_credentials: cx.text("registry-credentials").map(PathBuf::from),
        lifetime: lifetime.try_into().map_err(|_| Failure::local("-certificate-lifetime is too long"))?,
        identity: identity(cx)?,
    };
    run(cx, |api, stop| webhook.run(api, Arc::new(SystemClock), stop))
}

fn operator(cx: &mut Context<'_>) -> Outcome {
    let file = |flag: &str, default: PathBuf| cx.text(flag).map_or(default, PathBuf::from);
    let account = |name: &str| PathBuf::from(strongroom_k8s::ACCOUNT).join(name);
    let interval = cx.duration("interval").unwrap_or(INTERVAL);
    if interval < Duration::from_secs(1) {
        return Err(Failure::local("-interval must be a second at least"));
    }
    let minimum_age = cx.duration("minimum-age").unwrap_or(MINIMUM_AGE);
    let operator = Operator {
        listen: address(cx, "listen", "0.0.0.0:8080")?,
        namespace: needed(cx, "namespace")?,
        lease: needed(cx, "lease")?,
        role: cx.text("role").unwrap_or("strongroom-operator").to_owned(),
        token_file: file("token-file", PathBuf::from("/token/token")),
        kubelet_ca: file("kubelet-ca", file("kube-ca", account("ca.crt"))),
        kubelet_token: file("kube-token", account("token")),
        interval,
        minimum_age: minimum_age.try_into().map_err(|_| Failure::local("-minimum-age is too long"))?,
        identity: identity(cx)?,
    };
    run(cx, |api, stop| operator.run(api, Arc::new(SystemClock), stop))
}

/// Starts log and runtime, and runs until SIGTERM or SIGINT.
fn run<W: Future<Output = Result<(), String>>>(
    cx: &Context<'_>,
    work: impl FnOnce(Api, Stop) -> W,
) -> Outcome {
    let level = cx.text("log-level").unwrap_or("info");
    let level = Level::parse(level).ok_or_else(|| {
        Failure::local(format!("There is no log level {level:?}: use trace, debug, info, warn or error"))
    })?;
    let api = api(cx)?;
    let levels = Arc::new(Levels::new(level));
    let log = Log::start(Destination::Stderr, Format::Text, levels, Arc::new(SystemClock))
        .map_err(|error| Failure::local(format!("Error starting the log: {error}")))?;
    log.release();
    process::harden();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::local(format!("Error starting: {error}")))?;
    let outcome = runtime.block_on(async {
        let failed = |error: std::io::Error| format!("cannot take signals: {error}");
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let stop: Stop = Box::pin(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("told to stop");
        });
        work(api, stop).await
    });
    log.flush();
    outcome.map(|()| Exit::OK).map_err(|why| Failure::local(format!("Error: {why}")))
}

/// Ends when the process is told to.
type Stop = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn api(cx: &Context<'_>) -> Result<Api, Failure> {
    let file = |flag: &str| cx.text(flag).map(PathBuf::from);
    let api = match cx.text("kube-api") {
        Some(address) => Api::new(address, file("kube-ca"), file("kube-token")),
        None => Api::in_cluster(&|name| cx.variable(name)),
    };
    api.map_err(Failure::local)
}

fn needed(cx: &Context<'_>, flag: &str) -> Result<String, Failure> {
    let value = cx.text(flag).filter(|value| !value.is_empty());
    value.map(str::to_owned).ok_or_else(|| Failure::local(format!("-{flag} is missing")))
}

fn address(cx: &Context<'_>, flag: &str, default: &str) -> Result<SocketAddr, Failure> {
    let text = cx.text(flag).unwrap_or(default);
    text.parse().map_err(|_| Failure::local(format!("-{flag} is {text:?}, not an address such as {default}")))
}

/// What sets this replica apart from others.
fn identity(cx: &Context<'_>) -> Result<String, Failure> {
    let name = cx.text("identity").map(str::to_owned).or_else(|| cx.variable("HOSTNAME"));
    name.ok_or_else(|| Failure::local("-identity is missing, and HOSTNAME is not set"))
}
