//! Finding a key for a request, and rotating it when its period is over.
//!
//! Keys are rotated when they are used, in the commit of that use: a version that nobody used would
//! protect nothing, and so there is no schedule to keep, to miss or to agree on between nodes.

use super::generate;
use super::input::NAME;
use super::key::{self, Key};
use std::sync::Arc;
use strongroom_core::{Call, Fault};

/// The key that the path names, if there is one.
pub(super) async fn find(call: &mut Call<'_>) -> Result<Option<Arc<Key>>, Fault> {
    let place = call.key(&key::place(call.args.text_or_empty(NAME)));
    call.txn.get::<Key>(&place).await
}

/// The key that the path names.
pub(super) async fn existing(call: &mut Call<'_>) -> Result<Arc<Key>, Fault> {
    find(call).await?.ok_or_else(missing)
}

/// The key that the path names, to make something new with its newest version.
pub(super) async fn current(call: &mut Call<'_>) -> Result<Arc<Key>, Fault> {
    let key = existing(call).await?;
    rotated_if_due(call, key).await
}

pub(super) async fn rotated_if_due(call: &mut Call<'_>, key: Arc<Key>) -> Result<Arc<Key>, Fault> {
    if !key.is_due(call.now()) {
        return Ok(key);
    }
    let mut next = Key::clone(&key);
    next.add(generate::version(call.core, key.kind, key.key_size, key.convergent).await?);
    save(call, &next)?;
    Ok(Arc::new(next))
}

pub(super) fn save(call: &mut Call<'_>, key: &Key) -> Result<(), Fault> {
    let place = call.key(&key::place(&key.name));
    call.txn.put(&place, key)
}

pub(super) fn missing() -> Fault {
    Fault::invalid("encryption key not found")
}
