//! Reads `/proc`.

use serde_json::{Map, Value, json};
use std::path::Path;

/// What was found; what could not be read is named, not guessed.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) cpu: Vec<Value>,
    pub(super) cpu_times: Vec<Value>,
    pub(super) disk: Vec<Value>,
    pub(super) host: Map<String, Value>,
    pub(super) memory: Map<String, Value>,
    pub(super) missing: Vec<String>,
}

/// The kernel counts processor time in hundredths of a second, whatever its own clock is.
const TICKS: f64 = 100.0;

impl Host {
    /// Looks at the machine. Blocks.
    pub(super) fn read() -> Self {
        let mut host = Self::default();
        if let Some(text) = host.file("/proc/cpuinfo") {
            host.cpu = processors(&text);
        }
        if let Some(text) = host.file("/proc/stat") {
            host.cpu_times = processor_times(&text);
            host.put("bootTime", first_number(&text, "btime"));
            host.put("procs", first_number(&text, "procs_running"));
        }
        if let Some(text) = host.file("/proc/meminfo") {
            host.memory = memory(&text);
        }
        if let Some(text) = host.file("/proc/uptime") {
            host.put("uptime", whole(text.split_whitespace().next()));
        }
        for (name, path) in [
            ("hostname", "/proc/sys/kernel/hostname"),
            ("kernelVersion", "/proc/sys/kernel/osrelease"),
            ("kernelArch", "/proc/sys/kernel/arch"),
        ] {
            if let Ok(text) = std::fs::read_to_string(path) {
                host.put(name, text.trim().into());
            }
        }
        host.put("os", std::env::consts::OS.into());
        if let Some(text) = host.file("/proc/mounts") {
            host.disk = disks(&text);
        }
        host
    }

    fn file(&mut self, path: &str) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.missing.push(format!("{path} cannot be read: {error}"));
                None
            }
        }
    }

    fn put(&mut self, name: &str, value: Value) {
        self.host.insert(name.to_owned(), value);
    }
}

fn processors(text: &str) -> Vec<Value> {
    let of = |block: &str, wanted: &str| {
        let line = block.lines().find_map(|l| l.split_once(':').filter(|(k, _)| k.trim() == wanted));
        line.map(|(_, v)| v.trim().to_owned()).unwrap_or_default()
    };
    let blocks = text.split("\n\n").filter(|b| b.contains("processor"));
    blocks
        .map(|block| {
            json!({
                "cpu": whole(Some(&of(block, "processor"))),
                "vendorId": of(block, "vendor_id"),
                "family": of(block, "cpu family"),
                "model": of(block, "model"),
                "stepping": whole(Some(&of(block, "stepping"))),
                "physicalId": of(block, "physical id"),
                "coreId": of(block, "core id"),
                "cores": 1,
                "modelName": of(block, "model name"),
                "mhz": of(block, "cpu MHz").parse::<f64>().unwrap_or(0.0),
                "cacheSize": whole(of(block, "cache size").split(' ').next()),
                "flags": of(block, "flags").split_whitespace().collect::<Vec<_>>(),
                "microcode": of(block, "microcode"),
            })
        })
        .collect()
}

fn processor_times(text: &str) -> Vec<Value> {
    let names = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guestNice"];
    let mut all = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next().filter(|n| n.starts_with("cpu") && *n != "cpu") else { continue };
        let mut times = Map::from_iter([("cpu".to_owned(), Value::from(name))]);
        for (name, word) in names.into_iter().zip(words) {
            times.insert(name.to_owned(), (word.parse::<f64>().unwrap_or(0.0) / TICKS).into());
        }
        all.push(Value::Object(times));
    }
    all
}

/// Bytes, under the names that Vault gives them.
fn memory(text: &str) -> Map<String, Value> {
    let of = |wanted: &str| {
        let line = text.lines().find_map(|l| l.split_once(':').filter(|(k, _)| *k == wanted));
        let kilobytes = line.and_then(|(_, v)| v.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or(0).saturating_mul(1024)
    };
    let names = [
        ("total", "MemTotal"),
        ("free", "MemFree"),
        ("available", "MemAvailable"),
        ("buffers", "Buffers"),
        ("cached", "Cached"),
        ("active", "Active"),
        ("inactive", "Inactive"),
        ("dirty", "Dirty"),
        ("shared", "Shmem"),
        ("slab", "Slab"),
        ("swaptotal", "SwapTotal"),
        ("swapfree", "SwapFree"),
        ("swapcached", "SwapCached"),
    ];
    let mut all: Map<String, Value> =
        names.iter().map(|(name, line)| ((*name).to_owned(), of(line).into())).collect();
    let used = of("MemTotal").saturating_sub(of("MemAvailable"));
    all.insert("used".to_owned(), used.into());
    all.insert("usedPercent".to_owned(), percent(used, of("MemTotal")).into());
    all
}

/// The file systems on devices, each once.
fn disks(text: &str) -> Vec<Value> {
    let (mut seen, mut all) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(device), Some(path), Some(kind)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if !device.starts_with("/dev/") || seen.contains(&device) || !Path::new(path).is_dir() {
            continue;
        }
        let Ok(found) = rustix::fs::statvfs(path) else { continue };
        seen.push(device);
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        let used = bytes(found.f_blocks.saturating_sub(found.f_bfree));
        let usable = used.saturating_add(bytes(found.f_bavail));
        all.push(json!({
            "path": path,
            "fstype": kind,
            "total": bytes(found.f_blocks),
            "free": bytes(found.f_bavail),
            "used": used,
            "usedPercent": percent(used, usable),
            "inodesTotal": found.f_files,
            "inodesFree": found.f_ffree,
            "inodesUsed": found.f_files.saturating_sub(found.f_ffree),
        }));
    }
    all
}

#[allow(clippy::cast_precision_loss)]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn first_number(text: &str, name: &str) -> Value {
    let line = text.lines().find_map(|l| l.strip_prefix(name));
    whole(line.map(str::trim))
}

/// The whole part of a number; 0 if there is none.
fn whole(text: Option<&str>) -> Value {
    let digits = text.unwrap_or("").split('.').next().unwrap_or("");
    digits.trim().parse::<u64>().unwrap_or(0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kernels_write() {
        let cpu = processors(
            "processor\t: 0\nmodel name\t: X 1\ncpu MHz\t\t: 2100.5\nflags\t: a b\n\nprocessor\t: 1\n",
        );
        assert_eq!(cpu.len(), 2);
        assert_eq!(
            (&cpu[0]["modelName"], &cpu[0]["mhz"], &cpu[1]["cpu"]),
            (&json!("X 1"), &json!(2100.5), &json!(1))
        );
        let stat = "cpu  1 2 3\ncpu0 100 0 50 900 0 0 0 0 0 0\nbtime 1700000000\nprocs_running 3\n";
        let times = processor_times(stat);
        assert_eq!((times.len(), &times[0]["cpu"], &times[0]["idle"]), (1, &json!("cpu0"), &json!(9.0)));
        assert_eq!(first_number(stat, "btime"), json!(1_700_000_000_u64));
        let memory = memory("MemTotal:       1000 kB\nMemFree:  100 kB\nMemAvailable:  250 kB\n");
        assert_eq!((&memory["used"], &memory["usedPercent"]), (&json!(750 * 1024), &json!(75.0)));
        assert!(disks("proc /proc proc rw 0 0\n\nbroken").is_empty());
    }
}
