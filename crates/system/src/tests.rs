//! What can only be seen with the whole pipeline around the handlers.

mod audit;
mod identity;
mod keys;
mod leases;
mod mounts;
mod names;
mod namespaces;
mod outlived;
mod permissions;
mod policy_lint;
mod quotas;
mod routes;
mod settings;
mod snapshots;
mod tokens;
mod wrapping;

use crate::System;
use serde_json::Value;
use std::sync::Arc;
use strongroom_core::core::Plugs;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{AuthMethod, BoxFuture, Core, Engine, Fault, Mount, Operation, RouteTable, Txn};
use strongroom_testkit::{Harness, Reply};

async fn start() -> Harness {
    let plugs = Plugs::default()
        .engine(Arc::new(System::new()))
        .engine(Arc::new(Plug("kv")))
        .auth(Arc::new(Plug("userpass")));
    Harness::start(plugs).await
}

async fn read(h: &Harness, path: &str) -> Reply {
    h.call(Operation::Read, path, Value::Null).await
}

async fn list(h: &Harness, path: &str) -> Reply {
    h.call(Operation::List, path, Value::Null).await
}

async fn write(h: &Harness, path: &str, body: Value) -> u16 {
    h.call(Operation::Update, path, body).await.status
}

async fn delete(h: &Harness, path: &str) -> u16 {
    h.call(Operation::Delete, path, Value::Null).await.status
}

/// Something to mount.
struct Plug(&'static str);

impl Engine for Plug {
    fn kind(&self) -> &'static str {
        self.0
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        Arc::default()
    }
}

impl AuthMethod for Plug {
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
