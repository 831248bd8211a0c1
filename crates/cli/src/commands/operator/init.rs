//! `operator init`.

use crate::command::{Command, Flag, Run, Shared};
use crate::commands::status::{fields, root};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::{self, Format};
use serde_json::{Value, json};
use strongroom_client::{Client, Error, Method, Request};
use strongroom_wire::Map;

pub(in crate::commands) const COMMANDS: &[Command] = &[Command {
    name: "operator init",
    about: "Initialise a new server.",
    usage: "[options]",
    details: "Makes the keys and prints them with the root token, this once and never again. With -status it only\n\
              tells whether that has been done: it ends with 0 if so, with 2 if not, with 1 on an error.",
    examples: &[
        ("Five keys, of which three unseal", "{} operator init"),
        ("One key, for a script", "{} operator init -key-shares=1 -key-threshold=1 -format=json"),
    ],
    flags: &[
        Flag::switch("status", "Only tell whether the server is initialised."),
        Flag::number("key-shares", "How many keys to make; 5 if not given.").or(&["n"]),
        Flag::number("key-threshold", "How many of them unseal the server; 3 if not given.").or(&["t"]),
        Flag::list("pgp-keys", "KEY", "PGP keys to encrypt the keys with, with commas."),
        Flag::text("root-token-pgp-key", "KEY", "The PGP key to encrypt the root token with."),
        Flag::number("stored-shares", "How many keys the seal keeps."),
        Flag::number("recovery-shares", "How many recovery keys to make, where the seal opens by itself."),
        Flag::number("recovery-threshold", "How many recovery keys are needed."),
        Flag::list("recovery-pgp-keys", "KEY", "PGP keys to encrypt the recovery keys with, with commas."),
    ],
    shared: Shared::ServerFormat,
    args: (0, 0),
    run: Run::Async(|cx| Box::pin(init(cx))),
}];

async fn init(cx: &mut Context<'_>) -> Outcome {
    let client = root(&cx.client()?);
    if cx.is_on("status") {
        return status(cx, &client).await;
    }
    let body = request(cx, &client).await;
    let asked = Numbers::of(&body);
    let request = Request::new(Method::Put, "sys/init").body(body.into());
    let answer = fields(&client, request).await.doing("initializing")?;
    let made = Made::of(&answer)?;
    if cx.format()? == Format::Table {
        print(cx, &made, &asked);
        return Ok(Exit::OK);
    }
    cx.print_value(&json!({
        "unseal_keys_b64": made.keys,
        "unseal_keys_hex": made.keys_hex,
        "unseal_shares": if made.keys.is_empty() { 1 } else { asked.shares },
        "unseal_threshold": if made.keys.is_empty() { 1 } else { asked.threshold },
        "recovery_keys_b64": made.recovery_keys,
        "recovery_keys_hex": made.recovery_keys_hex,
        "recovery_keys_shares": asked.recovery_shares,
        "recovery_keys_threshold": asked.recovery_threshold,
        "root_token": made.root_token,
    }))
}

async fn status(cx: &mut Context<'_>, client: &Client) -> Outcome {
    let answer = fields(client, Request::new(Method::Get, "sys/init")).await.map_err(|e| {
        let is_preview = matches!(e, Error::Preview(_));
        let failure = Failure::api("checking init status", e);
        if is_preview { failure } else { failure.exit(1) }
    })?;
    let is_initialised = answer.get("initialized").and_then(Value::as_bool).unwrap_or(false);
    if cx.format()? == Format::Table {
        cx.say(if is_initialised { "Vault is initialized" } else { "Vault is not initialized" });
    } else {
        cx.print_value(&json!({ "Initialized": is_initialised }))?;
    }
    Ok(Exit(if is_initialised { 0 } else { NOT_INITIALISED }))
}

/// The body of the request. Without numbers, five keys of which three are needed.
async fn request(cx: &Context<'_>, client: &Client) -> Map {
    let mut body = Map::new();
    for flag in ["stored-shares", "recovery-shares", "recovery-threshold"] {
        if let Some(number) = cx.number(flag) {
            body.insert(flag.replace('-', "_"), number.into());
        }
    }
    for flag in ["pgp-keys", "recovery-pgp-keys"] {
        let keys: Vec<&str> = cx.list(flag).iter().flat_map(|list| list.split(',')).map(str::trim).collect();
        if !keys.is_empty() {
            body.insert(flag.replace('-', "_"), keys.into());
        }
    }
    if let Some(key) = cx.text("root-token-pgp-key") {
        body.insert("root_token_pgp_key".to_owned(), key.into());
    }
    let given =
        [("secret_shares", cx.number("key-shares"), 5), ("secret_threshold", cx.number("key-threshold"), 3)];
    if given.iter().all(|(_, number, _)| number.is_none()) && opens_by_itself(client).await {
        body.entry("recovery_shares").or_insert(5.into());
        body.entry("recovery_threshold").or_insert(3.into());
        return body;
    }
    for (field, number, default) in given {
        body.insert(field.to_owned(), number.unwrap_or(default).into());
    }
    body
}

