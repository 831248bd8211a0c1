//! `operator generate-root`.

use super::{cancelling, share_and_nonce};
use crate::command::{Command, Flag, Run, Shared};
use crate::commands::status::fields;
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::{self, Format};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};
use std::io::Read as _;
use strongroom_client::{Client, Method, Request};
use strongroom_wire::Map;

pub(in crate::commands) const COMMANDS: &[Command] = &[Command {
    name: "operator generate-root",
    about: "Make a new root token with the unseal keys.",
    usage: "[options] [KEY]",
    details: "-init begins and prints a one-time password; then each holder of an unseal key gives it, and with the\n\
              last one the token is printed, encoded with that password: -decode makes it readable. Without KEY it\n\
              is asked for and not shown; - stands for standard input. A key that is not typed on the terminal\n\
              needs -nonce.",
    examples: &[
        ("Begin", "{} operator generate-root -init"),
        ("Give an unseal key", "{} operator generate-root"),
        ("Read the result", "{} operator generate-root -decode=ENCODED_TOKEN -otp=PASSWORD"),
    ],
    flags: &[
        Flag::switch("init", "Begin."),
        Flag::switch("cancel", "Stop and forget the keys given so far."),
        Flag::switch("status", "Show how far it is."),
        Flag::text("decode", "TOKEN", "Decode this token with -otp; - for standard input."),
        Flag::switch("generate-otp", "Print a one-time password that fits -init."),
        Flag::text("otp", "PASSWORD", "The one-time password, for -init and -decode."),
        Flag::text("pgp-key", "KEY", "The PGP key to encrypt the token with, in place of a password."),
        Flag::text("nonce", "NONCE", "The attempt that is meant, as -init has printed it."),
    ],
    shared: Shared::ServerFormat,
    args: (0, 1),
    run: Run::Async(|cx| Box::pin(generate_root(cx))),
}];

async fn generate_root(cx: &mut Context<'_>) -> Outcome {
    if let Some(encoded) = cx.text("decode").map(str::to_owned) {
        return decode(cx, encoded);
    }
    let client = cx.client()?;
    if cx.is_on("generate-otp") {
        let state = read(&client).await?;
        let length = state.get("otp_length").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let otp = one_time_password(length.filter(|n| (1..=MOST_OTP).contains(n)).unwrap_or(USUAL_OTP))?;
        return print_one(cx, "otp", otp);
    }
    if cx.is_on("cancel") {
        let request = cancelling(cx, ATTEMPT);
        client.send(request).await.doing("canceling root token generation")?;
        return cx.say_success("Success! Root token generation canceled (if it was started)");
    }
    if cx.is_on("init") {
        return init(cx, &client).await;
    }
    let state = read(&client).await?;
    if cx.is_on("status") {
        return print_state(cx, state);
    }
    give(cx, &client, &state).await
}

async fn read(client: &Client) -> Result<Map, Failure> {
    fields(client, Request::new(Method::Get, ATTEMPT)).await.doing("getting root generation status")
}

async fn init(cx: &mut Context<'_>, client: &Client) -> Outcome {
    let mut body = Map::new();
    for (field, flag) in [("otp", "otp"), ("pgp_key", "pgp-key")] {
        if let Some(text) = cx.text(flag).map(str::trim).filter(|t| !t.is_empty()) {
            body.insert(field.to_owned(), text.into());
        }
    }
    if body.len() > 1 {
        return Err(Failure::local("Error initializing: cannot specify both -otp and -pgp-key"));
    }
    let request = Request::new(Method::Put, ATTEMPT).body(body.into());
    let state = fields(client, request).await.doing("initializing root generation")?;
    print_state(cx, state)
}

async fn give(cx: &mut Context<'_>, client: &Client, state: &Map) -> Outcome {
    if !state.get("started").and_then(Value::as_bool).unwrap_or(false) {
        let program = cx.program().to_owned();
        let text = format!(
            "No root generation is in progress. Start a root generation by running \
             \"{program} operator generate-root -init\"."
        );
        return Err(Failure::local(output::wrapped(&text, 0)));
    }
    let (key, nonce) = share_and_nonce(cx, "Operation nonce", &text(state, "nonce")).await?;
    let request =
        Request::new(Method::Put, "sys/generate-root/update").body(json!({ "key": key, "nonce": nonce }));
    let state = fields(client, request).await.doing("posting unseal key")?;
    print_state(cx, state)
}

