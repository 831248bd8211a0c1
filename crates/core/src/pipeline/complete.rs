//! What the core adds to a handler's response: the token, the lease, the wrapping.

use super::case::Case;
use crate::mount::{Class, Mount};
use crate::response::{Answered, Sent};
use crate::token::Kind;
use crate::{Core, Fault, Map, Response, Route, Txn};

impl Core {
    /// Adds what the core keeps: the token, the lease, the wrapping.
    pub(super) async fn complete(
        &self,
        case: &Case,
        txn: &mut Txn,
        mut response: Response,
    ) -> Result<Sent, Fault> {
        let Some(routed) = &case.routed else {
            return Err(Fault::Internal("an answer without a route".to_owned()));
        };
        let mount = &routed.mounted.entry;
        let path = case.request.path.as_str();
        let mut sent = Sent::default();
        if let Some(grant) = response.grant.take() {
            // Of many tries at once, those that end after the lock has come are refused like those that
            // begin after it.
            self.check_lockout(case).await?;
            let mut grant = *grant;
            if mount.class == Class::Auth && mount.kind != "token" {
                grant.display_name = display_name(&mount.path, &grant.display_name);
                // Whatever a method's configuration says, a login never gives root.
                if grant.policies.iter().any(|p| p.trim().eq_ignore_ascii_case("root")) {
                    return Err(Fault::invalid("auth methods cannot create root tokens"));
                }
            }
            if !grant.alias.is_empty() {
                grant.entity = self.sign_in(txn, mount, &grant).await?;
            }
            if grant.kind == Kind::Service && !grant.never_expires {
                self.permit(case, txn, grant.path.as_deref().unwrap_or(path)).await?;
            }
            let made = self.make_token(txn, mount, path, grant).await?;
            response.warnings.splice(0..0, made.warnings);
            let ttl = made.entry.granted_ttl;
            let identity_policies = self.identity_policies(txn, &made.entry).await?;
            let (token, entry) = (made.token, made.entry);
            sent.auth = Some(Box::new(Answered { token, entry, ttl, identity_policies, fresh: true }));
        }
        if let Some(renewed) = response.renewed.take() {
            let token = strongroom_crypto::Secret::new(renewed.token);
            let (entry, ttl) = (renewed.entry, renewed.ttl);
            let identity_policies = self.identity_policies(txn, &entry).await?;
            sent.auth = Some(Box::new(Answered { token, entry, ttl, identity_policies, fresh: false }));
        }
        if let Some(lease) = response.lease.take() {
            self.permit(case, txn, path).await?;
            let entry = self.make_lease(txn, mount, path, case.token.as_ref(), *lease).await?;
            response.lease_duration = entry.granted_ttl;
            sent.renewable = entry.renewable;
            sent.lease_id = entry.id;
            sent.fresh_lease = true;
        }
        if let Some((id, seconds, renewable)) = response.renewed_lease.take() {
            (sent.lease_id, response.lease_duration, sent.renewable) = (id, seconds, renewable);
        }
        mount.shown_kind().clone_into(&mut sent.mount_type);
        sent.top_level = case.route().is_some_and(|r| r.top_level);
        sent.response = response;
        if case.wants_wrapping() && sent.can_be_wrapped() && !case.route().is_some_and(|r| r.never_wrapped) {
            self.wrap_answer(case, txn, &mut sent).await?;
        }
        Ok(sent)
    }

    /// Takes the right to a lease. Who is root is never refused: somebody has to be able to make room.
    async fn permit(&self, case: &Case, txn: &mut Txn, path: &str) -> Result<(), Fault> {
        if case.token.as_ref().is_some_and(|token| token.entry.is_root()) {
            return Ok(());
        }
        self.permit_lease(txn, &case.space.namespace.id, path).await
    }

    async fn wrap_answer(&self, case: &Case, txn: &mut Txn, sent: &mut Sent) -> Result<(), Fault> {
        let seconds = case.request.wrap_ttl.unwrap_or(0);
        let rendered = String::from_utf8(crate::render::body(sent, &case.request.id))
            .map_err(|_| Fault::invalid("an answer that is not text cannot be wrapped"))?;
        let accessor = sent.auth.as_ref().map_or_else(String::new, |a| a.entry.accessor.clone());
        let info = self.wrap(txn, case.request.path.as_str(), seconds, rendered, accessor).await?;
        let inner = sent.auth.take().filter(|a| a.fresh).map(|a| a.entry.accessor);
        *sent = Sent {
            response: Response { wrap_info: Some(info), ..Response::default() },
            inner_token: inner,
            inner_lease: sent.fresh_lease.then(|| std::mem::take(&mut sent.lease_id)),
            ..Sent::default()
        };
        Ok(())
    }
}

/// Says which fields of the body meant nothing.
pub(super) fn warn_of_strays(
    response: &mut Response,
    route: &Route,
    captures: &[(&'static str, String)],
    body: &Map,
) {
    let known = |name: &str| route.fields.iter().any(|f| f.name == name);
    let strays: Vec<&str> = body.keys().map(String::as_str).filter(|k| !known(k)).collect();
    if !strays.is_empty() {
        let list = strays.join(" ");
        response.warnings.push(format!("Endpoint ignored these unrecognized parameters: [{list}]"));
    }
    let replaced: Vec<&str> = captures.iter().map(|(n, _)| *n).filter(|n| body.contains_key(*n)).collect();
    if !replaced.is_empty() {
        response.warnings.push(format!(
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [{}]",
            replaced.join(" ")
        ));
    }
}

/// `userpass-bob`
fn display_name(mount_path: &str, name: &str) -> String {
    let mount = mount_path.trim_end_matches('/').replace('/', "-");
    if name.is_empty() { mount } else { format!("{mount}-{name}") }
}

/// The kind of token a login gives: the role's wish, unless the mount's tuning overrules it.
pub fn token_kind(mount: &Mount, role: &str) -> Kind {
    let chosen = match mount.config.token_type.as_str() {
        "service" | "batch" => mount.config.token_type.as_str(),
        tuned if matches!(role, "" | "default" | "default-service" | "default-batch") => {
            if role == "default-batch" || (tuned == "default-batch" && role != "default-service") {
                "batch"
            } else {
                "service"
            }
        }
        _ => role,
    };
    if chosen == "batch" { Kind::Batch } else { Kind::Service }
}
