//! Requests that are still at work when the server is sealed under them.

use super::write;
use crate::System;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use strongroom_core::core::Plugs;
use strongroom_core::{BoxFuture, Call, Class, Engine, Fault, Mount, Operation, Response, Route, RouteTable};
use strongroom_testkit::Harness;
use tokio::sync::Semaphore;

static ENTERED: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(0));
static LEAVE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(0));

/// An engine that takes its time.
struct Slow;

impl Engine for Slow {
    fn kind(&self) -> &'static str {
        "slow"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        Arc::new(RouteTable::new(vec![Route::new("secret", "A secret.", &[]).on(Operation::Read, slow)]))
    }
}

fn slow(_call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async {
        ENTERED.add_permits(1);
        LEAVE.acquire().await.unwrap().forget();
        Ok(Response::json(json!({ "secret": "s3cr3t" })))
    })
}

#[tokio::test]
async fn what_the_trail_cannot_hear_of_any_more_is_withheld() {
    let h = Harness::start(Plugs::default().engine(Arc::new(System::new())).engine(Arc::new(Slow))).await;
    h.mount(Class::Secret, "slow/", "slow", &[]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let device = json!({ "type": "file", "options": { "file_path": folder.path().join("audit") } });
    assert_eq!(write(&h, "sys/audit/file", device).await, 204);
    let request = h.request(Some(&h.root), Operation::Read, "slow/secret", Value::Null);
    let core = h.core.clone();
    let mut asked = tokio::spawn(async move { core.handle(request).await });
    tokio::select! {
        entered = ENTERED.acquire() => entered.unwrap().forget(),
        answer = &mut asked => panic!("it did not wait: {}", answer.unwrap().status),
    }
    assert_eq!(write(&h, "sys/seal", Value::Null).await, 204);
    LEAVE.add_permits(1);
    let answer = asked.await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(!format!("{:?}", answer.body).contains("s3cr3t"));
}
