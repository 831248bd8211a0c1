//! A whole core on a memory store, unsealed, with a clock that the test moves and bytes that repeat:
//! for the tests of engines, auth methods and the system backend. There is no listener; requests go
//! through the pipeline as a listener would hand them over.

// A test whose server cannot be set up has to end there and then.
#![allow(clippy::expect_used)]

use crate::{SeededRandom, VirtualClock};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use strongroom_audit::Broker;
use strongroom_barrier::{Barrier, Options, SealConfig};
use strongroom_core::core::{Parts, Plugs, Settings};
use strongroom_core::engine::Times;
use strongroom_core::policies::PolicyRecord;
use strongroom_core::response::Body;
use strongroom_core::token::TokenEntry;
use strongroom_core::{
    Answer, AuthMethod, BoxFuture, Class, Core, Engine, Fault, Grant, Mount, MountConfig, NamespaceId,
    Operation, Path, Remote, Request, RouteTable, Txn, keys,
};
use strongroom_crypto::{Random, Secret, random};
use strongroom_storage::{MemoryStore, Store};
use strongroom_wire::Clock;

/// A core to send requests to.
pub struct Harness {
    /// The core.
    pub core: Arc<Core>,
    /// Its clock; stands still until moved.
    pub clock: Arc<VirtualClock>,
    /// A root token.
    pub root: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON; null when there is none.
    pub body: Value,
}

impl Reply {
    /// What a JSON pointer such as `/data/keys` leads to; null if to nothing.
    pub fn at(&self, pointer: &str) -> Value {
        self.body.pointer(pointer).cloned().unwrap_or_default()
    }
}

impl Harness {
    /// An initialised and unsealed core. The plugs `system`, `cubbyhole` and `token` are stubs without
    /// routes where the test brings none.
    pub async fn start(plugs: Plugs) -> Self {
        Self::start_with(plugs, Settings::default()).await
    }

    /// The same with settings of one's own.
    pub async fn start_with(plugs: Plugs, settings: Settings) -> Self {
        let empty = Self::over(plugs, Arc::new(MemoryStore::new()), settings);
        let one = SealConfig::new(1, 1).expect("one share");
        empty.core.barrier.init(one).await.expect("an initialised barrier");
        let root = empty.core.bootstrap().await.expect("the first records").token.expose().clone();
        empty.core.go_live();
        Self { root, ..empty }
    }

    /// The same over a store that the test brings, with the share that unseals it.
    pub async fn start_over(plugs: Plugs, store: Arc<dyn Store>) -> (Self, Secret<Vec<u8>>) {
        let empty = Self::over(plugs, store, Settings::default());
        let one = SealConfig::new(1, 1).expect("one share");
        let share = empty.core.barrier.init(one).await.expect("an initialised barrier").swap_remove(0);
        let root = empty.core.bootstrap().await.expect("the first records").token.expose().clone();
        empty.core.go_live();
        let unsealed = Self { root, ..empty };
        (unsealed, share)
    }

    /// A fresh core over a store that another one has used, unsealed with that one's share. It has no root
    /// token, and its workers run.
    pub async fn restart(plugs: Plugs, store: Arc<dyn Store>, share: Secret<Vec<u8>>) -> Self {
        let sealed = Self::over(plugs, store, Settings::default());
        sealed.core.barrier.unseal(share).await.expect("an unsealed barrier");
        sealed.core.after_unseal().await.expect("all that memory needs");
        sealed
    }

    /// A core on an empty store, not initialised. Its root token is empty.
    pub fn empty(plugs: Plugs) -> Self {
        Self::over(plugs, Arc::new(MemoryStore::new()), Settings::default())
    }

