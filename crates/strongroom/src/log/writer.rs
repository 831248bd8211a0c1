//! The thread that writes.

use super::file::{LogFile, Rotation};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use strongroom_wire::Clock;

/// Where lines go.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// Standard error.
    Stderr,
    /// Standard error and a file; the name that of a folder for one in it.
    StderrAndFile(PathBuf, Rotation),
}

/// Hands lines to the thread that writes.
pub(crate) struct Writer {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    /// Lines that wait for `release`; none once that has happened.
    held: Mutex<Option<Vec<Vec<u8>>>>,
}

enum Message {
    Line(Vec<u8>),
    Reopen,
    Flush(SyncSender<()>),
}

/// Lines that may wait.
const WAITING: usize = 8192;
/// How long an end of the process waits for a slow reader.
const FLUSH: Duration = Duration::from_secs(1);

impl Writer {
    pub(crate) fn start(destination: Destination, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let file = match destination {
            Destination::Stderr => None,
            Destination::StderrAndFile(path, rotation) => Some(LogFile::open(path, rotation, clock)?),
        };
        let (queue, messages) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let thread = Thread { messages, file, dropped: dropped.clone() };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || thread.run())?;
        Ok(Self { queue, dropped, held: Mutex::new(Some(Vec::new())) })
    }

    /// Hands a line over, or drops and counts it.
    pub(crate) fn write(&self, line: Vec<u8>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = held.as_mut() {
            if waiting.len() < WAITING {
                waiting.push(line);
            }
            return;
        }
        drop(held);
        self.send(line);
    }

    pub(crate) fn release(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.into_iter().flatten().for_each(|line| self.send(line));
    }

    pub(crate) fn reopen(&self) {
        // A queue that is full is being written: the file is opened again next time.
        let _ = self.queue.try_send(Message::Reopen);
    }

    pub(crate) fn flush(&self) {
        self.release();
        let (done, wait) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(FLUSH);
        }
    }

    fn send(&self, line: Vec<u8>) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Line(line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Thread {
    messages: Receiver<Message>,
    file: Option<LogFile>,
    dropped: Arc<AtomicU64>,
}

impl Thread {
    fn run(mut self) {
        while let Ok(message) = self.messages.recv() {
            match message {
                Message::Line(line) => {
                    self.put(&line);
                    let dropped = self.dropped.swap(0, Ordering::Relaxed);
                    if dropped > 0 {
                        self.put(
                            format!("{dropped} log lines were dropped: they were not read fast enough\n")
                                .as_bytes(),
                        );
                    }
                }
                Message::Reopen => {
                    if let Some(Err(error)) = self.file.as_mut().map(LogFile::reopen) {
                        let text = format!("the log file cannot be opened again: {error}\n");
                        let _ = io::stderr().write_all(text.as_bytes());
                    }
                }
                Message::Flush(done) => {
                    let _ = done.try_send(());
                }
            }
        }
    }

    /// There is no place to report that the log cannot be written.
    fn put(&mut self, line: &[u8]) {
        let _ = io::stderr().write_all(line);
        if let Some(file) = &mut self.file {
            let _ = file.write(line);
        }
    }
}
