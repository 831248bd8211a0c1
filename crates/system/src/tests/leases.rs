use super::{list, read, write};
use crate::System;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use strongroom_core::core::Plugs;
use strongroom_core::{
    BoxFuture, Call, Class, Core, Engine, Fault, LeaseGrant, Map, Mount, Operation, Response, Route,
    RouteTable, Txn,
};
use strongroom_testkit::Harness;

/// Gives leases; while it is stuck it cannot undo them.
struct Lender {
    stuck: Arc<AtomicBool>,
}

fn lend(_call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async {
        let lease = LeaseGrant { ttl: 600, renewable: true, ..LeaseGrant::default() };
        Ok(Response { lease: Some(Box::new(lease)), ..Response::json(json!({ "user": "u" })) })
    })
}

impl Engine for Lender {
    fn kind(&self) -> &'static str {
        "lender"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        Arc::new(RouteTable::new(vec![Route::new("creds/{name}", "Lends.", &[]).on(Operation::Read, lend)]))
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
        _core: &'a Arc<Core>,
        txn: &'a mut Txn,
        _internal: &'a Map,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            // What a failing engine leaves behind must not be committed.
            txn.put(b"root/half-done", &strongroom_core::lease::Mark {})?;
            if self.stuck.load(Ordering::Relaxed) {
                return Err(Fault::invalid("the engine is stuck"));
            }
            txn.delete(b"root/half-done");
            Ok(())
        })
    }
}

async fn lending() -> (Harness, Arc<AtomicBool>) {
    let stuck = Arc::new(AtomicBool::new(false));
    let lender = Lender { stuck: stuck.clone() };
    let plugs = Plugs::default().engine(Arc::new(System::new())).engine(Arc::new(lender));
    let h = Harness::start(plugs).await;
    for path in ["db/", "dbx/"] {
        h.mount(Class::Secret, path, "lender", &[]).await.unwrap();
    }
    (h, stuck)
}

async fn borrow(h: &Harness, path: &str) -> String {
    read(h, path).await.at("/lease_id").as_str().unwrap().to_owned()
}

async fn is_there(h: &Harness, id: &str) -> bool {
    write(h, "sys/leases/lookup", json!({ "lease_id": id })).await == 200
}

#[tokio::test]
async fn leases_are_shown_listed_and_renewed() {
    let (h, _) = lending().await;
    let id = borrow(&h, "db/creds/a").await;
    borrow(&h, "db/creds/b").await;
    borrow(&h, "dbx/creds/a").await;
    let shown = h.call(Operation::Update, "sys/leases/lookup", json!({ "lease_id": id })).await;
    assert_eq!((shown.at("/data/ttl"), shown.at("/data/last_renewal")), (json!(600), Value::Null));
    assert_eq!(list(&h, "sys/leases/lookup").await.at("/data/keys"), json!(["db/", "dbx/"]));
    assert_eq!(list(&h, "sys/leases/lookup/db/creds").await.at("/data/keys"), json!(["a/", "b/"]));
    assert_eq!(list(&h, "sys/leases/lookup/db/none").await.status, 404);
    h.clock.advance(jiff::SignedDuration::from_secs(100));
    for (path, body) in [
        ("sys/leases/renew".to_owned(), json!({ "lease_id": id, "increment": "20m" })),
        (format!("sys/leases/renew/{id}"), json!({ "increment": 1200 })),
        ("sys/renew".to_owned(), json!({ "lease_id": id, "increment": "1200" })),
        (format!("sys/renew/{id}"), json!({ "increment": 1200 })),
    ] {
        let renewed = h.call(Operation::Update, &path, body).await;
        assert_eq!(
            (renewed.at("/lease_id"), renewed.at("/lease_duration")),
            (json!(id), json!(1200)),
            "{path}"
        );
    }
    for refused in
        [json!({}), json!({ "lease_id": "db/none" }), json!({ "lease_id": id, "increment": "soon" })]
    {
        assert_eq!(write(&h, "sys/leases/renew", refused).await, 400);
    }
    assert_eq!(write(&h, "sys/leases/lookup/db/creds", json!({ "lease_id": id })).await, 405);
}

#[tokio::test]
async fn leases_are_revoked_in_every_form() {
    let (h, _) = lending().await;
    for form in 0..4 {
        let id = borrow(&h, "db/creds/a").await;
        let body = json!({ "lease_id": id, "sync": form == 0 });
        let done = match form {
            0 | 1 => write(&h, "sys/leases/revoke", body).await,
            2 => write(&h, &format!("sys/leases/revoke/{id}"), json!({})).await,
            _ => write(&h, &format!("sys/revoke/{id}"), json!({})).await,
        };
        assert_eq!((done, is_there(&h, &id).await), (204, false));
    }
    assert_eq!(write(&h, "sys/leases/revoke", json!({})).await, 400);
    assert_eq!(write(&h, "sys/leases/revoke", json!({ "lease_id": "no/such" })).await, 204);
}

#[tokio::test]
async fn prefixes_are_revoked_up_to_a_slash() {
    let (h, _) = lending().await;
    let (a, b) = (borrow(&h, "db/creds/a").await, borrow(&h, "db/creds/b").await);
    let other = borrow(&h, "dbx/creds/a").await;
    assert_eq!(write(&h, "sys/leases/revoke-prefix", json!({})).await, 400);
    assert_eq!(write(&h, "sys/leases/revoke-prefix/db/creds/a", json!({ "sync": true })).await, 204);
    assert_eq!((is_there(&h, &a).await, is_there(&h, &b).await), (false, true));
    assert_eq!(write(&h, "sys/revoke-prefix/db", json!({})).await, 204);
    assert_eq!((is_there(&h, &b).await, is_there(&h, &other).await), (false, true));
}

#[tokio::test]
async fn a_stuck_engine_keeps_its_leases_unless_forced() {
    let (h, stuck) = lending().await;
    let id = borrow(&h, "db/creds/a").await;
    stuck.store(true, Ordering::Relaxed);
    assert_eq!(write(&h, "sys/leases/revoke", json!({ "lease_id": id, "sync": true })).await, 400);
    for _ in 0..6 {
        assert_eq!(write(&h, "sys/leases/revoke", json!({ "lease_id": id })).await, 204);
    }
    assert!(!h.core.txn().exists(b"root/half-done").await.unwrap());
    assert_eq!(read(&h, "sys/leases").await.status, 400);
    let query = json!({ "type": "irrevocable" });
    let stuck_ones = h.call(Operation::Read, "sys/leases", query.clone()).await;
    assert_eq!(
        (stuck_ones.at("/data/lease_count"), stuck_ones.at("/data/leases/0/lease_id")),
        (json!(1), json!(id))
    );
    assert!(stuck_ones.at("/data/leases/0/error").as_str().unwrap().contains("the engine is stuck"));
    let counts = h.call(Operation::Read, "sys/leases/count", query).await;
    assert_eq!(counts.at("/data"), json!({ "lease_count": 1, "counts": { "db/": 1 } }));
    assert_eq!(write(&h, "sys/leases/revoke-force/db", json!({ "sync": true })).await, 204);
    assert!(!is_there(&h, &id).await);
}
