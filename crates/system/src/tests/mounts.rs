use super::{delete, read, start, write};
use serde_json::{Value, json};
use strongroom_core::{Fault, Operation};

#[tokio::test]
async fn a_mount_comes_is_tuned_and_goes() {
    let h = start().await;
    let body = json!({"type": "kv", "description": "d", "config": {"max_lease_ttl": "2h"}});
    assert_eq!(write(&h, "sys/mounts/a/b", body).await, 204);
    let shown = read(&h, "sys/mounts/a/b").await;
    assert_eq!(shown.at("/data/config/max_lease_ttl"), 7200);
    assert_eq!((shown.at("/type"), shown.at("/data/options")), (json!("kv"), json!({})));
    for taken in ["sys/mounts/a", "sys/mounts/a/b", "sys/mounts/a/b/c"] {
        assert_eq!(write(&h, taken, json!({"type": "kv"})).await, 400, "{taken}");
    }
    assert_eq!(write(&h, "sys/mounts/a/b/tune", json!({"default_lease_ttl": "3h"})).await, 400);
    assert_eq!(
        write(&h, "sys/mounts/a/b/tune", json!({"default_lease_ttl": "1h", "options": {"x": "y"}})).await,
        204
    );
    let tuned = read(&h, "sys/mounts/a/b/tune").await;
    assert_eq!((tuned.at("/default_lease_ttl"), tuned.at("/data/options/x")), (json!(3600), json!("y")));
    assert_eq!((delete(&h, "sys/mounts/a/b/").await, delete(&h, "sys/mounts/a/b").await), (204, 204));
    assert_eq!(read(&h, "sys/mounts/a/b").await.body["errors"][0], "No secret engine mount at a/b/");
    assert_eq!(write(&h, "sys/mounts/a", json!({"type": "kv"})).await, 204);
}

#[tokio::test]
async fn the_servers_own_mounts_stay() {
    let h = start().await;
    for path in ["sys/mounts/sys", "sys/mounts/cubbyhole", "sys/mounts/identity", "sys/auth/token"] {
        assert_eq!(delete(&h, path).await, 400, "{path}");
        assert_eq!(write(&h, path, json!({"type": "kv"})).await, 400, "{path}");
    }
    for kind in ["system", "cubbyhole", "identity", "token", "nosuch", ""] {
        assert_eq!(write(&h, "sys/mounts/x", json!({"type": kind})).await, 400, "{kind}");
    }
    assert_eq!(write(&h, "sys/auth/x", json!({"type": "kv"})).await, 400);
    assert_eq!(write(&h, "sys/mounts/sys/tune", json!({"description": "mine"})).await, 400);
    let moved = json!({"from": "sys", "to": "x"});
    assert_eq!(write(&h, "sys/remount", moved).await, 400);
}

#[tokio::test]
async fn of_mounts_made_at_the_same_time_one_wins() {
    let h = start().await;
    let make = |path: &'static str| h.call(Operation::Update, path, json!({"type": "kv"}));
    let (a, b, c) = tokio::join!(make("sys/mounts/x"), make("sys/mounts/x/y"), make("sys/mounts/x"));
    let mut statuses = [a.status, b.status, c.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400, 400]);
}

#[tokio::test]
async fn a_moved_mount_keeps_its_entries_and_ends_what_was_given_under_its_old_path() -> Result<(), Fault> {
    let h = start().await;
    assert_eq!(write(&h, "sys/auth/old", json!({"type": "userpass"})).await, 204);
    let accessor = read(&h, "sys/auth/old").await.at("/data/accessor");
    let id = h.core.mounts().at("auth/old/").unwrap().entry.id.clone();
    let path = Some("auth/old/login/bob".to_owned());
    let token = h.grant(strongroom_core::Grant { path, ..Default::default() }).await?;
    assert!(h.core.find_token(&token).await?.is_some());
    let reply =
        h.call(Operation::Update, "sys/remount", json!({"from": "auth/old", "to": "auth/new/"})).await;
    let status =
        read(&h, &format!("sys/remount/status/{}", reply.at("/data/migration_id").as_str().unwrap())).await;
    assert_eq!(status.at("/data/migration_info/target_mount"), "auth/new/");
    assert_eq!(read(&h, "sys/auth/new").await.at("/data/accessor"), accessor);
    assert_eq!(h.core.mounts().at("auth/new/").unwrap().entry.id, id);
    assert!(h.core.mounts().at("auth/old/").is_none());
    assert!(h.core.find_token(&token).await?.is_none());
    for (from, to) in
        [("auth/new", "secret"), ("auth/new", "auth/token"), ("auth/new", "auth/../x"), ("nope", "y")]
    {
        assert_eq!(write(&h, "sys/remount", json!({"from": from, "to": to})).await, 400, "{from} {to}");
    }
    Ok(())
}

#[tokio::test]
async fn disabling_an_auth_method_ends_its_tokens_at_once() -> Result<(), Fault> {
    let h = start().await;
    assert_eq!(write(&h, "sys/auth/up", json!({"type": "userpass"})).await, 204);
    let path = Some("auth/up/login/bob".to_owned());
    let token = h.grant(strongroom_core::Grant { path, ..Default::default() }).await?;
    assert_eq!(delete(&h, "sys/auth/up").await, 204);
    assert!(h.core.find_token(&token).await?.is_none());
    assert_eq!(read(&h, "sys/auth").await.at("/data/up~1"), Value::Null);
    assert_eq!(write(&h, "sys/auth/up", json!({"type": "userpass"})).await, 204);
    Ok(())
}
