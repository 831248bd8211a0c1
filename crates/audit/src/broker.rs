//! All devices together.

#[cfg(test)]
mod tests;

use crate::config::{self, ConfigError, DeviceConfig, Settings};
use crate::device::{Device, Surroundings};
use crate::sink;
use crate::status::DeviceStatus;
use crate::ticket::{Pending, Settled, Ticket};
use crate::{Entry, Phase, RequestView};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use strongroom_crypto::{Random, Secret, random};
use strongroom_wire::Clock;
use tokio::sync::Mutex;

/// No device took the entry: the request must not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFailed;

/// How long entries wait and how many bytes of them may.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A device that is busy with one write for longer counts as failed. For sockets with a longer
    /// `write_timeout`, that counts.
    pub deadline: Duration,
    /// Bytes that may wait for each device; an entry that finds no room counts as failed.
    pub queue_bytes: usize,
}

/// All enabled devices.
pub struct Broker {
    devices: ArcSwap<Vec<Arc<Device>>>,
    /// Held while devices come and go.
    changing: Mutex<()>,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

/// A device that was enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enabled {
    /// The configuration to persist, with its salt.
    pub config: DeviceConfig,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// One device as `sys/audit` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Where it is mounted, with a slash at the end.
    pub path: String,
    /// Its configuration.
    pub config: DeviceConfig,
}

/// Why a device was not enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnableError {
    /// The path is empty or holds what no path may hold.
    BadPath,
    /// A device is enabled there, above or below.
    PathInUse(String),
    /// The configuration was refused.
    Config(ConfigError),
    /// The target could not be opened.
    Open(String),
    /// The test entry could not be written.
    Test(String),
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(2), queue_bytes: 16 << 20 }
    }
}

impl Broker {
    /// A broker without devices.
    pub fn new(random: Arc<dyn Random>, clock: Arc<dyn Clock>) -> Self {
        Self::with_limits(random, clock, Limits::default())
    }

    /// A broker with limits of its own.
    pub fn with_limits(random: Arc<dyn Random>, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self { devices: ArcSwap::default(), changing: Mutex::new(()), random, clock, limits }
    }

    /// Whether no device is enabled, so that nothing is to be rendered.
    pub fn is_idle(&self) -> bool {
        self.devices.load().is_empty()
    }

    /// Renders the entry for every device and queues it. Cheap when idle.
    pub fn submit(&self, entry: &Entry<'_>) -> Pending {
        loop {
            let devices = self.devices.load();
            if devices.is_empty() {
                return Pending::idle();
            }
            let ticket = Ticket::new(devices.len());
            let mut taken = false;
            let mut pending = Pending::on(Arc::clone(&ticket));
            for device in devices.iter() {
                if device.submit(entry, &ticket, &mut pending.asleep) {
                    taken = true;
                } else {
                    // Nobody waits yet, so nobody is to be woken.
                    ticket.failed(&mut Settled::default());
                }
            }
            // All were disabled since the list was read: the list has changed, and what it says now counts.
            if taken || devices.iter().any(|device| self.holds(device)) {
                return pending;
            }
        }
    }

    /// Enables a device: opens its target, writes a test entry unless `skip_test` is set, and only then
    /// sends it entries.
    pub async fn enable(&self, path: &str, config: DeviceConfig) -> Result<Enabled, EnableError> {
        let _changing = self.changing.lock().await;
        let (path, config, settings) = self.prepare(path, config)?;
        let warnings = unknown_options(&path, &settings);
        let skip_test = settings.skip_test;
        // Without a test a receiver may come up later; a file that cannot be opened is a mistake.
        let must_open = !skip_test || settings.sink.patience().is_none();
        let device = self.start(&path, config.clone(), settings, must_open).await?;
        if !skip_test {
            self.test(&device).await?;
        }
        self.add(device);
        Ok(Enabled { config, warnings })
    }

    /// Enables a device that was persisted. One whose target cannot be opened now is enabled
    /// nevertheless, as failed: it tries again with each entry.
    pub async fn restore(&self, path: &str, config: DeviceConfig) -> Result<(), EnableError> {
        let _changing = self.changing.lock().await;
        let (path, config, settings) = self.prepare(path, config)?;
        unknown_options(&path, &settings);
        let device = self.start(&path, config, settings, false).await?;
        self.add(device);
        Ok(())
    }

    /// Disables a device once what waits for it is written. False when there is none.
    pub async fn disable(&self, path: &str) -> bool {
        let _changing = self.changing.lock().await;
        let path = path.trim_matches('/');
        let Some(device) = self.find(path) else { return false };
        self.devices
            .rcu(|devices| devices.iter().filter(|d| !Arc::ptr_eq(d, &device)).cloned().collect::<Vec<_>>());
        device.close().await;
        true
    }

    /// Disables all devices, at seal and shutdown.
    pub async fn disable_all(&self) {
        let _changing = self.changing.lock().await;
        for device in self.devices.swap(Arc::default()).iter() {
            device.close().await;
        }
    }

    /// All devices, by path.
    pub fn devices(&self) -> Vec<DeviceInfo> {
        let info = |d: &Arc<Device>| DeviceInfo { path: format!("{}/", d.path), config: d.config.clone() };
        self.devices.load().iter().map(info).collect()
    }

    /// The hash that the device at the path writes for a value; none without such a device.
    pub fn hash(&self, path: &str, value: &[u8]) -> Option<String> {
        self.find(path.trim_matches('/')).map(|device| device.hash(value))
    }

