//! `sys/config/auditing/request-headers`: the request headers that the audit trail shows.

use crate::Answering;
use serde_json::{Value, json};
use strongroom_core::headers::HeaderRules;
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, Txn};
use strongroom_wire::field::{Field, Kind};

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("config/auditing/request-headers", "The request headers that the audit trail shows.", &[])
            .sudo(Read, read_all)
            .sudo(List, read_all)
            .top_level(),
        Route::new(
            "config/auditing/request-headers/{header}",
            "Whether the audit trail shows a header.",
            FIELDS,
        )
        .sudo(Read, read)
        .sudo(Update, write)
        .sudo(Delete, delete)
        .top_level(),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("header", Kind::Text, "The name of the header.").folded(),
    Field::new("hmac", Kind::Bool, "Whether its value is hashed."),
];

/// A token as HTTP has it.
pub(super) fn is_header_name(name: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(token)
}

async fn rules(txn: &mut Txn) -> Result<HeaderRules, Fault> {
    let rules = txn.get::<HeaderRules>(&HeaderRules::key()).await?;
    Ok(rules.map(|r| HeaderRules::clone(&r)).unwrap_or_default())
}

fn read_all(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let rules = rules(call.txn).await?;
        let shown: Map =
            rules.headers.iter().map(|(name, hmac)| (name.clone(), json!({ "hmac": hmac }))).collect();
        Ok(Response::json(json!({ "headers": Value::Object(shown) })))
    })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("header");
        let rules = rules(call.txn).await?;
        let hmac = rules.headers.get(name);
        let hmac = hmac.ok_or_else(|| Fault::invalid("the audit trail does not show this header"))?;
        Ok(Response::data(Map::from_iter([(name.to_owned(), json!({ "hmac": hmac }))])))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("header");
        if !is_header_name(name) {
            return Err(Fault::invalid("field \"header\": this is no header name"));
        }
        let mut rules = rules(call.txn).await?;
        rules.headers.insert(name.to_owned(), call.args.bool("hmac").unwrap_or(false));
        call.txn.put(&HeaderRules::key(), &rules)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mut rules = rules(call.txn).await?;
        if rules.headers.remove(call.args.text_or_empty("header")).is_some() {
            call.txn.put(&HeaderRules::key(), &rules)?;
        }
        Ok(Response::none())
    })
}
