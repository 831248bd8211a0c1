//! What else a refused path may have been meant to be. Nobody learns of a mount by it that they could not see
//! anyway, by `sys/internal/ui/mounts`.

use super::Case;
use crate::engine::Meant;
use strongroom_policy::{Acl, Ask};

/// A hint for a request that policy has refused.
pub(super) fn of(case: &Case, acl: &Acl) -> Option<String> {
    let mounted = &case.routed.as_ref()?.mounted;
    let meant = mounted.backend.engine().meant(&mounted.entry, case.operation, case.local())?;
    let as_policies_have_it = |path: &str| format!("{}{}{path}", case.between(), mounted.full_path);
    match meant {
        Meant::Path(local) => acl.touches(&as_policies_have_it("")).then(|| {
            format!(
                "hint: the store at {:?} keeps versions: the path in requests and policies is {:?}",
                mounted.full_path,
                format!("{}{local}", mounted.full_path)
            )
        }),
        Meant::Rule(local) => {
            let ask = Ask {
                operation: case.operation,
                path: &as_policies_have_it(&local),
                written: None,
                params: &case.request.body,
                wrap_ttl: case.request.wrap_ttl.filter(|t| *t > 0),
                needs_sudo: false,
            };
            acl.decide(&ask).allowed.then(|| {
                format!(
                    "hint: the token's policies allow this at {:?}, but the store keeps versions: the rule has to \
                     be for {:?}",
                    ask.path, case.request.path.as_str()
                )
            })
        }
    }
}
