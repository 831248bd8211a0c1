//! Why a token may or may not do something: the deciding rule, for those allowed to ask.

use crate::route::Access;
use crate::{Core, Map, Operation, Path};
use strongroom_policy::{Acl, Ask, Explanation};

/// What would happen.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// Whether the route needs no token, `sudo`, or neither.
    pub access: Option<Access>,
    /// What policy says.
    pub explanation: Explanation,
}

impl Core {
    /// Explains what policy says of a request by a token with these merged policies. A write is asked as an
    /// update; the body is not looked at unless it is given.
    pub fn explain(&self, acl: &Acl, operation: Operation, path: Path, params: &Map) -> Outlook {
        let path = if operation == Operation::List { path.into_folder() } else { path };
        let access = self.access_of(operation, path.as_str());
        let written = path.as_str();
        let folded = self.find_route(written).and_then(|routed| routed.fold(written));
        let ask = Ask {
            operation,
            path: folded.as_deref().unwrap_or(written),
            written: folded.is_some().then_some(written),
            params,
            wrap_ttl: None,
            needs_sudo: access == Some(Access::Sudo),
        };
        let mut explanation = acl.explain(&ask);
        // The pipeline asks for `x` too when it is asked for `x/`.
        let plain = ask.path.strip_suffix('/').filter(|_| operation != Operation::List);
        if plain.is_some() && explanation.decision.allowed {
            explanation = acl.explain(&Ask { written: plain, ..ask });
        }
        Outlook { access, explanation }
    }

    /// Who may call an operation at a path; none where there is no such route.
    pub fn access_of(&self, operation: Operation, path: &str) -> Option<Access> {
        let mounts = self.mounts();
        let mounted = mounts.resolve(path)?;
        let local = path.get(mounted.full_path.len()..).unwrap_or("");
        let (at, _) = mounted.table.find(local)?;
        mounted.table.routes().get(at)?.operation(operation).map(|op| op.access)
    }
}
