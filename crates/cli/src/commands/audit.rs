//! `audit list`, `enable`, `disable`.

use super::mounts::{listed, text};
use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::{self, Format};
use serde_json::{Value, json};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "audit list",
        about: "List the audit devices.",
        usage: "[options]",
        details: "",
        examples: &[("With their options", "{} audit list -detailed")],
        flags: &[Flag::switch("detailed", "Show options and replication too.")],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(list(cx))),
    },
    Command {
        name: "audit enable",
        about: "Enable an audit device.",
        usage: "[options] TYPE [KEY=VALUE ...]",
        details: "From then on every request is recorded there before it is answered. Pairs are the device's options.",
        examples: &[
            ("A file", "{} audit enable file file_path=/var/log/audit.log"),
            ("A second one, elsewhere", "{} audit enable -path=second file file_path=/mnt/audit.log"),
        ],
        flags: &[
            Flag::text("description", "TEXT", "What it is for."),
            Flag::text("path", "PATH", "Where it is; its type's name if not given."),
            Flag::switch("local", "Do not replicate it."),
        ],
        shared: Shared::Server,
        args: (0, usize::MAX),
        run: Run::Async(|cx| Box::pin(enable(cx))),
    },
    Command {
        name: "audit disable",
        about: "Disable an audit device.",
        usage: "[options] PATH",
        details: "What it has recorded stays where it is.",
        examples: &[("The device at file/", "{} audit disable file/")],
        flags: &[],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(disable(cx))),
    },
];

async fn list(cx: &mut Context<'_>) -> Outcome {
    let devices = listed(cx, "sys/audit", "listing audits").await?;
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(devices));
    }
    if devices.is_empty() {
        cx.say("No audit devices are enabled.");
        return Ok(Exit(NONE));
    }
    let detailed = cx.is_on("detailed");
    let mut header = vec!["Path", "Type", "Description"];
    if detailed {
        header.extend(["Replication", "Options"]);
    }
    let mut rows: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
    for (path, device) in &devices {
        let mut row = vec![path.clone(), text(device, "type"), text(device, "description")];
        if detailed {
            let local = device.get("local").and_then(Value::as_bool).unwrap_or(false);
            row.push(if local { "local" } else { "replicated" }.to_owned());
            let options = device.get("options").and_then(Value::as_object).into_iter().flatten();
            let options: Vec<String> = options.map(|(k, v)| format!("{k}={}", output::go(v))).collect();
            row.push(options.join(" "));
        }
        rows.push(row);
    }
    cx.print_table(&rows);
    Ok(Exit::OK)
}

async fn enable(cx: &mut Context<'_>) -> Outcome {
    let kind = cx.arg(0).trim().to_owned();
    if kind.is_empty() {
        return Err(Failure::local(
            "Error enabling audit device: audit type missing. Use file, socket or stdout.",
        ));
    }
    let path = cx.text("path").map_or_else(|| kind.clone(), crate::values::clean_path);
    let body = json!({
        "type": kind,
        "description": cx.text("description").unwrap_or_default(),
        "options": cx.fields(1)?,
        "local": cx.is_on("local"),
    });
    cx.client()?.write(&format!("sys/audit/{path}"), body).await.doing("enabling audit device")?;
    cx.say(format!("Success! Enabled the {kind} audit device at: {path}/"));
    Ok(Exit::OK)
}

async fn disable(cx: &mut Context<'_>) -> Outcome {
    let path = cx.path_arg(0);
    cx.client()?.delete(&format!("sys/audit/{path}")).await.doing("disabling audit device")?;
    cx.say(format!("Success! Disabled audit device (if it was enabled) at: {path}/"));
    Ok(Exit::OK)
}

/// The exit code when there is no audit device.
const NONE: u8 = 2;
