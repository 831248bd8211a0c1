//! Volumes of values: one memory volume for each container that mounts one.

use super::collect::{LISTS, members, misspelt};
use super::refusal::Problem;
use super::{names, reference};
use serde_json::{Map, Value, json};
use strongroom_plan::{Reference, ValueFile};

/// A volume with a `vaultSecret`.
pub(super) struct VolumeUse {
    index: usize,
    name: String,
    items: Vec<Item>,
}

impl VolumeUse {
    /// Its references with their places.
    pub(super) fn references(&self) -> impl Iterator<Item = (String, &Reference)> {
        let path = format!("spec.volumes[{}].vaultSecret", self.index);
        self.items.iter().map(move |item| (path.clone(), &item.value))
    }
}

struct Item {
    path: String,
    /// As the manifest says, if it does.
    mode: Option<u64>,
    value: Reference,
}

/// How large the files of one volume may be together.
const SIZE_LIMIT: &str = "8Mi";

/// What our container has to write, and where.
#[derive(Default)]
pub(super) struct Files {
    pub(super) files: Vec<ValueFile>,
    /// Volumes and their places in our container.
    pub(super) mounts: Vec<(String, String)>,
    /// The user and group to write as, where all consumers say the same.
    pub(super) owner: Option<(u64, Option<u64>)>,
}

/// Reads a Pod's volumes.
pub(super) fn collect(spec: &Value, problems: &mut Vec<Problem>) -> Vec<VolumeUse> {
    let mut uses = Vec::new();
    for (index, volume) in members(spec, "volumes").enumerate() {
        let path = format!("spec.volumes[{index}]");
        let Some(map) = volume.as_object() else { continue };
        match map.get("vaultSecret") {
            None => problems.extend(misspelt(&path, map, "vaultSecret")),
            Some(field) => match volume_use(index, &path, map, field) {
                Ok(one) if consumers(spec, &one.name).next().is_none() => {
                    let why = format!("no container mounts the volume {}", one.name);
                    problems.push(Problem::new(&path, why, "mount it or remove it"));
                }
                Ok(one) => uses.push(one),
                Err(problem) => problems.push(problem),
            },
        }
    }
    uses
}

fn volume_use(
    index: usize,
    path: &str,
    map: &Map<String, Value>,
    field: &Value,
) -> Result<VolumeUse, Problem> {
    if let Some(other) = map.keys().find(|name| !matches!(name.as_str(), "name" | "vaultSecret")) {
        return Err(Problem::new(path, format!("names {other} besides vaultSecret"), "keep one of them"));
    }
    let name = reference::text(path, map, "name")?;
    let name = name.ok_or_else(|| reference::missing(path, "name", "name the volume"))?;
    let at = format!("{path}.vaultSecret");
    let secret = reference::whole(&at, field, &["items", "defaultMode"])?;
    let default_mode = mode(&at, field, "defaultMode")?;
    let items = field.get("items").and_then(Value::as_array).filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| {
        let way_out = "list what to write: items: [{key: ..., path: ...}]";
        Problem::new(&at, "has no items", way_out)
    })?;
    let mut read: Vec<Item> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = format!("{at}.items[{index}]");
        let item = volume_item(&at, item, default_mode, &secret)?;
        if read.iter().any(|other| other.path == item.path) {
            let why = format!("{:?} is written twice", item.path);
            return Err(Problem::new(&format!("{at}.path"), why, "give each item a path of its own"));
        }
        read.push(item);
    }
    Ok(VolumeUse { index, name, items: read })
}

fn volume_item(at: &str, item: &Value, default: Option<u64>, secret: &Reference) -> Result<Item, Problem> {
    let map =
        item.as_object().ok_or_else(|| Problem::new(at, "is no mapping", "write {key: ..., path: ...}"))?;
    if let Some(other) = map.keys().find(|name| !matches!(name.as_str(), "key" | "path" | "mode")) {
        let path = format!("{at}.{other}");
        return Err(Problem::new(&path, "no such field", "there are key, path, mode"));
    }
    let key = reference::text(at, map, "key")?;
    let key = key.ok_or_else(|| reference::missing(at, "key", "name the key inside the secret"))?;
    let path = reference::text(at, map, "path")?;
    let path = path.ok_or_else(|| reference::missing(at, "path", "name the file in the volume"))?;
    if path.split('/').any(|part| part.is_empty() || part == "." || part.starts_with("..")) {
        let why = format!("{path:?} is no path inside the volume");
        return Err(Problem::new(
            &format!("{at}.path"),
            why,
            "write it without a leading slash and without `..`",
        ));
    }
    let mode = mode(at, item, "mode")?.or(default);
    Ok(Item { path, mode, value: Reference { key, ..secret.clone() } })
}

