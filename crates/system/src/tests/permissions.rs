use super::{read, start, write};
use serde_json::{Value, json};
use strongroom_core::{Access, Fault, Grant, Operation};

#[tokio::test]
async fn every_route_asks_for_what_its_row_says() -> Result<(), Fault> {
    let h = start().await;
    let every =
        "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\", \"patch\"] }";
    h.policy("every", every).await?;
    // Rules of "default" for single paths would stand before the one for all.
    let policies = vec!["every".to_owned()];
    let token = h.grant(Grant { policies, no_default_policy: true, ..Grant::default() }).await?;
    let table = crate::routes();
    for route in &table {
        let path =
            format!("sys/{}", route.pattern.text()).replace("{path:rest}", "p").replace(['{', '}'], "");
        let path = path.replace(":rest", "");
        for op in &route.operations {
            let reply = h.call_as(Some(&token), op.operation, &path, json!({})).await;
            if op.access == Access::Open {
                continue;
            }
            assert_eq!(reply.status == 403, op.access == Access::Sudo, "{:?} {path}", op.operation);
            let stranger = h.call_as(None, op.operation, &path, json!({})).await;
            assert_eq!(stranger.status, 403, "{:?} {path}", op.operation);
        }
    }
    Ok(())
}

#[tokio::test]
async fn capabilities_are_told_for_each_path() -> Result<(), Fault> {
    let h = start().await;
    h.policy("p", "path \"a/*\" { capabilities = [\"list\", \"read\"] }").await?;
    let token = h.token(&["p"]).await?;
    let ask = |body: Value| h.call(Operation::Update, "sys/capabilities", body);
    let told = ask(json!({"token": token, "paths": ["/a/b", "c"]})).await;
    assert_eq!(told.at("/data"), json!({"/a/b": ["list", "read"], "c": ["deny"]}));
    let told = ask(json!({"token": token, "path": "a/b"})).await;
    assert_eq!(told.at("/capabilities"), json!(["list", "read"]));
    for bad in [json!({"token": "nope", "paths": "a"}), json!({"token": token}), json!({"paths": "a"})] {
        assert_eq!(ask(bad).await.status, 400);
    }
    Ok(())
}

#[tokio::test]
async fn explains_which_rule_decides() -> Result<(), Fault> {
    let h = start().await;
    h.policy("p", "path \"a/*\" { capabilities = [\"read\"] }\npath \"a/no\" { capabilities = [\"deny\"] }")
        .await?;
    let token = h.token(&["p"]).await?;
    let ask = |body: Value| h.call(Operation::Update, "sys/internal/explain", body);
    let told = ask(json!({"token": token, "method": "get", "path": "/v1/a/b"})).await;
    assert_eq!((told.at("/data/allowed"), told.at("/data/rule")), (json!(true), json!("a/*")));
    let told = ask(json!({"policies": "P", "operation": "read", "path": "a/no"})).await;
    assert_eq!((told.at("/data/allowed"), told.at("/data/rule")), (json!(false), json!("a/no")));
    let told = ask(json!({"policies": "p", "operation": "read", "path": "sys/auth/x"})).await;
    assert_eq!((told.at("/data/allowed"), told.at("/data/access")), (json!(false), json!("sudo")));
    // As the pipeline does, it looks at the name with folded letters and without a final slash.
    h.policy(
        "q",
        "path \"sys/policies/acl/x\" { capabilities = [\"deny\"] }\npath \"*\" { capabilities = [\"read\"] }",
    )
    .await?;
    for path in ["sys/policies/acl/X", "sys/policies/acl/x/", "sys/policies/acl/X/"] {
        let told = ask(json!({"policies": "q", "operation": "read", "path": path})).await;
        assert_eq!(told.at("/data/allowed"), json!(false), "{path}");
        assert_eq!(told.at("/data/rule"), json!("sys/policies/acl/x"), "{path}");
    }
    for bad in [
        json!({"token": "nope", "method": "GET", "path": "a"}),
        json!({"token": token, "policies": "p", "method": "GET", "path": "a"}),
        json!({"policies": "p", "method": "FLY", "path": "a"}),
        json!({"policies": "p", "method": "GET", "path": "a/../b"}),
        json!({"policies": "p", "method": "GET"}),
    ] {
        let reply = ask(bad).await;
        assert_eq!(reply.status, 400);
        assert!(!reply.body.to_string().contains(&token));
    }
    Ok(())
}

#[tokio::test]
async fn strangers_see_only_what_is_shown_to_all() -> Result<(), Fault> {
    let h = start().await;
    let seen = json!({"type": "kv", "description": "seen", "config": {"listing_visibility": "unauth"}});
    assert_eq!(write(&h, "sys/mounts/seen", seen).await, 204);
    assert_eq!(write(&h, "sys/mounts/mine", json!({"type": "kv"})).await, 204);
    let stranger = h.call_as(None, Operation::Read, "sys/internal/ui/mounts", Value::Null).await;
    let row = json!({"seen/": {"description": "seen", "options": {}, "type": "kv"}});
    assert_eq!((stranger.at("/data/secret"), stranger.at("/data/auth")), (row, json!({})));
    h.policy("p", "path \"mine/x\" { capabilities = [\"read\"] }").await?;
    let token = h.token(&["p"]).await?;
    let own = h.call_as(Some(&token), Operation::Read, "sys/internal/ui/mounts", Value::Null).await;
    assert_eq!(own.at("/data/secret/mine~1/type"), "kv");
    for (who, path, status) in [
        (Some(token.as_str()), "mine/x/y", 200),
        (Some(token.as_str()), "seen", 403),
        (Some(token.as_str()), "nosuch", 403),
        (None, "seen", 403),
    ] {
        let reply =
            h.call_as(who, Operation::Read, &format!("sys/internal/ui/mounts/{path}"), Value::Null).await;
        assert_eq!(reply.status, status, "{path}");
    }
    assert_eq!(read(&h, "sys/internal/ui/resultant-acl").await.at("/data/root"), json!(true));
    Ok(())
}

#[tokio::test]
async fn help_on_a_mount_lists_what_it_has() -> Result<(), Fault> {
    let h = start().await;
    let told = h.call(Operation::Help, "sys", json!({})).await;
    assert!(told.at("/help").to_string().contains("\\n    seal-status\\n"), "{:?}", told.body);
    assert_eq!(h.call_as(None, Operation::Help, "sys", json!({})).await.status, 403);
    Ok(())
}

#[tokio::test]
async fn who_asks_what_is_under_way_is_under_way() -> Result<(), Fault> {
    let h = start().await;
    let told = h.call(Operation::Read, "sys/in-flight-req", json!({})).await;
    assert!(told.body.to_string().contains("/v1/sys/in-flight-req"), "{:?}", told.body);
    Ok(())
}
