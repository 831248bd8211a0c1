//! Values that are given out under a random name and taken back once, within some minutes: codes of
//! authorisations, states of logins through a browser.
//!
//! | key | what |
//! |---|---|
//! | `<prefix><end>-<digest>` | the value; `<end>` is when it ends, `<digest>` of the name's random part |
//!
//! Whoever reads the store's keys learns no name that is good. Entries stand in the order in which they
//! end, so each one that is added clears away some that have ended, and what nobody took goes too.

use crate::{Fault, Record, Txn};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use strongroom_crypto::{Random, digest, hex, random};

/// Characters of the random part: 190 bits.
const RANDOM_LEN: usize = 32;
/// Hexadecimal digits of the end, in seconds.
const END_LEN: usize = 10;
/// Entries that are looked at, to be cleared away, for each one that is added.
const CLEARED: usize = 4;

/// Keeps a value until `ttl` is over; gives the name to take it by.
pub async fn put<T: Record>(
    txn: &mut Txn,
    random: &dyn Random,
    prefix: &[u8],
    now: Timestamp,
    ttl: SignedDuration,
    value: &T,
) -> Result<String, Fault> {
    for key in txn.list(prefix, None, CLEARED).await? {
        if key.strip_prefix(prefix).and_then(end_of).is_none_or(|end| end <= now.as_second()) {
            txn.delete(&key);
        }
    }
    let end = now.as_second().saturating_add(ttl.as_secs());
    let name = format!("{end:010x}{}", random::base62(random, RANDOM_LEN));
    let key = key(prefix, &name).ok_or_else(|| Fault::Internal("a name that cannot be kept".to_owned()))?;
    txn.put(&key, value)?;
    Ok(name)
}

/// Takes a value; none if the name is unknown, was taken before or has ended. That it is gone is
/// committed whatever comes of the request.
pub async fn take<T: Record>(
    txn: &mut Txn,
    prefix: &[u8],
    now: Timestamp,
    name: &str,
) -> Result<Option<Arc<T>>, Fault> {
    let Some(key) = key(prefix, name) else { return Ok(None) };
    let Some(value) = txn.get::<T>(&key).await? else { return Ok(None) };
    txn.delete(&key);
    txn.keep();
    let is_over = end_of(name.as_bytes()).is_none_or(|end| end <= now.as_second());
    Ok(Some(value).filter(|_| !is_over))
}

/// A value that is left where it is; none as with [`take`].
pub async fn peek<T: Record>(
    txn: &mut Txn,
    prefix: &[u8],
    now: Timestamp,
    name: &str,
) -> Result<Option<Arc<T>>, Fault> {
    let Some(key) = key(prefix, name) else { return Ok(None) };
    let is_over = end_of(name.as_bytes()).is_none_or(|end| end <= now.as_second());
    if is_over { Ok(None) } else { txn.get::<T>(&key).await }
}

/// Puts another value in the place of one that was peeked at.
pub fn replace<T: Record>(txn: &mut Txn, prefix: &[u8], name: &str, value: &T) -> Result<(), Fault> {
    let key =
        key(prefix, name).ok_or_else(|| Fault::Internal("a name that was never given out".to_owned()))?;
    txn.put(&key, value)
}

fn key(prefix: &[u8], name: &str) -> Option<Vec<u8>> {
    let (end, secret) = name.split_at_checked(END_LEN)?;
    let is_name = secret.len() == RANDOM_LEN && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let digest = hex::encode(&digest::sha256(secret.as_bytes()));
    is_name.then(|| [prefix, end.as_bytes(), b"-", digest.as_bytes()].concat())
}

fn end_of(name: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(name.get(..END_LEN)?).ok()?;
    i64::from_str_radix(digits, 16).ok()
}
