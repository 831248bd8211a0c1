//! The log file, and its rotation.

use jiff::{SignedDuration, Timestamp};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use strongroom_wire::Clock;

/// When a new log file is begun, and how many old ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// A file grows no larger; 0 for no bound.
    pub(crate) bytes: u64,
    /// A file is written no longer; 0 for no bound.
    pub(crate) duration: Duration,
    /// 0 for all of them, less for none.
    pub(crate) max_files: i64,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { bytes: 0, duration: Duration::from_secs(24 * 3600), max_files: 0 }
    }
}

/// The log file that is written.
pub(super) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    clock: Arc<dyn Clock>,
    file: File,
    written: u64,
    since: Timestamp,
}

/// In a folder.
const NAME: &str = "vault.log";

impl LogFile {
    /// Opens a file, or the usual one in a folder.
    pub(super) fn open(path: PathBuf, rotation: Rotation, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let is_folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let path = if is_folder { path.join(NAME) } else { path };
        let (file, written, since) = open(&path, clock.now())?;
        Ok(Self { path, rotation, clock, file, written, since })
    }

    /// Opens it again, after it was moved away.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        (self.file, self.written, self.since) = open(&self.path, self.clock.now())?;
        Ok(())
    }

    /// Writes a line, into a new file if it is time for one.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let now = self.clock.now();
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let Rotation { bytes, duration, .. } = self.rotation;
        let full = bytes > 0 && self.written > 0 && self.written.saturating_add(length) > bytes;
        let age = now.duration_since(self.since);
        let old =
            !duration.is_zero() && age >= SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        // A file that cannot be moved is written on; the next line tries again.
        let rotated = if full || old { self.rotate(now) } else { Ok(()) };
        self.file.write_all(line)?;
        self.written += length;
        rotated
    }

    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        // Devices and pipes are not rotated.
        if !self.file.metadata()?.is_file() {
            return Ok(());
        }
        let (stem, end) = parts(&self.path);
        if self.rotation.max_files < 0 {
            fs::remove_file(&self.path)?;
        } else {
            fs::rename(&self.path, self.path.with_file_name(format!("{stem}{}{end}", now.as_nanosecond())))?;
        }
        self.reopen()?;
        self.since = now;
        self.prune(&stem, &end)
    }

    fn prune(&self, stem: &str, end: &str) -> io::Result<()> {
        let Some(keep) = usize::try_from(self.rotation.max_files).ok().filter(|n| *n > 0) else {
            return Ok(());
        };
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut archives = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let moment = name.strip_prefix(stem).and_then(|n| n.strip_suffix(end));
            if let Some(Ok(moment)) = moment.map(str::parse::<i128>) {
                archives.push((moment, entry.path()));
            }
        }
        archives.sort_unstable();
        for (_, path) in archives.iter().rev().skip(keep) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// What the names of a file's archives begin and end with: `vault-` and `.log`.
fn parts(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let end = path.extension().map_or_else(String::new, |_| format!(".{}", text(path.extension())));
    (format!("{}-", text(path.file_stem())), end)
}

/// The file, how much is in it, and since when it is there.
fn open(path: &Path, now: Timestamp) -> io::Result<(File, u64, Timestamp)> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let meta = file.metadata()?;
    let created = meta.created().ok().and_then(|at| Timestamp::try_from(at).ok());
    Ok((file, meta.len(), created.filter(|at| *at < now).unwrap_or(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_testkit::VirtualClock;

    fn names(folder: &Path) -> Vec<(String, String)> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap()))
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn rotates_by_size_and_by_time_and_keeps_what_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("vault-odd.log"), "no archive").unwrap();
        let clock = Arc::new(VirtualClock::new(Timestamp::from_second(4_000_000_000).unwrap()));
        let pass = |seconds| clock.advance(SignedDuration::from_secs(seconds));
        let rotation = Rotation { bytes: 8, duration: Duration::from_secs(60), max_files: 2 };
        let mut log = LogFile::open(folder.path().to_owned(), rotation, clock.clone()).unwrap();
        log.since = clock.now();
        for line in ["one\n", "two\n", "three\n", "far beyond any bound\n"] {
            log.write(line.as_bytes()).unwrap();
            pass(1);
        }
        pass(60);
        log.write(b"late\n").unwrap();
        let wanted = [
            ("vault-4000000003000000000.log", "three\n"),
            ("vault-4000000064000000000.log", "far beyond any bound\n"),
            ("vault-odd.log", "no archive"),
            ("vault.log", "late\n"),
        ];
        assert_eq!(names(folder.path()), wanted.map(|(n, t)| (n.to_owned(), t.to_owned())));
        log.rotation.max_files = -1;
        log.write(b"no room\n").unwrap();
        assert_eq!(names(folder.path()).last().unwrap().1, "no room\n");
        assert_eq!(names(folder.path()).len(), 4);
    }
}
