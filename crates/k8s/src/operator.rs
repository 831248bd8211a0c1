//! The operator: keeps the record of nodes, and restarts workloads whose secrets have changed.

mod nodes;
mod restart;
mod secrets;
mod workload;

use crate::api::Api;
use crate::cluster;
use crate::leader::Candidate;
use crate::webhook::health;
use jiff::SignedDuration;
use nodes::Survey;
use restart::Restarts;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use strongroom_wire::Clock;

/// How the operator is run.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Where to answer `/health`.
    pub listen: SocketAddr,
    /// The namespace of Lease and ConfigMaps.
    pub namespace: String,
    /// The Lease by which replicas agree who works, which exists.
    pub lease: String,
    /// The role to log in to Strongroom as.
    pub role: String,
    /// The file with the token for that.
    pub token_file: PathBuf,
    /// The authorities that sign kubelets' certificates.
    pub kubelet_ca: PathBuf,
    /// The token for kubelets.
    pub kubelet_token: PathBuf,
    /// How often it looks for new versions of secrets.
    pub interval: Duration,
    /// The least time between two restarts of one workload.
    pub minimum_age: SignedDuration,
    /// The name of this replica.
    pub identity: String,
}

const CAMPAIGN: Duration = Duration::from_secs(3);
const SURVEY: Duration = Duration::from_secs(5);

impl Operator {
    /// Runs until `stop` ends.
    pub async fn run(
        self,
        api: Api,
        clock: Arc<dyn Clock>,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), String> {
        let leads = AtomicBool::new(false);
        let mut candidate = Candidate::new(&self.namespace, &self.lease, &self.identity);
        let campaigning = async {
            loop {
                let won = candidate.campaign(&api, clock.now()).await;
                if let Err(error) = &won {
                    tracing::warn!("the Lease {}: {error}", self.lease);
                }
                leads.store(won.unwrap_or(false), Ordering::Release);
                tokio::time::sleep(CAMPAIGN).await;
            }
        };
        let mut survey = Survey::new(&self.namespace, self.kubelet_ca.clone(), self.kubelet_token.clone());
        let surveying = async {
            loop {
                if leads.load(Ordering::Acquire)
                    && let Err(why) = survey.look(&api, &*clock).await
                {
                    tracing::warn!("the record of nodes: {why}");
                }
                tokio::time::sleep(SURVEY).await;
            }
        };
        let mut restarts =
            Restarts::new(self.role.clone(), self.token_file.clone(), self.minimum_age, self.interval);
        let restarting = async {
            loop {
                if leads.load(Ordering::Acquire) {
                    let looked = match cluster::settings(&api, &self.namespace, clock.now()).await {
                        Ok(settings) => restarts.look(&api, &settings, clock.now()).await,
                        Err(why) => Err(why),
                    };
                    if let Err(why) = looked {
                        tracing::warn!("restarts: {why}");
                    }
                }
                tokio::time::sleep(if leads.load(Ordering::Acquire) { self.interval } else { CAMPAIGN })
                    .await;
            }
        };
        tracing::info!(address = %self.listen, "the operator runs");
        let result = tokio::select! {
            () = stop => Ok(()),
            result = health(self.listen) => result,
            () = async { tokio::join!(campaigning, surveying, restarting); } => Ok(()),
        };
        candidate.resign(&api).await;
        result
    }
}
