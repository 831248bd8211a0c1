//! What identity adds to a token at each request: the policies of its entity and of the groups that
//! the entity is in, and the values of templates.
//!
//! What was worked out is kept until the entity, a group, a membership or a policy changes. A request
//! then costs one read of the entity, which also tells whether it is still there.

use super::record::{Alias, Entity, Group};
use super::{entities, groups};
use crate::namespace::NamespaceId;
use crate::policies;
use crate::token::TokenEntry;
use crate::{Core, Fault, Txn};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use strongroom_policy::Acl;

/// All that a token may do.
#[derive(Debug, Clone)]
pub struct Rights {
    /// The merged policies.
    pub acl: Arc<Acl>,
    identity: Option<(Arc<Standing>, Arc<Merged>)>,
}

impl Rights {
    /// Of a token without entity.
    pub(crate) fn of(acl: Arc<Acl>) -> Self {
        Self { acl, identity: None }
    }

    /// The names of all its policies; `entry` is the token's.
    pub fn policies<'a>(&'a self, entry: &'a TokenEntry) -> &'a [String] {
        self.identity.as_ref().map_or(&entry.policies, |(_, merged)| &merged.policies)
    }

    /// The names of the policies that come through identity.
    pub fn identity_policies(&self) -> &[String] {
        self.identity.as_ref().map_or(&[], |(standing, _)| &standing.policies)
    }

    /// The entity; none if the token has none.
    pub fn entity(&self) -> Option<&Entity> {
        self.identity.as_ref().map(|(standing, _)| standing.entity.as_ref())
    }
}

/// An entity with its groups, as they were read.
#[derive(Debug)]
struct Standing {
    entity: Arc<Entity>,
    groups: Vec<Arc<Group>>,
    /// Sorted.
    policies: Vec<String>,
    groups_generation: u64,
    /// For the sets of policies that its tokens have.
    merged: Mutex<Vec<Arc<Merged>>>,
}

/// The policies of a token merged with those of its entity.
#[derive(Debug)]
struct Merged {
    token_policies: Vec<String>,
    policies: Vec<String>,
    acl: Arc<Acl>,
    policy_generation: u64,
}

/// What was worked out, by entity.
#[derive(Default)]
pub(crate) struct Standings {
    /// Rises with every change of a group or a membership.
    groups_generation: AtomicU64,
    known: Mutex<HashMap<String, Arc<Standing>>>,
}

/// Entities kept; beyond that the cache starts anew.
const ENTITIES: usize = 2048;
/// Sets of token policies kept for each.
const SETS: usize = 8;

impl Standings {
    pub(crate) fn groups_changed(&self) {
        self.groups_generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn clear(&self) {
        self.groups_changed();
        lock(&self.known).clear();
    }

    fn get(&self, entity: &Arc<Entity>) -> Option<Arc<Standing>> {
        let generation = self.groups_generation.load(Ordering::Acquire);
        let known = lock(&self.known);
        let standing = known.get(&entity.id)?;
        // Records are shared: the same place in memory is the same version.
        let is_current = Arc::ptr_eq(&standing.entity, entity) && standing.groups_generation == generation;
        is_current.then(|| standing.clone())
    }

    fn put(&self, standing: &Arc<Standing>) {
        let mut known = lock(&self.known);
        if known.len() >= ENTITIES {
            known.clear();
        }
        known.insert(standing.entity.id.clone(), standing.clone());
    }
}

impl Core {
    /// What a token may do now. A token whose entity is gone or disabled may do nothing.
    pub async fn rights(&self, token: &TokenEntry) -> Result<Rights, Fault> {
        if token.entity.is_empty() {
            return Ok(Rights::of(self.acl(&token.namespace, &token.policies).await?));
        }
        let mut txn = self.txn_within(NamespaceId::of(&token.entity));
        let entity = entities::find_merged(&mut txn, &token.entity).await?.ok_or(Fault::Denied)?;
        if entity.disabled {
            return Err(Fault::Denied);
        }
        // One made by a token of another namespace has its entity, whose policies mean something else there.
        if token.no_identity_policies || *txn.namespace() != token.namespace {
            return Ok(Rights::of(self.acl(&token.namespace, &token.policies).await?));
        }
        let standing = match self.standings.get(&entity) {
            Some(standing) => standing,
            None => self.read_standing(&mut txn, entity).await?,
        };
        let merged = match standing.merged_for(&token.policies, self.policy_generation()) {
            Some(merged) => merged,
            None => self.merge_standing(&mut txn, &standing, &token.policies).await?,
        };
        Ok(Rights { acl: merged.acl.clone(), identity: Some((standing, merged)) })
    }

    /// The names of the policies that its entity gives a token now, sorted; none if it is gone.
    pub async fn identity_policies(&self, txn: &mut Txn, token: &TokenEntry) -> Result<Vec<String>, Fault> {
        let has_none = token.entity.is_empty() || token.no_identity_policies;
        if has_none || !token.namespace.owns(&token.entity) {
            return Ok(Vec::new());
        }
        let mut elsewhere = None;
        let txn = if *txn.namespace() == token.namespace {
            txn
        } else {
            elsewhere.insert(self.txn_within(token.namespace.clone()))
        };
        let Some(entity) = entities::find_merged(txn, &token.entity).await? else { return Ok(Vec::new()) };
        let (direct, inherited) = groups::memberships(txn, &entity.id).await?;
        Ok(policies_of(&entity, direct.iter().chain(&inherited)))
    }

