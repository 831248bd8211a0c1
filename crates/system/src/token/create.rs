//! Making tokens: `create`, `create-orphan`, `create/<role>`.

use super::roles::{self, Role};
use std::sync::Arc;
use strongroom_core::policies;
use strongroom_core::token::{Kind, TokenEntry};
use strongroom_core::{BoxFuture, Call, Fault, Grant, Operation, Response, Route, Txn, tokens};
use strongroom_wire::field::{Args, Field, Kind as FieldKind};

const FIELDS: &[Field] = &[
    Field::new("role_name", FieldKind::Text, "The token role to make it through."),
    Field::new("id", FieldKind::Text, "The token itself, if it is to be chosen; needs sudo.").secret(),
    Field::new("policies", FieldKind::List, "Its policies; the caller's if left out."),
    Field::new("meta", FieldKind::Pairs, "Metadata, shown in look-ups and audit."),
    Field::new("no_parent", FieldKind::Bool, "Make an orphan; needs sudo."),
    Field::new("no_default_policy", FieldKind::Bool, "Leave the default policy out."),
    Field::new("renewable", FieldKind::Bool, "Whether it can be renewed."),
    Field::new("lease", FieldKind::Seconds, "Old name of ttl."),
    Field::new("ttl", FieldKind::Seconds, "How long it lives."),
    Field::new("explicit_max_ttl", FieldKind::Seconds, "How long it lives at most, whatever is renewed."),
    Field::new("display_name", FieldKind::Text, "Shown in look-ups and audit."),
    Field::new("num_uses", FieldKind::Int, "How often it can be used; 0 for no limit."),
    Field::new("period", FieldKind::Seconds, "Makes it periodic; needs sudo."),
    Field::new("type", FieldKind::Text, "service or batch."),
    Field::new("entity_alias", FieldKind::Text, "Name of an entity alias that the role allows."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("create", "Makes a token, a child of the caller's.", FIELDS).on(Operation::Update, create),
        Route::new("create-orphan", "Makes a token without parent.", FIELDS)
            .on(Operation::Update, create_orphan),
        Route::new("create/{role_name}", "Makes a token through a role.", FIELDS)
            .on(Operation::Update, create_by_role),
    ]
}

fn create(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let orphan = call.args.bool("no_parent").unwrap_or(false);
        if orphan && !call.req.sudo {
            return Err(Fault::invalid("root or sudo privileges required to create orphan token"));
        }
        make(call, orphan, None).await
    })
}

fn create_orphan(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move { make(call, true, None).await })
}

fn create_by_role(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let name = call.args.text_or_empty("role_name");
        let role = roles::load(call.txn, name).await?;
        let role = role.ok_or_else(|| Fault::invalid(format!("unknown role {name}")))?;
        make(call, role.orphan, Some(role)).await
    })
}

async fn make(call: Call<'_>, orphan: bool, role: Option<Arc<Role>>) -> Result<Response, Fault> {
    let Some(caller) = call.req.token else { return Err(Fault::Denied) };
    let parent = caller.entry.as_ref();
    if parent.kind == Kind::Batch {
        return Err(Fault::invalid("batch tokens cannot create more tokens"));
    }
    if parent.num_uses != 0 {
        return Err(Fault::invalid("restricted use token cannot generate child tokens"));
    }
    let asked = Asked::read(call.args, call.req.sudo, role.as_deref())?;
    // What the parent's policies are called means something else in another namespace.
    let is_elsewhere = parent.namespace != call.namespace().id;
    let inherited = if is_elsewhere { &[] } else { parent.policies.as_slice() };
    let policies = match &role {
        Some(role) => policies_by_role(role, &asked, parent, inherited)?,
        None if is_elsewhere => policies_elsewhere(&asked, call.req.sudo)?,
        None => policies_of_child(&asked, parent, call.req.sudo)?,
    };
    let is_root = policies.iter().any(|p| p == "root");
    let never_expires = is_root && asked.ttl == 0 && asked.explicit_max_ttl == 0 && asked.period == 0;
    if is_root && never_expires && parent.expires.is_some() {
        return Err(Fault::invalid("expiring root tokens cannot create non-expiring root tokens"));
    }
    let warnings = missing_policies(call.txn, &policies).await?;
    let alias = match &role {
        Some(role) => allowed_alias(role, call.args.text_or_empty("entity_alias"))?,
        None => String::new(),
    };
    let path = match &role {
        Some(role) if !role.path_suffix.is_empty() => {
            Some(format!("auth/token/create/{}/{}", role.name, role.path_suffix))
        }
        _ => None,
    };
    let grant = Grant {
        kind: asked.kind,
        id: asked.id,
        // Whether `default` belongs to it was settled above.
        no_default_policy: !policies.iter().any(|p| p == "default" || p == "root"),
        policies,
        ttl: asked.ttl,
        max_ttl: role.as_ref().map_or(0, |r| r.token_explicit_max_ttl),
        explicit_max_ttl: asked.explicit_max_ttl,
        period: asked.period,
        role_period: role.as_ref().map_or(0, |r| r.token_period),
        num_uses: asked.num_uses,
        parent: (!orphan).then(|| parent.accessor.clone()),
        display_name: asked.display_name,
        metadata: asked.meta,
        role: role.as_ref().map_or_else(String::new, |r| r.name.clone()),
        bound_cidrs: role.as_ref().map_or_else(Vec::new, |r| r.token_bound_cidrs.clone()),
        renewable: asked.renewable && role.as_ref().is_none_or(|r| r.renewable),
        never_expires,
        path,
        // An orphan is nobody's, unless the request names whose it is.
        entity: if orphan { String::new() } else { parent.entity.clone() },
        alias,
        ..Grant::default()
    };
    let mut answer = Response::grant(grant);
    answer.warnings = warnings;
    Ok(answer)
}

