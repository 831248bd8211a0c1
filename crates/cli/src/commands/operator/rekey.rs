//! `operator rekey`.

use super::{cancelling, share_and_nonce};
use crate::command::{Command, Flag, Run, Shared};
use crate::commands::status::fields;
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::{self, Format};
use serde_json::{Value, json};
use strongroom_client::{Client, Method, Request};
use strongroom_wire::Map;

pub(in crate::commands) const COMMANDS: &[Command] = &[Command {
    name: "operator rekey",
    about: "Replace the unseal keys.",
    usage: "[options] [KEY]",
    details: "-init begins; then each holder of an old key gives it, and with the last one the new keys are printed.\n\
              Without KEY it is asked for and not shown; - stands for standard input. A key that is not typed on\n\
              the terminal needs -nonce. With -verify on -init, the old keys stay valid until enough of the new ones\n\
              have been given back with -verify.",
    examples: &[
        ("Begin", "{} operator rekey -init -key-shares=5 -key-threshold=3"),
        ("Give an old key", "{} operator rekey"),
        ("Stop", "{} operator rekey -cancel"),
    ],
    flags: &[
        Flag::switch("init", "Begin."),
        Flag::switch("cancel", "Stop and forget the keys given so far."),
        Flag::switch("status", "Show how far it is."),
        Flag::number("key-shares", "How many new keys to make; 5 if not given.").or(&["n"]),
        Flag::number("key-threshold", "How many of them unseal the server; 3 if not given.").or(&["t"]),
        Flag::text("nonce", "NONCE", "The operation that is meant, as -init has printed it."),
        Flag::text("target", "WHAT", "\"barrier\" (if not given) or \"recovery\"."),
        Flag::switch(
            "verify",
            "With -init: ask for the new keys before they count. Without: give one of those.",
        ),
        Flag::list("pgp-keys", "KEY", "PGP keys to encrypt the new keys with, with commas."),
        Flag::switch("backup", "Keep a copy of the encrypted new keys on the server."),
        Flag::switch("backup-retrieve", "Print that copy."),
        Flag::switch("backup-delete", "Delete that copy."),
    ],
    shared: Shared::ServerFormat,
    args: (0, 1),
    run: Run::Async(|cx| Box::pin(rekey(cx))),
}];

async fn rekey(cx: &mut Context<'_>) -> Outcome {
    let base = match cx.text("target").unwrap_or("barrier").trim().to_ascii_lowercase().as_str() {
        "barrier" => "sys/rekey",
        "recovery" | "hsm" => "sys/rekey-recovery-key",
        other => return Err(Failure::local(format!("Unknown target: {other}. Use barrier or recovery."))),
    };
    let client = cx.client()?;
    if cx.is_on("backup-delete") {
        let request = Request::new(Method::Delete, backup_path(base));
        client.send(request).await.doing("deleting rekey stored keys")?;
        cx.say("Success! Delete stored keys (if they existed)");
        return Ok(Exit::OK);
    }
    if cx.is_on("backup-retrieve") {
        let found = fields(&client, Request::new(Method::Get, backup_path(base))).await;
        return cx.print_value(&Value::Object(found.doing("retrieving rekey stored keys")?));
    }
    if cx.is_on("cancel") {
        let step = if cx.is_on("verify") { "verify" } else { "init" };
        let request = cancelling(cx, &format!("{base}/{step}"));
        client.send(request).await.doing("canceling rekey")?;
        return cx.say_success("Success! Canceled rekeying (if it was started)");
    }
    if cx.is_on("init") {
        return init(cx, &client, base).await;
    }
    if cx.is_on("status") {
        return status(cx, &client, base).await;
    }
    give(cx, &client, base).await
}

async fn init(cx: &mut Context<'_>, client: &Client, base: &str) -> Outcome {
    let mut body = Map::from_iter([
        ("secret_shares".to_owned(), cx.number("key-shares").unwrap_or(5).into()),
        ("secret_threshold".to_owned(), cx.number("key-threshold").unwrap_or(3).into()),
        ("require_verification".to_owned(), cx.is_on("verify").into()),
    ]);
    let keys: Vec<&str> =
        cx.list("pgp-keys").iter().flat_map(|list| list.split(',')).map(str::trim).collect();
    if !keys.is_empty() {
        body.insert("pgp_keys".to_owned(), keys.into());
    }
    if cx.is_on("backup") {
        body.insert("backup".to_owned(), true.into());
    }
    let request = Request::new(Method::Put, format!("{base}/init")).body(body.into());
    let state = fields(client, request).await.doing("initializing rekey")?;
    if cx.format()? == Format::Table && !cx.is_on("verify") {
        let text = "WARNING! The new keys are printed once, after the last old key, and the old ones are void from \
                    then on. Who fears to lose that output cancels this and begins again with -verify.";
        cx.warn(format!("{}\n", output::wrapped(text, 0)));
    }
    print_state(cx, state, false)
}