    async fn read_standing(&self, txn: &mut Txn, entity: Arc<Entity>) -> Result<Arc<Standing>, Fault> {
        // Taken before the groups are read: a change while they are read makes this one outdated.
        let groups_generation = self.standings.groups_generation.load(Ordering::Acquire);
        let (mut groups, inherited) = groups::memberships(txn, &entity.id).await?;
        groups.extend(inherited);
        let policies = policies_of(&entity, groups.iter());
        let standing = Standing { entity, groups, policies, groups_generation, merged: Mutex::default() };
        let standing = Arc::new(standing);
        self.standings.put(&standing);
        Ok(standing)
    }

    async fn merge_standing(
        &self,
        txn: &mut Txn,
        standing: &Standing,
        token_policies: &[String],
    ) -> Result<Arc<Merged>, Fault> {
        let policy_generation = self.policy_generation();
        let names = union(token_policies, &standing.policies);
        let mut templates = false;
        let mut records = Vec::with_capacity(names.len());
        for name in &names {
            if let Some(record) = policies::find(txn, name).await? {
                let policy = record.compiled()?;
                templates |= policy.has_templates();
                records.push(policy);
            }
        }
        let is_root = txn.namespace().is_root() && names.iter().any(|p| p == "root");
        let acl = if templates && !is_root {
            Arc::new(Acl::filled(records.iter().map(AsRef::as_ref), |name| standing.value(name)))
        } else {
            self.acl(txn.namespace(), &names).await?
        };
        let token_policies = token_policies.to_vec();
        let merged = Merged { token_policies, policies: names, acl, policy_generation };
        Ok(standing.keep(Arc::new(merged)))
    }
}

impl Standing {
    fn merged_for(&self, token_policies: &[String], policy_generation: u64) -> Option<Arc<Merged>> {
        let merged = lock(&self.merged);
        let fits =
            |m: &&Arc<Merged>| m.policy_generation == policy_generation && m.token_policies == token_policies;
        merged.iter().find(fits).cloned()
    }

    fn keep(&self, merged: Arc<Merged>) -> Arc<Merged> {
        let mut kept = lock(&self.merged);
        kept.retain(|m| {
            m.policy_generation >= merged.policy_generation && m.token_policies != merged.token_policies
        });
        if kept.len() >= SETS {
            kept.remove(0);
        }
        kept.push(merged.clone());
        merged
    }

    /// What a template stands for, such as that of `identity.entity.name`.
    fn value(&self, template: &str) -> Option<String> {
        let path = template.strip_prefix("identity.")?;
        if let Some(path) = path.strip_prefix("entity.aliases.") {
            let (accessor, path) = path.split_once('.')?;
            let mut all = self.entity.aliases.iter();
            return value_of_alias(all.find(|a| a.mount_accessor == accessor)?, path);
        }
        if let Some(path) = path.strip_prefix("entity.") {
            return match path {
                "id" => Some(self.entity.id.clone()),
                "name" => Some(self.entity.name.clone()),
                _ => from_pairs(path.strip_prefix("metadata.")?, self.entity.metadata.as_ref()),
            };
        }
        if let Some(path) = path.strip_prefix("groups.ids.") {
            let (id, path) = path.split_once('.')?;
            return value_of_group(self.groups.iter().find(|g| g.id == id)?, path);
        }
        let path = path.strip_prefix("groups.names.")?;
        // A group's name may itself hold dots.
        self.groups.iter().find_map(|g| {
            let rest = path.strip_prefix(g.name.as_str())?.strip_prefix('.')?;
            value_of_group(g, rest)
        })
    }
}

fn value_of_alias(alias: &Alias, path: &str) -> Option<String> {
    match path {
        "id" => Some(alias.id.clone()),
        "name" => Some(alias.name.clone()),
        _ => match path.strip_prefix("metadata.") {
            Some(key) => from_pairs(key, alias.metadata.as_ref()),
            None => from_pairs(path.strip_prefix("custom_metadata.")?, alias.custom_metadata.as_ref()),
        },
    }
}

fn value_of_group(group: &Group, path: &str) -> Option<String> {
    match path {
        "id" => Some(group.id.clone()),
        "name" => Some(group.name.clone()),
        _ => from_pairs(path.strip_prefix("metadata.")?, group.metadata.as_ref()),
    }
}

fn from_pairs(key: &str, pairs: Option<&BTreeMap<String, String>>) -> Option<String> {
    pairs?.get(key).cloned()
}

/// `root` is never given through identity, whatever a record says.
fn policies_of<'a>(entity: &Entity, groups: impl Iterator<Item = &'a Arc<Group>>) -> Vec<String> {
    let of_groups = groups.flat_map(|g| &g.policies);
    let all: BTreeSet<&String> = entity.policies.iter().chain(of_groups).collect();
    all.into_iter().filter(|p| *p != "root").cloned().collect()
}

/// The names in either list, sorted, each once.
pub(crate) fn union(a: &[String], b: &[String]) -> Vec<String> {
    let all: BTreeSet<&String> = a.iter().chain(b).collect();
    all.into_iter().cloned().collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
