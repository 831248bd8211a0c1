//! Where the core keeps its own records: `<namespace id>/core/<kind>/...`. Engines' records stand
//! under `<namespace id>/<mount id>/`, never under the mount's path, so that moving a mount is free.

/// The id of the root namespace.
pub const ROOT_NAMESPACE: &str = "root";

/// Mount and auth mount records, by mount id.
pub const MOUNT: &str = "mount/";
/// ACL policies, by lower-case name.
pub const POLICY: &str = "policy/";
/// Tokens, by accessor.
pub const TOKEN: &str = "token/";
/// When tokens were used last, by accessor.
pub const LAST_USE: &str = "last-use/";
/// Children, by the parent's accessor, `/` and the child's.
pub const CHILD: &str = "child/";
/// Leases in prefix order, by lease id; for a token a reference to it.
pub const LEASE: &str = "lease/";
/// What expires, by time. It stands in the root namespace.
pub const EXPIRY: &str = "expiry/";
/// Leases of a token, by its accessor, `/` and the lease id.
pub const OWNED: &str = "owned/";
/// Namespaces in which a token has used the cubbyhole beside its own, by its accessor, `/` and their id.
pub const AWAY: &str = "away/";
/// Audit devices, by path.
pub const AUDIT: &str = "audit/";
/// Quota rules, by name.
pub const QUOTA: &str = "quota/";
/// Limits of leases, by name.
pub const LEASE_QUOTA: &str = "lease-quota/";
/// Server-wide settings, by name (`cors`, `audited-headers`).
pub const CONFIG: &str = "config/";
/// Failed logins, by mount id, `/` and name.
pub const LOCKOUT: &str = "lockout/";
/// Token roles, by lower-case name.
pub const TOKEN_ROLE: &str = "token-role/";
/// Password policies, by name.
pub const PASSWORD_POLICY: &str = "password-policy/";
/// Entities, by id; their aliases stand in the record.
pub const ENTITY: &str = "identity/entity/";
/// Ids of entities, by lower-case name.
pub const ENTITY_NAME: &str = "identity/entity-name/";
/// Ids of the entities that others were merged into, by the id that is gone.
pub const ENTITY_MERGED: &str = "identity/entity-merged/";
/// Ids of entities, by the id of an alias.
pub const ALIAS: &str = "identity/alias/";
/// Ids of entities, by mount id, `/` and the lower-case name of an alias.
pub const ALIAS_NAME: &str = "identity/alias-name/";
/// Groups, by id.
pub const GROUP: &str = "identity/group/";
/// Ids of groups, by lower-case name.
pub const GROUP_NAME: &str = "identity/group-name/";
/// Ids of groups, by the id of their alias.
pub const GROUP_ALIAS: &str = "identity/group-alias/";
/// Ids of groups, by mount id, `/` and the lower-case name of their alias.
pub const GROUP_ALIAS_NAME: &str = "identity/group-alias-name/";
/// Entities of a group, by its id, `/` and the entity's.
pub const GROUP_MEMBER: &str = "identity/group-member/";
/// The groups that an entity or a group is a direct member of, by its id.
pub const GROUPS_OF: &str = "identity/groups-of/";
/// Namespaces, by path. They stand in the root namespace.
pub const NAMESPACE: &str = "namespace/";
/// Resumable jobs, by id. They stand in the root namespace.
pub const JOB: &str = "job/";

/// How far a job has come, by the job's id.
pub const JOB_PLACE: &str = "job-place/";

const CORE: &str = "core/";

/// A core record's key in the root namespace.
pub fn core(kind: &str, name: &str) -> Vec<u8> {
    core_bytes(kind, name.as_bytes())
}

/// The same for names that are bytes.
pub fn core_bytes(kind: &str, name: &[u8]) -> Vec<u8> {
    joined(ROOT_NAMESPACE, kind, name)
}

/// A core record's key in a namespace.
pub fn within(namespace: &str, kind: &str, name: &str) -> Vec<u8> {
    joined(namespace, kind, name.as_bytes())
}

/// The key of what stands under an identifier, in the namespace that the identifier names.
pub fn of(kind: &str, identifier: &str) -> Vec<u8> {
    within(crate::namespace::named_by(identifier), kind, identifier)
}

/// All keys of a namespace begin so.
pub fn all_of(namespace: &str) -> Vec<u8> {
    [namespace.as_bytes(), b"/"].concat()
}

/// The kind and name of a core record's key, in whichever namespace; none for other keys.
pub fn core_name(key: &[u8]) -> Option<&[u8]> {
    split(key).map(|(_, name)| name)
}

/// The namespace of a core record's key, and its kind and name; none for other keys.
pub fn split(key: &[u8]) -> Option<(&str, &[u8])> {
    let (namespace, rest) = key.split_at(key.iter().position(|b| *b == b'/')?);
    let name = rest.strip_prefix(b"/")?.strip_prefix(CORE.as_bytes())?;
    Some((std::str::from_utf8(namespace).ok()?, name))
}

fn joined(namespace: &str, kind: &str, name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(namespace.len() + 1 + CORE.len() + kind.len() + name.len());
    for part in [namespace.as_bytes(), b"/", CORE.as_bytes(), kind.as_bytes(), name] {
        key.extend_from_slice(part);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_and_taken_apart() {
        assert_eq!(core(TOKEN, "a"), b"root/core/token/a");
        assert_eq!(of(TOKEN, "a.x1"), b"x1/core/token/a.x1");
        assert_eq!(of(LEASE, "kv/a.b/c"), b"root/core/lease/kv/a.b/c");
        assert_eq!(split(b"x1/core/token/a.x1"), Some(("x1", &b"token/a.x1"[..])));
        assert_eq!(split(b"root/mabc/core/token/a"), None);
        assert_eq!(split(b"core"), None);
    }
}
