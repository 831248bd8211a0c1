//! The life of a token: made, presented, used up, renewed, revoked.

use crate::identity::standing::Rights;
use crate::jobs::Job;
use crate::last_use::{self, hour};
use crate::lease::{self, LeaseRecord, Mark};
use crate::namespace::NamespaceId;
use crate::presence::Presence;
use crate::token::{Kind, Token, TokenEntry, TokenSealer};
use crate::ttl::{self, Wish};
use crate::{Core, Fault, Grant, Mount, Remote, Txn, cidr, keys};
use jiff::Timestamp;
use std::sync::Arc;
use strongroom_crypto::Secret;

/// A token just made.
#[derive(Debug)]
pub struct Made {
    /// The token itself.
    pub token: Secret<String>,
    /// Its record.
    pub entry: TokenEntry,
    /// What had to be cut.
    pub warnings: Vec<String>,
}

/// A token that came with a request.
pub(crate) struct Presented {
    /// It, this use counted.
    pub(crate) token: Token,
    /// What it may do.
    pub(crate) rights: Result<Rights, Fault>,
    /// This request, if the token is good for a number of them.
    pub(crate) under_way: Option<crate::uses::Use>,
}

/// How many generations up a token's line is followed.
const MAX_GENERATIONS: usize = 1024;

impl Core {
    /// Makes a token in a transaction. `path` is the request's.
    pub async fn make_token(
        &self,
        txn: &mut Txn,
        mount: &Mount,
        path: &str,
        grant: Grant,
    ) -> Result<Made, Fault> {
        let now = self.clock.now();
        let wish = Wish {
            ttl: grant.ttl,
            max_ttl: grant.max_ttl,
            explicit_max_ttl: grant.explicit_max_ttl,
            period: [grant.period, grant.role_period].into_iter().filter(|p| *p > 0).min().unwrap_or(0),
        };
        let granted = self.grant_ttl(mount, wish, now, now);
        let expires = (!grant.never_expires).then(|| ttl::ends(now, granted.ttl));
        let entry = TokenEntry {
            accessor: String::new(),
            kind: grant.kind,
            namespace: mount.namespace.clone(),
            policies: clean_policies(grant.policies, grant.no_default_policy),
            path: grant.path.unwrap_or_else(|| path.to_owned()),
            display_name: grant.display_name,
            meta: grant.metadata,
            issued: now,
            expires,
            renewed: None,
            creation_ttl: if expires.is_some() { granted.ttl } else { 0 },
            granted_ttl: if expires.is_some() { granted.ttl } else { 0 },
            explicit_max_ttl: grant.explicit_max_ttl,
            period: grant.period,
            num_uses: i64::try_from(grant.num_uses).unwrap_or(i64::MAX),
            parent: grant.parent,
            role: grant.role,
            bound_cidrs: grant.bound_cidrs,
            renewable: grant.renewable && expires.is_some() && grant.kind == Kind::Service,
            mount: mount.id.clone(),
            internal: grant.internal,
            alias: grant.alias,
            entity: grant.entity,
            no_default_policy: grant.no_default_policy,
            no_identity_policies: grant.no_identity_policies,
        };
        if !entry.namespace.is_root() && entry.policies.iter().any(|p| p == "root") {
            return Err(Fault::invalid("root tokens may not be created in a namespace other than root"));
        }
        let warnings = if expires.is_some() { granted.warnings } else { Vec::new() };
        self.metrics.tokens_created.add();
        match grant.kind {
            Kind::Batch => {
                let token =
                    self.tokens()?.as_ref().ok_or(Fault::Sealed)?.seal_batch(self.random.as_ref(), &entry)?;
                Ok(Made { token: Secret::new(token), entry, warnings })
            }
            Kind::Service => self.store_token(txn, mount, grant.id, entry, warnings).await,
        }
    }

