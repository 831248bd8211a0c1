//! The mount's wrapping key, under which clients bring keys of their own.

use super::input::map;
use super::key::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};
use strongroom_core::{Call, Fault, Operation, Record, Response, Route};
use strongroom_crypto::{KeyError, pem, rsa};

/// The record.
#[derive(Serialize, Deserialize)]
pub(super) struct WrappingKey {
    /// PKCS#1.
    secret: Bytes,
    #[serde(skip)]
    ready: OnceLock<rsa::PrivateKey>,
}

impl Record for WrappingKey {}

const PLACE: &str = "wrapping-key";
const BITS: usize = 4096;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("wrapping_key", "The public key under which keys are imported.", &[])
            .on(Operation::Read, |call| Box::pin(read(call))),
    ]
}

async fn read(mut call: Call<'_>) -> Result<Response, Fault> {
    let key = load(&mut call).await?;
    let public = key.ready()?.public().map_err(failed)?;
    Ok(Response::data(map([("public_key", pem::encode("PUBLIC KEY", public.spki()).as_str().into())])))
}

/// The key, if its public part was ever asked for.
pub(super) async fn find(call: &mut Call<'_>) -> Result<Option<Arc<WrappingKey>>, Fault> {
    let place = call.key(PLACE);
    call.txn.get::<WrappingKey>(&place).await
}

/// The key, made when it is first asked for.
async fn load(call: &mut Call<'_>) -> Result<Arc<WrappingKey>, Fault> {
    if let Some(known) = find(call).await? {
        return Ok(known);
    }
    let place = call.key(PLACE);
    let made = call.core.hashing.run(|| rsa::PrivateKey::generate(BITS)).await?.map_err(failed)?;
    let key = WrappingKey { secret: Bytes::new(&made.numbers().pkcs1()), ready: OnceLock::from(made) };
    call.txn.put(&place, &key)?;
    Ok(Arc::new(key))
}

impl WrappingKey {
    pub(super) fn ready(&self) -> Result<&rsa::PrivateKey, Fault> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let key = rsa::PrivateKey::from_pkcs1(&self.secret).map_err(failed)?;
        Ok(self.ready.get_or_init(|| key))
    }
}

fn failed(error: KeyError) -> Fault {
    Fault::Internal(format!("the wrapping key: {error}"))
}
