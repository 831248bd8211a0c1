//! `unwrap`.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Failure, Outcome};
use serde_json::json;
use strongroom_client::{Method, Request};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "unwrap",
    about: "Take what is wrapped in a single-use token.",
    usage: "[options] [TOKEN]",
    details: "Without TOKEN, the token in use is the wrapping one. A wrapping token works once: when it does\n\
              not, someone else has seen what was in it.",
    examples: &[
        ("Hand a secret over", "{} kv get -wrap-ttl=5m -field=wrapping_token secret/app"),
        ("Take it", "{} unwrap hvs.CAESIJ..."),
    ],
    flags: &[],
    shared: Shared::ServerField,
    args: (0, 1),
    run: Run::Async(|cx| Box::pin(unwrap(cx))),
}];

async fn unwrap(cx: &mut Context<'_>) -> Outcome {
    let client = cx.client()?;
    let token = cx.arg(0).trim().to_owned();
    let mut request = Request::new(Method::Put, "sys/wrapping/unwrap").wrap_ttl("");
    if !token.is_empty() && client.config().token.is_empty() {
        request = request.token(token);
    } else if !token.is_empty() && token != client.config().token {
        request = request.body(json!({ "token": token }));
    }
    let secret = client.send(request).await.and_then(|answer| answer.secret()).doing("unwrapping")?;
    let secret = secret.ok_or_else(|| Failure::server("Could not find wrapped response"))?;
    let is_list = secret.data.as_ref().is_some_and(|d| d.len() == 1)
        && secret.get("keys").is_some_and(|k| k.is_array());
    if is_list && cx.text("field").is_none() {
        return cx.print_keys(&secret);
    }
    cx.print_secret(&secret)
}
