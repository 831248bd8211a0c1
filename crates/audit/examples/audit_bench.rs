//! Measures what an audited KV v2 read costs: `cargo run --release --example audit_bench [FILE]`.
//!
//! Both entries of a read with a 400-byte secret, first as pure rendering and queueing into a
//! discarding device, then from 32 tasks through a file device, each waiting until written.

use serde_json::json;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;
use strongroom_audit::{AuthView, Broker, DeviceConfig, Entry, Phase, RequestView, ResponseView};
use strongroom_crypto::SystemRandom;
use strongroom_wire::{Clock, Map, SystemClock};

const TASKS: usize = 32;
const READS: usize = 200_000;
const TOKENS: usize = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("audit_bench.{}", std::process::id()));
    let file = std::env::args().nth(1).unwrap_or_else(|| folder.join("audit.log").display().to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let broker = enabled("discard").await?;
        rendering(&broker).await?;
        let broker = enabled(&file).await?;
        waiting(broker).await
    })?;
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

async fn enabled(path: &str) -> Result<Arc<Broker>, Box<dyn std::error::Error>> {
    let broker = Arc::new(Broker::new(Arc::new(SystemRandom), Arc::new(SystemClock)));
    let options = BTreeMap::from([("file_path".to_owned(), path.to_owned())]);
    broker.enable("bench", DeviceConfig::new("file", "", options, false)).await?;
    Ok(broker)
}

async fn rendering(broker: &Broker) -> Result<(), Box<dyn std::error::Error>> {
    let read = Read::new();
    let (mut spent, start) = (std::time::Duration::ZERO, Instant::now());
    for n in 0..READS {
        for phase in [Phase::Request, Phase::Response] {
            let before = Instant::now();
            let pending = broker.submit(&read.entry(n, phase));
            spent += before.elapsed();
            pending.written().await?;
        }
    }
    let entries = 2.0 * READS as f64;
    println!(
        "render and queue: {:.2} us an entry, {:.0} entries/s; one after the other, with waiting: {:.0} entries/s",
        spent.as_secs_f64() * 1e6 / entries,
        entries / spent.as_secs_f64(),
        entries / start.elapsed().as_secs_f64(),
    );
    Ok(())
}

async fn waiting(broker: Arc<Broker>) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let broker = Arc::clone(&broker);
        tasks.spawn(async move {
            let read = Read::new();
            for n in 0..READS / TASKS {
                for phase in [Phase::Request, Phase::Response] {
                    broker.submit(&read.entry(n * TASKS + task, phase)).written().await?;
                }
            }
            Ok::<(), strongroom_audit::AuditFailed>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let spent = start.elapsed().as_secs_f64();
    let Some(status) = broker.status().pop() else { return Ok(()) };
    println!(
        "file, {TASKS} tasks: {:.2} us a read (two entries), {:.0} reads/s, {:.1} entries a write, {} bytes an entry",
        spent * 1e6 / READS as f64,
        READS as f64 / spent,
        status.health.written as f64 / status.health.batches as f64,
        status.health.bytes / status.health.written.max(1),
    );
    Ok(())
}

/// The parts of a typical read.
struct Read {
    tokens: Vec<(String, String)>,
    policies: Vec<String>,
    data: Map,
}

impl Read {
    fn new() -> Self {
        let secret = json!({
            "data": { "password": "x".repeat(400) },
            "metadata": {
                "created_time": "2026-11-24T17:00:00.123456789Z", "custom_metadata": null,
                "deletion_time": "", "destroyed": false, "version": 1
            }
        });
        let token = |n: usize| (format!("hvs.{n:090}"), format!("{n:024}"));
        Self {
            tokens: (0..TOKENS).map(token).collect(),
            policies: vec!["app".to_owned(), "default".to_owned()],
            data: secret.as_object().cloned().unwrap_or_default(),
        }
    }

    fn entry(&self, n: usize, phase: Phase) -> Entry<'_> {
        let (token, accessor) = self.tokens.get(n * 7919 % TOKENS).map_or(("", ""), |(t, a)| (t, a));
        let response = ResponseView { data: Some(&self.data), ..ResponseView::default() };
        Entry {
            phase,
            time: SystemClock.now(),
            auth: Some(AuthView {
                client_token: token,
                accessor,
                display_name: "approle",
                policies: &self.policies,
                namespace: "root",
                token_policies: &self.policies,
                policy_results: Some((true, vec![("app", "acl")])),
                token_type: "service",
                token_ttl: 3600,
                token_issue_time: "2026-11-24T17:00:00Z",
                ..AuthView::default()
            }),
            request: RequestView {
                id: "0a1b2c3d-0000-4000-8000-00000000abcd",
                operation: "read",
                path: "secret/data/team/app/database",
                mount_type: "kv",
                mount_point: "secret/",
                mount_accessor: "kv_1234abcd",
                mount_class: "secret",
                client_token: token,
                client_token_accessor: accessor,
                data: None,
                clear_keys: &[],
                remote_address: Ipv4Addr::LOCALHOST.into(),
                remote_port: 50_000,
                wrap_ttl: 0,
                headers: Vec::new(),
                namespace: ("root", ""),
                client_certificate_serial_number: "",
            },
            response: (phase == Phase::Response).then_some(response),
            error: "",
        }
    }
}
