//! Sentences about decisions. They name rules and parameters, never values.

use super::{Acl, Ask, Explanation, Grant, Outcome, Verdict};
use crate::parameters::Refusal;

impl Acl {
    /// Decides and says why.
    pub fn explain(&self, ask: &Ask<'_>) -> Explanation {
        let verdict = self.judge(ask);
        Explanation {
            decision: verdict.decision(),
            pattern: verdict.grant.map(|g| g.pattern.clone()),
            policies: verdict.grant.map(|g| g.policies.clone()).unwrap_or_default(),
            capabilities: verdict.grant.map(|g| g.capabilities.iter().collect()).unwrap_or_default(),
            reason: reason(ask, &verdict),
        }
    }
}

fn reason(ask: &Ask<'_>, verdict: &Verdict<'_>) -> String {
    let operation = ask.operation.as_str();
    let rule = verdict.grant.map(name).unwrap_or_default();
    match verdict.outcome {
        Outcome::Root => "the root policy allows everything".to_owned(),
        Outcome::Granted => format!("{rule} allows {operation}"),
        Outcome::NoRule => format!("no rule of the token's policies matches {:?}", ask.path),
        Outcome::Denied => format!("{rule} denies everything"),
        Outcome::DeniedAsWritten(path) => {
            format!("{rule} denies everything at {path:?}, as the path was written")
        }
        Outcome::Lacks(capability) => format!("{rule} does not give {:?}", capability.as_str()),
        Outcome::Nothing => format!("{rule} has no capabilities"),
        Outcome::Unwrapped => format!("{rule} wants the answer to be wrapped"),
        Outcome::WrapTooShort(min) => {
            format!("{rule} wants a wrapping TTL of at least {}s", min.as_secs_f64())
        }
        Outcome::WrapTooLong(max) => format!("{rule} wants a wrapping TTL of at most {}s", max.as_secs_f64()),
        Outcome::Parameter(refusal) => format!("{rule} {}", refused(refusal)),
    }
}

fn name(grant: &Grant) -> String {
    let policies = grant.policies.join("\", \"");
    let plural = if grant.policies.len() == 1 { "policy" } else { "policies" };
    format!("the rule {:?} of {plural} \"{policies}\"", grant.pattern)
}

fn refused(refusal: Refusal<'_>) -> String {
    match refusal {
        Refusal::Missing(name) => format!("requires the parameter {name:?}"),
        Refusal::Denied(name) => format!("denies the parameter {name:?} or its value"),
        Refusal::NotAllowed(name) => format!("does not allow the parameter {name:?}"),
        Refusal::ValueNotAllowed(name) => format!("does not allow this value of the parameter {name:?}"),
    }
}
