//! The medium of a real store: one file, readable by its owner only, and a lock file beside it.

use super::OpenError;
use super::medium::Medium;
use redb::StorageBackend;
use redb::backends::FileBackend;
use rustix::fs::{Advice, fadvise};
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "strongroom.redb";
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// A database file, locked for this process as long as this value lives.
pub(super) struct DatabaseFile {
    file: PathBuf,
    staged: PathBuf,
    folder: PathBuf,
    // The database file itself is replaced on a restore, so its own lock does not cover the change.
    _lock: File,
}

impl DatabaseFile {
    /// Takes the database at `path`: a file (one that exists, or a name ending in `.redb`), or the
    /// folder that holds it, made when missing.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let is_file = path.is_file() || (!path.is_dir() && path.extension().is_some_and(|e| e == "redb"));
        let file = if is_file { path.to_path_buf() } else { path.join(FILE_NAME) };
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(&folder)
            .map_err(|e| failed("make the folder", &folder, &e))?;
        let lock = lock(&file)?;
        Ok(Self { staged: beside(&file, ".new"), file, folder, _lock: lock })
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

impl Medium for DatabaseFile {
    fn open(&self) -> Result<Option<Box<dyn StorageBackend>>, OpenError> {
        let file = match OpenOptions::new().read(true).write(true).open(&self.file) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed("open", &self.file, &e)),
        };
        file.set_permissions(Permissions::from_mode(FILE_MODE))
            .map_err(|e| failed("restrict the permissions of", &self.file, &e))?;
        self.sync_folder().map_err(|e| failed("sync the folder", &self.folder, &e))?;
        let backend = FileBackend::new(file).map_err(|e| OpenError::Unavailable(e.to_string()))?;
        Ok(Some(Box::new(backend)))
    }

    fn forget_cached(&self) -> io::Result<()> {
        let file = File::open(&self.file)?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
        Ok(())
    }

    fn stage(&self) -> io::Result<Box<dyn StorageBackend>> {
        self.discard();
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&self.staged)?;
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(backend))
    }

    fn promote(&self) -> io::Result<()> {
        std::fs::rename(&self.staged, &self.file)?;
        self.sync_folder()
    }

    fn discard(&self) {
        // What cannot be removed now is removed before the next attempt, which fails if it cannot.
        let _ = std::fs::remove_file(&self.staged);
    }
}

fn lock(file: &Path) -> Result<File, OpenError> {
    let path = beside(file, ".lock");
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(|e| failed("open the lock file", &path, &e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(format!(
            "{} is in use by another process; stop that one first, or give this one a storage path of its own",
            file.display()
        ))),
        Err(TryLockError::Error(e)) => Err(failed("lock", &path, &e)),
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(what: &str, path: &Path, e: &io::Error) -> OpenError {
    OpenError::Unavailable(format!("cannot {what} {}: {e}", path.display()))
}
