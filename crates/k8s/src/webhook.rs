//! The mutating webhook: Pods whose environment refers to secrets (`vault:PATH#KEY`) are lowered on their way into the
//! cluster.

mod bank_vaults;
mod certificates;
mod ephemeral;
mod images;
mod keeper;
mod mutate;
mod reference;
mod registry;
mod review;
mod serve;

#[cfg(test)]
mod tests;

use crate::api::Api;
use crate::lower::Settings;
use arc_swap::{ArcSwap, ArcSwapOption};
use images::Images;
use jiff::SignedDuration;
use keeper::Keeper;
use rustls::ServerConfig;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use strongroom_wire::Clock;

#[cfg(test)]
pub(crate) use certificates::Pair;
pub(crate) use reference::{read as read_reference, refers};
pub(crate) use serve::health;

/// How the webhook is run.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The namespace of Service, Secret, Lease and ConfigMaps.
    pub namespace: String,
    /// The Service by which the API server reaches it.
    pub service: String,
    /// The Secret with certificates, which exists.
    pub secret: String,
    /// The Lease by which replicas agree who rotates, which exists.
    pub lease: String,
    /// The MutatingWebhookConfiguration whose `caBundle` it keeps.
    pub configuration: String,
    /// Addresses that a Pod may name besides the cluster's own.
    pub allowed_addresses: Vec<String>,
    /// Registries that may be asked what an image starts: hosts, with `http://` in front where they have no TLS.
    pub allowed_registries: Vec<String>,
    /// Credentials for them, a file as `docker login` writes it.
    pub registry_credentials: Option<PathBuf>,
    /// How long a certificate lives; it is replaced after two thirds of that.
    pub lifetime: SignedDuration,
    /// The name of this replica.
    pub identity: String,
}

/// What holds for all Pods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rules {
    /// The cluster's settings.
    pub(crate) settings: Settings,
    /// Addresses that a Pod may name besides the cluster's own.
    pub(crate) allowed: Vec<String>,
}

/// What server and keeper share.
struct Shared {
    /// None until the cluster's settings have been read.
    rules: ArcSwapOption<Rules>,
    tls: ArcSwap<ServerConfig>,
    /// Whether the API server trusts the certificate that is served.
    is_published: AtomicBool,
    images: Images,
    /// Why it is not ready, for /ready.
    obstacle: ArcSwapOption<String>,
}

impl Webhook {
    /// Runs until `stop` ends.
    pub async fn run(
        self,
        api: Api,
        clock: Arc<dyn Clock>,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), String> {
        // Until the Secret has been read: whoever asks for /health does not look at the certificate.
        let names = certificates::names(&self.service, &self.namespace);
        let first = certificates::Pair::make(&names, clock.now(), self.lifetime)?;
        let api = Arc::new(api);
        let credentials = self.registry_credentials.as_deref();
        let images = Images::new(Arc::clone(&api), &self.allowed_registries, credentials).await?;
        let shared = Arc::new(Shared {
            rules: ArcSwapOption::empty(),
            tls: ArcSwap::from(first.server_config()?),
            is_published: AtomicBool::new(false),
            images,
            obstacle: ArcSwapOption::empty(),
        });
        let mut keeper = Keeper::new(self.clone(), api, clock, Arc::clone(&shared));
        let server = serve::Server::bind(self.listen).await?;
        tracing::info!(address = %self.listen, "the webhook listens");
        let (ended, mut end) = tokio::sync::watch::channel(false);
        let serving = tokio::spawn(server.run(Arc::clone(&shared), ended.subscribe()));
        let keeping = async {
            loop {
                keeper.tick().await;
                tokio::select! {
                    () = tokio::time::sleep(keeper::INTERVAL) => {}
                    _ = end.changed() => break,
                }
            }
            keeper.end().await;
        };
        let stopping = async {
            stop.await;
            // The API server may still send: it learns a little later than we do that this replica ends.
            tokio::time::sleep(serve::GRACE).await;
            let _ = ended.send(true);
        };
        tokio::join!(keeping, stopping);
        serving.await.map_err(|error| format!("the webhook's server ended: {error}"))
    }
}
