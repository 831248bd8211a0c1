//! How the request pipeline scales, without sockets: KV v2 reads of random secrets through a core in
//! this process, on one worker thread and on two in turns, as a line of JSON: reads each second, and the
//! processor time of a read in microseconds, which should be the same.
//!
//!     pipeline SECONDS

use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use strongroom_audit::Broker;
use strongroom_barrier::{Barrier, Options, SealConfig};
use strongroom_bench::{Failed, argument, name, policy, secret};
use strongroom_core::core::{Parts, Plugs, Settings};
use strongroom_core::{Body, Core, Operation, Path, Remote, Request};
use strongroom_crypto::{Random, Secret, SystemRandom, random};
use strongroom_engines::{Cubbyhole, Kv};
use strongroom_storage::MemoryStore;
use strongroom_system::{System, TokenMethod};
use strongroom_wire::{Clock, Map, SystemClock};
use tokio::runtime::{Builder, Runtime};

const SECRETS: usize = 10_000;
const TOKENS: usize = 100;
const CALLERS: usize = 32;
const ROUNDS: u32 = 3;

fn main() -> Result<(), Failed> {
    let time = Duration::from_secs_f64(argument(1, "seconds for each thread count")?.parse()?) / ROUNDS;
    let (one, two) = (runtime(1)?, runtime(2)?);
    let server = Arc::new(one.block_on(Server::start())?);
    let (mut alone, mut both) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(reads(&one, &server, time)?);
        both.push(reads(&two, &server, time)?);
    }
    let [one, one_cpu] = medians(&alone);
    let [two, two_cpu] = medians(&both);
    println!("{}", json!({"one": one, "two": two, "one_cpu": one_cpu, "two_cpu": two_cpu}));
    Ok(())
}

fn medians(rounds: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|place| {
        let mut values: Vec<f64> = rounds.iter().filter_map(|round| round.get(place).copied()).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    })
}

/// The processor time of this process, in the kernel's ticks of ten milliseconds.
fn ticks() -> Result<f64, Failed> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let times = fields.skip(11).take(2).map(str::parse::<f64>);
    Ok(times.sum::<Result<f64, _>>()?)
}

fn runtime(threads: usize) -> Result<Runtime, Failed> {
    Ok(Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}

fn reads(runtime: &Runtime, server: &Arc<Server>, time: Duration) -> Result<[f64; 2], Failed> {
    let (begun, before) = (Instant::now(), ticks()?);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let server = server.clone();
            runtime.spawn(async move {
                let (mut done, mut turn) = (0_u32, caller * 7919);
                while begun.elapsed() < time {
                    for _ in 0..16 {
                        turn = turn
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        server.read(turn >> 33).await?;
                    }
                    done += 16;
                }
                Ok::<_, Failed>(done)
            })
        })
        .collect();
    let mut done = 0.0;
    for caller in callers {
        done += f64::from(runtime.block_on(caller)??);
    }
    Ok([done / begun.elapsed().as_secs_f64(), (ticks()? - before) * 1e4 / done])
}

/// A core with secrets and tokens.
struct Server {
    core: Arc<Core>,
    names: Vec<String>,
    tokens: Vec<String>,
}

impl Server {
    async fn start() -> Result<Self, Failed> {
        let core = core()?;
        core.barrier.init(SealConfig::new(1, 1)?).await?;
        let root = core.bootstrap().await.map_err(|e| format!("{e:?}"))?.token.expose().clone();
        core.go_live();
        let mut server = Self { core, names: Vec::new(), tokens: Vec::new() };
        let kv = json!({"type": "kv", "options": {"version": "2"}});
        server.call(&root, Operation::Update, "sys/mounts/secret", kv).await?;
        for _ in 0..SECRETS {
            let name = name(&SystemRandom);
            let body = json!({"data": secret(&SystemRandom)});
            server.call(&root, Operation::Update, &format!("secret/data/{name}"), body).await?;
            server.names.push(name);
        }
        for number in 0..TOKENS {
            let body = json!({"policy": policy(number)});
            server.call(&root, Operation::Update, &format!("sys/policies/acl/bench-{number}"), body).await?;
            let body = json!({"policies": [format!("bench-{number}")]});
            let answer = server.call(&root, Operation::Update, "auth/token/create", body).await?;
            let token = serde_json::from_slice::<Value>(&answer)?;
            let token = token.pointer("/auth/client_token").and_then(Value::as_str).ok_or("no token")?;
            server.tokens.push(token.to_owned());
        }
        Ok(server)
    }

    async fn read(&self, turn: usize) -> Result<(), Failed> {
        let name = self.names.get(turn % self.names.len()).ok_or("no secrets")?;
        let token = self.tokens.get(turn % self.tokens.len()).ok_or("no tokens")?;
        self.call(token, Operation::Read, &format!("secret/data/{name}"), Value::Null).await.map(drop)
    }

    async fn call(
        &self,
        token: &str,
        operation: Operation,
        path: &str,
        body: Value,
    ) -> Result<Vec<u8>, Failed> {
        let request = Request {
            id: random::uuid(&SystemRandom),
            operation,
            path: Path::parse(path)?,
            body: if let Value::Object(map) = body { map } else { Map::new() },
            raw: None,
            token: Some(Secret::new(token.to_owned())),
            remote: Remote { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 4321 },
            headers: http::HeaderMap::new(),
            wrap_ttl: None,
            certificates: Vec::new(),
            namespace: String::new(),
            opens_metrics: false,
        };
        let answer = self.core.handle(request).await;
        let Body::Whole(bytes) = answer.body else { return Err("the answer is a stream".into()) };
        if answer.status >= 300 {
            return Err(format!("{path}: {}: {}", answer.status, String::from_utf8_lossy(&bytes)).into());
        }
        Ok(bytes.to_vec())
    }
}

fn core() -> Result<Arc<Core>, Failed> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let clock = Arc::new(SystemClock);
    let options = Options::new(|| SystemClock.now());
    let barrier = Arc::new(Barrier::new(Arc::new(MemoryStore::new()), random.clone(), options));
    let plugs = Plugs::default()
        .engine(Arc::new(System::new()))
        .engine(Arc::new(Cubbyhole::default()))
        .engine(Arc::new(Kv::default()))
        .auth(Arc::new(TokenMethod));
    let parts = Parts {
        barrier,
        audit: Arc::new(Broker::new(random.clone(), clock.clone())),
        clock,
        random,
        plugs,
        settings: Settings::default(),
    };
    Core::new(parts).map_err(|e| format!("{e:?}").into())
}
