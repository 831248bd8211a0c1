//! `auth list`, `enable`, `disable`, `tune`, `move`, `help`.

use super::mounts::{self, detailed_rows, listed, text};
use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use serde_json::Value;
use strongroom_wire::{Map, duration};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "auth list",
        about: "List the auth methods.",
        usage: "[options]",
        details: "",
        examples: &[("With their settings", "{} auth list -detailed")],
        flags: &[Flag::switch("detailed", "Show settings and versions too.")],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(list(cx))),
    },
    Command {
        name: "auth enable",
        about: "Enable an auth method.",
        usage: "[options] TYPE",
        details: "",
        examples: &[
            ("Users with passwords", "{} auth enable userpass"),
            ("Under a path of its own", "{} auth enable -path=people userpass"),
        ],
        flags: ENABLE_FLAGS,
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(enable(cx))),
    },
    Command {
        name: "auth disable",
        about: "Disable an auth method.",
        usage: "[options] PATH",
        details: "All tokens that it granted are revoked and its settings are deleted.",
        examples: &[("The method at userpass/", "{} auth disable userpass/")],
        flags: &[],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(disable(cx))),
    },
    Command {
        name: "auth tune",
        about: "Change settings of an auth method.",
        usage: "[options] PATH",
        details: "What is not named stays as it is.",
        examples: &[("Tokens of an hour", "{} auth tune -default-lease-ttl=1h userpass/")],
        flags: TUNE_FLAGS,
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(tune(cx))),
    },
    Command {
        name: "auth move",
        about: "Move an auth method to another path.",
        usage: "[options] SOURCE DESTINATION",
        details: "Paths begin with auth/. The tokens that it granted are revoked; its settings move with it.",
        examples: &[("From one path to another", "{} auth move auth/userpass/ auth/people/")],
        flags: &[],
        shared: Shared::Server,
        args: (2, 2),
        run: Run::Async(|cx| Box::pin(move_method(cx))),
    },
    Command {
        name: "auth help",
        about: "Explain how to log in by an auth method.",
        usage: "[options] TYPE | PATH",
        details: "",
        examples: &[("By type", "{} auth help userpass"), ("By path", "{} auth help people/")],
        flags: &[],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(help(cx))),
    },
];

const ENABLE_FLAGS: &[Flag] = &[
    mounts::PATH,
    mounts::DESCRIPTION,
    mounts::DEFAULT_TTL,
    mounts::MAX_TTL,
    mounts::OPTIONS,
    mounts::VERSION,
    mounts::REQUEST_KEYS,
    mounts::RESPONSE_KEYS,
    mounts::VISIBILITY,
    mounts::PASSTHROUGH,
    mounts::ALLOWED,
    mounts::TOKEN_TYPE,
    mounts::LOCAL,
    mounts::SEAL_WRAP,
    mounts::ENTROPY,
    mounts::PLUGIN_NAME,
    mounts::PLUGIN_VERSION,
    mounts::IDENTITY_KEY,
    mounts::TRIM_SLASHES,
];

const TUNE_FLAGS: &[Flag] = &[
    mounts::DESCRIPTION,
    mounts::DEFAULT_TTL,
    mounts::MAX_TTL,
    mounts::OPTIONS,
    mounts::VERSION,
    mounts::REQUEST_KEYS,
    mounts::RESPONSE_KEYS,
    mounts::VISIBILITY,
    mounts::PASSTHROUGH,
    mounts::ALLOWED,
    mounts::TOKEN_TYPE,
    mounts::PLUGIN_VERSION,
    mounts::IDENTITY_KEY,
    mounts::TRIM_SLASHES,
    Flag::number("user-lockout-threshold", "How many failed logins lock a user out."),
    Flag::duration("user-lockout-duration", "How long a user stays locked out."),
    Flag::duration("user-lockout-counter-reset-duration", "How long failed logins are counted."),
    Flag::switch("user-lockout-disable", "Lock nobody out."),
];

async fn list(cx: &mut Context<'_>) -> Outcome {
    let methods = listed(cx, "sys/auth", "listing enabled authentications").await?;
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(methods));
    }
    if cx.is_on("detailed") {
        cx.print_table(&detailed_rows(&methods, true));
        return Ok(Exit::OK);
    }
    let mut rows = vec![["Path", "Type", "Accessor", "Description", "Version"].map(str::to_owned).to_vec()];
    for (path, method) in &methods {
        rows.push(vec![
            path.clone(),
            text(method, "type"),
            text(method, "accessor"),
            text(method, "description"),
            text(method, "plugin_version"),
        ]);
    }
    cx.print_table(&rows);
    Ok(Exit::OK)
}