    fn over(plugs: Plugs, store: Arc<dyn Store>, settings: Settings) -> Self {
        let now = "2026-01-02T03:04:05.678901234Z".parse().expect("a valid time");
        let clock = Arc::new(VirtualClock::new(now));
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(1));
        let times = clock.clone();
        let barrier = Barrier::new(store, random.clone(), Options::new(move || times.now()));
        let parts = Parts {
            barrier: Arc::new(barrier),
            audit: Arc::new(Broker::new(random.clone(), clock.clone())),
            clock: clock.clone(),
            random,
            plugs: with_stubs(plugs),
            settings,
        };
        let core = Core::new(parts).expect("a core");
        Self { core, clock, root: String::new() }
    }

    /// Mounts an engine or auth method at a path that ends in `/` (without `auth/`), after the plug's
    /// own check, and gives its record.
    pub async fn mount(
        &self,
        class: Class,
        path: &str,
        kind: &str,
        options: &[(&str, &str)],
    ) -> Result<Mount, Fault> {
        let random = self.core.random.as_ref();
        let id = format!("m{}", random::base62(random, 9));
        let options: BTreeMap<_, _> =
            options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut mount = Mount {
            uuid: random::uuid(random),
            accessor: self.core.fresh_accessor(kind),
            id,
            namespace: NamespaceId::ROOT,
            class,
            path: path.to_owned(),
            kind: kind.to_owned(),
            description: String::new(),
            options,
            config: MountConfig::default(),
            local: false,
            seal_wrap: false,
            external_entropy_access: false,
            removed: false,
        };
        let backend = self.core.plugs.find(class, kind).expect("a plug of this type");
        backend.engine().check(&mut mount)?;
        self.record(&mount).await?;
        Ok(mount)
    }

    /// Puts a mount's record in force, as tuning does.
    pub async fn record(&self, mount: &Mount) -> Result<(), Fault> {
        let mut txn = self.core.txn();
        txn.put(&mount.record_key(), mount)?;
        self.core.commit(txn).await
    }

    /// Writes an ACL policy.
    pub async fn policy(&self, name: &str, text: &str) -> Result<(), Fault> {
        let mut txn = self.core.txn();
        txn.put(&keys::core(keys::POLICY, name), &PolicyRecord::new(name, text)?)?;
        self.core.commit(txn).await
    }

    /// Makes a token with these policies.
    pub async fn token(&self, policies: &[&str]) -> Result<String, Fault> {
        let policies = policies.iter().map(|p| (*p).to_owned()).collect();
        self.grant(Grant { policies, renewable: true, ..Grant::default() }).await
    }

    /// Makes any kind of token.
    pub async fn grant(&self, grant: Grant) -> Result<String, Fault> {
        let mounts = self.core.mounts();
        let mount = mounts.at("auth/token/").expect("the token mount");
        let mut txn = self.core.txn();
        let made = self.core.make_token(&mut txn, &mount.entry, "auth/token/create", grant).await?;
        self.core.commit(txn).await?;
        Ok(made.token.expose().clone())
    }

    /// Sends a request with the root token.
    pub async fn call(&self, operation: Operation, path: &str, body: Value) -> Reply {
        self.call_as(Some(&self.root), operation, path, body).await
    }

    /// Sends a request with a token or none. The body of a read stands for its query.
    pub async fn call_as(&self, token: Option<&str>, operation: Operation, path: &str, body: Value) -> Reply {
        self.send(self.request(token, operation, path, body)).await
    }

    /// A request, to be changed before it is sent.
    pub fn request(&self, token: Option<&str>, operation: Operation, path: &str, body: Value) -> Request {
        let body = match body {
            Value::Object(map) => map,
            _ => strongroom_core::Map::new(),
        };
        Request {
            id: random::uuid(self.core.random.as_ref()),
            operation,
            namespace: String::new(),
            path: Path::parse(path).expect("a valid path"),
            body,
            raw: None,
            token: token.map(|t| Secret::new(t.to_owned())),
            remote: Remote { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 4321 },
            headers: http::HeaderMap::new(),
            wrap_ttl: None,
            certificates: Vec::new(),
            opens_metrics: false,
        }
    }

    /// Sends a request.
    pub async fn send(&self, request: Request) -> Reply {
        let Answer { status, body, .. } = self.core.handle(request).await;
        let mut bytes = Vec::new();
        match body {
            Body::Whole(whole) => bytes.extend_from_slice(&whole),
            Body::Stream(mut chunks) => {
                while let Some(Ok(chunk)) = chunks.recv().await {
                    bytes.extend_from_slice(&chunk);
                }
            }
        }
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| text())
        };
        Reply { status, body }
    }
}

/// Adds what every core needs and the test does not care for.
fn with_stubs(mut plugs: Plugs) -> Plugs {
    for kind in ["system", "cubbyhole", "identity"] {
        if plugs.find(Class::Secret, kind).is_none() {
            plugs = plugs.engine(Arc::new(Stub(kind)));
        }
    }
    if plugs.find(Class::Auth, "token").is_none() {
        plugs = plugs.auth(Arc::new(Stub("token")));
    }
    plugs
}

/// An engine and auth method without routes.
struct Stub(&'static str);

impl Engine for Stub {
    fn kind(&self) -> &'static str {
        self.0
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        Arc::default()
    }
}

impl AuthMethod for Stub {
    fn renew_login<'a>(
        &'a self,
        _core: &'a Arc<Core>,
        _txn: &'a mut Txn,
        _mount: &'a Mount,
        _entry: &'a TokenEntry,
        _shown: &'a [Vec<u8>],
    ) -> BoxFuture<'a, Result<Times, Fault>> {
        Box::pin(async { Ok(Times::default()) })
    }
}
