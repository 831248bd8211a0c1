//! An engine that lends, an auth method that lets everybody in, and what the tests ask of a core.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use strongroom_core::core::Plugs;
use strongroom_core::engine::Times;
use strongroom_core::lease::Mark;
use strongroom_core::token::TokenEntry;
use strongroom_core::{
    AuthMethod, BoxFuture, Call, Class, Core, Engine, ExistsCall, Fault, Grant, LeaseGrant, Map, Mount,
    Operation, Request, Response, Route, RouteTable, Txn, keys,
};
use strongroom_testkit::Harness;

/// What the test and the engine tell each other.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Revocations fail.
    pub(crate) stuck: AtomicBool,
    /// Leases that were undone.
    pub(crate) undone: AtomicUsize,
    /// Accessor of a token that somebody renews while the next lease is undone.
    pub(crate) renewed_meanwhile: Mutex<Option<String>>,
}

pub(crate) struct Lender(pub(crate) Arc<Ledger>);

impl Engine for Lender {
    fn kind(&self) -> &'static str {
        "lender"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        Arc::new(RouteTable::new(vec![
            Route::new("creds/{name}", "Lends.", &[]).on(Operation::Read, lend).on(Operation::Update, lend),
            Route::new("notes/{name}", "Keeps a note.", &[]).on(Operation::Update, note).exists(is_noted),
            Route::new("open/{name}", "Says hello.", &[]).open(Operation::Read, hello),
        ]))
    }

    fn renew<'a>(
        &'a self,
        _core: &'a Arc<Core>,
        _txn: &'a mut Txn,
        _internal: &'a Map,
        increment: u64,
    ) -> BoxFuture<'a, Result<u64, Fault>> {
        Box::pin(async move { Ok(increment) })
    }

    fn revoke<'a>(
        &'a self,
        core: &'a Arc<Core>,
        txn: &'a mut Txn,
        _internal: &'a Map,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let renewed = self.0.renewed_meanwhile.lock().unwrap().take();
            if let Some(accessor) = renewed {
                let mut other = core.txn();
                core.renew_token(&mut other, &accessor, 5000, &[]).await?;
                core.commit(other).await?;
            }
            txn.put(HALF_DONE, &Mark {})?;
            if self.0.stuck.load(Ordering::SeqCst) {
                return Err(Fault::invalid("the engine is stuck"));
            }
            txn.delete(HALF_DONE);
            self.0.undone.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    }
}

/// What an engine that fails half-way leaves in its transaction; must never be committed.
pub(crate) const HALF_DONE: &[u8] = b"root/half-done";

fn lend(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        cut_the_trail(&call).await;
        let lease = LeaseGrant { ttl: 600, renewable: true, ..LeaseGrant::default() };
        Ok(Response { lease: Some(Box::new(lease)), ..Response::json(json!({ "user": "u" })) })
    })
}

fn hello(_call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async { Ok(Response::json(json!({ "hello": "you" }))) })
}

/// Writes without looking; the first try meets somebody who was faster.
fn note(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let key = call.key(call.req.local);
        if call.req.request.body.contains_key("overtaken") && !call.core.txn().exists(&key).await? {
            let mut other = call.core.txn();
            other.put(&key, &Mark {})?;
            call.core.commit(other).await?;
        }
        call.txn.put(&key, &Mark {})?;
        Ok(Response::json(json!({ "operation": call.req.operation.as_str() })))
    })
}

fn is_noted(call: ExistsCall<'_>) -> BoxFuture<'_, Result<bool, Fault>> {
    Box::pin(async move {
        let key = call.key(&format!("notes/{}", call.args.text_or_empty("name")));
        call.txn.exists(&key).await
    })
}

/// While the request is under way, the link to the audit trail, named in the body, is led to a full disk.
async fn cut_the_trail(call: &Call<'_>) {
    if let Some(Value::String(link)) = call.req.request.body.get("cut") {
        std::fs::remove_file(link).unwrap();
        std::os::unix::fs::symlink("/dev/full", link).unwrap();
        call.core.audit.reopen_all().await;
    }
}

/// Lets everybody in.
pub(crate) struct Doorman;

impl Engine for Doorman {
    fn kind(&self) -> &'static str {
        "doorman"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        Arc::new(RouteTable::new(vec![
            Route::new("login/{name}", "Lets in.", &[]).open(Operation::Update, log_in),
        ]))
    }
}

