//! The class "names against policy", where names come from identity.

use super::*;

const OWN: &str = "path \"kv/of/{{identity.entity.name}}/*\" { capabilities = [\"read\"] }\n\
                   path \"kv/is/{{identity.entity.name}}\" { capabilities = [\"read\"] }";

#[tokio::test]
async fn a_templated_value_stands_for_itself_only() {
    let h = start().await;
    h.policy("own", OWN).await.unwrap();
    let (token, entity) = enter(&h, "a", "bob").await;
    let entity = format!("identity/entity/id/{entity}");
    for name in ["*", "+", "b*", "ann/x", "ann/", "/", "+/+", "..", "ann/../b"] {
        assert_eq!(write(&h, &entity, json!({"name": name})).await, 204, "{name}");
        for path in ["kv/of/ann/x", "kv/of/x", "kv/is/ann", "kv/is/b", "kv/is/ann/x", "kv/is/b/x/y", "kv/is/"]
        {
            assert_eq!(can(&h, &token, path).await, json!(["deny"]), "{name} {path}");
        }
    }
    assert_eq!(write(&h, &entity, json!({"name": "b+1@x.org"})).await, 204);
    assert!(can_read(&h, &token, "kv/of/b+1@x.org/y").await && can_read(&h, &token, "kv/is/b+1@x.org").await);
}

#[tokio::test]
async fn templates_know_entity_alias_and_groups() {
    let h = start().await;
    let (token, entity) = enter(&h, "a", "bob").await;
    let body = json!({"name": "Bob", "metadata": {"team": "blue"}});
    assert_eq!(write(&h, &format!("identity/entity/id/{entity}"), body).await, 204);
    let body = json!({"name": "g.1", "metadata": {"site": "x"}, "member_entity_ids": [entity]});
    let group = make(&h, "group", body).await;
    let (here, there) = (accessor(&h, "a").await, accessor(&h, "b").await);
    let body = json!({"name": "robert", "mount_accessor": there, "canonical_id": entity,
                      "custom_metadata": {"k": "v"}});
    make(&h, "entity-alias", body).await;
    for (template, value) in [
        ("identity.entity.id".to_owned(), entity.as_str()),
        ("identity.entity.name".to_owned(), "Bob"),
        ("identity.entity.metadata.team".to_owned(), "blue"),
        (format!("identity.entity.aliases.{here}.name"), "bob"),
        (format!("identity.entity.aliases.{here}.metadata.seen"), "yes"),
        (format!("identity.entity.aliases.{there}.name"), "robert"),
        (format!("identity.entity.aliases.{there}.custom_metadata.k"), "v"),
        (format!("identity.groups.ids.{group}.name"), "g.1"),
        ("identity.groups.names.g.1.id".to_owned(), group.as_str()),
        ("identity.groups.names.g.1.metadata.site".to_owned(), "x"),
    ] {
        let rules = format!("path \"kv/{{{{{template}}}}}\" {{ capabilities = [\"read\"] }}");
        h.policy("own", &rules).await.unwrap();
        assert!(can_read(&h, &token, &format!("kv/{value}")).await, "{template}");
    }
    for template in
        ["identity.entity.metadata.none", "identity.groups.names.other.id", "identity.entity", "x"]
    {
        let rules = format!("path \"kv/{{{{{template}}}}}\" {{ capabilities = [\"read\"] }}");
        h.policy("own", &rules).await.unwrap();
        assert_eq!(can(&h, &token, "kv/").await, json!(["deny"]), "{template}");
    }
}

#[tokio::test]
async fn a_deny_on_a_name_holds_for_every_case() {
    let h = start().await;
    let all = "capabilities = [\"create\", \"read\", \"update\", \"delete\"]";
    let rules = format!(
        "path \"identity/*\" {{ {all} }}\n\
         path \"identity/entity/name/admin\" {{ capabilities = [\"deny\"] }}\n\
         path \"identity/group/name/admin\" {{ capabilities = [\"deny\"] }}"
    );
    h.policy("most", &rules).await.unwrap();
    let token = h.token(&["most"]).await.unwrap();
    for kind in ["entity", "group"] {
        make(&h, kind, json!({"name": "Admin"})).await;
        for name in ["admin", "ADMIN", "Admin", "admin/", "%61dmin"] {
            let path = format!("identity/{kind}/name/{name}");
            for operation in [Operation::Read, Operation::Delete] {
                let reply = h.call_as(Some(&token), operation, &path, Value::Null).await;
                assert_eq!(reply.status, 403, "{operation:?} {path}");
            }
        }
        let path = format!("identity/{kind}/name/Other");
        let made = h.call_as(Some(&token), Operation::Update, &path, json!({})).await;
        assert_eq!((made.status, made.at("/data/name")), (200, json!("Other")));
        assert_eq!(
            write(&h, &format!("identity/{kind}/name/OTHER"), json!({"metadata": {"a": "b"}})).await,
            204
        );
        assert_eq!(read(&h, &format!("identity/{kind}/name/other")).await.at("/data/name"), "Other");
    }
}

#[tokio::test]
async fn names_are_bounded() {
    let h = start().await;
    let long = "n".repeat(513);
    for kind in ["entity", "group"] {
        assert_eq!(write(&h, &format!("identity/{kind}"), json!({"name": long})).await, 400, "{kind}");
    }
    assert_eq!(login(&h, "a", &long, json!({})).await.status, 400);
    assert_eq!(list(&h, "identity/entity/id").await.status, 404);
}
