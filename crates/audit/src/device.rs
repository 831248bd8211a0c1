//! One device: its format, its queue and its two threads.

use crate::client_id::ClientIds;
use crate::config::{DeviceConfig, Settings};
use crate::hasher::Hasher;
use crate::queue::{Batch, Pushed, Queue, Rules, Work};
use crate::render::{Format, Told};
use crate::sink::Sink;
use crate::status::DeviceStatus;
use crate::ticket::Ticket;
use crate::{Entry, Limits};
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use strongroom_crypto::Random;
use strongroom_wire::Clock;
use tokio::sync::oneshot;
use zeroize::Zeroize;

/// An enabled device; dropping it lets its threads end once all that waits is written.
pub(crate) struct Device {
    /// Without a slash at the end.
    pub(crate) path: String,
    /// As persisted.
    pub(crate) config: DeviceConfig,
    /// How long an entry waits for it at most.
    pub(crate) deadline: Duration,
    format: Format,
    queue: Arc<Queue>,
}

/// What a device takes from its surroundings.
pub(crate) struct Surroundings<'a> {
    pub(crate) random: &'a dyn Random,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
}

impl Device {
    /// Starts the threads of a device.
    pub(crate) fn start(
        path: &str,
        config: DeviceConfig,
        settings: Settings,
        sink: Box<dyn Sink>,
        around: &Surroundings<'_>,
    ) -> io::Result<Self> {
        let patience = settings.sink.patience().unwrap_or(around.limits.deadline * 4 / 5);
        let deadline = (patience * 5 / 4).max(around.limits.deadline);
        let rules = Rules { deadline, bytes: around.limits.queue_bytes, wipe: settings.log_raw };
        let queue = Arc::new(Queue::new(path, rules, Arc::clone(&around.clock)));
        let format = Format {
            hasher: Hasher::new(config.salt.expose().as_bytes(), around.random),
            client_ids: ClientIds::new(around.random),
            log_raw: settings.log_raw,
            hmac_accessor: settings.hmac_accessor,
            elide_list_responses: settings.elide_list_responses,
            prefix: settings.prefix,
        };
        // Made before the threads, so that a failure to start one ends the other.
        let device = Self { path: path.to_owned(), config, deadline, format, queue };
        let queue = Arc::clone(&device.queue);
        thread("audit-write", move || write_all(&queue, sink, patience))?;
        let queue = Arc::clone(&device.queue);
        thread("audit-watch", move || queue.watch())?;
        Ok(device)
    }

    /// Renders and queues an entry; a writer that sleeps joins those to be woken. False when the device
    /// has ended meanwhile.
    pub(crate) fn submit(
        &self,
        entry: &Entry<'_>,
        ticket: &Arc<Ticket>,
        asleep: &mut Vec<Arc<Queue>>,
    ) -> bool {
        LINE.with_borrow_mut(|(line, told)| {
            line.clear();
            self.format.render(entry, told, line);
            let pushed = self.queue.push(line, ticket);
            if pushed == Pushed::Asleep {
                asleep.push(Arc::clone(&self.queue));
            }
            if self.format.log_raw {
                line.zeroize();
            }
            line.shrink_to(KEEP);
            pushed != Pushed::Ended
        })
    }

    /// The hash that the device writes for a value.
    pub(crate) fn hash(&self, value: &[u8]) -> String {
        self.format.hasher.text(value)
    }

    /// Reopens the target; waits for a device that hangs no longer than its deadline.
    pub(crate) async fn reopen(&self) -> Result<(), String> {
        let (answer, heard) = oneshot::channel();
        self.queue.reopen(answer);
        match tokio::time::timeout(self.deadline, heard).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("it has been disabled".to_owned()),
            Err(_) => Err("it hangs".to_owned()),
        }
    }

    /// Ends the device; waits until all is written, but no longer than its deadline.
    pub(crate) async fn close(&self) {
        let ended = self.queue.close();
        if tokio::time::timeout(self.deadline, ended).await.is_err() {
            tracing::warn!(device = %self.path, "audit device hangs while it is being disabled");
        }
    }

    /// Notes a failure outside of writing.
    pub(crate) fn note_failure(&self, error: &str) {
        self.queue.note_failure(error);
    }

    /// How the device fares.
    pub(crate) fn status(&self) -> DeviceStatus {
        let (health, queued_bytes) = self.queue.health();
        DeviceStatus { path: format!("{}/", self.path), kind: self.config.kind.clone(), health, queued_bytes }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        drop(self.queue.close());
    }
}

thread_local! {
    static LINE: RefCell<(Vec<u8>, Told)> = RefCell::default();
}

/// A line buffer that grew beyond this is given back.
const KEEP: usize = 64 * 1024;

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

fn write_all(queue: &Queue, mut sink: Box<dyn Sink>, patience: Duration) {
    let mut batch = Batch::default();
    let mut stuck = false;
    loop {
        match queue.next(&mut batch) {
            Work::Write => {
                // What took nothing the last time is tried, but not waited for again.
                let progress = sink.write(batch.lines(), if stuck { Duration::ZERO } else { patience });
                stuck = progress.error.as_ref().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut);
                queue.written(&mut batch, &progress);
            }
            Work::Reopen(answers) => queue.reopened(answers, sink.reopen().map_err(|e| e.to_string())),
            Work::End => return,
        }
    }
}
