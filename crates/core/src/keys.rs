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
/// Children, by the parent's accessor, `/` and the child's.
pub const CHILD: &str = "child/";
/// Leases in prefix order, by lease id; for a token a reference to it.
pub const LEASE: &str = "lease/";
/// What expires, by time.
pub const EXPIRY: &str = "expiry/";
/// Leases of a token, by its accessor, `/` and the lease id.
pub const OWNED: &str = "owned/";
/// Audit devices, by path.
pub const AUDIT: &str = "audit/";
/// Quota rules, by name.
pub const QUOTA: &str = "quota/";
/// Server-wide settings, by name (`cors`, `audited-headers`).
pub const CONFIG: &str = "config/";
/// Failed logins, by mount id, `/` and name.
pub const LOCKOUT: &str = "lockout/";
/// Token roles, by lower-case name.
pub const TOKEN_ROLE: &str = "token-role/";
/// Password policies, by name.
pub const PASSWORD_POLICY: &str = "password-policy/";
/// Resumable jobs, by id.
pub const JOB: &str = "job/";

const CORE: &str = "root/core/";

/// A core record's key in the root namespace.
pub fn core(kind: &str, name: &str) -> Vec<u8> {
    core_bytes(kind, name.as_bytes())
}

/// The same for names that are bytes.
pub fn core_bytes(kind: &str, name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(CORE.len() + kind.len() + name.len());
    key.extend_from_slice(CORE.as_bytes());
    key.extend_from_slice(kind.as_bytes());
    key.extend_from_slice(name);
    key
}

/// The kind and name of a core record's key; none for other keys.
pub fn core_name(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(CORE.as_bytes())
}