fn print_state(cx: &mut Context<'_>, state: Map) -> Outcome {
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(state));
    }
    let show = |name: &str| state.get(name).map(output::go).unwrap_or_default();
    let mut rows = vec![
        ("Nonce", text(&state, "nonce")),
        ("Started", show("started")),
        ("Progress", format!("{}/{}", show("progress"), show("required"))),
        ("Complete", show("complete")),
    ];
    if !text(&state, "pgp_fingerprint").is_empty() {
        rows.push(("PGP Fingerprint", text(&state, "pgp_fingerprint")));
    }
    let encoded = ["encoded_token", "encoded_root_token"].map(|name| text(&state, name));
    if let Some(encoded) = encoded.into_iter().find(|encoded| !encoded.is_empty()) {
        rows.push(("Encoded Token", encoded));
    }
    if !text(&state, "otp").is_empty() {
        let note = "A One-Time-Password has been generated and is shown in the OTP field. It is needed to decode the \
                    root token in the end, and is shown this once: keep it safe.";
        cx.warn(output::wrapped(note, 0));
        rows.push(("OTP", text(&state, "otp")));
    }
    if state.get("otp_length").and_then(Value::as_u64).is_some_and(|length| length > 0) {
        rows.push(("OTP Length", show("otp_length")));
    }
    cx.say(output::aligned(&rows));
    Ok(Exit::OK)
}

fn decode(cx: &mut Context<'_>, encoded: String) -> Outcome {
    let otp = cx.text("otp").unwrap_or_default().to_owned();
    if otp.is_empty() {
        return Err(Failure::local("Missing otp: use -otp to supply it"));
    }
    let encoded = if encoded == "-" {
        String::from_utf8(cx.read_stdin()?)
            .map_err(|_| Failure::local("The token on standard input is not text"))?
    } else {
        encoded
    };
    let token = uncovered(encoded.trim(), &otp)
        .map_err(|e| Failure::local(format!("Error decoding root token: {e}")))?;
    print_one(cx, "token", token)
}

/// The token beneath its one-time password.
fn uncovered(encoded: &str, otp: &str) -> Result<String, &'static str> {
    let covered =
        STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).map_err(|_| "the token is not base64")?;
    if covered.len() != otp.len() {
        return Err("the token and the one-time password are not of the same length");
    }
    let bytes = covered.iter().zip(otp.as_bytes()).map(|(a, b)| a ^ b).collect();
    String::from_utf8(bytes)
        .ok()
        .filter(|token| token.chars().all(|c| c.is_ascii_graphic()))
        .ok_or("the one-time password is not the one that belongs to this token")
}

/// Letters and digits by chance, each as likely as any other.
fn one_time_password(length: usize) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::local(format!("Error reading random bytes: {e}"));
    let source = std::fs::File::open("/dev/urandom").map_err(failed)?;
    let mut otp = String::with_capacity(length);
    for byte in std::io::BufReader::new(source).bytes() {
        // Six bits choose one of 64; the last two are dropped so that none is more likely.
        if let Some(letter) = LETTERS.get(usize::from(byte.map_err(failed)? & 0x3f)) {
            otp.push(char::from(*letter));
        }
        if otp.len() == length {
            break;
        }
    }
    Ok(otp)
}

fn print_one(cx: &mut Context<'_>, name: &str, text: String) -> Outcome {
    if cx.format()? == Format::Table {
        cx.say(text);
        return Ok(Exit::OK);
    }
    cx.print_value(&json!({ name: text }))
}

fn text(map: &Map, name: &str) -> String {
    map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

const ATTEMPT: &str = "sys/generate-root/attempt";
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// As long as a token, which it has to cover.
const USUAL_OTP: usize = 28;
const MOST_OTP: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_out_from_under_their_password() {
        let otp = one_time_password(USUAL_OTP).unwrap();
        assert_eq!(otp.len(), USUAL_OTP);
        assert_ne!(otp, one_time_password(USUAL_OTP).unwrap());
        let token = "hvs.abcdefghijklmnopqrstuvwx";
        let covered: Vec<u8> = token.bytes().zip(otp.bytes()).map(|(a, b)| a ^ b).collect();
        let encoded = STANDARD_NO_PAD.encode(covered);
        assert_eq!(uncovered(&encoded, &otp).as_deref(), Ok(token));
        assert!(uncovered(&encoded, "short").is_err());
        assert!(uncovered("%%%", &otp).is_err());
    }
}
