//! The entity of a login, found or made in the commit that makes the token.

use super::record::{Entity, GroupKind};
use super::{aliases, entities, groups};
use crate::{Core, Fault, Grant, Mount, Txn};
use std::collections::BTreeSet;

impl Core {
    /// The id of the entity that a mount knows by the alias of a grant. One that is not known yet is
    /// made; a disabled one refuses the login. External groups are brought in line with what the auth
    /// method says now.
    pub(crate) async fn sign_in(&self, txn: &mut Txn, mount: &Mount, grant: &Grant) -> Result<String, Fault> {
        let id = match aliases::entity_at(txn, &mount.id, &grant.alias).await? {
            Some(entity) if entity.disabled => return Err(Fault::Denied),
            Some(entity) => {
                self.refresh_alias(txn, mount, &entity, grant).await?;
                entity.id.clone()
            }
            None => self.enroll(txn, mount, grant).await?,
        };
        self.refresh_groups(txn, mount, &id, &grant.group_aliases).await?;
        Ok(id)
    }

    /// Puts an entity into the external groups that the auth method at this mount names, and takes it
    /// out of the mount's other ones.
    pub async fn refresh_groups(
        &self,
        txn: &mut Txn,
        mount: &Mount,
        entity: &str,
        names: &[String],
    ) -> Result<(), Fault> {
        let mut wanted = BTreeSet::new();
        for name in names {
            let group = aliases::group_at(txn, &mount.id, name).await?;
            wanted.extend(group.filter(|g| g.kind == GroupKind::External).map(|g| g.id.clone()));
        }
        for id in groups::parents(txn, entity).await? {
            if wanted.remove(&id) {
                continue;
            }
            let Some(group) = groups::find(txn, &id).await? else { continue };
            let of_mount = group.alias.as_ref().is_some_and(|a| a.mount == mount.id);
            if group.kind == GroupKind::External && of_mount {
                groups::remove_member(txn, &id, entity).await?;
            }
        }
        for id in wanted {
            groups::add_member(txn, &id, entity).await?;
        }
        Ok(())
    }

    async fn enroll(&self, txn: &mut Txn, mount: &Mount, grant: &Grant) -> Result<String, Fault> {
        let mut entity = self.new_entity(txn.namespace(), "");
        let mut alias = self.new_alias(mount, &grant.alias);
        alias.metadata.clone_from(&grant.alias_metadata);
        aliases::attach(txn, &mut entity, alias)?;
        entities::put(txn, None, &entity).await?;
        Ok(entity.id)
    }

    /// Keeps what the auth method says of the alias, if that is something new.
    async fn refresh_alias(
        &self,
        txn: &mut Txn,
        mount: &Mount,
        entity: &Entity,
        grant: &Grant,
    ) -> Result<(), Fault> {
        let known = entity.alias_at(&mount.id).map(|a| &a.metadata);
        if grant.alias_metadata.is_none() || known == Some(&grant.alias_metadata) {
            return Ok(());
        }
        let mut after = entity.clone();
        for alias in after.aliases.iter_mut().filter(|a| a.mount == mount.id) {
            alias.metadata.clone_from(&grant.alias_metadata);
            alias.updated = self.clock.now();
        }
        entities::put(txn, Some(entity), &after).await
    }
}