async fn status(cx: &mut Context<'_>, client: &Client, base: &str) -> Outcome {
    let verify = cx.is_on("verify");
    let state = read(client, base, verify).await?;
    print_state(cx, state, verify)
}

async fn read(client: &Client, base: &str, verify: bool) -> Result<Map, Failure> {
    let (step, doing) = if verify {
        ("verify", "reading rekey verification status")
    } else {
        ("init", "reading rekey status")
    };
    fields(client, Request::new(Method::Get, format!("{base}/{step}"))).await.doing(doing)
}

/// Gives one key, old or new.
async fn give(cx: &mut Context<'_>, client: &Client, base: &str) -> Outcome {
    let verify = cx.is_on("verify");
    let state = read(client, base, verify).await?;
    if !is_on(&state, "started") {
        let program = cx.program().to_owned();
        let hint = format!(
            "No rekey is in progress. Start a rekey process by running \"{program} operator rekey -init\"."
        );
        return Err(Failure::local(output::wrapped(&hint, 0)));
    }
    let (key, nonce) = share_and_nonce(cx, "Rekey operation nonce", &text(&state, "nonce")).await?;
    let step = if verify { "verify" } else { "update" };
    let request =
        Request::new(Method::Put, format!("{base}/{step}")).body(json!({ "key": key, "nonce": nonce }));
    let answer = fields(client, request).await.doing("posting unseal key")?;
    if !is_on(&answer, "complete") {
        return status(cx, client, base).await;
    }
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(answer));
    }
    if verify {
        let text =
            "Rekey verification successful. The rekey operation is complete and the new keys are now active.";
        cx.say(output::wrapped(text, 0));
        return Ok(Exit::OK);
    }
    print_keys(cx, &answer, &state);
    if !is_on(&answer, "verification_required") {
        return Ok(Exit::OK);
    }
    let verification = read(client, base, true).await?;
    print_state(cx, verification, true)
}

fn print_keys(cx: &mut Context<'_>, answer: &Map, state: &Map) {
    let list = |name: &str| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let keys = Some(list("keys_base64")).filter(|keys| !keys.is_empty()).unwrap_or_else(|| list("keys"));
    cx.say("");
    for (number, key) in (1..).zip(&keys) {
        cx.say(format!("Key {number}: {}", output::go(key)));
    }
    cx.say(format!("\nOperation nonce: {}\n", text(answer, "nonce")));
    let (shares, threshold) = (number(state, "n"), number(state, "t"));
    if !is_on(answer, "verification_required") {
        let text = format!(
            "Vault unseal keys rekeyed with {shares} key shares and a key threshold of {threshold}. Give the keys \
             above to different people and keep them safe: they are shown this once, and the old ones are void. \
             Whenever the server has been sealed or restarted, {threshold} of them are needed to unseal it."
        );
        cx.say(output::wrapped(&text, 0));
        return;
    }
    let program = cx.program().to_owned();
    let text = format!(
        "The new keys, {shares} with a threshold of {threshold}, are NOT valid yet and the old keys still are: keep \
         both until the threshold of new ones is given back with \"{program} operator rekey -verify\"."
    );
    cx.say(output::wrapped(&text, 0));
    cx.say("");
}

fn print_state(cx: &mut Context<'_>, state: Map, verify: bool) -> Outcome {
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(state));
    }
    let row = |key: &str, value: String| vec![key.to_owned(), value];
    let mut rows = vec![row("Key", "Value".to_owned())];
    let progress =
        format!("{}/{}", number(&state, "progress"), number(&state, if verify { "t" } else { "required" }));
    if verify {
        rows.push(row("Started", is_on(&state, "started").to_string()));
        rows.push(row("New Shares", number(&state, "n").to_string()));
        rows.push(row("New Threshold", number(&state, "t").to_string()));
        rows.push(row("Verification Nonce", text(&state, "nonce")));
        rows.push(row("Verification Progress", progress));
        cx.print_table(&rows);
        return Ok(Exit::OK);
    }
    rows.push(row("Nonce", text(&state, "nonce")));
    rows.push(row("Started", is_on(&state, "started").to_string()));
    if is_on(&state, "started") {
        let waits = !text(&state, "verification_nonce").is_empty();
        let note = if waits { " (verification in progress)" } else { "" };
        rows.push(row("Rekey Progress", format!("{progress}{note}")));
        rows.push(row("New Shares", number(&state, "n").to_string()));
        rows.push(row("New Threshold", number(&state, "t").to_string()));
        rows.push(row("Verification Required", is_on(&state, "verification_required").to_string()));
        if waits {
            rows.push(row("Verification Nonce", text(&state, "verification_nonce")));
        }
    }
    cx.print_table(&rows);
    Ok(Exit::OK)
}

fn backup_path(base: &str) -> &'static str {
    if base == "sys/rekey" { "sys/rekey/backup" } else { "sys/rekey/recovery-key-backup" }
}

fn number(map: &Map, name: &str) -> u64 {
    map.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn is_on(map: &Map, name: &str) -> bool {
    map.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn text(map: &Map, name: &str) -> String {
    map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
