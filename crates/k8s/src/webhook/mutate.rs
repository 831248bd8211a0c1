//! A Pod on its way into the cluster.

use super::{Rules, bank_vaults, ephemeral, reference};
use crate::api::text;
use crate::lower::{self, Entrypoint, Lowering, Refusal, Settings};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What becomes of a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mutated {
    /// The Pod as it is to be.
    pub(crate) pod: Value,
    /// What is told to whoever creates it.
    pub(crate) warnings: Vec<String>,
    /// Images of which it must be known what they start, before this can be done.
    pub(crate) unknown: Vec<String>,
}

/// What images start, or why that is not known.
pub(crate) type Entrypoints = BTreeMap<String, Result<Entrypoint, String>>;

/// Resolves the references of a Pod that is being created. Done again with its result, it changes nothing.
pub(crate) fn create(rules: &Rules, pod: &Value, known: &Entrypoints) -> Result<Mutated, Vec<Refusal>> {
    let unchanged = |warnings: Vec<String>| Mutated { pod: pod.clone(), warnings, unknown: Vec::new() };
    if !has_references(pod, &["initContainers", "containers"]) {
        return Ok(unchanged(Vec::new()));
    }
    let object = lower::name(pod);
    let annotations = pod.pointer("/metadata/annotations");
    let mut settings = rules.settings.clone();
    let wishes = bank_vaults::apply(&mut settings, annotations, &object)?;
    if wishes.skip {
        return Ok(unchanged(wishes.warnings));
    }
    check_address(rules, &settings, annotations, &object)?;
    if settings.role.is_none() {
        let account = text(pod, "/spec/serviceAccountName");
        settings.role = Some(if account.is_empty() { "default" } else { account }.to_owned());
    }
    let values = |value: &str| reference::read(value, wishes.optional);
    let unknown = RefCell::new(Vec::new());
    let entrypoints = |container: &Value| {
        let image = text(container, "/image").to_owned();
        known.get(&image).cloned().unwrap_or_else(|| {
            let why = format!("what the image {image} starts is not known");
            unknown.borrow_mut().push(image);
            Err(why)
        })
    };
    let lowering = Lowering { settings: &settings, values: Some(&values), entrypoints: Some(&entrypoints) };
    let mut lowered = pod.clone();
    let result = lowering.object(&mut lowered);
    let unknown = unknown.into_inner();
    if unknown.is_empty() {
        result.map_err(|refusals| {
            refusals.into_iter().map(|refusal| named(pod, refusal)).collect::<Vec<_>>()
        })?;
    }
    Ok(Mutated { pod: lowered, warnings: wishes.warnings, unknown })
}

/// Resolves the references of ephemeral containers that are being added to a Pod.
pub(crate) fn add_ephemeral(pod: &Value) -> Result<Mutated, Vec<Refusal>> {
    let mut changed = pod.clone();
    if has_references(pod, &["ephemeralContainers"]) {
        ephemeral::resolve(&mut changed).map_err(|refusals| {
            refusals.into_iter().map(|refusal| named(pod, refusal)).collect::<Vec<_>>()
        })?;
    }
    Ok(Mutated { pod: changed, warnings: Vec::new(), unknown: Vec::new() })
}

/// Whether a value of some container of these lists refers to a secret.
fn has_references(pod: &Value, lists: &[&str]) -> bool {
    let members = |value: &'_ Value, name: &str| -> Vec<Value> {
        value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let Some(spec) = pod.get("spec") else { return false };
    lists.iter().flat_map(|list| members(spec, list)).any(|container| {
        members(&container, "env").iter().any(|entry| reference::refers(text(entry, "/value")))
    })
}

/// A Pod's token goes only to addresses that the cluster's administrators know.
fn check_address(
    rules: &Rules,
    settings: &Settings,
    annotations: Option<&Value>,
    object: &str,
) -> Result<(), Vec<Refusal>> {
    let own = annotations.and_then(|all| all.get("strongroom.io/address")?.as_str());
    let wanted = own.or(settings.address.as_deref()).unwrap_or_default().trim_end_matches('/');
    let is_known = rules.settings.address.iter().chain(&rules.allowed).any(|known| known == wanted);
    if is_known || wanted.is_empty() {
        return Ok(());
    }
    let name =
        if own.is_some() { "strongroom.io/address" } else { "vault.security.banzaicloud.io/vault-addr" };
    Err(vec![Refusal {
        document: 0,
        object: object.to_owned(),
        path: format!("metadata.annotations[{name}]"),
        problem: format!("{wanted} is not among the addresses that Pods may name"),
        way_out:
            "leave it out for the cluster's own, or have it allowed (injector.allowedAddresses of the chart)"
                .to_owned(),
    }])
}

/// A refusal that says which container and which variable it is about, not only their places.
fn named(pod: &Value, refusal: Refusal) -> Refusal {
    let Some(rest) = refusal.path.strip_prefix("spec.") else { return refusal };
    let mut names = Vec::new();
    let mut place = pod.get("spec");
    for step in rest.split('.') {
        let (list, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((list, index)) => (list, index.parse::<usize>().ok()),
            None => break,
        };
        place = place.and_then(|place| place.get(list)?.get(index?));
        let what = match list {
            "containers" | "initContainers" | "ephemeralContainers" => "container",
            "env" => "variable",
            _ => continue,
        };
        names.extend(place.map(|place| format!("{what} {}", text(place, "/name"))));
    }
    if names.is_empty() {
        return refusal;
    }
    Refusal { path: format!("{} ({})", refusal.path, names.join(", ")), ..refusal }
}
