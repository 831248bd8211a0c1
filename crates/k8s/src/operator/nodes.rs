//! The record of nodes: what each kubelet can do, asked of the kubelet itself.

use crate::api::exchange::{Origin, Trust};
use crate::api::{Api, bearer, set, text};
use crate::cluster::{self, LOOKED, NODES, config_map};
use crate::lower::{NodeRecord, NodeState};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use strongroom_wire::Clock;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A kubelet may be started again with other gates: it is asked again after this time.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// A record is renewed at least this often, so that readers know that somebody still looks.
const RENEWAL: SignedDuration = SignedDuration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_METRICS: usize = 32 << 20;
const METRIC: &str = "kubernetes_feature_enabled{name=\"EnvFiles\"";
const KUBELET_PORT: u64 = 10250;

/// What is known of the nodes.
pub(super) struct Survey {
    namespace: String,
    authority: PathBuf,
    token: PathBuf,
    /// By what changes when a kubelet does.
    known: BTreeMap<String, (bool, Instant)>,
    /// What an operator before this one wrote, until this one has asked for itself: its start is no reason to know
    /// less.
    before: Option<NodeRecord>,
}

/// A node as the API server tells of it.
struct Node {
    state: NodeState,
    /// Changes with node, start and version.
    incarnation: String,
    metrics: Option<String>,
}

impl Survey {
    pub(super) fn new(namespace: &str, authority: PathBuf, token: PathBuf) -> Self {
        Self { namespace: namespace.to_owned(), authority, token, known: BTreeMap::new(), before: None }
    }

    /// Looks at all nodes and writes the record, first with new nodes as unknown, then with what their kubelets say.
    pub(super) async fn look(&mut self, api: &Api, clock: &dyn Clock) -> Result<(), String> {
        let listed = api.items("/api/v1/nodes", "").await.map_err(|error| error.to_string())?;
        let nodes: Vec<Node> = listed.iter().map(Node::read).collect();
        self.known.retain(|incarnation, _| nodes.iter().any(|node| node.incarnation == *incarnation));
        if self.known.is_empty() {
            self.before = self.fresh(api, clock.now()).await?;
        }
        self.write(api, &nodes, clock.now()).await?;
        let mut asked = JoinSet::new();
        for node in &nodes {
            let is_known = self.known.get(&node.incarnation).is_some_and(|(_, at)| at.elapsed() < KNOWN_FOR);
            if let (false, Some(address)) = (is_known, node.metrics.clone()) {
                let (name, incarnation) = (node.state.name.clone(), node.incarnation.clone());
                let (authority, token) = (self.authority.clone(), self.token.clone());
                asked.spawn(async move { (name, incarnation, ask(&address, authority, &token).await) });
            }
        }
        while let Some(done) = asked.join_next().await {
            let Ok((name, incarnation, answer)) = done else { continue };
            match answer {
                Ok(is_on) => {
                    self.known.insert(incarnation, (is_on, Instant::now()));
                }
                Err(why) => {
                    self.known.remove(&incarnation);
                    tracing::warn!(node = name, "whether its kubelet has EnvFiles on is not known: {why}");
                }
            }
        }
        self.before = None;
        self.write(api, &nodes, clock.now()).await
    }

    /// The record as it stands, if somebody has looked lately.
    async fn fresh(&self, api: &Api, now: Timestamp) -> Result<Option<NodeRecord>, String> {
        let map = api.get(&config_map(&self.namespace, NODES)).await.map_err(|error| error.to_string())?;
        let is_fresh = cluster::looked(&map).is_some_and(|at| now.duration_since(at) < cluster::STALE);
        Ok(serde_json::from_str(text(&map, "/data/nodes")).ok().filter(|_| is_fresh))
    }

    /// Writes the record if it is another, or old.
    async fn write(&self, api: &Api, nodes: &[Node], now: Timestamp) -> Result<(), String> {
        let state = |node: &Node| {
            let known = self.known.get(&node.incarnation).map(|(is_on, _)| *is_on);
            let before = self.before.iter().flat_map(|record| &record.nodes).find(|one| {
                (&one.name, &one.kubelet_version) == (&node.state.name, &node.state.kubelet_version)
            });
            NodeState { env_files: known.or(before.and_then(|one| one.env_files)), ..node.state.clone() }
        };
        let mut record = NodeRecord { nodes: nodes.iter().map(state).collect() };
        record.nodes.sort_by(|one, other| one.name.cmp(&other.name));
        let record = serde_json::to_string(&record).map_err(|error| error.to_string())?;
        let path = config_map(&self.namespace, NODES);
        let mut map = api.get(&path).await.map_err(|error| error.to_string())?;
        let looked = cluster::looked(&map);
        let is_fresh = looked.is_some_and(|at: Timestamp| now.duration_since(at) < RENEWAL);
        if is_fresh && text(&map, "/data/nodes") == record {
            return Ok(());
        }
        if text(&map, "/data/nodes") != record {
            tracing::info!(record, "the record of nodes is written");
        }
        set(&mut map, &["data", "nodes"], json!(record));
        set(&mut map, &["metadata", "annotations", LOOKED], json!(format!("{now:.0}")));
        match api.update(&path, &map).await {
            Err(error) if !error.is_conflict() => Err(error.to_string()),
            _ => Ok(()),
        }
    }
}

