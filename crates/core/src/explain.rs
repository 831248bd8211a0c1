//! Why a token may or may not do something: the deciding rule, for those allowed to ask.

use crate::namespace::Namespace;
use crate::pipeline::find_route;
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
    /// Explains what policy says of a request by a token of a namespace, with these merged policies. The
    /// path begins below that namespace, and may lead into one below it. A write is asked as an
    /// update; the body is not looked at unless it is given.
    pub fn explain(
        &self,
        acl: &Acl,
        namespace: &Namespace,
        operation: Operation,
        path: Path,
        params: &Map,
    ) -> Outlook {
        let path = if operation == Operation::List { path.into_folder() } else { path };
        let written = path.as_str();
        let realm = self.realm();
        let found = realm.find(&namespace.path, written).map(|(table, skip)| (table, written.split_at(skip)));
        let routed = found.and_then(|(table, (_, local))| find_route(table, local));
        let access = routed.as_ref().and_then(|r| r.access(operation));
        let folded = routed.zip(found).and_then(|(routed, (_, (below, local)))| {
            let folded = routed.fold(local)?;
            Some(format!("{below}{folded}"))
        });
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
        if access == Some(Access::Holder) && acl.grants_anything() && !acl.denies(ask.path) {
            explanation.decision.allowed = true;
            "every token may call this that is not denied it; what it touches is asked for each"
                .clone_into(&mut explanation.reason);
        }
        Outlook { access, explanation }
    }
}