    async fn store_token(
        &self,
        txn: &mut Txn,
        mount: &Mount,
        id: Option<String>,
        mut entry: TokenEntry,
        warnings: Vec<String>,
    ) -> Result<Made, Fault> {
        let (token, accessor) = {
            let guard = self.tokens()?;
            let sealer = guard.as_ref().ok_or(Fault::Sealed)?;
            let token = match &id {
                Some(id) => entry.namespace.mark(id.clone()),
                None => sealer.fresh(self.random.as_ref(), &entry.namespace),
            };
            let accessor = sealer.accessor(&token);
            (token, accessor)
        };
        self.still_there(txn, mount, entry.parent.as_deref()).await?;
        let key = keys::of(keys::TOKEN, &accessor);
        // Only an id that somebody chose can be there already.
        if id.is_some() && txn.exists(&key).await? {
            return Err(Fault::invalid("cannot create a token with a duplicate ID"));
        }
        entry.accessor = accessor;
        txn.put(&key, &entry)?;
        if let Some(expires) = entry.expires {
            txn.put(&lease::expiry_key(expires, &lease::Due::Token(entry.accessor.clone())), &Mark {})?;
            let reference = LeaseRecord::Token { accessor: entry.accessor.clone() };
            txn.put(&keys::of(keys::LEASE, &entry.lease_id()), &reference)?;
        }
        if let Some(parent) = &entry.parent {
            txn.put(&child_key(parent, &entry.accessor), &Mark {})?;
        }
        Ok(Made { token: Secret::new(token), entry, warnings })
    }

    /// Makes a commit depend on the token and the mount that what it grants hangs on: whatever is revoked
    /// or disabled while a request is under way must grant nothing any more.
    pub(crate) async fn still_there(
        &self,
        txn: &mut Txn,
        mount: &Mount,
        owner: Option<&str>,
    ) -> Result<(), Fault> {
        if let Some(owner) = owner.filter(|o| !o.is_empty())
            && !txn.exists(&keys::of(keys::TOKEN, owner)).await?
        {
            return Err(Fault::Denied);
        }
        // Those that belong to every namespace are there always.
        if mount.is_built_in() || txn.get::<Mount>(&mount.record_key()).await?.is_some_and(|m| !m.removed) {
            Ok(())
        } else {
            Err(Fault::NoRoute(mount.full_path()))
        }
    }

    /// The record of a token that is good now; none for one that is unknown, expired, revoked with
    /// one of its ancestors, or on its last use.
    pub async fn find_token(&self, token: &str) -> Result<Option<Arc<TokenEntry>>, Fault> {
        let guard = self.tokens()?;
        let sealer = guard.as_ref().ok_or(Fault::Sealed)?;
        if TokenSealer::is_batch(token) {
            return match sealer.open_batch(token) {
                Some(entry) if self.is_alive(&entry).await? => Ok(Some(Arc::new(entry))),
                _ => Ok(None),
            };
        }
        let accessor = sealer.accessor(token);
        drop(guard);
        self.find_accessor(&accessor).await
    }

    /// The same by accessor.
    pub async fn find_accessor(&self, accessor: &str) -> Result<Option<Arc<TokenEntry>>, Fault> {
        let entry = self.txn().get::<TokenEntry>(&keys::of(keys::TOKEN, accessor)).await?;
        match entry {
            Some(entry) if self.is_alive(&entry).await? => Ok(Some(entry)),
            _ => Ok(None),
        }
    }

    /// Whether neither the token nor any of its ancestors has ended.
    async fn is_alive(&self, entry: &TokenEntry) -> Result<bool, Fault> {
        Ok(self.line_ends(entry).await?.is_some())
    }

