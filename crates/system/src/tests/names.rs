//! The class "names against policy": no way of writing a name gets around a rule or a built-in policy.

use super::{delete, list, read, start, write};
use serde_json::{Value, json};
use strongroom_core::{Fault, Operation};

const RULES: &str = "path \"a\" { capabilities = [\"read\"] }";

#[tokio::test]
async fn root_cannot_be_written_deleted_or_imitated() {
    let h = start().await;
    for name in ["root", "ROOT", "Root", "rOOT", "%72oot", "RESPONSE-WRAPPING", "response-wrapping"] {
        for base in ["sys/policies/acl", "sys/policy"] {
            assert_eq!(
                write(&h, &format!("{base}/{name}"), json!({"policy": RULES})).await,
                400,
                "{base} {name}"
            );
            assert_eq!(delete(&h, &format!("{base}/{name}")).await, 400, "{base} {name}");
        }
    }
    for name in ["%20root", "root%20", "root,x", "a/%20b", "DEFAULT"] {
        let path = format!("sys/policies/acl/{name}");
        let status = if name == "DEFAULT" {
            delete(&h, &path).await
        } else {
            write(&h, &path, json!({"policy": RULES})).await
        };
        assert_eq!(status, 400, "{name}");
    }
    assert_eq!(list(&h, "sys/policies/acl").await.at("/data/keys"), json!(["default", "root"]));
    assert_eq!(read(&h, "sys/policies/acl/ROOT").await.at("/data"), json!({"name": "root", "policy": ""}));
}

#[tokio::test]
async fn one_policy_has_one_name() {
    let h = start().await;
    let made =
        h.call(Operation::Update, "sys/policies/acl/Team", json!({"policy": RULES, "name": "root"})).await;
    assert_eq!((made.status, made.at("/warnings/0")), (200, json!("policy name was converted to team")));
    assert_eq!(write(&h, "sys/policies/acl/tEAM", json!({"policy": RULES})).await, 200);
    let shown = read(&h, "sys/policies/acl/TEAM").await;
    assert_eq!((shown.at("/data/name"), shown.at("/data/version")), (json!("team"), json!(2)));
    assert_eq!(list(&h, "sys/policies/acl").await.at("/data/keys"), json!(["default", "root", "team"]));
    assert_eq!(delete(&h, "sys/policies/acl/TEAM").await, 204);
    assert_eq!(read(&h, "sys/policies/acl/team").await.status, 404);
    // Dots inside a name are part of it; segments of dots never come this far.
    assert_eq!(write(&h, "sys/policies/acl/a..b", json!({"policy": RULES})).await, 204);
    assert!(strongroom_core::Path::parse("sys/policies/acl/%2e%2e/x").is_err());
}

#[tokio::test]
async fn a_deny_holds_for_every_way_to_write_the_name() -> Result<(), Fault> {
    let h = start().await;
    assert_eq!(write(&h, "sys/policies/acl/guarded", json!({"policy": RULES})).await, 204);
    assert_eq!(write(&h, "sys/mounts/guarded", json!({"type": "kv"})).await, 204);
    let all = "capabilities = [\"create\", \"read\", \"update\", \"delete\"]";
    let rules = format!(
        "path \"sys/policies/acl/*\" {{ {all} }}\npath \"sys/mounts/*\" {{ {all} }}\n\
         path \"sys/policies/acl/guarded\" {{ capabilities = [\"deny\"] }}\n\
         path \"sys/mounts/guarded\" {{ capabilities = [\"deny\"] }}"
    );
    h.policy("most", &rules).await?;
    let token = h.token(&["most"]).await?;
    for path in [
        "sys/policies/acl/guarded",
        "sys/policies/acl/GUARDED",
        "sys/policies/acl/Guarded",
        "sys/policies/acl/guarded/",
        "sys/policies/acl/GUARDED/",
        "sys/mounts/guarded",
        "sys/mounts/guarded/",
    ] {
        for operation in [Operation::Read, Operation::Delete] {
            let reply = h.call_as(Some(&token), operation, path, Value::Null).await;
            assert_eq!(reply.status, 403, "{operation:?} {path}");
        }
    }
    let reply = h.call_as(Some(&token), Operation::Delete, "sys/mounts/other/", Value::Null).await;
    assert_eq!(reply.status, 204);
    assert_eq!(read(&h, "sys/policies/acl/guarded").await.status, 200);
    assert_eq!(read(&h, "sys/mounts/guarded").await.status, 200);
    Ok(())
}
