//! `read`.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::{self, Format};
use strongroom_client::{Method, Request};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "read",
    about: "Read data and retrieve secrets.",
    usage: "[options] PATH [KEY=VALUE ...]",
    details: "Works with every path of the API. Pairs after the path become query parameters. Secrets of a\n\
              key/value store are easier to read with \"kv get\".",
    examples: &[
        ("Look at the token in use", "{} read auth/token/lookup-self"),
        ("One value only", "{} read -field=ttl auth/token/lookup-self"),
        ("The certificate as it is", "{} read -format=raw pki/cert/ca/pem"),
    ],
    flags: &[],
    shared: Shared::ServerField,
    args: (1, usize::MAX),
    run: Run::Async(|cx| Box::pin(read(cx))),
}];

async fn read(cx: &mut Context<'_>) -> Outcome {
    let path = cx.path_arg(0);
    let client = cx.client()?;
    let mut request = Request::new(Method::Get, &path);
    for (key, value) in cx.fields(1)? {
        let values = if let serde_json::Value::Array(list) = value { list } else { vec![value] };
        for value in values {
            request = request.query(key.clone(), output::go(&value));
        }
    }
    let doing = format!("reading {path}");
    if cx.format()? == Format::Raw && cx.text("field").is_none() {
        let answer = client.send(request).await.doing(doing)?;
        cx.say_bytes(&answer.body);
        return Ok(Exit::OK);
    }
    let secret = client.fetch(request).await.doing(doing)?;
    let secret = secret.ok_or_else(|| Failure::server(format!("No value found at {path}")))?;
    cx.print_secret(&secret)
}