    /// When the token or the first of its ancestors ends, `Some(None)` for never; none if one has ended.
    async fn line_ends(&self, entry: &TokenEntry) -> Result<Option<Option<Timestamp>>, Fault> {
        let now = self.clock.now();
        if !self.is_good(entry, now) {
            return Ok(None);
        }
        let (mut end, mut parent) = (entry.expires, entry.parent.clone());
        for _ in 0..MAX_GENERATIONS {
            let Some(accessor) = parent.take() else { return Ok(Some(end)) };
            match self.txn().get::<TokenEntry>(&keys::of(keys::TOKEN, &accessor)).await? {
                Some(above) if !above.is_expired(now) && !self.tombstones.covers(&above) => {
                    end = [end, above.expires].into_iter().flatten().min();
                    parent.clone_from(&above.parent);
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn is_good(&self, entry: &TokenEntry, now: Timestamp) -> bool {
        let here = self.space(&entry.namespace);
        !entry.is_expired(now)
            && entry.num_uses >= 0
            && !self.tombstones.covers(entry)
            // Nothing is kept of a batch token that could be revoked with its mount.
            && here.is_some_and(|t| entry.kind != Kind::Batch || t.by_id(&entry.mount).is_some())
    }

    /// The caller's token with its rights, this use counted; none if it is no good from that address.
    pub(crate) async fn present(
        self: &Arc<Self>,
        token: &Secret<String>,
        remote: Remote,
    ) -> Result<Option<Presented>, Fault> {
        let now = self.clock.now();
        if let Some((seen, is_first)) = self.presences.get(token.expose(), now) {
            let allowed = cidr::allows(&seen.entry.bound_cidrs, remote.address);
            if is_first && allowed {
                self.last_uses.note(&seen.entry.accessor, hour(now));
            }
            let token = Token { id: token.clone(), entry: seen.entry };
            return Ok(allowed.then(|| Presented { token, rights: Ok(seen.rights), under_way: None }));
        }
        // Rarely needed and large, and this future is moved for every request.
        Box::pin(self.present_anew(token, remote)).await
    }

    async fn present_anew(
        self: &Arc<Self>,
        token: &Secret<String>,
        remote: Remote,
    ) -> Result<Option<Presented>, Fault> {
        // What changes from here on makes what is remembered below worthless.
        let generation = self.presences.generation();
        let Some(entry) = self.find_token(token.expose()).await? else { return Ok(None) };
        if !cidr::allows(&entry.bound_cidrs, remote.address) {
            return Ok(None);
        }
        if entry.num_uses != 0 {
            let under_way = self.uses.begin(&entry.accessor);
            let Some(used) = self.count_use(&entry.accessor).await? else {
                if under_way.finish(false) {
                    self.revoke_now(&entry.accessor).await;
                }
                return Ok(None);
            };
            let rights = self.rights(&used).await;
            let token = Token { id: token.clone(), entry: Arc::new(used) };
            return Ok(Some(Presented { token, rights, under_way: Some(under_way) }));
        }
        let rights = self.rights(&entry).await;
        if let Ok(rights) = &rights
            && let Some(until) = self.line_ends(&entry).await?
        {
            let presence = Presence { entry: entry.clone(), rights: rights.clone(), until };
            self.presences.put(token.expose(), generation, presence);
        }
        self.last_uses.note(&entry.accessor, hour(self.clock.now()));
        Ok(Some(Presented { token: Token { id: token.clone(), entry }, rights, under_way: None }))
    }

    /// Takes one use, in a commit of its own: it counts whatever comes of the request.
    async fn count_use(self: &Arc<Self>, accessor: &str) -> Result<Option<TokenEntry>, Fault> {
        let key = keys::of(keys::TOKEN, accessor);
        loop {
            let mut txn = self.txn();
            let Some(entry) = txn.get::<TokenEntry>(&key).await? else { return Ok(None) };
            if entry.num_uses <= 0 {
                return Ok(None);
            }
            let mut entry = TokenEntry::clone(&entry);
            entry.num_uses = if entry.num_uses == 1 { -1 } else { entry.num_uses - 1 };
            txn.put(&key, &entry)?;
            match self.commit(txn).await {
                Ok(()) => return Ok(Some(entry)),
                Err(Fault::Conflict) => {}
                Err(other) => return Err(other),
            }
        }
    }

    /// Extends a token's life; gives its record as it is then, its seconds, and what was cut.
    /// `increment` is what was asked for, 0 for nothing; `shown` are the caller's certificates.
    pub async fn renew_token(
        self: &Arc<Self>,
        txn: &mut Txn,
        accessor: &str,
        increment: u64,
        shown: &[Vec<u8>],
    ) -> Result<(TokenEntry, u64, Vec<String>), Fault> {
        let key = keys::of(keys::TOKEN, accessor);
        let entry = txn.get::<TokenEntry>(&key).await?.ok_or_else(|| Fault::invalid("token not found"))?;
        let mut entry = TokenEntry::clone(&entry);
        if !entry.renewable {
            return Err(Fault::invalid("lease is not renewable"));
        }
        let mounted = self.space(&entry.namespace).and_then(|t| t.by_id(&entry.mount).cloned());
        let mounted = mounted.ok_or_else(|| Fault::invalid("the auth mount of this token is gone"))?;
        let crate::Backend::Auth(method) = &mounted.backend else {
            return Err(Fault::Internal("a token of a mount that is no auth method".to_owned()));
        };
        let times = method.renew_login(self, txn, &mounted.entry, &entry, shown).await?;
        let now = self.clock.now();
        let wish = Wish {
            ttl: if increment > 0 { increment } else { times.ttl },
            max_ttl: times.max_ttl,
            explicit_max_ttl: entry.explicit_max_ttl,
            period: times.period,
        };
        let granted = self.grant_ttl(&mounted.entry, wish, entry.issued, now);
        let old = entry.expires.replace(ttl::ends(now, granted.ttl));
        entry.renewed = Some(now);
        entry.granted_ttl = granted.ttl;
        let due = lease::Due::Token(entry.accessor.clone());
        if let Some(old) = old {
            txn.delete(&lease::expiry_key(old, &due));
        }
        txn.put(&lease::expiry_key(ttl::ends(now, granted.ttl), &due), &Mark {})?;
        txn.put(&key, &entry)?;
        Ok((entry, granted.ttl, granted.warnings))
    }

    /// Ends a token. Its descendants are refused from that commit on; they, its leases and its
    /// cubbyhole are cleaned up by a job. Does nothing for a token that is gone.
    pub async fn revoke_token(&self, txn: &mut Txn, accessor: &str) -> Result<(), Fault> {
        let key = keys::of(keys::TOKEN, accessor);
        let Some(entry) = txn.get::<TokenEntry>(&key).await? else { return Ok(()) };
        self.metrics.tokens_revoked.add();
        forget(txn, &entry);
        let mut prefixes = self.belongings(accessor);
        prefixes.push(away_key(accessor, ""));
        for prefix in prefixes {
            if !txn.list(&prefix, None, 1).await?.is_empty() {
                return Job::Belongings { accessor: accessor.to_owned() }.enqueue(txn, self.random.as_ref());
            }
        }
        Ok(())
    }

    /// Ends a token and leaves its children alive, as orphans.
    pub async fn revoke_orphan(&self, txn: &mut Txn, accessor: &str) -> Result<(), Fault> {
        let prefix = child_key(accessor, "");
        for child in txn.names(&prefix).await? {
            let key = keys::of(keys::TOKEN, &child);
            if let Some(entry) = txn.get::<TokenEntry>(&key).await? {
                txn.put(&key, &TokenEntry { parent: None, ..TokenEntry::clone(&entry) })?;
            }
            txn.delete(&child_key(accessor, &child));
        }
        self.revoke_token(txn, accessor).await
    }

    /// The prefixes under which a token's children, leases and cubbyhole are kept.
    pub(crate) fn belongings(&self, accessor: &str) -> Vec<Vec<u8>> {
        let mut prefixes = vec![child_key(accessor, ""), lease::owned_key(accessor, "")];
        let space = self.space(&NamespaceId::of(accessor));
        prefixes.extend(space.and_then(|t| Some(t.at("cubbyhole/")?.entry.key(&format!("{accessor}/")))));
        prefixes
    }
}

/// Deletes a token's record and what stands beside it, but nothing that belongs to the token.
pub(crate) fn forget(txn: &mut Txn, entry: &TokenEntry) {
    txn.delete(&keys::of(keys::TOKEN, &entry.accessor));
    txn.delete(&last_use::key(&entry.accessor));
    if let Some(expires) = entry.expires {
        txn.delete(&lease::expiry_key(expires, &lease::Due::Token(entry.accessor.clone())));
        txn.delete(&keys::of(keys::LEASE, &entry.lease_id()));
    }
    if let Some(parent) = &entry.parent {
        txn.delete(&child_key(parent, &entry.accessor));
    }
}

/// Notes that a token has put something into the cubbyhole of a namespace below its own, where it has to be
/// looked for when the token ends.
pub fn note_away(txn: &mut Txn, accessor: &str) -> Result<(), Fault> {
    let key = away_key(accessor, txn.namespace().as_str());
    txn.put(&key, &Mark {})
}

/// The entry that says so; it stands in the token's namespace.
pub(crate) fn away_key(accessor: &str, namespace: &str) -> Vec<u8> {
    keys::within(crate::namespace::named_by(accessor), keys::AWAY, &format!("{accessor}/{namespace}"))
}

/// Where the cubbyhole of a namespace other than root keeps its entries.
pub(crate) fn cubbyhole_below(namespace: &str) -> Vec<u8> {
    [namespace.as_bytes(), b"/cubbyhole/"].concat()
}

/// The entry that makes one token the child of another; it stands in the parent's namespace.
pub(crate) fn child_key(parent: &str, child: &str) -> Vec<u8> {
    keys::within(crate::namespace::named_by(parent), keys::CHILD, &format!("{parent}/{child}"))
}

/// Lower case, each once, sorted, with `default` unless it is left out; root stands alone.
pub fn clean_policies(policies: Vec<String>, no_default: bool) -> Vec<String> {
    let mut clean: Vec<String> =
        policies.iter().map(|p| p.trim().to_lowercase()).filter(|p| !p.is_empty()).collect();
    if clean.iter().any(|p| p == "root") {
        return vec!["root".to_owned()];
    }
    if !no_default {
        clean.push("default".to_owned());
    }
    clean.sort();
    clean.dedup();
    clean
}