impl Node {
    /// Every node counts, cordoned ones too: a DaemonSet's Pods go there.
    fn read(node: &Value) -> Self {
        let name = text(node, "/metadata/name").to_owned();
        let info = |field: &str| text(node, &format!("/status/nodeInfo/{field}")).to_owned();
        let kubelet_version = info("kubeletVersion");
        let incarnation = [text(node, "/metadata/uid"), &info("bootID"), &kubelet_version].join("/");
        let addresses = node.pointer("/status/addresses").and_then(Value::as_array).into_iter().flatten();
        let mut internal = addresses.filter(|address| text(address, "/type") == "InternalIP");
        let port = node.pointer("/status/daemonEndpoints/kubeletEndpoint/Port").and_then(Value::as_u64);
        let metrics = internal.next().map(|address| {
            let address = text(address, "/address");
            let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
            format!("https://{host}:{}", port.unwrap_or(KUBELET_PORT))
        });
        Self { state: NodeState { name, kubelet_version, env_files: None }, incarnation, metrics }
    }
}

/// Whether a kubelet has the feature gate on. One whose certificate the cluster's authority has not signed gets no
/// token, and is not believed.
async fn ask(address: &str, authority: PathBuf, token: &PathBuf) -> Result<bool, String> {
    let origin = Origin::new(address, Trust::File(authority))?;
    let request = http::Request::builder().uri("/metrics").header("authorization", bearer(token).await?);
    let answer = origin.send(request, bytes::Bytes::new(), MAX_METRICS, PATIENCE).await?;
    if answer.status != 200 {
        return Err(format!("{address}/metrics answered with status {}", answer.status));
    }
    let metrics = String::from_utf8_lossy(&answer.body);
    is_on(&metrics).ok_or_else(|| format!("{address}/metrics says nothing about EnvFiles"))
}

fn is_on(metrics: &str) -> Option<bool> {
    let line = metrics.lines().find(|line| line.starts_with(METRIC))?;
    match line.rsplit(' ').next()? {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, StillClock, kubelet};

    #[test]
    fn the_gate_is_read_from_metrics() {
        let metrics = |value: &str| {
            format!(
                "# TYPE kubernetes_feature_enabled gauge\nkubernetes_feature_enabled{{name=\"EnvFilesX\",stage=\"\"}} 1\n\
                 kubernetes_feature_enabled{{name=\"EnvFiles\",stage=\"BETA\"}} {value}\nother 3\n"
            )
        };
        assert_eq!(is_on(&metrics("1")), Some(true));
        assert_eq!(is_on(&metrics("0")), Some(false));
        assert_eq!(is_on("kubernetes_feature_enabled{name=\"Other\",stage=\"\"} 1"), None);
    }

    const ON: &str = "kubernetes_feature_enabled{name=\"EnvFiles\",stage=\"BETA\"} 1\n";
    const OFF: &str = "kubernetes_feature_enabled{name=\"EnvFiles\",stage=\"BETA\"} 0\n";

    fn listed(nodes: &[(&str, u16)]) -> Value {
        let node = |(name, port): &(&str, u16)| {
            json!({"metadata": {"name": name, "uid": name}, "status": {
                "nodeInfo": {"kubeletVersion": "v1.35.4", "bootID": "b"},
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            }})
        };
        json!({"items": nodes.iter().map(node).collect::<Vec<_>>()})
    }

    #[tokio::test]
    async fn kubelets_are_asked_and_those_with_foreign_certificates_are_not_believed() {
        let clock = StillClock::new();
        let ((on, one), (off, two), (foreign, _)) =
            (kubelet(ON).await, kubelet(OFF).await, kubelet(ON).await);
        let folder = tempfile::tempdir().unwrap();
        let (authority, token) = (folder.path().join("ca"), folder.path().join("token"));
        std::fs::write(&authority, one + &two).unwrap();
        std::fs::write(&token, "t\n").unwrap();
        let map = config_map("sr", NODES);
        let nodes = listed(&[("on", on), ("off", off), ("foreign", foreign)]);
        let (fake, api) = Fake::start(&[("/api/v1/nodes", nodes), (&map, json!({"metadata": {}}))]).await;
        let mut survey = Survey::new("sr", authority.clone(), token.clone());
        survey.look(&api, &*clock).await.unwrap();
        let record = || -> BTreeMap<String, Option<bool>> {
            let record: NodeRecord = serde_json::from_str(text(&fake.get(&map), "/data/nodes")).unwrap();
            record.nodes.into_iter().map(|node| (node.name, node.env_files)).collect()
        };
        let known = |name: &str, state| (name.to_owned(), state);
        let all = [known("on", Some(true)), known("off", Some(false)), known("foreign", None)];
        assert_eq!(record(), all.into());
        // New nodes were unknown first, and nothing is written where nothing has changed.
        let writes = || fake.writes.lock().unwrap().len();
        assert_eq!(writes(), 2);
        survey.look(&api, &*clock).await.unwrap();
        assert_eq!(writes(), 2);
        clock.advance(RENEWAL);
        survey.look(&api, &*clock).await.unwrap();
        assert_eq!(writes(), 3);
        // An operator that starts takes over what is fresh, and writes nothing less in between.
        let mut next = Survey::new("sr", authority, token);
        next.look(&api, &*clock).await.unwrap();
        assert_eq!(writes(), 3);
        // A node that joins is there at once.
        fake.put("/api/v1/nodes", listed(&[("on", on), ("late", off)]));
        next.look(&api, &*clock).await.unwrap();
        assert_eq!(record(), [known("on", Some(true)), known("late", Some(false))].into());
    }

    #[test]
    fn nodes_are_read_and_cordoned_ones_count() {
        let node = json!({
            "metadata": {"name": "n", "uid": "u"},
            "spec": {"unschedulable": true},
            "status": {
                "nodeInfo": {"kubeletVersion": "v1.35.4", "bootID": "b"},
                "addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "fd00::1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10251}},
            },
        });
        let node = Node::read(&node);
        assert_eq!(node.metrics.as_deref(), Some("https://[fd00::1]:10251"));
        assert_eq!((node.state.name.as_str(), node.incarnation.as_str()), ("n", "u/b/v1.35.4"));
    }
}
