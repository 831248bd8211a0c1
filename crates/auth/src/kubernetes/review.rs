//! What the cluster says of a token.

use super::account::Account;
use super::cluster::{Cluster, NoAnswer};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use strongroom_core::{Fault, Value};

/// Asks the cluster whether a token holds, for one audience or, if that is empty, for the cluster's own.
/// The review must be of the very account, Pod and audience.
pub(super) async fn review(
    cluster: &Cluster<'_>,
    jwt: &str,
    account: &Account,
    audience: &str,
) -> Result<(), Fault> {
    let mut spec = json!({ "token": jwt });
    if let Some(spec) = spec.as_object_mut().filter(|_| !audience.is_empty()) {
        spec.insert("audiences".to_owned(), json!([audience]));
    }
    let question = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec });
    let answer = cluster.post(PATH, &question).await.map_err(no_review)?;
    let status = answer.get("status").cloned().unwrap_or(Value::Null);
    let status: Status = serde_json::from_value(status)
        .map_err(|_| refused("the Kubernetes API answered with something else than a review"))?;
    check(&status, account, audience)
}

const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    authenticated: bool,
    error: String,
    user: User,
    audiences: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct User {
    username: String,
    uid: String,
    extra: BTreeMap<String, Vec<String>>,
}

fn check(status: &Status, account: &Account, audience: &str) -> Result<(), Fault> {
    if !status.authenticated || !status.error.is_empty() {
        return Err(refused("the cluster says that the token does not hold"));
    }
    if status.user.username != account.user_name() {
        return Err(refused("the cluster says that the token is another account's"));
    }
    if status.user.uid != account.uid {
        return Err(refused("the cluster says that the service account is another one of the same name"));
    }
    let extra = |key: &str| match status.user.extra.get(key).map(Vec::as_slice) {
        Some([one]) => one.as_str(),
        _ => "",
    };
    if let Some((name, uid)) = &account.pod
        && (extra(POD_NAME) != name || extra(POD_UID) != uid)
    {
        return Err(refused("the cluster says that the token is bound to another Pod"));
    }
    // An empty list means the audience of the cluster itself.
    if !audience.is_empty() && !status.audiences.iter().any(|a| a == audience) {
        return Err(refused("the cluster says that the token is for another audience"));
    }
    Ok(())
}

fn no_review(why: NoAnswer) -> Fault {
    match why {
        NoAnswer::Unreachable => refused("the Kubernetes API cannot be asked"),
        NoAnswer::Status(status @ (401 | 403)) => Fault::Refused(format!(
            "permission denied: the Kubernetes API lets the reviewer of tokens create no TokenReview (status {status})"
        )),
        NoAnswer::Status(status) => {
            Fault::Refused(format!("permission denied: the Kubernetes API answered with status {status}"))
        }
    }
}

fn refused(why: &str) -> Fault {
    Fault::Refused(format!("permission denied: {why}"))
}
