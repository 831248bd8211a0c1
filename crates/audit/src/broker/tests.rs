use super::*;
use crate::config::SinkSpec;
use crate::sink::{Lines, Progress, Sink};
use crate::{AuthView, ResponseView};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;
use strongroom_crypto::SystemRandom;
use strongroom_wire::SystemClock;

const QUICK: Limits = Limits { deadline: Duration::from_millis(300), queue_bytes: 100_000 };

fn broker(limits: Limits) -> Arc<Broker> {
    Arc::new(Broker::with_limits(Arc::new(SystemRandom), Arc::new(SystemClock), limits))
}

fn config(kind: &str, options: &[(&str, &str)]) -> DeviceConfig {
    let options: BTreeMap<_, _> = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    DeviceConfig::new(kind, "", options, false)
}

fn file(path: &Path) -> DeviceConfig {
    config("file", &[("file_path", path.to_str().unwrap())])
}

fn unix(path: &Path) -> DeviceConfig {
    config(
        "socket",
        &[("address", path.to_str().unwrap()), ("socket_type", "unix"), ("write_timeout", "250ms")],
    )
}

async fn send(broker: &Broker, id: &str) -> Result<(), AuditFailed> {
    broker.submit(&test_entry(id, SystemClock.now())).written().await
}

fn ids(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let id = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["request"]["id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

#[tokio::test]
async fn idle_without_devices_and_honest_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let broker = broker(Limits::default());
    assert!(broker.is_idle());
    assert_eq!(send(&broker, "nobody").await, Ok(()));
    let mut given = file(&path);
    given.options.insert("colour".to_owned(), "red".to_owned());
    let enabled = broker.enable("file/", given).await.unwrap();
    assert!(enabled.warnings[0].contains("colour"));
    assert_eq!(enabled.config.salt.expose().len(), SALT_LENGTH);
    assert_eq!(broker.devices(), [DeviceInfo { path: "file/".to_owned(), config: enabled.config.clone() }]);
    let in_use = broker.enable("file", file(&path)).await.unwrap_err();
    assert_eq!(in_use, EnableError::PathInUse("file/".to_owned()));
    let below = broker.enable("file/two", file(&path)).await.unwrap_err();
    assert_eq!(below, EnableError::PathInUse("file/".to_owned()));
    assert!(!overlap("file", "file2") && overlap("a", "a/b") && overlap("a/b", "a"));
    assert_eq!(broker.enable(" ", file(&path)).await.unwrap_err(), EnableError::BadPath);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"path\":\"sys/audit/test\""), "{text}");

    let hash = broker.hash("file/", b"x").unwrap();
    assert!(hash.starts_with("hmac-sha256:") && hash.len() == 76);
    assert_eq!(broker.hash("nosuch", b"x"), None);
    assert!(broker.disable("file").await && !broker.disable("file").await && broker.is_idle());
    broker.restore("file", enabled.config).await.unwrap();
    assert_eq!(broker.hash("file", b"x").unwrap(), hash);
    assert_eq!(ids(&path).len(), 1, "restoring writes no test entry");
}

#[tokio::test]
async fn a_device_that_cannot_write_is_not_enabled_but_restored() {
    let broker = broker(QUICK);
    let full = file(Path::new("/dev/full"));
    assert!(
        matches!(broker.enable("full", full.clone()).await, Err(EnableError::Test(why)) if why.contains("space"))
    );
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(broker.enable("dir", file(folder.path())).await, Err(EnableError::Open(_))));
    let mut untested = file(folder.path());
    untested.options.insert("skip_test".to_owned(), "true".to_owned());
    assert!(matches!(broker.enable("dir", untested).await, Err(EnableError::Open(_))));
    assert!(broker.is_idle());

    let path = folder.path().join("later.sock");
    broker.restore("later", unix(&path)).await.unwrap();
    assert!(!broker.status()[0].health.is_working());
    assert_eq!(send(&broker, "lost").await, Err(AuditFailed));
    let _listener = UnixListener::bind(&path).unwrap();
    assert_eq!(send(&broker, "kept").await, Ok(()));
    let health = &broker.status()[0].health;
    assert!(health.is_working() && health.written == 1 && health.failed == 1);
}

#[tokio::test]
async fn one_working_device_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let broker = broker(QUICK);
    broker.restore("full", file(Path::new("/dev/full"))).await.unwrap();
    assert_eq!(send(&broker, "1").await, Err(AuditFailed));
    broker.restore("file", file(&path)).await.unwrap();
    for n in 0..50 {
        assert_eq!(send(&broker, &n.to_string()).await, Ok(()));
    }
    broker.disable_all().await;
    assert_eq!(ids(&path).len(), 50);
}

