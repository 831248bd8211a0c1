//! The server's state: what all requests share.

use crate::engine::{AuthMethod, Backend, Engine};
use crate::hashing::HashingPool;
use crate::headers::AuditedHeaders;
use crate::jobs::Tombstones;
use crate::metrics::Metrics;
use crate::mount::{Class, Mount, MountTable, Mounted};
use crate::namespace::{Namespace, NamespaceId};
use crate::outbound::{Outbound, Outgoing};
use crate::policies::AclCache;
use crate::quota::Quotas;
use crate::realm::Realm;
use crate::token::TokenSealer;
use crate::{Fault, Txn};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use strongroom_audit::Broker;
use strongroom_barrier::Barrier;
use strongroom_crypto::Random;
use strongroom_wire::Clock;
use tokio::sync::Notify;

/// What the server was configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Seconds a lease lives where nothing else is said.
    pub default_lease_ttl: u64,
    /// Seconds no lease passes where nothing else is said.
    pub max_lease_ttl: u64,
    /// Address that clients reach this node at; empty when unknown.
    pub api_addr: String,
    /// Address that other nodes reach this node at; empty when unknown.
    pub cluster_addr: String,
    /// Name of the cluster.
    pub cluster_name: String,
    /// Node name.
    pub node_name: String,
    /// The version that clients choose features by.
    pub version: &'static str,
    /// Our own version.
    pub own_version: &'static str,
    /// When this binary was built, RFC 3339.
    pub build_date: &'static str,
    /// Whether the web interface is on.
    pub ui: bool,
    /// The effective configuration, without secrets, for `sys/config/state/sanitized`.
    pub sanitized: strongroom_wire::Map,
    /// User lockout where a mount does not say, by auth method or `lockout::ALL`.
    pub lockout: std::collections::BTreeMap<String, crate::mount::LockoutConfig>,
    /// The levels of this process' log, for `sys/loggers`; none where they cannot be changed.
    pub log_levels: Option<Arc<dyn crate::loggers::LogLevels>>,
    /// Sends requests to other servers; none where that cannot be done.
    pub outbound: Option<Arc<dyn Outbound>>,
    /// Where Kubernetes puts this server's own service-account token and the cluster's CA.
    pub service_account: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_lease_ttl: THIRTY_TWO_DAYS,
            max_lease_ttl: THIRTY_TWO_DAYS,
            api_addr: String::new(),
            cluster_addr: String::new(),
            cluster_name: "strongroom".to_owned(),
            node_name: String::new(),
            version: "1.20.4",
            own_version: env!("CARGO_PKG_VERSION"),
            build_date: "",
            ui: false,
            sanitized: strongroom_wire::Map::new(),
            lockout: std::collections::BTreeMap::new(),
            log_levels: None,
            outbound: None,
            service_account: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount"),
        }
    }
}

/// Vault's default of 768 hours.
const THIRTY_TWO_DAYS: u64 = 768 * 3600;

/// The engines and auth methods that can be mounted, by type.
#[derive(Clone, Default)]
pub struct Plugs {
    secret: HashMap<&'static str, Arc<dyn Engine>>,
    auth: HashMap<&'static str, Arc<dyn AuthMethod>>,
}

impl Plugs {
    /// Adds a secret engine under its type.
    #[must_use]
    pub fn engine(mut self, engine: Arc<dyn Engine>) -> Self {
        self.secret.insert(engine.kind(), engine);
        self
    }

    /// Adds an auth method under its type.
    #[must_use]
    pub fn auth(mut self, method: Arc<dyn AuthMethod>) -> Self {
        self.auth.insert(method.kind(), method);
        self
    }

    /// What answers for a type; none if there is no such type.
    pub fn find(&self, class: Class, kind: &str) -> Option<Backend> {
        match class {
            Class::Secret => self.secret.get(kind).cloned().map(Backend::Secret),
            Class::Auth => self.auth.get(kind).cloned().map(Backend::Auth),
        }
    }

    /// The types of a class, sorted.
    pub fn kinds(&self, class: Class) -> Vec<&'static str> {
        let mut kinds: Vec<_> = match class {
            Class::Secret => self.secret.keys().copied().collect(),
            Class::Auth => self.auth.keys().copied().collect(),
        };
        kinds.sort_unstable();
        kinds
    }
}

