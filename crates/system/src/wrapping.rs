//! `sys/wrapping`: answers that are kept for whoever holds their single-use token.

use crate::{Answering, caller};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::token::TokenEntry;
use strongroom_core::{Call, Fault, Map, Operation, Response, Route};
use strongroom_crypto::ct_eq;
use strongroom_wire::field::{Field, Kind};
use strongroom_wire::time;

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Read, Update};
    vec![
        Route::new("wrapping/wrap", "Wraps the body.", &[]).on(Update, wrap).free_form(),
        Route::new("wrapping/lookup", "What a wrapping token stands for.", FIELDS)
            .open(Read, look_up)
            .open(Update, look_up)
            .asked(FIELDS)
            .never_wrapped(),
        Route::new("wrapping/unwrap", "Gives the answer that a wrapping token keeps, once.", FIELDS)
            .open(Update, unwrap)
            .never_wrapped(),
        Route::new("wrapping/rewrap", "Moves an answer to a fresh wrapping token.", FIELDS)
            .on(Update, rewrap)
            .never_wrapped(),
    ]
}

const FIELDS: &[Field] =
    &[Field::new("token", Kind::Text, "The wrapping token; left out, the caller's token is it.").secret()];

fn wrap(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let request = call.req.request;
        if request.wrap_ttl.unwrap_or(0) == 0 {
            return Err(Fault::invalid(
                "endpoint requires response wrapping to be used: send how long in X-Vault-Wrap-TTL",
            ));
        }
        Ok(Response::data(request.body.clone()))
    })
}

fn look_up(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let entry = wrapping_token(&call).await?;
        Ok(Response::json(json!({
            "creation_path": entry.path,
            "creation_time": time::rfc3339(entry.issued),
            "creation_ttl": entry.creation_ttl,
        })))
    })
}

fn unwrap(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let caller = call.req.request.token.clone().ok_or(Fault::Denied)?;
        let given = call.args.text_or_empty("token");
        let another = !given.is_empty() && !ct_eq(given.as_bytes(), caller.expose().as_bytes());
        // Whoever hands in another token than his own needs a policy that lets him.
        if another && !caller::is_allowed(&mut call, false).await? {
            return Err(Fault::Denied);
        }
        let entry = wrapping_token(&call).await?;
        let rendered = call.core.unwrap(call.txn, &entry).await?;
        Ok(unwrapped(&rendered, &call.req.request.id))
    })
}

fn rewrap(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let entry = wrapping_token(&call).await?;
        let info = call.core.rewrap(call.txn, &entry).await?;
        Ok(Response { wrap_info: Some(info), ..Response::default() })
    })
}

/// The wrapping token of the body, else the caller's own.
async fn wrapping_token(call: &Call<'_>) -> Result<Arc<TokenEntry>, Fault> {
    let caller = call.req.request.token.as_ref().map_or("", |t| t.expose().as_str());
    let token = match call.args.text_or_empty("token") {
        "" => caller,
        given => given,
    };
    if token.is_empty() {
        return Err(Fault::invalid("token is required: the wrapping token, in the body or as the caller's"));
    }
    let entry = call.find_wrapping(token).await?;
    let entry =
        entry.filter(|e| strongroom_core::cidr::allows(&e.bound_cidrs, call.req.request.remote.address));
    entry.ok_or_else(|| Fault::invalid("wrapping token is not valid or does not exist"))
}

/// The kept answer as it was, under the id of this request; its content goes to the audit trail, hashed.
fn unwrapped(rendered: &str, request_id: &str) -> Response {
    const START: &str = "{\"request_id\":\"";
    let fresh = rendered
        .strip_prefix(START)
        .and_then(|rest| rest.split_once('"'))
        .map(|(_, rest)| format!("{START}{request_id}\"{rest}"));
    let body = fresh.unwrap_or_else(|| rendered.to_owned());
    let mut audited = Map::new();
    if let Ok(Value::Object(kept)) = serde_json::from_str(rendered) {
        for (key, value) in kept {
            match (key.as_str(), value) {
                ("data", Value::Object(data)) => audited.extend(data),
                ("auth", auth @ Value::Object(_)) => {
                    audited.insert(key, auth);
                }
                _ => {}
            }
        }
    }
    Response {
        raw: Some(("application/json".to_owned(), Bytes::from(body))),
        data: Some(audited),
        ..Response::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unwrapped_answer_has_a_fresh_id_and_the_same_numbers() {
        let kept = r#"{"request_id":"old","lease_id":"","data":{"n":12345678901234567890.10},"auth":null}"#;
        let response = unwrapped(kept, "new");
        let (_, body) = response.raw.unwrap();
        assert_eq!(
            body.as_ref(),
            br#"{"request_id":"new","lease_id":"","data":{"n":12345678901234567890.10},"auth":null}"#
        );
        assert!(response.data.unwrap().contains_key("n"));
        assert_eq!(unwrapped("{}", "new").raw.unwrap().1.as_ref(), b"{}");
    }
}
