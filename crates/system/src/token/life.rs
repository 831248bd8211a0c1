//! Looking tokens up, renewing and revoking them.

use std::sync::Arc;
use strongroom_core::token::{Kind, TokenEntry, TokenSealer};
use strongroom_core::{BoxFuture, Call, Fault, Operation, Renewed, Response, Route, keys, render};
use strongroom_wire::field::{Field, Kind as FieldKind};

const TOKEN: Field = Field::new("token", FieldKind::Text, "The token.").secret();
const ACCESSOR: Field = Field::new("accessor", FieldKind::Text, "Accessor of the token.");
const INCREMENT: Field = Field::new("increment", FieldKind::Seconds, "Seconds asked for.");

pub(super) fn routes() -> Vec<Route> {
    let by_token: &'static [Field] = &[TOKEN];
    let by_accessor: &'static [Field] = &[ACCESSOR];
    vec![
        Route::new("lookup", "Shows a token's record.", by_token)
            .on(Operation::Update, lookup)
            .on(Operation::Read, lookup)
            .asked(by_token),
        Route::new("lookup-self", "Shows the record of the caller's token.", by_token)
            .on(Operation::Read, lookup_self)
            .on(Operation::Update, lookup_self),
        Route::new("lookup-accessor", "Shows the record of the token with this accessor.", by_accessor)
            .on(Operation::Update, lookup_accessor),
        Route::new("renew", "Extends a token's life.", &[TOKEN, INCREMENT]).on(Operation::Update, renew),
        Route::new("renew-self", "Extends the life of the caller's token.", &[TOKEN, INCREMENT])
            .on(Operation::Update, renew_self),
        Route::new(
            "renew-accessor",
            "Extends the life of the token with this accessor.",
            &[ACCESSOR, INCREMENT],
        )
        .on(Operation::Update, renew_accessor),
        Route::new("revoke", "Ends a token and its descendants.", by_token).on(Operation::Update, revoke),
        Route::new("revoke-self", "Ends the caller's token and its descendants.", &[])
            .on(Operation::Update, revoke_self),
        Route::new("revoke-accessor", "Ends the token with this accessor and its descendants.", by_accessor)
            .on(Operation::Update, revoke_accessor),
        Route::new("revoke-orphan", "Ends a token and leaves its children alive.", by_token)
            .on(Operation::Update, revoke_orphan),
        Route::new("accessors", "Lists the accessors of all tokens.", &[]).sudo(Operation::List, accessors),
    ]
}

fn lookup(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        match call.args.text("token").filter(|t| !t.is_empty()) {
            None => own(call).await,
            Some(token) => {
                let entry =
                    find(&call, token).await?.ok_or_else(|| Fault::Refused("bad token".to_owned()))?;
                let token = token.to_owned();
                show(call, &token, &entry).await
            }
        }
    })
}

fn lookup_self(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(own(call))
}

async fn own(call: Call<'_>) -> Result<Response, Fault> {
    let token = call.req.token.ok_or(Fault::Denied)?;
    show(call, token.id.expose(), &token.entry).await
}

async fn show(call: Call<'_>, id: &str, entry: &TokenEntry) -> Result<Response, Fault> {
    let through = call.core.identity_policies(call.txn, entry).await?;
    let realm = call.core.realm();
    let space = realm.by_id(entry.namespace.as_str());
    let path = space.map_or("", |t| t.namespace.path.as_str());
    Ok(Response::data(render::token_data(id, entry, path, &through, call.now())))
}

fn lookup_accessor(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let entry = by_accessor(&call).await?.ok_or_else(|| Fault::invalid("invalid accessor"))?;
        show(call, "", &entry).await
    })
}

fn renew(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let token = required(&call, "token")?.to_owned();
        let entry = find(&call, &token).await?.ok_or_else(|| Fault::invalid("token not found"))?;
        extend(call, token, &entry).await
    })
}

fn renew_self(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let token = call.req.token.ok_or(Fault::Denied)?;
        extend(call, token.id.expose().clone(), &token.entry).await
    })
}

fn renew_accessor(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let entry = by_accessor(&call).await?.ok_or_else(|| Fault::invalid("invalid accessor"))?;
        extend(call, String::new(), &entry).await
    })
}

async fn extend(call: Call<'_>, token: String, entry: &TokenEntry) -> Result<Response, Fault> {
    if entry.kind == Kind::Batch {
        return Err(Fault::invalid("batch tokens cannot be renewed"));
    }
    let increment = call.args.seconds("increment").unwrap_or(0);
    let (entry, ttl, warnings) =
        call.core.renew_token(call.txn, &entry.accessor, increment, &call.req.request.certificates).await?;
    let renewed = Renewed { token, entry, ttl };
    Ok(Response { renewed: Some(Box::new(renewed)), warnings, ..Response::default() })
}

fn revoke(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let token = required(&call, "token")?;
        if TokenSealer::is_batch(token) {
            return Err(Fault::invalid("batch tokens cannot be revoked"));
        }
        let accessor = accessor_of(&call, token)?;
        if call.owns(&accessor) {
            call.core.revoke_token(call.txn, &accessor).await?;
        }
        Ok(Response::none())
    })
}

fn revoke_self(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let token = call.req.token.ok_or(Fault::Denied)?;
        if token.entry.kind == Kind::Batch {
            return Err(Fault::invalid("batch tokens cannot be revoked"));
        }
        call.core.revoke_token(call.txn, &token.entry.accessor).await?;
        Ok(Response::none())
    })
}

fn revoke_accessor(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        match by_accessor(&call).await? {
            None => Ok(Response::none().warn("No token found with this accessor")),
            Some(entry) => {
                call.core.revoke_token(call.txn, &entry.accessor).await?;
                Ok(Response::none())
            }
        }
    })
}

fn revoke_orphan(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let token = required(&call, "token")?;
        if !call.req.sudo {
            return Err(Fault::invalid("root or sudo privileges required to revoke and orphan"));
        }
        let entry = find(&call, token).await?.ok_or_else(|| Fault::invalid("token to revoke not found"))?;
        if entry.kind == Kind::Batch {
            return Err(Fault::invalid("batch tokens cannot be revoked"));
        }
        call.core.revoke_orphan(call.txn, &entry.accessor).await?;
        Ok(Response::none())
    })
}

fn accessors(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move { Response::keys(call.txn.names(&call.txn.key(keys::TOKEN, "")).await?) })
}

fn required<'a>(call: &'a Call<'_>, field: &'static str) -> Result<&'a str, Fault> {
    call.args.text(field).filter(|t| !t.is_empty()).ok_or_else(|| Fault::invalid(format!("missing {field}")))
}

async fn by_accessor(call: &Call<'_>) -> Result<Option<Arc<TokenEntry>>, Fault> {
    let accessor = required(call, "accessor")?;
    call.find_accessor(accessor).await
}

/// The record of a token that is named in a body. The caller's own is known already, and counts as
/// good even on its last use.
async fn find(call: &Call<'_>, token: &str) -> Result<Option<Arc<TokenEntry>>, Fault> {
    match call.req.token {
        Some(own) if own.id.expose() == token => Ok(Some(own.entry.clone())),
        _ => call.find_token(token).await,
    }
}

fn accessor_of(call: &Call<'_>, token: &str) -> Result<String, Fault> {
    let guard = call.core.tokens()?;
    Ok(guard.as_ref().ok_or(Fault::Sealed)?.accessor(token))
}