/// What a core is made of.
pub struct Parts {
    /// The encrypted store.
    pub barrier: Arc<Barrier>,
    /// The audit devices.
    pub audit: Arc<Broker>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Engines and auth methods; `system`, `cubbyhole` and the auth method `token` must be among them.
    pub plugs: Plugs,
    /// The configuration.
    pub settings: Settings,
}

/// The server's state: what all requests share.
pub struct Core {
    /// The encrypted store.
    pub barrier: Arc<Barrier>,
    /// The audit devices.
    pub audit: Arc<Broker>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Engines and auth methods that can be mounted.
    pub plugs: Plugs,
    /// The configuration.
    pub settings: Settings,
    /// Counters.
    pub metrics: Metrics,
    /// Slow password hashing happens here.
    pub hashing: HashingPool,
    /// Rate limits.
    pub quotas: Quotas,
    pub(crate) last_uses: crate::last_use::LastUses,
    pub(crate) uses: crate::uses::Uses,
    pub(crate) lease_quotas: crate::lease_quota::LeaseQuotas,
    /// Requests to other servers.
    pub outbound: Outgoing,
    /// Requests under way.
    pub in_flight: crate::in_flight::InFlight,
    /// When this process started.
    pub started: jiff::Timestamp,
    /// Held by requests that initialise, unseal, seal or restore the server, or that change its audit
    /// devices: one at a time.
    pub exclusive: tokio::sync::Mutex<()>,
    pub(crate) headers: AuditedHeaders,
    pub(crate) cors: ArcSwap<crate::cors::CorsConfig>,
    pub(crate) acls: AclCache,
    pub(crate) standings: crate::identity::standing::Standings,
    pub(crate) tombstones: Tombstones,
    /// Held while memory is brought up to what is stored.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    pub(crate) jobs_wake: Notify,
    pub(crate) tokens_wake: Notify,
    pub(crate) leases_wake: Notify,
    tokens: ArcSwapOption<TokenSealer>,
    realm: ArcSwap<Realm>,
    pub(crate) presences: crate::presence::Presences,
    policy_generation: AtomicU64,
    /// Rises with every unsealing and sealing, so that the workers of an older one end.
    era: AtomicU64,
    /// Whether everything that requests need is loaded. The barrier opens before.
    live: AtomicBool,
}

/// Id of the mount at `sys/`, which answers before anything can be read.
pub const SYSTEM_MOUNT: &str = "sys";

impl Core {
    /// A sealed core. Fails if there is no plug of type `system`.
    pub fn new(parts: Parts) -> Result<Arc<Self>, Fault> {
        let started = parts.clock.now();
        let core = Arc::new(Self {
            barrier: parts.barrier,
            audit: parts.audit,
            clock: parts.clock,
            random: parts.random,
            plugs: parts.plugs,
            outbound: Outgoing::new(parts.settings.outbound.clone()),
            settings: parts.settings,
            metrics: Metrics::default(),
            hashing: HashingPool::default(),
            quotas: Quotas::default(),
            last_uses: Default::default(),
            uses: Default::default(),
            lease_quotas: Default::default(),
            in_flight: crate::in_flight::InFlight::default(),
            started,
            exclusive: tokio::sync::Mutex::default(),
            headers: AuditedHeaders::default(),
            cors: ArcSwap::default(),
            acls: AclCache::default(),
            standings: Default::default(),
            tombstones: Tombstones::default(),
            reloading: tokio::sync::Mutex::default(),
            jobs_wake: Notify::new(),
            tokens_wake: Notify::new(),
            leases_wake: Notify::new(),
            tokens: ArcSwapOption::empty(),
            realm: ArcSwap::default(),
            presences: crate::presence::Presences::default(),
            policy_generation: AtomicU64::new(0),
            era: AtomicU64::new(0),
            live: AtomicBool::new(false),
        });
        core.show_sealed_mounts()?;
        Ok(core)
    }

    /// Whether the server answers as a sealed one: also while it is being unsealed, or filled from a
    /// snapshot, and not all is in place yet.
    pub fn is_sealed(&self) -> bool {
        !self.live.load(Ordering::Acquire) || self.barrier.is_sealed()
    }

