//! `secrets list`, `enable`, `disable`, `tune`, `move`.

use super::mounts::{self, detailed_rows, listed, text};
use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Outcome};
use crate::output::Format;
use serde_json::Value;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "secrets list",
        about: "List the secrets engines.",
        usage: "[options]",
        details: "",
        examples: &[("With their settings", "{} secrets list -detailed")],
        flags: &[Flag::switch("detailed", "Show settings and versions too.")],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(list(cx))),
    },
    Command {
        name: "secrets enable",
        about: "Enable a secrets engine.",
        usage: "[options] TYPE",
        details: "",
        examples: &[
            ("A key/value store with versions", "{} secrets enable -path=secret -version=2 kv"),
            ("One with leases of a day at most", "{} secrets enable -max-lease-ttl=24h database"),
        ],
        flags: ENABLE_FLAGS,
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(enable(cx))),
    },
    Command {
        name: "secrets disable",
        about: "Disable a secrets engine and delete all its data.",
        usage: "[options] PATH",
        details: "Its leases are revoked. What it held cannot be brought back.",
        examples: &[("The engine at kv/", "{} secrets disable kv/")],
        flags: &[],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(disable(cx))),
    },
    Command {
        name: "secrets tune",
        about: "Change settings of a secrets engine.",
        usage: "[options] PATH",
        details: "What is not named stays as it is.",
        examples: &[("Leases of an hour", "{} secrets tune -default-lease-ttl=1h database/")],
        flags: TUNE_FLAGS,
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(tune(cx))),
    },
    Command {
        name: "secrets move",
        about: "Move a secrets engine to another path.",
        usage: "[options] SOURCE DESTINATION",
        details: "Its leases are revoked; its data and settings move with it.",
        examples: &[("From one path to another", "{} secrets move secret/ archive/")],
        flags: &[],
        shared: Shared::Server,
        args: (2, 2),
        run: Run::Async(|cx| Box::pin(move_engine(cx))),
    },
];

const ENABLE_FLAGS: &[Flag] = &[
    mounts::PATH,
    mounts::DESCRIPTION,
    mounts::DEFAULT_TTL,
    mounts::MAX_TTL,
    mounts::VERSION,
    mounts::OPTIONS,
    mounts::REQUEST_KEYS,
    mounts::RESPONSE_KEYS,
    mounts::VISIBILITY,
    mounts::PASSTHROUGH,
    mounts::ALLOWED,
    mounts::LOCAL,
    mounts::SEAL_WRAP,
    mounts::ENTROPY,
    mounts::NO_CACHE,
    mounts::PLUGIN_NAME,
    mounts::PLUGIN_VERSION,
    mounts::MANAGED_KEYS,
    mounts::DELEGATED,
    mounts::IDENTITY_KEY,
    mounts::TRIM_SLASHES,
];

const TUNE_FLAGS: &[Flag] = &[
    mounts::DESCRIPTION,
    mounts::DEFAULT_TTL,
    mounts::MAX_TTL,
    mounts::VERSION,
    mounts::OPTIONS,
    mounts::REQUEST_KEYS,
    mounts::RESPONSE_KEYS,
    mounts::VISIBILITY,
    mounts::PASSTHROUGH,
    mounts::ALLOWED,
    mounts::PLUGIN_VERSION,
    mounts::MANAGED_KEYS,
    mounts::DELEGATED,
    mounts::IDENTITY_KEY,
    mounts::TRIM_SLASHES,
];

async fn list(cx: &mut Context<'_>) -> Outcome {
    let engines = listed(cx, "sys/mounts", "listing secrets engines").await?;
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(engines));
    }
    if cx.is_on("detailed") {
        cx.print_table(&detailed_rows(&engines, false));
        return Ok(Exit::OK);
    }
    let mut rows = vec![["Path", "Type", "Accessor", "Description"].map(str::to_owned).to_vec()];
    for (path, engine) in &engines {
        rows.push(vec![
            path.clone(),
            text(engine, "type"),
            text(engine, "accessor"),
            text(engine, "description"),
        ]);
    }
    cx.print_table(&rows);
    Ok(Exit::OK)
}

async fn enable(cx: &mut Context<'_>) -> Outcome {
    let (kind, path) = mounts::type_and_path(cx)?;
    let body = mounts::new_mount(cx, &kind)?;
    cx.client()?.write(&format!("sys/mounts/{path}"), body).await.doing("enabling")?;
    cx.say(format!("Success! Enabled the {kind} secrets engine at: {path}/"));
    Ok(Exit::OK)
}

async fn disable(cx: &mut Context<'_>) -> Outcome {
    let path = cx.path_arg(0);
    let doing = format!("disabling secrets engine at {path}/");
    cx.client()?.delete(&format!("sys/mounts/{path}")).await.doing(doing)?;
    cx.say(format!("Success! Disabled the secrets engine (if it existed) at: {path}/"));
    Ok(Exit::OK)
}

async fn tune(cx: &mut Context<'_>) -> Outcome {
    let path = cx.path_arg(0);
    let body = mounts::tuning(cx)?;
    let doing = format!("tuning secrets engine {path}/");
    cx.client()?.write(&format!("sys/mounts/{path}/tune"), body.into()).await.doing(doing)?;
    cx.say(format!("Success! Tuned the secrets engine at: {path}/"));
    Ok(Exit::OK)
}

async fn move_engine(cx: &mut Context<'_>) -> Outcome {
    mounts::move_mount(cx, "secrets engine").await
}
