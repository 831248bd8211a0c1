//! `namespace list`, `create`, `lookup`, `patch`, `delete`, `lock`, `unlock`.

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use serde_json::{Value, json};
use strongroom_client::Secret;

const CUSTOM: Flag =
    Flag::list("custom-metadata", "KEY=VALUE", "An entry of the custom metadata. May be given many times.");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "namespace list",
        about: "List the namespaces below.",
        usage: "[options]",
        details: "Those directly below the one that -namespace names.",
        examples: &[
            ("Below root", "{} namespace list"),
            ("Below a team's, with what is known of each", "{} namespace list -namespace=team -detailed"),
        ],
        flags: &[Flag::switch("detailed", "Show ids and custom metadata too.")],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(list(cx))),
    },
    Command {
        name: "namespace create",
        about: "Make a namespace.",
        usage: "[options] NAME",
        details: "It lies in the one that -namespace names, and begins without secrets engines, auth methods and policies but for \"default\".",
        examples: &[
            ("For a team", "{} namespace create -custom-metadata=owner=ada team"),
            ("Within that", "{} namespace create -namespace=team app"),
        ],
        flags: &[CUSTOM],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(create(cx))),
    },
    Command {
        name: "namespace lookup",
        about: "Show what is known about a namespace.",
        usage: "[options] NAME",
        details: "",
        examples: &[("Its id and custom metadata", "{} namespace lookup team")],
        flags: &[],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(lookup(cx))),
    },
    Command {
        name: "namespace patch",
        about: "Change some of a namespace's custom metadata.",
        usage: "[options] NAME",
        details: "What is not named stays.",
        examples: &[("Change one entry", "{} namespace patch -custom-metadata=owner=bob team")],
        flags: &[
            CUSTOM,
            Flag::list("remove-custom-metadata", "KEY", "An entry to take out. May be given many times."),
        ],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(patch(cx))),
    },
    Command {
        name: "namespace delete",
        about: "Delete a namespace and all that is in it.",
        usage: "[options] NAME",
        details: "Its leases are revoked; secrets, mounts, policies, tokens and identities go. Namespaces in it have to be deleted first.",
        examples: &[("Of a team that is gone", "{} namespace delete team")],
        flags: &[],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(delete(cx))),
    },
    Command {
        name: "namespace lock",
        about: "Let a namespace answer nothing any more.",
        usage: "[options] [NAME]",
        details: "Nor those in it. Prints the key that unlocks it. Without a name, the one that -namespace names.",
        examples: &[("A team's", "{} namespace lock team")],
        flags: &[],
        shared: Shared::ServerField,
        args: (0, 1),
        run: Run::Async(|cx| Box::pin(lock(cx))),
    },
    Command {
        name: "namespace unlock",
        about: "Let a locked namespace answer again.",
        usage: "[options] [NAME]",
        details: "A root token needs no key.",
        examples: &[("With the key that locking printed", "{} namespace unlock -unlock-key=4Kq... team")],
        flags: &[Flag::text("unlock-key", "KEY", "The key that locking printed.")],
        shared: Shared::Server,
        args: (0, 1),
        run: Run::Async(|cx| Box::pin(unlock(cx))),
    },
];

async fn list(cx: &mut Context<'_>) -> Outcome {
    let listed = cx.client()?.list("sys/namespaces").await.doing("listing namespaces")?;
    let Some(listed) = listed else {
        if cx.format()? != Format::Table {
            cx.print_value(&json!({}))?;
        }
        return Err(Failure::server("No namespaces found"));
    };
    match listed.get("key_info") {
        Some(info) if cx.is_on("detailed") => {
            let info = info.clone();
            cx.print_value(&info)
        }
        _ => cx.print_keys(&listed),
    }
}

async fn create(cx: &mut Context<'_>) -> Outcome {
    let name = cx.path_arg(0);
    let body = json!({ "custom_metadata": cx.pairs("custom-metadata")? });
    let made = cx.client()?.write(&place(&name), body).await.doing("creating namespace")?;
    print(cx, made, &name)
}

async fn lookup(cx: &mut Context<'_>) -> Outcome {
    let name = cx.path_arg(0);
    let found = cx.client()?.read(&place(&name)).await.doing("looking up namespace")?;
    print(cx, found, &name)
}

async fn patch(cx: &mut Context<'_>) -> Outcome {
    let name = cx.path_arg(0);
    let mut custom = cx.pairs("custom-metadata")?;
    for key in cx.list("remove-custom-metadata") {
        custom.insert(key.clone(), Value::Null);
    }
    let body = json!({ "custom_metadata": custom });
    let changed = cx.client()?.patch(&place(&name), body).await.doing("patching namespace")?;
    print(cx, changed, &name)
}

async fn delete(cx: &mut Context<'_>) -> Outcome {
    let name = cx.path_arg(0);
    cx.client()?.delete(&place(&name)).await.doing("deleting namespace")?;
    cx.say(format!("Success! Namespace deleted at: {name}/"));
    Ok(Exit::OK)
}

async fn lock(cx: &mut Context<'_>) -> Outcome {
    let path = lock_place(cx, "lock");
    let locked = cx.client()?.write(&path, json!({})).await.doing("locking namespace")?;
    print(cx, locked, "")
}

async fn unlock(cx: &mut Context<'_>) -> Outcome {
    let path = lock_place(cx, "unlock");
    let body = match cx.text("unlock-key") {
        Some(key) => json!({ "unlock_key": key }),
        None => json!({}),
    };
    cx.client()?.write(&path, body).await.doing("unlocking namespace")?;
    cx.say("Success! Namespace unlocked.");
    Ok(Exit::OK)
}

fn place(name: &str) -> String {
    format!("sys/namespaces/{name}")
}

fn lock_place(cx: &Context<'_>, verb: &str) -> String {
    match cx.args().first() {
        Some(name) => format!("sys/namespaces/api-lock/{verb}/{}", crate::values::clean_path(name)),
        None => format!("sys/namespaces/api-lock/{verb}"),
    }
}

fn print(cx: &mut Context<'_>, secret: Option<Secret>, name: &str) -> Outcome {
    match secret {
        Some(secret) => cx.print_secret(&secret),
        None => Err(Failure::server(format!("No namespace found at {name}/"))),
    }
}
