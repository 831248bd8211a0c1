//! `lease lookup`, `renew`, `revoke`.

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use serde_json::json;
use strongroom_wire::Map;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "lease lookup",
        about: "Show what is known about a lease.",
        usage: "[options] LEASE_ID",
        details: "",
        examples: &[("When a login's token expires", "{} lease lookup auth/userpass/login/ada/h1234...")],
        flags: &[],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(lookup(cx))),
    },
    Command {
        name: "lease renew",
        about: "Prolong a lease.",
        usage: "[options] LEASE_ID",
        details: "Not beyond its maximum; the answer says how long it lasts now.",
        examples: &[("By an hour", "{} lease renew -increment=1h database/creds/app/2f6a614c...")],
        flags: &[Flag::duration("increment", "How long it should last from now on.").or(&["i"])],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(renew(cx))),
    },
    Command {
        name: "lease revoke",
        about: "End leases.",
        usage: "[options] LEASE_ID | PREFIX",
        details: "With -prefix, all leases that begin so. -force drops leases even if undoing what they stand for fails.",
        examples: &[
            ("One", "{} lease revoke database/creds/app/2f6a614c..."),
            ("All of a login path", "{} lease revoke -prefix auth/userpass/login/"),
        ],
        flags: &[
            Flag::switch("prefix", "The argument is a prefix of leases.").or(&["p"]),
            Flag::switch("force", "With -prefix: drop the leases even if undoing fails.").or(&["f"]),
            Flag::switch("sync", "Wait until all is done."),
        ],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(revoke(cx))),
    },
];

async fn lookup(cx: &mut Context<'_>) -> Outcome {
    let id = cx.arg(0).trim().to_owned();
    let secret = cx.client()?.write("sys/leases/lookup", json!({ "lease_id": id })).await;
    let secret = secret.doing(format!("looking up lease id {id}"))?;
    let secret = secret.ok_or_else(|| Failure::server(format!("There is no lease {id}")))?;
    cx.print_secret(&secret)
}

async fn renew(cx: &mut Context<'_>) -> Outcome {
    let id = cx.arg(0).trim().to_owned();
    let mut body = Map::from_iter([("lease_id".to_owned(), id.clone().into())]);
    if let Some(increment) = cx.duration("increment") {
        body.insert("increment".to_owned(), increment.as_secs().into());
    }
    let secret = cx.client()?.write("sys/leases/renew", body.into()).await.doing(format!("renewing {id}"))?;
    let secret = secret.ok_or_else(|| Failure::server("The server's answer to the renewal is empty"))?;
    cx.print_secret(&secret)
}

async fn revoke(cx: &mut Context<'_>) -> Outcome {
    let target = cx.arg(0).trim().to_owned();
    let (prefix, force, sync) = (cx.is_on("prefix"), cx.is_on("force"), cx.is_on("sync"));
    if force && !prefix {
        return Err(Failure::local("Specifying -force requires also specifying -prefix"));
    }
    // Writes to a path with a final slash are refused; a prefix means the same without.
    let place = target.trim_end_matches('/');
    let (path, body, doing) = match (prefix, force) {
        (true, true) => (
            format!("sys/leases/revoke-force/{place}"),
            json!({}),
            format!("force revoking leases with prefix {target}"),
        ),
        (true, false) => (
            format!("sys/leases/revoke-prefix/{place}"),
            json!({ "sync": sync }),
            format!("revoking leases with prefix {target}"),
        ),
        _ => (
            "sys/leases/revoke".to_owned(),
            json!({ "lease_id": target, "sync": sync }),
            format!("revoking lease {target}"),
        ),
    };
    let client = cx.client()?;
    if force && client.config().preview.is_none() {
        cx.warn(
            "Warning! Leases are dropped even where undoing what they stand for fails: such credentials may stay valid.",
        );
    }
    client.write(&path, body).await.doing(doing)?;
    match (prefix, force, sync) {
        (_, true, _) => cx.say(format!("Success! Force revoked any leases with prefix: {target}")),
        (true, _, true) => cx.say(format!("Success! Revoked any leases with prefix: {target}")),
        (false, _, true) => cx.say(format!("Success! Revoked lease: {target}")),
        (_, _, false) => cx.say("All revocation operations queued successfully!"),
    }
    Ok(Exit::OK)
}