/// What the request asks for, checked on its own.
struct Asked {
    id: Option<String>,
    kind: Kind,
    policies: Vec<String>,
    no_default_policy: bool,
    ttl: u64,
    explicit_max_ttl: u64,
    period: u64,
    num_uses: u64,
    renewable: bool,
    display_name: String,
    meta: Option<std::collections::BTreeMap<String, String>>,
}

impl Asked {
    fn read(args: &Args, sudo: bool, role: Option<&Role>) -> Result<Self, Fault> {
        if role.is_none() && args.text("entity_alias").is_some_and(|a| !a.is_empty()) {
            return Err(Fault::invalid("'entity_alias' is only allowed in combination with token role"));
        }
        let uses = args.int("num_uses").unwrap_or(0);
        let uses = u64::try_from(uses).map_err(|_| Fault::invalid("number of uses cannot be negative"))?;
        let limit = role.map_or(0, |r| r.token_num_uses);
        let asked = Self {
            id: args.text("id").filter(|id| !id.is_empty()).map(str::to_owned),
            kind: kind(args.text_or_empty("type"), role)?,
            policies: args.list("policies").unwrap_or_default().to_vec(),
            no_default_policy: args.bool("no_default_policy").unwrap_or(false)
                || role.is_some_and(|r| r.token_no_default_policy),
            ttl: args.seconds("ttl").or_else(|| args.seconds("lease")).unwrap_or(0),
            explicit_max_ttl: args.seconds("explicit_max_ttl").unwrap_or(0),
            period: args.seconds("period").unwrap_or(0),
            num_uses: if limit > 0 && (uses == 0 || uses > limit) { limit } else { uses },
            renewable: args.bool("renewable").unwrap_or(true),
            display_name: display_name(args.text_or_empty("display_name")),
            meta: args.pairs("meta").cloned(),
        };
        asked.check(sudo)?;
        Ok(asked)
    }

    fn check(&self, sudo: bool) -> Result<(), Fault> {
        if let Some(id) = &self.id {
            if !sudo {
                return Err(Fault::invalid("root or sudo privileges required to specify token id"));
            }
            if id.contains('.') || id.starts_with("s.") {
                return Err(Fault::invalid("custom token ID cannot have a '.' in it"));
            }
        }
        if self.period > 0 && !sudo {
            return Err(Fault::invalid("root or sudo privileges required to create periodic token"));
        }
        if self.kind == Kind::Batch {
            for (given, what) in [
                (self.id.is_some(), "have a custom ID"),
                (self.period > 0, "be periodic"),
                (self.num_uses > 0, "have a limited number of uses"),
                (self.explicit_max_ttl > 0, "have an explicit max TTL"),
            ] {
                if given {
                    return Err(Fault::invalid(format!("batch tokens cannot {what}")));
                }
            }
        }
        Ok(())
    }
}

fn kind(asked: &str, role: Option<&Role>) -> Result<Kind, Fault> {
    let of_role = role.map_or("", |r| r.token_type.as_str());
    match (asked, of_role) {
        ("" | "service", "service") | ("service", "" | "default-service" | "default-batch") => {
            Ok(Kind::Service)
        }
        ("" | "batch", "batch") | ("batch", "" | "default-service" | "default-batch") => Ok(Kind::Batch),
        ("", "default-batch") => Ok(Kind::Batch),
        ("", _) => Ok(Kind::Service),
        ("service" | "batch", fixed) => {
            Err(Fault::invalid(format!("field \"type\": tokens of this role are of type {fixed:?}")))
        }
        _ => Err(Fault::invalid("field \"type\": must be \"service\" or \"batch\"")),
    }
}

/// `token`, or `token-` and the name with all but letters, digits and `-` replaced.
fn display_name(given: &str) -> String {
    let plain: String =
        given.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    match plain.strip_suffix('-').unwrap_or(&plain) {
        "" => "token".to_owned(),
        name => format!("token-{name}"),
    }
}

