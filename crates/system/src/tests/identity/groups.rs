use super::*;

#[tokio::test]
async fn policies_come_through_nested_groups_and_go_with_them() {
    let h = start().await;
    let (token, entity) = enter(&h, "a", "bob").await;
    let inner = make(&h, "group", json!({"name": "inner", "member_entity_ids": [entity]})).await;
    let middle = make(&h, "group", json!({"name": "middle", "member_group_ids": [inner]})).await;
    let outer = json!({"name": "outer", "policies": "deep", "member_group_ids": [middle]});
    let outer = make(&h, "group", outer).await;
    assert!(can_read(&h, &token, "kv/deep").await);
    let shown = read(&h, &format!("identity/entity/id/{entity}")).await;
    assert_eq!(shown.at("/data/direct_group_ids"), json!([inner]));
    assert_eq!(shown.at("/data/inherited_group_ids").as_array().map(Vec::len), Some(2));
    assert_eq!(h.call(Operation::Delete, "identity/group/name/MIDDLE", Value::Null).await.status, 204);
    assert!(!can_read(&h, &token, "kv/deep").await);
    let shown = read(&h, &format!("identity/group/id/{outer}")).await;
    assert_eq!(shown.at("/data/member_group_ids"), json!([]));
    assert_eq!(
        read(&h, &format!("identity/group/id/{inner}")).await.at("/data/parent_group_ids"),
        Value::Null
    );
}

#[tokio::test]
async fn no_group_contains_itself() {
    let h = start().await;
    let a = make(&h, "group", json!({"name": "a"})).await;
    let b = make(&h, "group", json!({"name": "b", "member_group_ids": [a]})).await;
    let c = make(&h, "group", json!({"name": "c", "member_group_ids": [b]})).await;
    for member in [&a, &b, &c] {
        let body = json!({"member_group_ids": [member]});
        assert_eq!(write(&h, &format!("identity/group/id/{a}"), body).await, 400);
    }
    // Twice the same way up is no cycle.
    let body = json!({"member_group_ids": [a, b]});
    assert_eq!(write(&h, &format!("identity/group/id/{c}"), body).await, 204);
    let entity = make(&h, "entity", json!({})).await;
    let body = json!({"member_entity_ids": [entity]});
    assert_eq!(write(&h, &format!("identity/group/id/{a}"), body).await, 204);
    let shown = read(&h, &format!("identity/entity/id/{entity}")).await;
    assert_eq!(shown.at("/data/group_ids").as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn logins_decide_who_is_in_an_external_group() {
    let h = start().await;
    let door = accessor(&h, "a").await;
    let mut ids = Vec::new();
    for (name, policies) in [("staff", "more"), ("admins", "deep")] {
        let group = make(&h, "group", json!({"name": name, "type": "external", "policies": policies})).await;
        make(&h, "group-alias", json!({"name": name, "mount_accessor": door, "canonical_id": group})).await;
        ids.push(group);
    }
    let by_hand = make(&h, "group", json!({"name": "by-hand"})).await;
    let first = login(&h, "a", "bob", json!({"groups": "Staff,admins,unknown"})).await;
    assert_eq!(first.at("/auth/identity_policies"), json!(["deep", "more"]));
    let (token, entity) = (text(&first, "/auth/client_token"), text(&first, "/auth/entity_id"));
    let body = json!({"member_entity_ids": [entity]});
    assert_eq!(write(&h, &format!("identity/group/id/{by_hand}"), body.clone()).await, 204);
    assert_eq!(write(&h, &format!("identity/group/id/{}", ids[0]), body).await, 400);
    // What the method no longer says ends for older tokens too; other groups and mounts are let be.
    let second = login(&h, "a", "bob", json!({"groups": "staff"})).await;
    assert_eq!(second.at("/auth/identity_policies"), json!(["more"]));
    assert!(can_read(&h, &token, "kv/more").await && !can_read(&h, &token, "kv/deep").await);
    let shown = read(&h, &format!("identity/entity/id/{entity}")).await;
    let groups = shown.at("/data/direct_group_ids");
    assert!(groups.as_array().is_some_and(|g| g.len() == 2 && g.contains(&json!(by_hand))), "{groups}");
    // The same name at another mount is another group.
    let other = login(&h, "b", "bob", json!({"groups": "staff"})).await;
    assert_eq!(other.at("/auth/identity_policies"), Value::Null);
}

#[tokio::test]
async fn a_large_group_leaves_nothing_behind() {
    let h = start().await;
    let mut entities = Vec::new();
    for _ in 0..300 {
        entities.push(make(&h, "entity", json!({})).await);
    }
    let group = make(&h, "group", json!({"name": "all", "member_entity_ids": entities})).await;
    assert_eq!(
        h.call(Operation::Delete, &format!("identity/group/id/{group}"), Value::Null).await.status,
        204
    );
    while !h.core.work_off(1).await.unwrap() {}
    use strongroom_core::keys;
    for kind in [keys::GROUP, keys::GROUP_NAME, keys::GROUP_MEMBER, keys::GROUPS_OF, keys::JOB] {
        assert_eq!(h.core.txn().names(&keys::core(kind, "")).await.unwrap(), Vec::<String>::new(), "{kind}");
    }
}
