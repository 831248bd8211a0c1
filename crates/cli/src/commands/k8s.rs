//! `k8s`: manifests with `vaultSecret` on their way into a cluster. As `kubectl-strongroom` on the path it is the
//! plugin `kubectl strongroom`.

mod kubectl;
mod settings;
mod sources;

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use strongroom_k8s::{Lowering, Refusal};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "k8s apply",
        about: "Lower manifests and apply them with kubectl.",
        usage: "-f FILE|DIRECTORY|- ... [kubectl's options]",
        details: "Every valueFrom.vaultSecret becomes a reference that Kubernetes knows; the result goes to `kubectl \
                  apply -f -` with all further options. What holds in the cluster (address, image, what its kubelets \
                  can do) is read from the ConfigMap strongroom-config.",
        examples: &[
            ("Apply a folder", "kubectl strongroom apply -f deploy/"),
            ("Server-side, in a namespace", "{} k8s apply -f pod.yaml --server-side -n team"),
        ],
        flags: ONLINE,
        shared: Shared::Nothing,
        args: (0, usize::MAX),
        run: Run::Wrapper(|cx| online(cx, "apply")),
    },
    Command {
        name: "k8s diff",
        about: "Show what applying manifests would change, with kubectl.",
        usage: "-f FILE|DIRECTORY|- ... [kubectl's options]",
        details: "As kubectl diff: exit code 0 without differences, 1 with, more for errors.",
        examples: &[("Compare a folder with the cluster", "kubectl strongroom diff -f deploy/")],
        flags: ONLINE,
        shared: Shared::Nothing,
        args: (0, usize::MAX),
        run: Run::Wrapper(|cx| online(cx, "diff")),
    },
    Command {
        name: "k8s render",
        about: "Print manifests as they are after lowering. Asks no cluster.",
        usage: "-f FILE|DIRECTORY|- ... [options]",
        details: "Without -target, or -nodes with what the kubelets can do, containers start through the shim.",
        examples: &[("For a cluster of Kubernetes 1.35", "{} k8s render -f pod.yaml -target=fileKeyRef")],
        flags: OFFLINE,
        shared: Shared::Nothing,
        args: (0, 0),
        run: Run::Plain(render),
    },
    Command {
        name: "k8s lint",
        about: "Look for mistakes around vaultSecret in manifests. Asks no cluster.",
        usage: "-f FILE|DIRECTORY|- ... [options]",
        details: "Errors are what would be refused, or would not be lowered, such as a vaultSecret in a Helm hook. \
                  Exit code 1 if there are any.",
        examples: &[("A chart, its hooks too", "helm template . | kubectl strongroom lint -f -")],
        flags: OFFLINE,
        shared: Shared::Nothing,
        args: (0, 0),
        run: Run::Plain(lint),
    },
    Command {
        name: "k8s krm",
        about: "Lower a ResourceList, as a kustomize function. Also called as strongroom-krm.",
        usage: "[options] < RESOURCELIST",
        details: "kustomize runs it with --enable-alpha-plugins --enable-exec; `kubectl apply -k` cannot. Settings may \
                  stand under spec or data of the function's configuration.",
        examples: &[("Build", "kustomize build --enable-alpha-plugins --enable-exec .")],
        flags: SETTINGS,
        shared: Shared::Nothing,
        args: (0, 0),
        run: Run::Plain(krm),
    },
    Command {
        name: "k8s post-render",
        about: "Lower standard input to standard output, for Helm. Also called as strongroom-post-renderer.",
        usage: "[options] < MANIFESTS",
        details: "Helm 3 takes the program as it is, Helm 4 the plugin in deploy/helm-postrenderer. Helm 3 leaves hooks \
                  out of it: lint finds a vaultSecret there.",
        examples: &[("Helm 3", "helm install web . --post-renderer strongroom-post-renderer")],
        flags: SETTINGS,
        shared: Shared::Nothing,
        args: (0, 0),
        run: Run::Plain(post_render),
    },
];

/// A command's own flags, and those that settings may be given by.
macro_rules! with_settings {
    ($($own:expr),* $(,)?) => {
        &[
            $($own,)*
            Flag::text("address", "URL", "Where the Pods find Strongroom.").env("STRONGROOM_ADDRESS"),
            Flag::text("role", "NAME", "The role of the Kubernetes auth method.").env("STRONGROOM_ROLE"),
            Flag::text("target", "TARGET", "What a vaultSecret becomes: auto, fileKeyRef or shim.")
                .env("STRONGROOM_TARGET"),
            Flag::text("auth-mount", "PATH", "Where the auth method is mounted.").env("STRONGROOM_AUTH_MOUNT"),
            Flag::text("audience", "NAME", "The audience of the Pods' tokens, \"vault\" if not said.")
                .env("STRONGROOM_AUDIENCE"),
            Flag::text("image", "IMAGE", "The image with strongroom-init.").env("STRONGROOM_IMAGE"),
            Flag::text("ca-cert", "FILE", "PEM of the authorities that sign Strongroom's certificate."),
            Flag::text("vault-namespace", "NAME", "The namespace in Strongroom.").env("STRONGROOM_NAMESPACE"),
            Flag::text("nodes", "FILE", "A record of the kubelets: {\"nodes\": [{name, kubeletVersion, envFiles}]}."),
            Flag::text("config", "FILE", "Settings as in the ConfigMap strongroom-config."),
            Flag::list("set", "NAME=VALUE", "Any setting, named as its annotation is after strongroom.io/."),
        ]
    };
}

