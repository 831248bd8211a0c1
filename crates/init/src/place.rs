//! Writing files so that a reader sees the old one or the new one, whole.

use crate::compose::File;
use crate::report::Ending;
use rustix::io::Errno;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Placed {
    /// It stood there already.
    Same,
    /// There was none.
    Made,
    /// There was another, which somebody may have read.
    Replaced,
}

/// Writes all files, or none if one of them cannot be made. Returns the most that became of any.
pub(crate) fn all(files: Vec<Result<File, Vec<String>>>) -> Result<Placed, Ending> {
    let mut whole = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        match file {
            Ok(file) => whole.push(file),
            Err(why) => problems.extend(why),
        }
    }
    if !problems.is_empty() {
        return Err(Ending::failed(problems.join("\n")));
    }
    let mut most = Placed::Same;
    for file in whole {
        most = most.max(put_if_changed(&file).map_err(Ending::failed)?);
    }
    Ok(most)
}

/// Writes a file unless it stands there already.
pub(crate) fn put_if_changed(file: &File) -> Result<Placed, String> {
    let path = Path::new(&file.path);
    let same_mode =
        path.symlink_metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o777 == file.mode);
    if same_mode && std::fs::read(path).map(Zeroizing::new).is_ok_and(|old| old == file.bytes) {
        return Ok(Placed::Same);
    }
    let was_there = path.symlink_metadata().is_ok();
    put(path, file.mode, &file.bytes)?;
    Ok(if was_there { Placed::Replaced } else { Placed::Made })
}

/// Writes a file beside its place and moves it there.
pub(crate) fn put(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), String> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(format!("{} is no path of a file", path.display()));
    };
    let failed = |e: std::io::Error| unwritable(path, bytes.len(), &e);
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(failed)?;
    let beside = folder.join(format!(".{}.strongroom-new", name.to_string_lossy()));
    let written = write(&beside, mode, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|e| {
        // What stands there half is of no use, and takes room.
        let _ = std::fs::remove_file(&beside);
        failed(e)
    })
}

fn write(beside: &Path, mode: u32, bytes: &[u8]) -> std::io::Result<()> {
    match std::fs::remove_file(beside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    file.write_all(bytes)?;
    // Past the umask.
    file.set_permissions(Permissions::from_mode(mode))
}

fn unwritable(path: &Path, bytes: usize, error: &std::io::Error) -> String {
    let errno = Errno::from_io_error(error);
    let hint = if errno == Some(Errno::NOSPC) || errno == Some(Errno::DQUOT) {
        ": there is no room left; raise the sizeLimit of its volume, or the memory limit that it counts towards"
    } else {
        ""
    };
    format!("cannot write {} ({bytes} bytes): {error}{hint}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_only_when_they_differ() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file");
        let file = |text: &str, mode| File {
            path: path.to_str().unwrap().to_owned(),
            mode,
            bytes: Zeroizing::new(text.as_bytes().to_vec()),
        };
        assert_eq!(put_if_changed(&file("one", 0o400)), Ok(Placed::Made));
        assert_eq!(put_if_changed(&file("one", 0o400)), Ok(Placed::Same));
        assert_eq!(put_if_changed(&file("one", 0o444)), Ok(Placed::Replaced));
        // What an earlier run left behind is no obstacle.
        std::fs::write(path.with_file_name(".file.strongroom-new"), "left").unwrap();
        assert_eq!(put_if_changed(&file("two", 0o444)), Ok(Placed::Replaced));
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o444);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_its_place_is_replaced_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        std::fs::write(&target, "untouched").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        put(&link, 0o400, b"new").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"untouched");
        assert!(!link.symlink_metadata().unwrap().is_symlink());
    }
}