fn mode(at: &str, value: &Value, name: &str) -> Result<Option<u64>, Problem> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(given) => match given.as_u64().filter(|mode| *mode <= 0o777) {
            Some(mode) => Ok(Some(mode)),
            None => {
                let way_out = "write it as 0440 in YAML or as 288 in JSON, at most 0777";
                Err(Problem::new(&format!("{at}.{name}"), "is no file mode", way_out))
            }
        },
    }
}

/// Containers that mount a volume: list, index, container.
fn consumers<'v>(spec: &'v Value, volume: &str) -> impl Iterator<Item = (&'static str, usize, &'v Value)> {
    let volume = volume.to_owned();
    let mounts =
        move |container: &Value| members(container, "volumeMounts").any(|mount| is_of(mount, &volume));
    LISTS
        .into_iter()
        .flat_map(|list| members(spec, list).enumerate().map(move |(index, c)| (list, index, c)))
        .filter(move |(_, _, container)| mounts(container))
}

fn is_of(mount: &Value, volume: &str) -> bool {
    mount.get("name").and_then(Value::as_str) == Some(volume)
}

/// Puts memory volumes in the place of `vaultSecret`, and tells what is to be written into them.
pub(super) fn apply(spec: &mut Value, uses: &[VolumeUse]) -> Files {
    let owner = common_owner(spec, uses);
    let has_group = spec.pointer("/securityContext/fsGroup").is_some();
    let usual_mode = if owner.is_some() {
        0o400
    } else if has_group {
        0o440
    } else {
        0o444
    };
    let mut out = Files { owner, ..Files::default() };
    let mut more = Vec::new();
    for one in uses {
        let found: Vec<(&str, usize, String)> = consumers(spec, &one.name)
            .map(|(list, index, container)| {
                (list, index, container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
            })
            .collect();
        for (position, (list, index, container)) in found.iter().enumerate() {
            let volume =
                if position == 0 { one.name.clone() } else { names::file_volume(&one.name, container) };
            if position > 0 {
                more.push(memory_volume(&volume, SIZE_LIMIT));
            }
            retarget(spec, list, *index, &one.name, &volume);
            let place = format!("{}/files/{volume}", names::DIRECTORY);
            out.files.extend(one.items.iter().map(|item| ValueFile {
                container: container.clone(),
                path: format!("{place}/{}", item.path),
                mode: format!("{:04o}", item.mode.unwrap_or(usual_mode)),
                value: item.value.clone(),
                base64: false,
            }));
            out.mounts.push((volume, place));
        }
        if let Some(volume) = spec.pointer_mut(&format!("/volumes/{}", one.index)) {
            *volume = memory_volume(&one.name, SIZE_LIMIT);
        }
    }
    super::inject::put_first(spec, "volumes", more);
    out
}

/// A volume in memory.
pub(super) fn memory_volume(name: &str, limit: &str) -> Value {
    json!({"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": limit}})
}

/// Lets a container's mounts of one volume be read-only mounts of another.
fn retarget(spec: &mut Value, list: &str, index: usize, from: &str, to: &str) {
    let mounts = spec.pointer_mut(&format!("/{list}/{index}/volumeMounts")).and_then(Value::as_array_mut);
    for mount in mounts.into_iter().flatten().filter(|mount| is_of(mount, from)) {
        if let Some(mount) = mount.as_object_mut() {
            mount.insert("name".to_owned(), json!(to));
            mount.insert("readOnly".to_owned(), json!(true));
        }
    }
}

/// The user that all consumers say they run as; none if they differ, do not say, or it is root, whom the restricted
/// Pod Security standard forbids to our container.
fn common_owner(spec: &Value, uses: &[VolumeUse]) -> Option<(u64, Option<u64>)> {
    let of = |container: &Value, field: &str| {
        let own = container.get("securityContext").and_then(|context| context.get(field));
        own.or_else(|| spec.get("securityContext")?.get(field)).and_then(Value::as_u64)
    };
    let mut common: Option<(u64, Option<u64>)> = None;
    for (_, _, container) in uses.iter().flat_map(|one| consumers(spec, &one.name)) {
        let owner = (of(container, "runAsUser").filter(|user| *user != 0)?, of(container, "runAsGroup"));
        match common {
            None => common = Some(owner),
            Some((user, _)) if user != owner.0 => return None,
            Some((user, group)) => common = Some((user, group.filter(|group| Some(*group) == owner.1))),
        }
    }
    common
}
