//! Files and standard output.

use super::push::{Nature, Target};
use super::stream::Medium;
use rustix::fs::OFlags;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file that lines are appended to.
pub(super) struct FileMedium {
    path: PathBuf,
    mode: Option<u32>,
}

/// Standard output of the server.
pub(super) struct StdoutMedium;

impl FileMedium {
    /// A file; without a mode its permissions are left alone.
    pub(super) const fn new(path: PathBuf, mode: Option<u32>) -> Self {
        Self { path, mode }
    }

    fn open_file(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent().filter(|p| !p.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        refuse_unsuitable(&self.path)?;
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(self.mode.unwrap_or(0o600))
            // A named pipe without a reader answers an error instead of hanging; files don't mind.
            .custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default())
            .open(&self.path)
    }
}

impl Medium for FileMedium {
    fn open(&self) -> io::Result<(Target, Vec<u8>)> {
        let file = self.open_file()?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok((Target { fd: file.into(), nature: Nature::NonBlocking, identity: None }, Vec::new()));
        }
        if let Some(mode) = self.mode
            && metadata.mode() & 0o7777 != mode
        {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        let first = if ends_torn(&self.path, &metadata) { b"\n".to_vec() } else { Vec::new() };
        let identity = Some((metadata.dev(), metadata.ino()));
        Ok((Target { fd: file.into(), nature: Nature::Regular, identity }, first))
    }
}

impl Medium for StdoutMedium {
    fn open(&self) -> io::Result<(Target, Vec<u8>)> {
        let fd = io::stdout().as_fd().try_clone_to_owned()?;
        let regular = File::from(fd.try_clone()?).metadata()?.is_file();
        let nature = if regular { Nature::Regular } else { Nature::Blocking };
        Ok((Target { fd, nature, identity: None }, Vec::new()))
    }
}

/// What must never receive audit lines: folders, and programs that lines could be smuggled into.
fn refuse_unsuitable(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "file_path names a directory; name a file"));
    }
    if metadata.is_file() && metadata.mode() & 0o111 != 0 {
        let text = "file_path names an executable file; name a file of its own for the audit trail";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

/// Whether an earlier run was stopped in mid-line. A file that we may not read gets no check.
fn ends_torn(path: &Path, metadata: &Metadata) -> bool {
    let Some(last) = metadata.len().checked_sub(1) else { return false };
    let mut byte = [b'\n'];
    File::open(path).is_ok_and(|file| file.read_at(&mut byte, last).is_ok_and(|n| n == 1)) && byte != *b"\n"
}
