//! The life of a server: opened, started, told things by signals, stopped.

use super::options::Options;
use super::process::PidFile;
use super::{assembly, banner, notify};
use crate::config::{self, Config};
use crate::log::{Format, Levels, Log};
use crate::stores::Opened;
use std::sync::Arc;
use std::time::Duration;
use strongroom_barrier::snapshot;
use strongroom_cli::{Context, Failure};
use strongroom_core::Core;
use strongroom_core::loggers::Level;
use strongroom_http::{Bind, Bound, RequestLog, Running};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a start begins with.
pub(super) struct Start {
    pub(super) options: Options,
    pub(super) config: Config,
    pub(super) levels: Arc<Levels>,
    pub(super) level: Level,
    pub(super) format: Format,
    pub(super) log: Log,
    pub(super) request_log: RequestLog,
}

/// How long requests at work may take when the server stops.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs a server until it is told to stop.
pub(super) async fn run(cx: &mut Context<'_>, start: Start) -> Result<(), Failure> {
    // Before anything else, so that a signal during the start is not lost.
    let mut signals = Signals::new().map_err(|e| Failure::local(format!("Error taking signals: {e}")))?;
    let listeners = bind(&start.config).await?;
    let pid_file = start.config.pid_file.as_deref().map(PidFile::write).transpose();
    let pid_file = pid_file.map_err(|e| Failure::local(format!("Error writing the pid_file: {e}")))?;
    let opened = open(&start.config).await?;
    let outcome = serve(cx, &start, listeners, &opened, &mut signals).await;
    opened.close().await;
    if let Some(dev) = &start.options.dev {
        dev.clean_up();
    }
    drop(pid_file);
    outcome
}

async fn serve(
    cx: &mut Context<'_>,
    start: &Start,
    listeners: Vec<Bound>,
    opened: &Opened,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let url = listeners.first().map(Bound::url).unwrap_or_default();
    let api_addr = start.config.api_addr.clone().unwrap_or_else(|| url.clone());
    let core = assembly::core(opened.store(), start, api_addr)
        .map_err(|e| Failure::local(format!("Error starting: {e}")))?;
    let ready = match &start.options.dev {
        Some(dev) => Some(dev.set_up(&core).await?),
        None => None,
    };
    banner::configuration(cx, start, &listeners, &core.settings);
    for warning in &start.config.warnings {
        tracing::warn!("configuration: {warning}");
    }
    for listener in &listeners {
        tracing::info!(address = listener.address(), "listening");
    }
    let running = strongroom_http::serve(core.clone(), listeners);
    if let (Some(dev), Some(ready)) = (&start.options.dev, &ready) {
        banner::dev(cx, dev, ready, &url);
    }
    start.log.release();
    notify::ready();
    until_stopped(start, &core, &running, signals).await;
    stop(&core, running, signals).await;
    Ok(())
}

async fn bind(config: &Config) -> Result<Vec<Bound>, Failure> {
    let mut bound = Vec::with_capacity(config.listeners.len());
    for settings in &config.listeners {
        let place = match &settings.bind {
            Bind::Tcp(address) => format!("tcp listener at {address}"),
            Bind::Unix { path, .. } => format!("unix listener at {}", path.display()),
        };
        let listener = strongroom_http::bind(settings.clone()).await;
        bound.push(listener.map_err(|e| Failure::local(format!("Error initializing the {place}: {e}")))?);
    }
    Ok(bound)
}

async fn open(config: &Config) -> Result<Opened, Failure> {
    let storage = config.storage.clone().ok_or_else(|| Failure::local("A storage stanza is missing"))?;
    let opened = tokio::task::spawn_blocking(move || Opened::open(&storage)).await;
    let opened = opened.map_err(|e| Failure::local(format!("Error opening the storage: {e}")))?;
    let opened = opened.map_err(|why| Failure::local(format!("Error initializing storage: {why}")))?;
    match snapshot::is_unfinished(&*opened.store()).await {
        Ok(false) => Ok(opened),
        Ok(true) => Err(Failure::local(
            "The storage is a copy that operator migrate has not completed: run that command again first",
        )),
        Err(e) => Err(Failure::local(format!("Error reading the storage: {e}"))),
    }
}

async fn until_stopped(start: &Start, core: &Arc<Core>, running: &Running, signals: &mut Signals) {
    while let Told::Reload = signals.next().await {
        notify::reloading();
        reload(start, core, running).await;
        notify::ready();
    }
}

/// Certificates, log level and files, and audit files anew. What fails stays as it was.
async fn reload(start: &Start, core: &Arc<Core>, running: &Running) {
    tracing::info!("reloading");
    start.log.reopen();
    for error in running.reload_certificates() {
        tracing::error!(%error, "certificates were not reloaded; the old ones stay in use");
    }
    for (path, error) in core.audit.reopen_all().await {
        tracing::error!(path, error, "an audit device could not be opened again");
    }
    match config::load(&start.options.config) {
        Err(error) => tracing::error!(%error, "the configuration cannot be read; the log level stays"),
        Ok(config) => {
            let level = start.options.log_level.as_deref().or(config.log_level.as_deref()).unwrap_or("info");
            match Level::parse(level) {
                Some(level) => start.levels.configure(level),
                None => tracing::error!(level, "there is no such log level; the old one stays"),
            }
            match super::requests_level(&config) {
                Ok(level) => start.request_log.set(level),
                Err(error) => tracing::error!(error, "log_requests_level stays as it was"),
            }
        }
    }
}

/// Nothing is printed here but by way of the log: a pipe that nobody reads must not keep the server.
async fn stop(core: &Arc<Core>, running: Running, signals: &mut Signals) {
    tracing::info!("stopping");
    notify::stopping();
    tokio::select! {
        cut = running.stop(PATIENCE) => {
            if cut > 0 {
                tracing::warn!(connections = cut, "connections were cut off");
            }
        }
        // A second signal is impatience.
        Told::Stop = signals.next() => tracing::warn!("stopping at once"),
    }
    core.seal().await;
    tracing::info!("stopped");
}

/// What a signal says.
enum Told {
    Reload,
    Stop,
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Stop,
        }
    }
}
