//! `operator unseal`.

use super::KEY_QUESTION;
use crate::command::{Command, Flag, Run, Shared};
use crate::commands::status::{fields, print_seal, root};
use crate::context::Context;
use crate::failure::{Doing, Failure, Outcome};
use serde_json::json;
use strongroom_client::{Method, Request};

pub(in crate::commands) const COMMANDS: &[Command] = &[Command {
    name: "operator unseal",
    about: "Give the server one key to unseal it.",
    usage: "[options] [KEY]",
    details: "Run it once for each key until there are enough. Without KEY it is asked for and not shown, which keeps\n\
              it out of the shell's history; - stands for standard input.",
    examples: &[
        ("Asks for the key", "{} operator unseal"),
        ("Forget the keys given so far", "{} operator unseal -reset"),
    ],
    flags: &[
        Flag::switch("reset", "Forget the keys given so far."),
        Flag::switch("migrate", "The key is for the change to another seal."),
    ],
    shared: Shared::ServerFormat,
    args: (0, 1),
    run: Run::Async(|cx| Box::pin(unseal(cx))),
}];

async fn unseal(cx: &mut Context<'_>) -> Outcome {
    let client = root(&cx.client()?);
    let (body, doing) = if cx.is_on("reset") {
        (json!({ "reset": true }), "resetting unseal process")
    } else {
        let key = match cx.arg(0).trim() {
            "" => cx.ask(KEY_QUESTION, true)?,
            "-" => String::from_utf8(cx.read_stdin()?)
                .map_err(|_| Failure::local("The key on standard input is not text"))?,
            key => key.to_owned(),
        };
        let mut body = json!({ "key": key.trim() });
        if let (true, Some(body)) = (cx.is_on("migrate"), body.as_object_mut()) {
            body.insert("migrate".to_owned(), true.into());
        }
        (body, "unsealing")
    };
    let request = Request::new(Method::Put, "sys/unseal").body(body);
    let seal = fields(&client, request).await.doing(doing)?;
    print_seal(cx, &client, seal).await
}