    /// Reopens all targets, as after a rotation of files. Answers the paths that failed and why.
    pub async fn reopen_all(&self) -> Vec<(String, String)> {
        let mut failures = Vec::new();
        for device in self.devices.load_full().iter() {
            if let Err(error) = device.reopen().await {
                failures.push((format!("{}/", device.path), error));
            }
        }
        failures
    }

    /// How all devices fare, by path.
    pub fn status(&self) -> Vec<DeviceStatus> {
        self.devices.load().iter().map(|device| device.status()).collect()
    }

    fn prepare(
        &self,
        path: &str,
        mut config: DeviceConfig,
    ) -> Result<(String, DeviceConfig, Settings), EnableError> {
        let path = path.trim_matches('/');
        if path.is_empty() || path.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(EnableError::BadPath);
        }
        if let Some(taken) = self.devices.load().iter().find(|device| overlap(&device.path, path)) {
            return Err(EnableError::PathInUse(format!("{}/", taken.path)));
        }
        let settings = config::settings(&config).map_err(EnableError::Config)?;
        if config.salt.expose().is_empty() {
            config.salt = Secret::new(random::base62(self.random.as_ref(), SALT_LENGTH));
        }
        Ok((path.to_owned(), config, settings))
    }

    /// Opens the target off the runtime and starts the device.
    async fn start(
        &self,
        path: &str,
        config: DeviceConfig,
        settings: Settings,
        must_open: bool,
    ) -> Result<Arc<Device>, EnableError> {
        let mut sink = sink::build(&settings.sink);
        let opening = tokio::task::spawn_blocking(move || {
            let opened = sink.open();
            (sink, opened)
        });
        let limit = self.limits.deadline.max(settings.sink.patience().unwrap_or_default() * 5 / 4);
        let (sink, opened) = match tokio::time::timeout(limit, opening).await {
            Ok(Ok((sink, opened))) => (sink, opened.map_err(|e| e.to_string())),
            // The attempt goes on in its own thread and is forgotten.
            _ => (sink::build(&settings.sink), Err("opening it takes too long".to_owned())),
        };
        if must_open && let Err(error) = &opened {
            return Err(EnableError::Open(error.clone()));
        }
        let around = Surroundings {
            random: self.random.as_ref(),
            clock: Arc::clone(&self.clock),
            limits: self.limits,
        };
        let device = Device::start(path, config, settings, sink, &around)
            .map_err(|e| EnableError::Open(format!("cannot start its threads: {e}")))?;
        if let Err(error) = opened {
            device.note_failure(&error);
        }
        Ok(Arc::new(device))
    }

    /// Writes an entry that tells of nothing, to learn whether the device takes any.
    async fn test(&self, device: &Device) -> Result<(), EnableError> {
        let id = random::uuid(self.random.as_ref());
        let entry = test_entry(&id, self.clock.now());
        let ticket = Ticket::new(1);
        let mut pending = Pending::on(Arc::clone(&ticket));
        if !device.submit(&entry, &ticket, &mut pending.asleep) || pending.written().await.is_err() {
            device.close().await;
            let why = device.status().health.error.unwrap_or_else(|| "it has ended".to_owned());
            return Err(EnableError::Test(why));
        }
        Ok(())
    }

    fn add(&self, device: Arc<Device>) {
        self.devices.rcu(|devices| {
            let mut devices: Vec<_> = devices.iter().cloned().chain([Arc::clone(&device)]).collect();
            devices.sort_by(|a, b| a.path.cmp(&b.path));
            devices
        });
    }

    fn find(&self, path: &str) -> Option<Arc<Device>> {
        self.devices.load().iter().find(|device| device.path == path).cloned()
    }

    fn holds(&self, device: &Arc<Device>) -> bool {
        self.devices.load().iter().any(|d| Arc::ptr_eq(d, device))
    }
}

impl std::fmt::Display for AuditFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no audit device could write the entry")
    }
}

impl std::error::Error for AuditFailed {}

impl std::fmt::Display for EnableError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadPath => f.write_str("the path of an audit device must not be empty or hold white space"),
            Self::PathInUse(path) => write!(f, "path already in use: {path}"),
            Self::Config(error) => error.fmt(f),
            Self::Open(why) => write!(f, "audit device cannot be opened: {why}"),
            Self::Test(why) => write!(f, "audit device failed its test entry: {why}"),
        }
    }
}

impl std::error::Error for EnableError {}

/// Letters and digits of a salt: more than 256 bits.
const SALT_LENGTH: usize = 43;

/// Whether one path is the other or lies below it.
fn overlap(a: &str, b: &str) -> bool {
    let below =
        |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below(a, b) || below(b, a)
}

fn unknown_options(path: &str, settings: &Settings) -> Vec<String> {
    let warn = |name: &String| {
        tracing::warn!(device = %path, option = %name, "audit device ignores an unknown option");
        format!("audit device option {name:?} is unknown and ignored")
    };
    settings.unknown.iter().map(warn).collect()
}

fn test_entry(id: &str, time: jiff::Timestamp) -> Entry<'_> {
    let request = RequestView {
        id,
        operation: "update",
        path: "sys/audit/test",
        mount_type: "system",
        mount_point: "sys/",
        mount_accessor: "",
        mount_class: "secret",
        client_token: "",
        client_token_accessor: "",
        data: None,
        clear_keys: &[],
        remote_address: std::net::Ipv4Addr::LOCALHOST.into(),
        remote_port: 0,
        wrap_ttl: 0,
        headers: Vec::new(),
        namespace: ("root", ""),
        client_certificate_serial_number: "",
    };
    Entry { phase: Phase::Request, time, auth: None, request, response: None, error: "" }
}
