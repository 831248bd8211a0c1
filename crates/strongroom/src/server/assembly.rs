//! The parts of the server and their assembly.

use super::running::Start;
use crate::config;
use std::sync::Arc;
use strongroom_audit::Broker;
use strongroom_auth::approle::AppRole;
use strongroom_auth::cert::CertAuth;
use strongroom_auth::jwt::JwtAuth;
use strongroom_auth::kubernetes::KubernetesAuth;
use strongroom_auth::userpass::UserPass;
use strongroom_barrier::{Barrier, Options};
use strongroom_core::core::{Parts, Plugs, Settings};
use strongroom_core::{Core, Fault};
use strongroom_crypto::random::SystemRandom;
use strongroom_engines::{Cubbyhole, Kv, Transit};
use strongroom_http::HttpOut;
use strongroom_storage::Store;
use strongroom_system::{Identity, System, TokenMethod};
use strongroom_wire::{Clock, SystemClock};

/// A sealed core on a store.
pub(super) fn core(store: Arc<dyn Store>, start: &Start, api_addr: String) -> Result<Arc<Core>, Fault> {
    let random = Arc::new(SystemRandom);
    let clock = Arc::new(SystemClock);
    let mut options = Options::new(|| SystemClock.now());
    if let Some(bytes) = start.config.cache_bytes {
        options.cache_bytes = bytes;
    }
    Core::new(Parts {
        barrier: Arc::new(Barrier::new(store, random.clone(), options)),
        audit: Arc::new(Broker::new(random.clone(), clock.clone())),
        clock,
        random,
        plugs: plugs(),
        settings: settings(start, api_addr),
    })
}

/// All engines and auth methods. A new one is one line here.
pub fn plugs() -> Plugs {
    Plugs::default()
        .engine(Arc::new(System::with(strongroom_engines::kv::transfer_routes())))
        .engine(Arc::new(Identity))
        .engine(Arc::new(Cubbyhole::default()))
        .engine(Arc::new(Kv::default()))
        .engine(Arc::new(Transit::default()))
        .auth(Arc::new(TokenMethod))
        .auth(Arc::new(UserPass::new()))
        .auth(Arc::new(AppRole::new()))
        .auth(Arc::new(JwtAuth::new()))
        .auth(Arc::new(JwtAuth::oidc()))
        .auth(Arc::new(KubernetesAuth::new()))
        .auth(Arc::new(CertAuth::new()))
}

fn settings(start: &Start, api_addr: String) -> Settings {
    let config = &start.config;
    let usual = Settings::default();
    let default_lease_ttl = config.default_lease_ttl.filter(|t| *t > 0).unwrap_or(usual.default_lease_ttl);
    let max_lease_ttl = config.max_lease_ttl.filter(|t| *t > 0).unwrap_or(usual.max_lease_ttl);
    Settings {
        default_lease_ttl: default_lease_ttl.min(max_lease_ttl),
        max_lease_ttl,
        api_addr,
        cluster_addr: config.cluster_addr.clone().unwrap_or_default(),
        cluster_name: config.cluster_name.clone().unwrap_or(usual.cluster_name.clone()),
        node_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        build_date: strongroom_cli::BUILD_DATE,
        ui: false,
        lockout: config.lockout.clone(),
        sanitized: config::sanitized(config, start.level.as_str(), start.format.as_str()),
        log_levels: Some(start.levels.clone()),
        outbound: Some(Arc::new(HttpOut::default())),
        ..usual
    }
}
