//! The cluster's record of what its kubelets can do.

use serde::{Deserialize, Serialize};

/// What is known of the nodes that Pods may be scheduled to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeRecord {
    /// One for each schedulable node.
    pub nodes: Vec<NodeState>,
}

/// What is known of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeState {
    /// Its name.
    pub name: String,
    /// `status.nodeInfo.kubeletVersion`, as `v1.35.4`.
    pub kubelet_version: String,
    /// Whether the kubelet's feature gate `EnvFiles` is on; none if nobody could find out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_files: Option<bool>,
}

impl NodeRecord {
    /// Why `fileKeyRef` must not be used: some kubelet would start a container with an empty value, or it is
    /// not known that none would.
    pub fn why_no_file_key_ref(&self) -> Option<String> {
        if self.nodes.is_empty() {
            return Some("the record of nodes is empty".to_owned());
        }
        self.nodes.iter().find_map(|node| {
            let (name, version) = (&node.name, &node.kubelet_version);
            if !is_at_least_1_35(version) {
                return Some(format!("the kubelet of node {name} is {version}, older than v1.35"));
            }
            match node.env_files {
                Some(true) => None,
                Some(false) => Some(format!("the kubelet of node {name} has the feature gate EnvFiles off")),
                None => Some(format!("whether the kubelet of node {name} has EnvFiles on is not known")),
            }
        })
    }
}

fn is_at_least_1_35(version: &str) -> bool {
    let mut numbers = version.strip_prefix('v').unwrap_or(version).split(['.', '-', '+']);
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    match (next(), next()) {
        (Some(major), Some(minor)) => (major, minor) >= (1, 35),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(nodes: &[(&str, Option<bool>)]) -> NodeRecord {
        let node = |(version, env_files): &(&str, Option<bool>)| NodeState {
            name: "n".to_owned(),
            kubelet_version: (*version).to_owned(),
            env_files: *env_files,
        };
        NodeRecord { nodes: nodes.iter().map(node).collect() }
    }

    #[test]
    fn every_node_must_be_known_to_be_able() {
        let able = Some(true);
        for nodes in
            [&[("v1.35.4", able)][..], &[("v1.35.0-rc.1", able), ("v1.36.1+k3s1", able), ("v2.0.0", able)]]
        {
            assert_eq!(record(nodes).why_no_file_key_ref(), None, "{nodes:?}");
        }
        for nodes in [
            &[][..],
            &[("v1.35.4", able), ("v1.34.9", able)],
            &[("v1.35.4", Some(false))],
            &[("v1.35.4", None)],
            &[("", able)],
            &[("v0.99.0", able)],
        ] {
            assert!(record(nodes).why_no_file_key_ref().is_some(), "{nodes:?}");
        }
    }
}