    /// Lets requests in. Once everything is loaded, and not before.
    pub fn go_live(&self) {
        self.live.store(true, Ordering::Release);
    }

    /// Keeps requests out, as sealing does, until `go_live`.
    pub fn hold(&self) {
        self.live.store(false, Ordering::Release);
    }

    /// The current snapshot of all namespaces and their mounts.
    pub fn realm(&self) -> arc_swap::Guard<Arc<Realm>> {
        self.realm.load()
    }

    /// The mounts of the root namespace.
    pub fn mounts(&self) -> Arc<MountTable> {
        self.realm.load().root().clone()
    }

    /// Puts a mount's plug and routes beside its record; none if its type is not known here.
    pub fn plug(&self, entry: Mount) -> Option<Mounted> {
        let backend = self.plugs.find(entry.class, &entry.kind)?;
        let table = backend.engine().routes(&entry);
        Some(Mounted { full_path: entry.full_path(), entry, backend, table })
    }

    /// Makes and reads tokens; sealed servers have none.
    pub fn tokens(&self) -> Result<arc_swap::Guard<Option<Arc<TokenSealer>>>, Fault> {
        let guard = self.tokens.load();
        if guard.is_none() { Err(Fault::Sealed) } else { Ok(guard) }
    }

    /// An empty transaction in the root namespace.
    pub fn txn(&self) -> Txn {
        Txn::new(self.barrier.clone())
    }

    /// An empty transaction in a namespace, which must be there still when it is committed.
    pub fn txn_in(&self, namespace: &Namespace) -> Txn {
        let txn = self.txn_within(namespace.id.clone());
        if namespace.id.is_root() { txn } else { txn.guarded(namespace.record_key()) }
    }

    /// An empty transaction in the namespace of a mount, which must be there still when it is committed.
    pub fn txn_of(&self, mount: &Mount) -> Result<Txn, Fault> {
        if mount.namespace.is_root() {
            return Ok(self.txn());
        }
        let space = self.space(&mount.namespace).ok_or(Fault::NoNamespace)?;
        Ok(self.txn_in(&space.namespace))
    }

    /// An empty transaction in a namespace, be it one that is being removed.
    pub(crate) fn txn_within(&self, namespace: NamespaceId) -> Txn {
        Txn::within(self.barrier.clone(), namespace)
    }

    /// Commits and makes what was written take effect.
    pub async fn commit(self: &Arc<Self>, txn: Txn) -> Result<(), Fault> {
        let (written, outcome) = self.commit_counted(txn).await;
        match outcome {
            Ok(()) => self.changed(&written).await,
            Err(Fault::Conflict) => Err(Fault::Conflict),
            Err(fault) => {
                // The store may have done it all the same without being able to say so: memory has to
                // look, or a token that is revoked there would go on being good here.
                if let Err(unread) = self.changed(&written).await {
                    tracing::warn!(fault = %unread, "memory could not be brought up after a commit in doubt");
                }
                Err(fault)
            }
        }
    }

    /// Rises whenever a policy changes.
    pub(crate) fn policy_generation(&self) -> u64 {
        self.policy_generation.load(Ordering::Acquire)
    }

    pub(crate) fn forget_policies(&self) {
        self.policy_generation.fetch_add(1, Ordering::AcqRel);
        self.acls.clear();
    }

    pub(crate) fn set_tokens(&self, tokens: Option<Arc<TokenSealer>>) {
        self.tokens.store(tokens);
    }

    pub(crate) fn set_realm(&self, realm: Realm) {
        self.realm.store(Arc::new(realm));
    }

    pub(crate) fn next_era(&self) -> u64 {
        self.era.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    pub(crate) fn is_era(&self, era: u64) -> bool {
        self.era() == era
    }

    /// Only `sys/` answers while sealed.
    pub(crate) fn show_sealed_mounts(&self) -> Result<(), Fault> {
        let system = self
            .plug(crate::bootstrap::system_mount(SYSTEM_MOUNT, ""))
            .ok_or_else(|| Fault::Internal("there is no engine of type \"system\"".to_owned()))?;
        let root = MountTable::new(Namespace::default(), [Arc::new(system)]);
        self.set_realm(Realm::new(Arc::new(root), []));
        Ok(())
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Core")
    }
}