async fn enable(cx: &mut Context<'_>) -> Outcome {
    let (kind, path) = mounts::type_and_path(cx)?;
    let path = path.strip_prefix("auth/").unwrap_or(&path).to_owned();
    let body = mounts::new_mount(cx, &kind)?;
    cx.client()?.write(&format!("sys/auth/{path}"), body).await.doing(format!("enabling {kind} auth"))?;
    cx.say(format!("Success! Enabled {kind} auth method at: {path}/"));
    Ok(Exit::OK)
}

async fn disable(cx: &mut Context<'_>) -> Outcome {
    let path = method_path(cx);
    let doing = format!("disabling auth method at {path}/");
    cx.client()?.delete(&format!("sys/auth/{path}")).await.doing(doing)?;
    cx.say(format!("Success! Disabled the auth method (if it existed) at: {path}/"));
    Ok(Exit::OK)
}

async fn tune(cx: &mut Context<'_>) -> Outcome {
    let path = method_path(cx);
    let mut body = mounts::tuning(cx)?;
    let lockout = lockout(cx);
    if !lockout.is_empty() {
        body.insert("user_lockout_config".to_owned(), lockout.into());
    }
    let doing = format!("tuning auth method {path}/");
    cx.client()?.write(&format!("sys/mounts/auth/{path}/tune"), body.into()).await.doing(doing)?;
    cx.say(format!("Success! Tuned the auth method at: {path}/"));
    Ok(Exit::OK)
}

async fn move_method(cx: &mut Context<'_>) -> Outcome {
    mounts::move_mount(cx, "auth method").await
}

async fn help(cx: &mut Context<'_>) -> Outcome {
    let asked = cx.arg(0).trim().to_owned();
    if let Some(pairs) = login_pairs(&asked) {
        say_login(cx, &asked, None, pairs);
        return Ok(Exit::OK);
    }
    let path = method_path(cx);
    let methods = listed(cx, "sys/auth", "listing auth methods").await?;
    let Some(method) = methods.get(&format!("{path}/")) else {
        return Err(Failure::local(format!(
            "Error: {asked:?} is neither the type nor the path of an auth method"
        )));
    };
    let kind = text(method, "type");
    let pairs = login_pairs(&kind).unwrap_or(&["KEY=VALUE ..."]);
    say_login(cx, &kind, Some(&path), pairs);
    Ok(Exit::OK)
}

/// What a login by this type takes.
fn login_pairs(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "token" => &["TOKEN"],
        "userpass" | "ldap" | "radius" | "okta" => &["username=NAME", "password=PASSWORD"],
        "approle" => &["role_id=ID", "secret_id=ID"],
        "kubernetes" | "jwt" => &["role=NAME", "jwt=@FILE"],
        "cert" => &["name=NAME"],
        _ => return None,
    })
}

fn say_login(cx: &mut Context<'_>, kind: &str, path: Option<&str>, pairs: &[&str]) {
    let program = cx.program().to_owned();
    let mount = path.unwrap_or(kind);
    let path = path.map_or(String::new(), |path| format!(" -path={path}"));
    cx.say(format!("Usage: {program} login -method={kind}{path} {}\n", pairs.join(" ")));
    if pairs.iter().any(|pair| pair.starts_with("password=")) || kind == "token" {
        cx.say("What is left out is asked for on the terminal, unseen.");
    }
    cx.say("Values: text, @file for a file's content, - for standard input.");
    cx.say(format!("The settings of the method itself: {program} path-help auth/{mount}"));
}

/// The path of a method, written with `auth/` or without.
fn method_path(cx: &Context<'_>) -> String {
    let path = cx.path_arg(0);
    path.strip_prefix("auth/").unwrap_or(&path).to_owned()
}

fn lockout(cx: &Context<'_>) -> Map {
    let mut lockout = Map::new();
    if let Some(threshold) = cx.number("user-lockout-threshold") {
        lockout.insert("lockout_threshold".to_owned(), threshold.to_string().into());
    }
    for (field, flag) in [
        ("lockout_duration", "user-lockout-duration"),
        ("lockout_counter_reset_duration", "user-lockout-counter-reset-duration"),
    ] {
        if let Some(lasts) = cx.duration(flag) {
            lockout.insert(field.to_owned(), duration::go(lasts).into());
        }
    }
    if let Some(off) = cx.switch("user-lockout-disable") {
        lockout.insert("lockout_disable".to_owned(), off.into());
    }
    lockout
}
