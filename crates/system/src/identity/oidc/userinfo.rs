//! `identity/oidc/provider/<name>/userinfo`: what an access token lets an application know of its user.

use super::client::Client;
use super::named::{self, NAME};
use super::oauth::{ACCESS_DENIED_TO_CLAIMS, INVALID_TOKEN, Refusal};
use super::provider::Provider;
use super::template::Subject;
use super::token_endpoint::{INTERNAL_CLIENT, INTERNAL_PROVIDER, INTERNAL_SCOPES, scope_claims};
use crate::{Answering, caller};
use serde_json::Value;
use strongroom_core::identity::entities;
use strongroom_core::token::TokenEntry;
use strongroom_core::{Call, Fault, Operation, Response, Route};

pub(super) fn routes() -> Vec<Route> {
    // No policy gives access tokens anything; what they say of themselves is judged here.
    vec![
        Route::new("oidc/provider/{name}/userinfo", "What an application may know of its user.", &[NAME])
            .open(Operation::Read, userinfo)
            .open(Operation::Update, userinfo)
            .never_wrapped()
            .plain(),
    ]
}

fn userinfo(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Some(token) = call.req.token else { return Err(Fault::Denied) };
        let entry = token.entry.clone();
        let Some(access) = Access::of(&entry) else {
            return Err(if caller::is_allowed(&mut call, false).await? {
                Refusal::new(INVALID_TOKEN, "the token is no access token of a provider").answer(None)
            } else {
                Fault::Denied
            });
        };
        let claims = answer(call, &entry, &access).await?.map_err(|refusal| refusal.answer(None))?;
        Ok(Response { headers: super::discovery::not_kept(), ..Response::bare(claims) })
    })
}

/// What an access token says of itself.
struct Access {
    provider: String,
    client_id: String,
    scopes: Vec<String>,
}

impl Access {
    fn of(entry: &TokenEntry) -> Option<Self> {
        let text = |name: &str| entry.internal.get(name).and_then(Value::as_str).map(str::to_owned);
        let scopes = entry.internal.get(INTERNAL_SCOPES)?.as_array()?;
        Some(Self {
            provider: text(INTERNAL_PROVIDER)?,
            client_id: text(INTERNAL_CLIENT)?,
            scopes: scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

async fn answer(
    call: Call<'_>,
    entry: &TokenEntry,
    access: &Access,
) -> Result<Result<Value, Refusal>, Fault> {
    let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
    let refuse = |code, why: &str| Ok(Err(Refusal::new(code, why)));
    // A token of the mount of another namespace says nothing here.
    let here = (&mount.namespace, &mount.id);
    if access.provider != name || (&entry.namespace, &entry.mount) != here {
        return refuse(INVALID_TOKEN, "the access token was not issued by the provider");
    }
    let Some(provider) = named::find::<Provider>(call.txn, mount, name).await? else {
        return Err(Fault::NotFound);
    };
    let Some(client) = Client::with_id(call.txn, mount, &access.client_id).await? else {
        return refuse(ACCESS_DENIED_TO_CLAIMS, "client not found");
    };
    if !provider.allows(&client.client_id) {
        return refuse(ACCESS_DENIED_TO_CLAIMS, "client is not authorized to use the provider");
    }
    let entity = entities::find_merged(call.txn, &entry.entity).await?;
    // As everywhere, the tokens of an entity that is gone or disabled are good for nothing.
    let Some(entity) = entity.filter(|entity| !entity.disabled) else { return Err(Fault::Denied) };
    let subject = Subject::of(call.txn, entity, call.now()).await?;
    if !client.admits(call.txn, mount, &subject).await? {
        return refuse(ACCESS_DENIED_TO_CLAIMS, "identity entity not authorized by client assignment");
    }
    // What the provider supports no more, the token asks for in vain.
    let scopes: Vec<String> =
        access.scopes.iter().filter(|scope| provider.scopes_supported.contains(scope)).cloned().collect();
    let claims = scope_claims(call.txn, mount, &scopes, &subject).await?;
    Ok(claims.map(|mut claims| {
        claims.insert("sub".to_owned(), subject.entity().id.clone().into());
        Value::Object(claims)
    }))
}