const SETTINGS: &[Flag] = with_settings!();

const F: Flag =
    Flag::list("f", "FILE", "A manifest, a folder of them, or - for standard input.").or(&["filename"]);
const K: Flag = Flag::list("k", "DIRECTORY", "A folder that `kubectl kustomize` builds.").or(&["kustomize"]);
const R: Flag = Flag::switch("R", "Take folders with all folders in them.").or(&["recursive"]);

const OFFLINE: &[Flag] = with_settings!(F, K, R);

const ONLINE: &[Flag] = with_settings!(
    F,
    K,
    R,
    Flag::text("config-namespace", "NAME", "The namespace of strongroom-config, \"strongroom\" if not said.")
        .env("STRONGROOM_CONFIG_NAMESPACE"),
    Flag::switch("no-cluster-config", "Do not read strongroom-config."),
);

fn online(cx: &mut Context<'_>, verb: &str) -> Outcome {
    let further = cx.args().to_vec();
    if let Some(wrong) = further.iter().find(|arg| ["-f", "-k"].iter().any(|flag| arg.starts_with(flag))) {
        return Err(Failure::local(format!(
            "Write {wrong:?} with a space or an equal sign after the letter"
        )));
    }
    let sources = sources::read(cx)?;
    let is_concerned = sources.iter().any(|source| Lowering::concerns(&source.text));
    let cluster = if is_concerned && !cx.is_on("no-cluster-config") {
        let namespace = cx.text("config-namespace").map(str::to_owned);
        let namespace = namespace.or_else(|| cx.variable("STRONGROOM_CONFIG_NAMESPACE"));
        kubectl::config(cx, &namespace.unwrap_or_else(|| "strongroom".to_owned()), &further)?
    } else {
        None
    };
    let settings = settings::gather(cx, cluster.as_ref())?;
    let text = lower(&Lowering::new(&settings), &sources)?;
    kubectl::run(cx, verb, &further, &text)
}

fn render(cx: &mut Context<'_>) -> Outcome {
    let settings = settings::gather(cx, None)?;
    let sources = sources::read(cx)?;
    let text = lower(&Lowering::new(&settings), &sources)?;
    cx.say_bytes(text.as_bytes());
    Ok(Exit::OK)
}

fn lint(cx: &mut Context<'_>) -> Outcome {
    let settings = settings::gather(cx, None)?;
    let mut errors = 0;
    for source in sources::read(cx)? {
        for finding in Lowering::new(&settings).lint(&source.text) {
            errors += usize::from(finding.is_error);
            let kind = if finding.is_error { "error" } else { "warning" };
            cx.say(format!("{kind}: {}: {}", source.name, finding.refusal));
        }
    }
    match errors {
        0 => Ok(Exit::OK),
        _ => Ok(Exit(1)),
    }
}

fn krm(cx: &mut Context<'_>) -> Outcome {
    let settings = settings::gather(cx, None)?;
    let text = sources::stdin(cx)?;
    match strongroom_k8s::krm(&text, &settings) {
        Ok(text) => {
            cx.say_bytes(text.as_bytes());
            Ok(Exit::OK)
        }
        Err(refused) => {
            cx.say_bytes(refused.list.as_bytes());
            Err(Failure::local(told("the ResourceList", &refused.refusals)))
        }
    }
}

fn post_render(cx: &mut Context<'_>) -> Outcome {
    let settings = settings::gather(cx, None)?;
    let text = sources::stdin(cx)?;
    let lowered = Lowering::new(&settings).text(&text);
    let lowered = lowered.map_err(|refusals| Failure::local(told("standard input", &refusals)))?;
    cx.say_bytes(lowered.as_bytes());
    Ok(Exit::OK)
}

/// All sources lowered, as one stream.
fn lower(lowering: &Lowering<'_>, sources: &[sources::Source]) -> Result<String, Failure> {
    let mut texts = Vec::new();
    let mut refused = Vec::new();
    for source in sources {
        match lowering.text(&source.text) {
            Ok(text) => texts.push(text),
            Err(refusals) => refused.push(told(&source.name, &refusals)),
        }
    }
    if refused.is_empty() {
        Ok(strongroom_k8s::join(&texts))
    } else {
        Err(Failure::local(refused.join("\n")))
    }
}

/// Refusals, a line each.
fn told(source: &str, refusals: &[Refusal]) -> String {
    let lines: Vec<String> = refusals.iter().map(|refusal| format!("{source}: {refusal}")).collect();
    lines.join("\n")
}