/// The entity alias that is asked for, in lower case as roles keep theirs; empty if none is.
fn allowed_alias(role: &Role, asked: &str) -> Result<String, Fault> {
    let alias = asked.to_lowercase();
    let allowed = role.allowed_entity_aliases.as_deref().unwrap_or_default();
    if alias.is_empty() || any_glob(allowed, &alias) {
        return Ok(alias);
    }
    Err(Fault::invalid("invalid 'entity_alias' value: the role does not allow it"))
}

/// The policies that a token made without role gets: the caller's or fewer, unless it has sudo.
fn policies_of_child(asked: &Asked, parent: &TokenEntry, sudo: bool) -> Result<Vec<String>, Fault> {
    if asked.policies.is_empty() {
        let inherited = parent.policies.iter().filter(|p| !(asked.no_default_policy && *p == "default"));
        return Ok(inherited.cloned().collect());
    }
    let mut policies = tokens::clean_policies(asked.policies.clone(), true);
    refuse_reserved(&policies)?;
    if !parent.is_root() {
        if policies.iter().any(|p| p == "root") {
            return Err(Fault::invalid("root tokens may not be created without parent token being root"));
        }
        if !sudo && !policies.iter().all(|p| parent.policies.contains(p)) {
            return Err(Fault::invalid("child policies must be subset of parent"));
        }
    }
    if !asked.no_default_policy && (sudo || parent.policies.iter().any(|p| p == "default")) {
        policies = tokens::clean_policies(policies, false);
    }
    Ok(policies)
}

/// The policies that a token gets which is made, without role, by a token of a namespace above. None of its
/// policies is one of the parent's, so any but `default` needs sudo.
fn policies_elsewhere(asked: &Asked, sudo: bool) -> Result<Vec<String>, Fault> {
    let policies = tokens::clean_policies(asked.policies.clone(), asked.no_default_policy);
    refuse_reserved(&policies)?;
    if !sudo && policies.iter().any(|p| p != "default") {
        return Err(Fault::invalid(
            "root or sudo privileges required to give a token policies of a namespace below one's own",
        ));
    }
    Ok(policies)
}

/// The policies that a token made through a role gets.
fn policies_by_role(
    role: &Role,
    asked: &Asked,
    parent: &TokenEntry,
    inherited: &[String],
) -> Result<Vec<String>, Fault> {
    let restricts = !role.allowed_policies.is_empty() || !role.allowed_policies_glob.is_empty();
    let asked_for = tokens::clean_policies(asked.policies.clone(), true);
    let mut policies = if !asked_for.is_empty() {
        asked_for
    } else if restricts {
        role.allowed_policies.clone()
    } else {
        inherited.to_vec()
    };
    let disallows = |p: &str| {
        role.disallowed_policies.iter().any(|d| d == p) || any_glob(&role.disallowed_policies_glob, p)
    };
    let wants_default = !asked.no_default_policy && !disallows("default");
    policies = tokens::clean_policies(policies, !wants_default);
    refuse_reserved(&policies)?;
    if restricts {
        let allows = |p: &str| {
            p == "default"
                || role.allowed_policies.iter().any(|a| a == p)
                || any_glob(&role.allowed_policies_glob, p)
        };
        if let Some(bad) = policies.iter().find(|p| !allows(p)) {
            return Err(Fault::invalid(format!(
                "token policies {bad:?} must be subset of the role's allowed policies"
            )));
        }
    } else if policies.iter().any(|p| p == "root") && !parent.is_root() {
        return Err(Fault::invalid("root tokens may not be created without parent token being root"));
    }
    if let Some(bad) = policies.iter().find(|p| disallows(p)) {
        return Err(Fault::invalid(format!("token policy {bad:?} is disallowed by this role")));
    }
    Ok(policies)
}

fn refuse_reserved(policies: &[String]) -> Result<(), Fault> {
    match policies.iter().find(|p| *p == strongroom_core::wrap::WRAPPING_POLICY) {
        Some(reserved) => Err(Fault::invalid(format!("cannot assign policy {reserved:?}"))),
        None => Ok(()),
    }
}

fn any_glob(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| glob_matches(glob, name))
}

/// `*` stands for any text, at any place.
fn glob_matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    rest.ends_with(last)
}

async fn missing_policies(txn: &mut Txn, policies: &[String]) -> Result<Vec<String>, Fault> {
    let mut warnings = Vec::new();
    for name in policies.iter().filter(|p| *p != "root") {
        if policies::find(txn, name).await?.is_none() {
            warnings.push(format!("Policy {name:?} does not exist"));
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (glob, name, is) in [
            ("team-*", "team-a", true),
            ("team-*", "xteam-a", false),
            ("*", "anything", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "axxbxxc", true),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("ab*bc", "abc", false),
        ] {
            assert_eq!(glob_matches(glob, name), is, "{glob} {name}");
        }
    }

    #[test]
    fn display_names_are_plain() {
        assert_eq!(display_name(""), "token");
        assert_eq!(display_name("my name!"), "token-my-name");
        assert_eq!(display_name("ann smith@x"), "token-ann-smith-x");
    }
}
