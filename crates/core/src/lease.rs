//! Leases of dynamic secrets, and the on-disk indexes that leases and tokens share: by id (in prefix
//! order), by the moment they end, and by the token that owns them.

use crate::namespace::NamespaceId;
use crate::response::LeaseGrant;
use crate::token::{Kind, Token, TokenEntry};
use crate::ttl::{self, Wish};
use crate::{Core, Fault, Mount, Record, Txn, keys};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use strongroom_crypto::random;
use strongroom_wire::{Map, time};

/// An entry whose key says it all.
#[derive(Debug, Serialize, Deserialize)]
pub struct Mark {}

impl Record for Mark {}

/// What stands under a lease id.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseRecord {
    /// The token with this accessor.
    Token {
        /// Names the token.
        accessor: String,
    },
    /// A dynamic secret.
    Secret(LeaseEntry),
}

impl Record for LeaseRecord {}

/// The lease of a dynamic secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaseEntry {
    /// `<request path>/<24 characters>`, and `.<namespace id>` in a namespace other than root.
    pub id: String,
    /// The request's path.
    pub path: String,
    /// Id of the mount that gave the secret.
    pub mount: String,
    /// Accessor of the token it was given to; empty for batch tokens.
    pub token: String,
    /// When it was given.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was renewed last.
    pub renewed: Option<Timestamp>,
    /// Seconds from issue that no renewal passes; 0 for the mount's maximum.
    pub max_ttl: u64,
    /// Seconds it was given last.
    pub granted_ttl: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Private to the engine.
    pub internal: Map,
    /// Failed revocations so far.
    #[serde(default)]
    pub attempts: u32,
    /// Why the last one failed.
    #[serde(default)]
    pub last_error: String,
}

/// A lease as look-ups show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Its id.
    pub id: String,
    /// The path that made it.
    pub path: String,
    /// When it was given.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was renewed last.
    pub renewed: Option<Timestamp>,
    /// Seconds left.
    pub ttl: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Failed revocations so far, and why the last one failed.
    pub trouble: Option<(u32, String)>,
}

/// What ends at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A token, by accessor.
    Token(String),
    /// A lease, by id.
    Lease(String),
}

/// How long an engine may take to undo one lease; after that it is tried again later.
const PATIENCE: Duration = Duration::from_secs(60);

/// The key in the expiry index: eight bytes of milliseconds, so that byte order is time order.
pub fn expiry_key(at: Timestamp, due: &Due) -> Vec<u8> {
    let (kind, id) = match due {
        Due::Token(accessor) => (b't', accessor),
        Due::Lease(id) => (b'l', id),
    };
    let mut name = expiry_time(at).to_vec();
    name.push(kind);
    name.extend_from_slice(id.as_bytes());
    keys::core_bytes(keys::EXPIRY, &name)
}

/// Reads a key of the expiry index.
pub(crate) fn read_expiry_key(key: &[u8]) -> Option<(Timestamp, Due)> {
    let name = keys::core_name(key)?.strip_prefix(keys::EXPIRY.as_bytes())?;
    let (at, rest) = name.split_first_chunk::<8>()?;
    let (kind, id) = rest.split_first()?;
    let id = String::from_utf8(id.to_vec()).ok()?;
    let at = Timestamp::from_millisecond(i64::try_from(u64::from_be_bytes(*at)).ok()?).ok()?;
    Some((at, if *kind == b't' { Due::Token(id) } else { Due::Lease(id) }))
}

/// Milliseconds, rounded up: nothing ends before its time.
fn expiry_time(at: Timestamp) -> [u8; 8] {
    let nanos = at.as_nanosecond().max(0);
    u64::try_from(nanos.div_euclid(1_000_000) + i128::from(nanos % 1_000_000 != 0))
        .unwrap_or(u64::MAX)
        .to_be_bytes()
}

/// The entry that ties a lease to its token.
pub(crate) fn owned_key(accessor: &str, id: &str) -> Vec<u8> {
    keys::within(crate::namespace::named_by(accessor), keys::OWNED, &format!("{accessor}/{id}"))
}

/// Where a lease's record is kept.
pub fn lease_key(id: &str) -> Vec<u8> {
    keys::of(keys::LEASE, id)
}

