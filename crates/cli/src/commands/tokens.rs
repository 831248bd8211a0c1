//! `token list` and `token revoke-matching`: the inventory of service tokens.

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use serde_json::{Value, json};
use strongroom_client::{Method, Request, Secret};
use strongroom_wire::Map;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "token list",
        about: "List service tokens by accessor.",
        usage: "[options]",
        details: "All options must hold for a token to be listed. The last use is known to the hour. Needs sudo on\n\
                  sys/tokens; shows no token itself.",
        examples: &[
            ("Old ones that nobody uses", "{} token list -older-than=720h -unused-for=168h"),
            ("Those of a login path", "{} token list -made-at=auth/approle/login"),
        ],
        flags: &[
            OLDER,
            YOUNGER,
            UNUSED,
            ROLE,
            ENTITY,
            POLICY,
            MADE_AT,
            NAME,
            Flag::number("limit", "How many tokens are listed at most; all if not given."),
        ],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(list(cx))),
    },
    Command {
        name: "token revoke-matching",
        about: "Revoke all service tokens that options name, and their children.",
        usage: "[options]",
        details: "All options must hold; at least one is needed. The token in use, those it descends from and, without\n\
                  -include-root, root tokens are left alone. Needs sudo on sys/tokens/revoke.",
        examples: &[
            ("See first", "{} token revoke-matching -role=ci -older-than=24h -dry-run"),
            ("All that were not used for a month", "{} token revoke-matching -unused-for=720h"),
        ],
        flags: &[
            OLDER,
            YOUNGER,
            UNUSED,
            ROLE,
            ENTITY,
            POLICY,
            MADE_AT,
            NAME,
            Flag::switch("include-root", "Revoke root tokens too."),
            Flag::switch("dry-run", "Only say which tokens would be revoked."),
        ],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(revoke(cx))),
    },
];

const OLDER: Flag = Flag::duration("older-than", "Made longer ago than this.");
const YOUNGER: Flag = Flag::duration("younger-than", "Made less long ago than this.");
const UNUSED: Flag = Flag::duration("unused-for", "Not used for so long.");
const ROLE: Flag = Flag::text("role", "NAME", "Made through this token role, or by a login to this role.");
const ENTITY: Flag = Flag::text("entity-id", "ID", "Of this entity.");
const POLICY: Flag = Flag::text("policy", "NAME", "With this policy of their own.");
const MADE_AT: Flag = Flag::text("made-at", "PATH", "Made by a request to this path or below it.");
const NAME: Flag = Flag::text("display-name", "NAME", "With this display name.");

/// Tokens asked for at a time.
const PAGE: i64 = 1000;
/// The exit code of a list without entries.
const NONE: u8 = 2;

fn filter(cx: &Context<'_>) -> Map {
    let mut fields = Map::new();
    for (field, flag) in
        [("older_than", "older-than"), ("younger_than", "younger-than"), ("unused_for", "unused-for")]
    {
        if let Some(time) = cx.duration(flag) {
            fields.insert(field.to_owned(), time.as_secs().into());
        }
    }
    for (field, flag) in [
        ("role", "role"),
        ("entity_id", "entity-id"),
        ("policy", "policy"),
        ("path", "made-at"),
        ("display_name", "display-name"),
    ] {
        if let Some(text) = cx.text(flag).filter(|text| !text.is_empty()) {
            fields.insert(field.to_owned(), text.into());
        }
    }
    fields
}

async fn list(cx: &mut Context<'_>) -> Outcome {
    let client = cx.client()?;
    let most = match cx.number("limit") {
        None => usize::MAX,
        Some(n) => usize::try_from(n)
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| Failure::local(format!("Invalid -limit {n}: use a number greater than 0")))?,
    };
    let fields = filter(cx);
    let (mut tokens, mut after) = (Vec::new(), String::new());
    while tokens.len() < most {
        let left = i64::try_from(most - tokens.len()).unwrap_or(PAGE).min(PAGE);
        let mut request = Request::new(Method::Get, "sys/tokens").query("limit", left.to_string());
        request = request.query("after", after.as_str());
        for (key, value) in &fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            request = request.query(key, text);
        }
        let page = client.fetch(request).await.doing("listing tokens")?.unwrap_or_default();
        tokens.extend(items(&page, "tokens"));
        after = page.text("next").unwrap_or_default().to_owned();
        if after.is_empty() {
            break;
        }
    }
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Array(tokens));
    }
    if tokens.is_empty() {
        cx.say("No tokens match.");
        return Ok(Exit(NONE));
    }
    let columns = [
        ("Accessor", "accessor"),
        ("Display Name", "display_name"),
        ("Role", "role"),
        ("Made", "issue_time"),
        ("Last Use", "last_use_hour"),
        ("Ends", "expire_time"),
    ];
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|(title, _)| (*title).to_owned()).collect()];
    rows.extend(tokens.iter().map(|token| columns.iter().map(|(_, key)| shown(token, key)).collect()));
    cx.print_table(&rows);
    Ok(Exit::OK)
}

async fn revoke(cx: &mut Context<'_>) -> Outcome {
    let client = cx.client()?;
    let mut body = filter(cx);
    if body.is_empty() {
        return Err(Failure::local(
            "Which tokens? Name them by -older-than, -unused-for, -role or another option",
        ));
    }
    let dry_run = cx.is_on("dry-run");
    body.insert("dry_run".to_owned(), dry_run.into());
    body.insert("include_root".to_owned(), cx.is_on("include-root").into());
    body.insert("limit".to_owned(), PAGE.into());
    let (mut accessors, mut spared) = (Vec::new(), 0);
    loop {
        let page = client.write("sys/tokens/revoke", Value::Object(body.clone())).await;
        let page = page.doing("revoking tokens")?.unwrap_or_default();
        accessors.extend(items(&page, "accessors"));
        spared += page.get("spared").and_then(Value::as_u64).unwrap_or(0);
        let next = page.text("next").unwrap_or_default().to_owned();
        if next.is_empty() {
            break;
        }
        body.insert("after".to_owned(), next.into());
    }
    if cx.format()? != Format::Table {
        let told = json!({ "accessors": accessors, "dry_run": dry_run, "spared": spared });
        return cx.print_value(&told);
    }
    for accessor in accessors.iter().filter(|_| dry_run).filter_map(Value::as_str) {
        cx.say(accessor);
    }
    let done = if dry_run { "Would revoke" } else { "Success! Revoked" };
    cx.say(format!("{done} {} tokens; {spared} were left alone", accessors.len()));
    Ok(Exit::OK)
}

fn items(page: &Secret, name: &str) -> Vec<Value> {
    page.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn shown(token: &Value, key: &str) -> String {
    token.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}
