//! `write` and `patch`.

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Failure, Outcome};
use serde_json::Value;
use strongroom_wire::Map;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "write",
        about: "Write data, configuration and secrets.",
        usage: "[options] PATH [KEY=VALUE ...]",
        details: VALUES,
        examples: &[
            ("Create a user", "{} write auth/userpass/users/ada password=- policies=team < password.txt"),
            ("A field from a file", "{} write transit/keys/app/config @config.json"),
            ("A write without data", "{} write -force transit/keys/app"),
        ],
        flags: &[FORCE],
        shared: Shared::ServerField,
        args: (1, usize::MAX),
        run: Run::Async(|cx| Box::pin(write(cx))),
    },
    Command {
        name: "patch",
        about: "Change some fields of what is at a path (merge-patch).",
        usage: "[options] PATH [KEY=VALUE ...]",
        details: VALUES,
        examples: &[("Change one field of a role", "{} patch pki/roles/web ttl=72h")],
        flags: &[FORCE],
        shared: Shared::ServerField,
        args: (1, usize::MAX),
        run: Run::Async(|cx| Box::pin(patch(cx))),
    },
];

const VALUES: &str = "Values: key=text, key=@file for a file's content, key=- for standard input, key=\\@text for text\n\
                      that begins with @. A lone @file.json or - stands for a whole JSON object.";

const FORCE: Flag = Flag::switch("force", "Go on without any data.").or(&["f"]);

async fn write(cx: &mut Context<'_>) -> Outcome {
    let (path, mut fields) = path_and_fields(cx)?;
    inline_reviewer_token(cx, &mut fields);
    let secret =
        cx.client()?.write(&path, Value::Object(fields)).await.doing(format!("writing data to {path}"))?;
    cx.print_written(secret, &format!("Success! Data written to: {path}"))
}

async fn patch(cx: &mut Context<'_>) -> Outcome {
    let (path, fields) = path_and_fields(cx)?;
    let secret =
        cx.client()?.patch(&path, Value::Object(fields)).await.doing(format!("patching data at {path}"))?;
    cx.print_written(secret, &format!("Success! Data written to: {path}"))
}

fn path_and_fields(cx: &mut Context<'_>) -> Result<(String, Map), Failure> {
    if cx.args().len() == 1 && !cx.is_on("force") {
        return Err(Failure::local("Must supply data or use -force"));
    }
    Ok((cx.path_arg(0), cx.fields(1)?))
}

/// Guides show the token reviewer's token as a file's name, without the `@` that would read it. A
/// token is never the name of a file, so the file is what was meant.
fn inline_reviewer_token(cx: &mut Context<'_>, fields: &mut Map) {
    let Some(Value::String(value)) = fields.get_mut(REVIEWER_TOKEN) else { return };
    let Ok(content) = std::fs::read_to_string(&*value) else { return };
    cx.warn(format!("{REVIEWER_TOKEN}: sending the content of the file {value}, not its name"));
    content.trim().clone_into(value);
}

const REVIEWER_TOKEN: &str = "token_reviewer_jwt";