impl Core {
    /// Registers a lease in a transaction; gives its record.
    pub(crate) async fn make_lease(
        &self,
        txn: &mut Txn,
        mount: &Mount,
        path: &str,
        token: Option<&Token>,
        grant: LeaseGrant,
    ) -> Result<LeaseEntry, Fault> {
        let now = self.clock.now();
        let wish = Wish { ttl: grant.ttl, max_ttl: grant.max_ttl, ..Wish::default() };
        let granted = self.grant_ttl(mount, wish, now, now);
        let mut expires = ttl::ends(now, granted.ttl);
        let owner = token.map(|t| t.entry.as_ref());
        let (mut max_ttl, mut granted_ttl) = (grant.max_ttl, granted.ttl);
        // A batch token cannot be revoked, so what it was given must not outlive it, renewed or not
        // (CVE-2020-25816).
        if let Some(TokenEntry { kind: Kind::Batch, expires: Some(end), .. }) = owner {
            expires = expires.min(*end);
            let left = u64::try_from(end.duration_since(now).as_secs()).unwrap_or(0);
            granted_ttl = granted_ttl.min(left);
            // 0 would stand for the mount's maximum.
            max_ttl = [max_ttl, left.max(1)].into_iter().filter(|m| *m > 0).min().unwrap_or(1);
        }
        self.still_there(txn, mount, owner.map(|o| o.accessor.as_str())).await?;
        let id = random::base62(self.random.as_ref(), 24);
        let entry = LeaseEntry {
            id: mount.namespace.mark(format!("{}/{id}", path.trim_end_matches('/'))),
            path: path.to_owned(),
            mount: mount.id.clone(),
            token: owner.map_or_else(String::new, |t| t.accessor.clone()),
            issued: now,
            expires,
            renewed: None,
            max_ttl,
            granted_ttl,
            renewable: grant.renewable,
            internal: grant.internal,
            attempts: 0,
            last_error: String::new(),
        };
        txn.put(&expiry_key(expires, &Due::Lease(entry.id.clone())), &Mark {})?;
        if !entry.token.is_empty() {
            txn.put(&owned_key(&entry.token, &entry.id), &Mark {})?;
        }
        txn.put(&lease_key(&entry.id), &LeaseRecord::Secret(entry.clone()))?;
        Ok(entry)
    }

    /// A lease, or the lease that stands for a token; none if there is none of this id.
    pub async fn lease(&self, txn: &mut Txn, id: &str) -> Result<Option<LeaseInfo>, Fault> {
        let now = self.clock.now();
        let Some(record) = txn.get::<LeaseRecord>(&lease_key(id)).await? else { return Ok(None) };
        match record.as_ref() {
            LeaseRecord::Secret(e) if self.tombstones.covers_lease(e) => Ok(None),
            LeaseRecord::Secret(e) => Ok(Some(LeaseInfo {
                id: e.id.clone(),
                path: e.path.clone(),
                issued: e.issued,
                expires: Some(e.expires),
                renewed: e.renewed,
                ttl: time::until(now, e.expires),
                renewable: e.renewable,
                trouble: (e.attempts > 0).then(|| (e.attempts, e.last_error.clone())),
            })),
            LeaseRecord::Token { accessor } => {
                let entry = txn.get::<TokenEntry>(&keys::of(keys::TOKEN, accessor)).await?;
                Ok(entry.map(|e| LeaseInfo {
                    id: id.to_owned(),
                    path: e.path.clone(),
                    issued: e.issued,
                    expires: e.expires,
                    renewed: e.renewed,
                    ttl: e.ttl(now),
                    renewable: e.renewable,
                    trouble: None,
                }))
            }
        }
    }

    /// Extends a lease; gives the seconds it lives from now, whether it can be renewed again, and
    /// what was cut. The lease of a token is renewed with the token only.
    pub async fn renew_lease(
        self: &Arc<Self>,
        txn: &mut Txn,
        id: &str,
        increment: u64,
    ) -> Result<(u64, bool, Vec<String>), Fault> {
        let record = txn.get::<LeaseRecord>(&lease_key(id)).await?;
        let entry = match record.as_deref() {
            None => return Err(Fault::invalid("lease not found")),
            Some(LeaseRecord::Token { .. }) => {
                return Err(Fault::invalid("this is the lease of a token: renew it with auth/token/renew"));
            }
            Some(LeaseRecord::Secret(entry)) if self.tombstones.covers_lease(entry) => {
                return Err(Fault::invalid("lease not found"));
            }
            Some(LeaseRecord::Secret(entry)) => entry,
        };
        let now = self.clock.now();
        if !entry.renewable || entry.expires <= now {
            return Err(Fault::invalid("lease is not renewable"));
        }
        let mounted = self.space(&NamespaceId::of(id)).and_then(|t| t.by_id(&entry.mount).cloned());
        let mounted = mounted.ok_or_else(|| Fault::invalid("the mount of this lease is gone"))?;
        let asked = if increment > 0 { increment } else { entry.granted_ttl };
        let ttl = mounted.backend.engine().renew(self, txn, &entry.internal, asked).await?;
        let wish = Wish { ttl, max_ttl: entry.max_ttl, ..Wish::default() };
        let granted = self.grant_ttl(&mounted.entry, wish, entry.issued, now);
        let expires = ttl::ends(now, granted.ttl);
        let due = Due::Lease(entry.id.clone());
        txn.delete(&expiry_key(entry.expires, &due));
        txn.put(&expiry_key(expires, &due), &Mark {})?;
        let renewed = LeaseEntry { expires, renewed: Some(now), granted_ttl: granted.ttl, ..entry.clone() };
        txn.put(&lease_key(id), &LeaseRecord::Secret(renewed))?;
        Ok((granted.ttl, entry.renewable, granted.warnings))
    }