/// Whether the seal has recovery keys instead of unseal keys.
async fn opens_by_itself(client: &Client) -> bool {
    let seal = fields(client, Request::new(Method::Get, "sys/seal-status")).await;
    seal.is_ok_and(|seal| seal.get("recovery_seal").and_then(Value::as_bool).unwrap_or(false))
}

/// The numbers of keys asked for.
struct Numbers {
    shares: i64,
    threshold: i64,
    recovery_shares: i64,
    recovery_threshold: i64,
}

impl Numbers {
    fn of(body: &Map) -> Self {
        let number = |name: &str| body.get(name).and_then(Value::as_i64).unwrap_or(0);
        Self {
            shares: number("secret_shares"),
            threshold: number("secret_threshold"),
            recovery_shares: number("recovery_shares"),
            recovery_threshold: number("recovery_threshold"),
        }
    }
}

/// What the server has made.
struct Made {
    keys: Vec<String>,
    keys_hex: Vec<String>,
    recovery_keys: Vec<String>,
    recovery_keys_hex: Vec<String>,
    root_token: String,
}

impl Made {
    fn of(answer: &Map) -> Result<Self, Failure> {
        let root_token = answer.get("root_token").and_then(Value::as_str);
        let root_token =
            root_token.ok_or_else(|| Failure::server("The server's answer holds no root token"))?;
        Ok(Self {
            keys: texts(answer, "keys_base64"),
            keys_hex: texts(answer, "keys"),
            recovery_keys: texts(answer, "recovery_keys_base64"),
            recovery_keys_hex: texts(answer, "recovery_keys"),
            root_token: root_token.to_owned(),
        })
    }
}

fn print(cx: &mut Context<'_>, made: &Made, asked: &Numbers) {
    for (kind, keys) in [("Unseal", &made.keys), ("Recovery", &made.recovery_keys)] {
        for (number, key) in (1..).zip(keys) {
            cx.say(format!("{kind} Key {number}: {key}"));
        }
    }
    cx.say(format!("\nInitial Root Token: {}\n", made.root_token));
    if made.keys.is_empty() {
        cx.say("Success! Vault is initialized");
    } else {
        let (first, second) = if asked.shares == 1 { one_key() } else { several_keys(asked) };
        cx.say(output::wrapped(&first, 0));
        cx.say(format!("\n{}", output::wrapped(&second, 0)));
        let program = cx.program().to_owned();
        let text =
            format!("Those who hold enough keys can replace all of them: see \"{program} operator rekey\".");
        cx.say(format!("\n{}", output::wrapped(&text, 0)));
    }
    if !made.recovery_keys.is_empty() {
        let text = format!(
            "Recovery key initialized with {} key shares and a key threshold of {}. Give the keys above to \
             different people and keep them safe.",
            asked.recovery_shares, asked.recovery_threshold
        );
        cx.say(format!("\n{}", output::wrapped(&text, 0)));
    }
}

fn one_key() -> (String, String) {
    let first = "Vault initialized with 1 key share and a key threshold of 1. Keep the key above safe: it is shown \
                 this once. Whenever the server has been sealed or has been restarted, it is needed to unseal it.";
    let second = "The server keeps no copy of it. Without it the data is lost for good: it stays sealed.";
    (first.to_owned(), second.to_owned())
}

fn several_keys(asked: &Numbers) -> (String, String) {
    let (shares, threshold) = (asked.shares, asked.threshold);
    let first = format!(
        "Vault initialized with {shares} key shares and a key threshold of {threshold}. Give the keys above to \
         different people and keep them safe: they are shown this once. Whenever the server has been sealed or has \
         been restarted, {threshold} of them are needed to unseal it."
    );
    let second = format!(
        "The server keeps no copy of them. With fewer than {threshold} the data is lost for good: it stays sealed."
    );
    (first, second)
}

fn texts(map: &Map, name: &str) -> Vec<String> {
    let items = map.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The exit code of `-status` for a new server.
const NOT_INITIALISED: u8 = 2;