impl AuthMethod for Doorman {
    fn lockout_name(&self, local: &str, _body: &Map) -> Option<String> {
        local.strip_prefix("login/").map(str::to_owned)
    }

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

fn log_in(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        cut_the_trail(&call).await;
        let body = &call.req.request.body;
        if body.contains_key("wrong") {
            return Err(Fault::BadCredentials("invalid username or password".to_owned()));
        }
        // While the login is under way, others guess.
        if let Some(Value::Number(tries)) = body.get("meanwhile wrong") {
            for _ in 0..tries.as_u64().unwrap() {
                let of = call.req.request;
                let request = Request {
                    id: of.id.clone(),
                    operation: of.operation,
                    namespace: String::new(),
                    path: of.path.clone(),
                    body: Map::from_iter([("wrong".to_owned(), Value::Bool(true))]),
                    raw: None,
                    token: None,
                    remote: of.remote,
                    headers: http::HeaderMap::new(),
                    wrap_ttl: None,
                    certificates: Vec::new(),
                    opens_metrics: false,
                };
                assert_eq!(call.core.handle(request).await.status, 400);
            }
        }
        // While the login is under way, an operator disables the method.
        if call.req.request.body.contains_key("too late") {
            let mut other = call.core.txn();
            let mount = Mount { removed: true, ..call.mount().clone() };
            other.put(&mount.record_key(), &mount)?;
            call.core.commit(other).await?;
        }
        let kind = match call.req.request.body.get("batch") {
            Some(_) => strongroom_core::token::Kind::Batch,
            None => strongroom_core::token::Kind::Service,
        };
        Ok(Response::grant(Grant { kind, policies: vec!["lend".to_owned()], ttl: 3600, ..Grant::default() }))
    })
}

pub(crate) fn plugs(ledger: &Arc<Ledger>) -> Plugs {
    Plugs::default().engine(Arc::new(Lender(ledger.clone()))).auth(Arc::new(Doorman))
}

/// A core with a lender at `db/`, a doorman at `auth/door/`, and the policy `lend` to borrow.
pub(crate) async fn start() -> (Harness, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::default());
    let h = Harness::start(plugs(&ledger)).await;
    furnish(&h).await;
    (h, ledger)
}

pub(crate) async fn furnish(h: &Harness) {
    h.mount(Class::Secret, "db/", "lender", &[]).await.unwrap();
    h.mount(Class::Auth, "door/", "doorman", &[]).await.unwrap();
    let text = r#"path "db/creds/*" { capabilities = ["read", "update"] }
path "db/notes/*" { capabilities = ["create"] }"#;
    h.policy("lend", text).await.unwrap();
}

/// Borrows with a token; gives the lease's id.
pub(crate) async fn borrow(h: &Harness, token: &str) -> String {
    let reply = h.call_as(Some(token), Operation::Read, "db/creds/a", Value::Null).await;
    reply.at("/lease_id").as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned()
}

pub(crate) async fn log_into(h: &Harness, body: Value) -> String {
    let reply = h.call_as(None, Operation::Update, "auth/door/login/ann", body).await;
    reply.at("/auth/client_token").as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned()
}

pub(crate) async fn is_good(h: &Harness, token: &str) -> bool {
    h.core.find_token(token).await.unwrap().is_some()
}

pub(crate) fn accessor(h: &Harness, token: &str) -> String {
    h.core.tokens().unwrap().as_ref().unwrap().accessor(token)
}

/// How many records of a kind there are.
pub(crate) async fn count(h: &Harness, kind: &str) -> usize {
    h.core.txn().names(&keys::core(kind, "")).await.unwrap().len()
}

/// Works off all jobs.
pub(crate) async fn finish(h: &Harness) {
    for _ in 0..10_000 {
        if h.core.work_off(64).await.unwrap() {
            return;
        }
    }
    panic!("the jobs do not end");
}

/// A child of a token, ten hours long.
pub(crate) async fn child(h: &Harness, parent: &str) -> String {
    let parent = Some(accessor(h, parent));
    h.grant(Grant { policies: vec!["lend".to_owned()], parent, ttl: 36_000, ..Grant::default() })
        .await
        .unwrap()
}