    /// Undoes what a lease stands for and forgets it; a token's lease revokes the token. With `force`
    /// a failure of the engine does not keep the lease. Does nothing for a lease that is gone.
    pub async fn revoke_lease(self: &Arc<Self>, txn: &mut Txn, id: &str, force: bool) -> Result<(), Fault> {
        let Some(record) = txn.get::<LeaseRecord>(&lease_key(id)).await? else { return Ok(()) };
        let entry = match record.as_ref() {
            LeaseRecord::Token { accessor } => return self.revoke_token(txn, accessor).await,
            LeaseRecord::Secret(entry) => entry,
        };
        let before = txn.save();
        if let Err(fault) = self.undo(txn, entry).await {
            if !force || matches!(fault, Fault::Conflict | Fault::Sealed) {
                return Err(fault);
            }
            tracing::warn!(lease = id, %fault, "a lease is forgotten that its engine could not undo");
            txn.roll_back(before);
        }
        self.metrics.leases_revoked.add();
        txn.delete(&lease_key(id));
        txn.delete(&expiry_key(entry.expires, &Due::Lease(entry.id.clone())));
        if !entry.token.is_empty() {
            txn.delete(&owned_key(&entry.token, &entry.id));
        }
        Ok(())
    }

    async fn undo(self: &Arc<Self>, txn: &mut Txn, entry: &LeaseEntry) -> Result<(), Fault> {
        // A mount on its way out is routed to no more, but its plug still knows how to undo.
        let namespace = NamespaceId::of(&entry.id);
        let mounted = match self.space(&namespace).and_then(|t| t.by_id(&entry.mount).cloned()) {
            Some(mounted) => Some(mounted),
            None => {
                match txn.get::<Mount>(&keys::within(namespace.as_str(), keys::MOUNT, &entry.mount)).await? {
                    Some(mount) => self.plug(Mount::clone(&mount)).map(Arc::new),
                    None => {
                        tracing::warn!(lease = entry.id, "a lease is forgotten whose mount is gone");
                        return Ok(());
                    }
                }
            }
        };
        let mounted = mounted.ok_or_else(|| Fault::invalid("the type of this lease's mount is unknown"))?;
        let undoing = mounted.backend.engine().revoke(self, txn, &entry.internal);
        tokio::time::timeout(PATIENCE, undoing).await.unwrap_or_else(|_| {
            Err(Fault::Status(504, format!("the engine did not undo it within {} s", PATIENCE.as_secs())))
        })
    }

    /// Notes that a revocation failed and when it is tried again: after 10 s, doubling to an hour.
    pub async fn postpone_revocation(self: &Arc<Self>, id: &str, why: &str) -> Result<(), Fault> {
        let mut txn = self.txn();
        self.put_off(&mut txn, id, why).await?;
        self.commit(txn).await
    }

    /// Revokes a lease in a transaction that holds more than this; where the engine cannot undo it now,
    /// the expiry queue tries again, and nothing is written of what the engine had begun.
    pub(crate) async fn revoke_or_put_off(
        self: &Arc<Self>,
        txn: &mut Txn,
        id: &str,
        force: bool,
    ) -> Result<(), Fault> {
        let before = txn.save();
        match self.revoke_lease(txn, id, force).await {
            Err(fault) if !matches!(fault, Fault::Conflict | Fault::Sealed) => {
                txn.roll_back(before);
                self.put_off(txn, id, &fault.to_string()).await
            }
            other => other,
        }
    }

    async fn put_off(&self, txn: &mut Txn, id: &str, why: &str) -> Result<(), Fault> {
        let record = txn.get::<LeaseRecord>(&lease_key(id)).await?;
        let Some(LeaseRecord::Secret(entry)) = record.as_deref() else { return Ok(()) };
        self.metrics.revocation_failures.add();
        let wait = 10_u64.saturating_mul(1 << entry.attempts.min(9)).min(3600);
        let expires = ttl::ends(self.clock.now(), wait);
        let due = Due::Lease(entry.id.clone());
        txn.delete(&expiry_key(entry.expires, &due));
        txn.put(&expiry_key(expires, &due), &Mark {})?;
        let later = LeaseEntry {
            expires,
            attempts: entry.attempts.saturating_add(1),
            last_error: why.chars().take(200).collect(),
            renewable: false,
            ..entry.clone()
        };
        txn.put(&lease_key(id), &LeaseRecord::Secret(later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_keys_sort_by_time_and_read_back() {
        let at = |s: i64| Timestamp::from_millisecond(s).unwrap();
        let due = Due::Token("a".into());
        assert!(expiry_key(at(255), &due) < expiry_key(at(256), &due));
        assert!(expiry_key(at(1_700_000_000_000), &due) < expiry_key(at(1_800_000_000_000), &due));
        let lease = Due::Lease("db/creds/x/abc".into());
        assert_eq!(read_expiry_key(&expiry_key(at(77), &lease)), Some((at(77), lease)));
        assert_eq!(read_expiry_key(b"root/core/expiry/short"), None);
        let fine = Timestamp::from_nanosecond(1_500_001).unwrap();
        assert_eq!(read_expiry_key(&expiry_key(fine, &due)).unwrap().0, at(2));
    }
}
