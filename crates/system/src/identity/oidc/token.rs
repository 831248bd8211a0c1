//! `identity/oidc/token`: identity tokens of the caller.

use super::claims::Basics;
use super::key::{self, Key};
use super::named::{self, NAME};
use super::role::Role;
use super::template::{RESERVED, Subject, Template};
use super::{config, discovery};
use crate::Answering;
use serde_json::json;
use strongroom_core::identity::entities;
use strongroom_core::{Call, Fault, Operation, Response, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("oidc/token/{name}", "A signed token that says who the caller is.", &[NAME])
            .on(Operation::Read, generate),
    ]
}

fn generate(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let name = call.args.text_or_empty("name");
        let role = named::find::<Role>(call.txn, mount, name).await?;
        let role = role.ok_or_else(|| Fault::invalid(format!("role {name:?} not found")))?;
        let id = call.req.token.map_or("", |token| token.entry.entity.as_str());
        if id.is_empty() {
            return Err(Fault::invalid("no entity associated with the request's token"));
        }
        let key = named::find::<Key>(call.txn, mount, &role.key).await?;
        let key = key.ok_or_else(|| Fault::invalid(format!("key {:?} not found", role.key)))?;
        if !key.allows(&role.client_id) {
            return Err(Fault::invalid(format!(
                "the key {:?} does not list the client ID of the role {name:?} as an allowed client ID",
                role.key
            )));
        }
        // Merged entities go on under the id of the one that took them over.
        let entity = entities::find_merged(call.txn, id).await?.ok_or(Fault::Denied)?;
        let subject = Subject::of(call.txn, entity, call.now()).await?;
        let added = Template::claims(&role.template, &subject, &RESERVED)?;
        let issuer = config::issuer(call.core, call.txn, mount).await?;
        let basics = Basics {
            issuer: &issuer,
            subject: &subject.entity().id,
            audience: &role.client_id,
            namespace: mount.namespace.as_str(),
            issued: call.now().as_second(),
            ttl: role.ttl,
        };
        let claims = basics.claims(added);
        let token = key::sign(call.core, call.txn, mount, (&role.key, key), |_| claims).await?;
        let answer = json!({ "client_id": role.client_id, "token": token, "ttl": role.ttl });
        Ok(Response { headers: discovery::not_kept(), ..Response::json(answer) })
    })
}