/// The first entry that finds the writer asleep is to wake it. Whoever brought it must not keep the
/// others waiting while it does something else.
#[tokio::test]
async fn a_request_at_work_keeps_no_other_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker(Limits::default());
    broker.enable("a", file(&folder.path().join("a"))).await.unwrap();
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    let slow = broker.clone();
    let slow = tokio::spawn(async move {
        let mut pending = slow.submit(&test_entry("slow", SystemClock.now()));
        pending.meanwhile(left).await.unwrap();
        pending.written().await
    });
    tokio::task::yield_now().await;
    tokio::time::timeout(Duration::from_secs(10), send(&broker, "quick")).await.expect("woken").unwrap();
    leave.send(()).unwrap();
    slow.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_of_many_tasks_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rotated) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
    let broker = broker(Limits::default());
    broker.restore("file", file(&path)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..100 {
        let broker = Arc::clone(&broker);
        tasks.spawn(async move {
            for n in 0..100 {
                send(&broker, &format!("{task}.{n}")).await.unwrap();
            }
        });
    }
    std::fs::rename(&path, &rotated).unwrap();
    assert!(broker.reopen_all().await.is_empty());
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    send(&broker, "last").await.unwrap();
    let (before, mut all) = (ids(&rotated), ids(&path));
    assert!(all.contains(&"last".to_owned()));
    all.extend(before);
    assert_eq!(all.len(), 10_001);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 10_001);
    let health = &broker.status()[0].health;
    assert!(health.batches < health.written, "entries that wait go out together");
}

#[tokio::test]
async fn a_reader_that_stops_fails_recovers_and_sees_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let broker = broker(QUICK);
    broker.enable("unix", unix(&path)).await.unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let mut sent = 0;
    let start = Instant::now();
    while send(&broker, &format!("{sent:01000}")).await.is_ok() {
        sent += 1;
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    let quick = Instant::now();
    assert_eq!(send(&broker, "refused").await, Err(AuditFailed));
    assert!(quick.elapsed() < Duration::from_millis(200), "what is known to be stuck is not waited for");
    let status = broker.status().remove(0);
    assert!(status.health.error.unwrap().contains("takes no data"));

    peer.set_nonblocking(true).unwrap();
    let mut read = Vec::new();
    let _ = peer.read_to_end(&mut read);
    send(&broker, "again").await.unwrap();
    assert!(broker.status()[0].health.is_working());
    broker.disable_all().await;
    let _ = peer.read_to_end(&mut read);
    let text = String::from_utf8(read).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert!(text.lines().count() >= sent + 2 && text.contains("\"again\""));
}

/// Hangs in each write until told to go on, as a file on a dead disk does.
struct DeadDisk(mpsc::Receiver<()>, Arc<std::sync::Mutex<Vec<u8>>>);

impl Sink for DeadDisk {
    fn open(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, lines: Lines<'_>, _patience: Duration) -> Progress {
        let _ = self.0.recv();
        self.1.lock().unwrap().extend_from_slice(lines.bytes);
        Progress { lines: lines.ends.len(), error: None }
    }

    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_hung_device_hangs_nobody_and_holds_little() {
    let broker = broker(QUICK);
    let (go_on, gate) = mpsc::channel();
    let disk = Arc::default();
    let settings = config::settings(&config("stdout", &[])).unwrap();
    assert_eq!(settings.sink, SinkSpec::Stdout);
    let around = Surroundings { random: &SystemRandom, clock: Arc::new(SystemClock), limits: QUICK };
    let sink = Box::new(DeadDisk(gate, Arc::clone(&disk)));
    let device = Device::start("dead", config("stdout", &[]), settings, sink, &around).unwrap();
    broker.add(Arc::new(device));

    let start = Instant::now();
    let waiting: Vec<Pending> =
        (0..20).map(|n| broker.submit(&test_entry(&format!("w{n}"), SystemClock.now()))).collect();
    for pending in waiting {
        assert_eq!(pending.written().await, Err(AuditFailed));
    }
    let took = start.elapsed();
    assert!(took >= QUICK.deadline && took < 3 * QUICK.deadline, "{took:?}");
    for n in 0..5_000 {
        assert_eq!(send(&broker, &n.to_string()).await, Err(AuditFailed));
    }
    let status = broker.status().remove(0);
    assert!(status.queued_bytes <= QUICK.queue_bytes && status.health.dropped > 0);
    assert!(broker.reopen_all().await[0].1.contains("hangs"));

    // A second device carries the server meanwhile.
    broker.enable("spare", config("file", &[("file_path", "discard")])).await.unwrap();
    let start = Instant::now();
    assert_eq!(send(&broker, "carried").await, Ok(()));
    assert!(start.elapsed() < QUICK.deadline);
    broker.disable("spare").await;

    // The disk comes back: what waited is written, in order, and entries count again.
    for _ in 0..10 {
        go_on.send(()).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while !broker.status()[0].health.is_working() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(send(&broker, "back").await, Ok(()));
    let text = String::from_utf8(disk.lock().unwrap().clone()).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert!(text.contains("\"w0\"") && text.contains("\"w19\"") && text.contains("\"back\""));
}

#[tokio::test]
async fn devices_hash_with_salts_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let broker = broker(Limits::default());
    broker.enable("a", file(&a)).await.unwrap();
    broker.enable("b", file(&b)).await.unwrap();
    let entry = Entry {
        auth: Some(AuthView { client_token: "hvs.secret", ..AuthView::default() }),
        response: Some(ResponseView::default()),
        ..test_entry("x", SystemClock.now())
    };
    broker.submit(&entry).written().await.unwrap();
    broker.disable_all().await;
    let text = |path| std::fs::read_to_string(path).unwrap();
    assert!(!text(&a).contains("hvs.secret") && !text(&b).contains("hvs.secret"));
    let token = |path| {
        let last = text(path).lines().last().unwrap().to_owned();
        serde_json::from_str::<Value>(&last).unwrap()["auth"]["client_token"].clone()
    };
    assert_ne!(token(&a), token(&b));
}
