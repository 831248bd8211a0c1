//! The manifests that `-f` and `-k` name.

use super::kubectl;
use crate::context::Context;
use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// A text with manifests and where it is from.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

/// Reads all that is named, in order.
pub(super) fn read(cx: &mut Context<'_>) -> Result<Vec<Source>, Failure> {
    let files: Vec<String> =
        cx.list("f").iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
    let builds = cx.list("k").to_vec();
    if files.is_empty() && builds.is_empty() {
        return Err(Failure::local("Say what to read: -f FILE, -f DIRECTORY, -f - or -k DIRECTORY"));
    }
    let mut sources = Vec::new();
    for name in &files {
        if name == "-" {
            sources.push(Source { name: "standard input".to_owned(), text: stdin(cx)? });
        } else if name.starts_with("https://") || name.starts_with("http://") {
            return Err(Failure::local(format!("{name}: download it first, URLs are not read")));
        } else if Path::new(name).is_dir() {
            let mut found = Vec::new();
            collect(Path::new(name), cx.is_on("R"), &mut found)?;
            if found.is_empty() {
                return Err(Failure::local(format!("{name}: no file ends in .yaml, .yml or .json")));
            }
            for path in found {
                sources.push(file(&path)?);
            }
        } else {
            sources.push(file(Path::new(name))?);
        }
    }
    for directory in builds {
        let text = kubectl::output(cx, &["kustomize".to_owned(), directory.clone()])?;
        sources.push(Source { name: directory, text });
    }
    Ok(sources)
}

/// Standard input as text.
pub(super) fn stdin(cx: &mut Context<'_>) -> Result<String, Failure> {
    String::from_utf8(cx.read_stdin()?).map_err(|_| Failure::local("standard input is not UTF-8 text"))
}

fn file(path: &Path) -> Result<Source, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::local(format!("Failed to read {name}: {error}")))?;
    Ok(Source { name, text })
}

/// The manifests of a folder by name, as kubectl takes them.
fn collect(directory: &Path, recursive: bool, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::local(format!("Failed to read {}: {error}", directory.display()));
    let entries = std::fs::read_dir(directory).map_err(failed)?;
    let mut paths =
        entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if recursive {
                collect(&path, recursive, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known))
        {
            found.push(path);
        }
    }
    Ok(())
}
