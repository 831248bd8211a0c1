//! `delete`.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Outcome};
use crate::output;
use strongroom_client::{Method, Request};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "delete",
    about: "Delete secrets and configuration.",
    usage: "[options] PATH [KEY=VALUE ...]",
    details: "What deleting means depends on what is at the path. Pairs become query parameters.",
    examples: &[("Delete a user", "{} delete auth/userpass/users/ada")],
    flags: &[],
    shared: Shared::ServerField,
    args: (1, usize::MAX),
    run: Run::Async(|cx| Box::pin(delete(cx))),
}];

async fn delete(cx: &mut Context<'_>) -> Outcome {
    let path = cx.path_arg(0);
    let mut request = Request::new(Method::Delete, &path);
    for (key, value) in cx.fields(1)? {
        request = request.query(key, output::go(&value));
    }
    let answer = cx.client()?.send(request).await.and_then(|answer| answer.secret());
    let secret = answer.doing(format!("deleting {path}"))?;
    cx.print_written(secret, &format!("Success! Data deleted (if it existed) at: {path}"))
}
