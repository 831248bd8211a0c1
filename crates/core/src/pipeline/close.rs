//! The end of a request: audited, and answered or taken back.

use super::case::Case;
use super::{MAX_TRIES, SLICES_PER_REQUEST};
use crate::mount::Mounted;
use crate::response::Sent;
use crate::{Answer, Core, Fault};
use std::sync::Arc;
use strongroom_audit::{AuditFailed, Pending};

impl Core {
    /// Audits the outcome and renders it. If the entry cannot be written, the value is withheld and
    /// what was granted is taken back.
    pub(super) async fn close(self: &Arc<Self>, case: &mut Case, outcome: Result<Sent, Fault>) -> Answer {
        let asked = case.asked.take();
        // The rare steps stand on the heap: this future is moved for every request.
        if let Some((mounted, name)) = case.lockout_name() {
            Box::pin(self.count_login(mounted, &name, &outcome)).await;
        }
        let pending = self.audit_response(case, outcome.as_ref());
        let outcome = match outcome {
            Ok(sent) if pending.is_none() && sent.has_body() => self.still_the_same(case).map(|()| sent),
            other => other,
        };
        let written = both_written(asked, pending).await;
        if let Some(token) = &case.token
            && let Some(under_way) = case.under_way.take()
            && under_way.finish(token.entry.num_uses == -1)
        {
            Box::pin(self.revoke_now(&token.entry.accessor)).await;
        }
        if let Err(error) = written {
            self.metrics.audit_response_failures.add();
            tracing::error!(%error, "an answer was withheld");
            if let Ok(sent) = &outcome {
                Box::pin(self.take_back(sent)).await;
            }
            return crate::render::fault(&Fault::Internal(
                "internal error: the audit trail cannot be written".to_owned(),
            ));
        }
        match outcome {
            Ok(sent) => crate::render::answer(&sent, &case.request.id),
            Err(Fault::Answer(status, response)) => {
                let sent = Sent { top_level: false, ..Sent::plain(response.with_status(status)) };
                crate::render::answer(&sent, &case.request.id)
            }
            Err(fault) => {
                if let Fault::Internal(why) = &fault {
                    tracing::error!(path = case.request.path.as_str(), why, "a request failed");
                }
                if matches!(fault, Fault::Unsupported) && case.route().is_some_and(|r| r.works_sealed) {
                    return crate::render::bare_status(405);
                }
                crate::render::fault(&fault)
            }
        }
    }

    async fn count_login(self: &Arc<Self>, mounted: &Mounted, name: &str, outcome: &Result<Sent, Fault>) {
        let counted = match outcome {
            Err(Fault::BadCredentials(_)) => self.count_failure(&mounted.entry, name).await,
            Ok(_) => self.forget_failures(&mounted.entry, name).await,
            Err(_) => Ok(()),
        };
        if let Err(fault) = counted {
            tracing::error!(%fault, "failed logins could not be counted");
        }
    }

    pub(super) async fn take_back(self: &Arc<Self>, sent: &Sent) {
        let fresh = sent.auth.as_ref().filter(|a| a.fresh).map(|a| &a.entry.accessor);
        let wrapping = sent.response.wrap_info.as_ref().map(|w| &w.accessor);
        let made = sent.response.made_token.as_ref();
        for accessor in [fresh, wrapping, made, sent.inner_token.as_ref()].into_iter().flatten() {
            self.revoke_now(accessor).await;
        }
        for lease in sent.inner_lease.iter().chain(sent.fresh_lease.then_some(&sent.lease_id)) {
            let mut txn = self.txn();
            let revoked = self.revoke_lease(&mut txn, lease, false).await;
            if let Err(fault) = match revoked {
                Ok(()) => self.commit(txn).await,
                Err(fault) => self.postpone_revocation(lease, &fault.to_string()).await,
            } {
                tracing::error!(%fault, "a lease whose answer was withheld is still there");
            }
        }
    }

    /// Revokes a token in a commit of its own.
    pub async fn revoke_now(self: &Arc<Self>, accessor: &str) {
        for _ in 0..MAX_TRIES {
            let mut txn = self.txn();
            let revoked = match self.revoke_token(&mut txn, accessor).await {
                Ok(()) => self.commit(txn).await,
                Err(fault) => Err(fault),
            };
            match revoked {
                Ok(()) => {
                    let _ = self.work_off(SLICES_PER_REQUEST).await;
                    return;
                }
                Err(Fault::Conflict) => {}
                Err(fault) => {
                    tracing::error!(%fault, "a token could not be revoked");
                    return;
                }
            }
        }
    }
}

/// Waits for the request's entry, where that was left open, and for the answer's.
async fn both_written(asked: Option<Pending>, answered: Option<Pending>) -> Result<(), AuditFailed> {
    for pending in [asked, answered].into_iter().flatten() {
        pending.written().await?;
    }
    Ok(())
}
