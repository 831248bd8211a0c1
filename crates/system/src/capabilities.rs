//! `sys/capabilities*`: what a token may do at some paths.

use crate::Answering;
use serde_json::json;
use strongroom_core::token::TokenEntry;
use strongroom_core::{Call, Fault, Map, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::Update;
    vec![
        Route::new("capabilities", "What a token may do at some paths.", OF_TOKEN)
            .on(Update, of_token)
            .top_level(),
        Route::new("capabilities-self", "What the caller's token may do at some paths.", OF_SELF)
            .on(Update, of_self)
            .top_level(),
        Route::new(
            "capabilities-accessor",
            "What the token of an accessor may do at some paths.",
            OF_ACCESSOR,
        )
        .on(Update, of_accessor)
        .top_level(),
    ]
}

const PATHS: Field = Field::new("paths", Kind::CommaList, "The paths to ask about.");
const PATH: Field = Field::new("path", Kind::CommaList, "The older name of \"paths\".");
const TOKEN: Field = Field::new("token", Kind::Text, "The token.").secret();
const ACCESSOR: Field = Field::new("accessor", Kind::Text, "The token's accessor.");
const OF_TOKEN: &[Field] = &[TOKEN, PATHS, PATH];
// `token` is there so that clients which send it along are not warned.
const OF_SELF: &[Field] = &[TOKEN, PATHS, PATH];
const OF_ACCESSOR: &[Field] = &[ACCESSOR, PATHS, PATH];

fn of_token(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let token = call.args.text_or_empty("token").trim();
        if token.is_empty() {
            return Err(Fault::invalid("field \"token\": a token is needed"));
        }
        let entry = call.find_token(token).await?.ok_or_else(|| Fault::invalid("invalid token"))?;
        answer(&call, &entry, "").await
    })
}

fn of_self(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let token = call.req.token.ok_or(Fault::Denied)?;
        answer(&call, &token.entry, call.req.from_token).await
    })
}

fn of_accessor(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let accessor = call.args.text_or_empty("accessor");
        if accessor.is_empty() {
            return Err(Fault::invalid("field \"accessor\": the accessor of a token is needed"));
        }
        let entry = call.find_accessor(accessor).await?.ok_or_else(|| Fault::invalid("invalid accessor"))?;
        answer(&call, &entry, "").await
    })
}

/// One list per path, under the path as it was given; of a single path once more as `capabilities`.
/// `between` is the way from the token's namespace to the request's.
async fn answer(call: &Call<'_>, token: &TokenEntry, between: &str) -> Result<Response, Fault> {
    let lists = ["paths", "path"].map(|name| call.args.list(name).unwrap_or_default());
    let paths = lists.into_iter().find(|l| !l.is_empty());
    let paths = paths.ok_or_else(|| Fault::invalid("field \"paths\": at least one path is needed"))?;
    let acl = call.core.rights(token).await?.acl;
    let at = |path: &str| {
        let path = path.strip_prefix('/').unwrap_or(path);
        json!(acl.capabilities(&format!("{between}{path}")))
    };
    let mut found = Map::new();
    for path in paths {
        found.insert(path.clone(), at(path));
    }
    if let [only] = paths {
        found.insert("capabilities".to_owned(), at(only));
    }
    Ok(Response::data(found))
}
