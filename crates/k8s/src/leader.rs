//! One of several replicas leads: the one whose name stands in a Lease.

use crate::api::{Api, ApiError, set, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long a leader that does not renew stays one.
const DURATION: Duration = Duration::from_secs(15);

/// One that wants to lead.
pub(crate) struct Candidate {
    path: String,
    identity: String,
    /// Another's lease as it was seen, and since when it has not changed: the clocks of others count for nothing.
    seen: Option<(Value, Instant)>,
    leads: bool,
}

impl Candidate {
    /// One with this name, for a Lease that exists.
    pub(crate) fn new(namespace: &str, lease: &str, identity: &str) -> Self {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{lease}");
        Self { path, identity: identity.to_owned(), seen: None, leads: false }
    }

    /// Renews the lease, takes one that is free or has run out, and tells whether we lead.
    pub(crate) async fn campaign(&mut self, api: &Api, now: Timestamp) -> Result<bool, ApiError> {
        let result = self.attempt(api, now).await;
        let leads = matches!(result, Ok(true));
        if leads != self.leads {
            tracing::info!(identity = self.identity, leads, "leadership changed");
            self.leads = leads;
        }
        result
    }

    async fn attempt(&mut self, api: &Api, now: Timestamp) -> Result<bool, ApiError> {
        let mut lease = api.get(&self.path).await?;
        let holder = text(&lease, "/spec/holderIdentity").to_owned();
        let time = json!(format!("{now:.6}"));
        if holder != self.identity {
            if !holder.is_empty() && !self.has_run_out(&lease) {
                return Ok(false);
            }
            let transitions = lease.pointer("/spec/leaseTransitions").and_then(Value::as_u64).unwrap_or(0);
            set(&mut lease, &["spec", "holderIdentity"], json!(self.identity));
            set(&mut lease, &["spec", "acquireTime"], time.clone());
            set(&mut lease, &["spec", "leaseTransitions"], json!(transitions.saturating_add(1)));
            set(&mut lease, &["spec", "leaseDurationSeconds"], json!(DURATION.as_secs()));
        }
        set(&mut lease, &["spec", "renewTime"], time);
        match api.update(&self.path, &lease).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn has_run_out(&mut self, lease: &Value) -> bool {
        let spec = lease.get("spec").cloned().unwrap_or_default();
        let seconds = spec.get("leaseDurationSeconds").and_then(Value::as_u64).unwrap_or(DURATION.as_secs());
        match &self.seen {
            Some((seen, since)) if *seen == spec => since.elapsed() >= Duration::from_secs(seconds),
            _ => {
                self.seen = Some((spec, Instant::now()));
                false
            }
        }
    }

    /// Lets another lead at once.
    pub(crate) async fn resign(&mut self, api: &Api) {
        if !self.leads {
            return;
        }
        if let Ok(mut lease) = api.get(&self.path).await
            && text(&lease, "/spec/holderIdentity") == self.identity
        {
            set(&mut lease, &["spec", "holderIdentity"], json!(""));
            if let Err(error) = api.update(&self.path, &lease).await {
                tracing::debug!(%error, "the lease was not given back");
            }
        }
    }
}
