use super::*;

#[tokio::test]
async fn merging_moves_aliases_memberships_and_tokens() {
    let h = start().await;
    let (token, from) = enter(&h, "a", "bob").await;
    let to = make(&h, "entity", json!({"name": "Bob", "policies": "more"})).await;
    let group = make(&h, "group", json!({"policies": "deep", "member_entity_ids": [from]})).await;
    let merge = json!({"from_entity_ids": [from], "to_entity_id": to});
    assert_eq!(write(&h, "identity/entity/merge", merge.clone()).await, 204);
    assert_eq!(read(&h, &format!("identity/entity/id/{from}")).await.status, 404);
    let shown = read(&h, "identity/entity/name/bob").await;
    assert_eq!(shown.at("/data/merged_entity_ids"), json!([from]));
    assert_eq!(shown.at("/data/aliases/0/merged_from_canonical_ids"), json!([from]));
    assert_eq!(shown.at("/data/aliases/0/canonical_id"), json!(to));
    assert_eq!(shown.at("/data/direct_group_ids"), json!([group]));
    // The old token goes on, as the new entity's.
    assert!(can_read(&h, &token, "kv/more").await && can_read(&h, &token, "kv/deep").await);
    assert_eq!(enter(&h, "a", "bob").await.1, to);
    assert_eq!(write(&h, "identity/entity/merge", merge).await, 400);
    // Merged on, the first one's tokens follow.
    let last = make(&h, "entity", json!({"name": "last"})).await;
    let merge = json!({"from_entity_ids": [to], "to_entity_id": last});
    assert_eq!(write(&h, "identity/entity/merge", merge).await, 204);
    assert!(!can_read(&h, &token, "kv/more").await && can_read(&h, &token, "kv/deep").await);
    assert_eq!(h.call(Operation::Delete, "identity/entity/name/last", Value::Null).await.status, 204);
    assert_eq!(status(&h, &token).await, 403);
}

#[tokio::test]
async fn of_two_aliases_at_one_mount_a_merge_keeps_the_one_that_is_named() {
    let h = start().await;
    let (_, from) = enter(&h, "a", "bob").await;
    let (_, to) = enter(&h, "a", "ann").await;
    let alias = |reply: Reply| text(&reply, "/data/aliases/0/id");
    let bobs = alias(read(&h, &format!("identity/entity/id/{from}")).await);
    let mut merge = json!({"from_entity_ids": [from], "to_entity_id": to});
    assert_eq!(write(&h, "identity/entity/merge", merge.clone()).await, 400);
    assert_eq!(read(&h, &format!("identity/entity/id/{from}")).await.status, 200);
    merge["conflicting_alias_ids_to_keep"] = json!([bobs]);
    assert_eq!(write(&h, "identity/entity/merge", merge).await, 204);
    assert_eq!(enter(&h, "a", "bob").await.1, to);
    // The alias that was dropped is free: its login makes somebody new.
    assert_ne!(enter(&h, "a", "ann").await.1, to);
    assert_eq!(list(&h, "identity/entity-alias/id").await.at("/data/keys").as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_alias_made_again_for_another_entity_moves() {
    let h = start().await;
    let (token, first) = enter(&h, "a", "bob").await;
    let second = make(&h, "entity", json!({"policies": "more"})).await;
    let body = json!({"name": "Bob", "mount_accessor": accessor(&h, "a").await, "canonical_id": second});
    let moved = h.call(Operation::Update, "identity/entity-alias", body.clone()).await;
    assert_eq!((moved.status, moved.at("/data/canonical_id")), (200, json!(second)));
    assert_eq!(read(&h, &format!("identity/entity/id/{first}")).await.at("/data/aliases"), json!([]));
    assert_eq!(enter(&h, "a", "bob").await.1, second);
    // Tokens stay with the entity they were made for.
    assert!(!can_read(&h, &token, "kv/more").await);
    let found = h.call(
        Operation::Update,
        "identity/lookup/entity",
        json!({"alias_name": "BOB", "alias_mount_accessor": accessor(&h, "a").await}),
    );
    assert_eq!(found.await.at("/data/id"), json!(second));
}

#[tokio::test]
async fn what_is_wrong_with_an_alias_is_named() {
    let h = start().await;
    let entity = make(&h, "entity", json!({})).await;
    let door = accessor(&h, "a").await;
    let kv = text(&read(&h, "sys/mounts/cubbyhole").await, "/data/accessor");
    for (body, field) in [
        (json!({"name": "x"}), "mount_accessor"),
        (json!({"mount_accessor": door}), "name"),
        (json!({"name": "x", "mount_accessor": "nope"}), "mount_accessor"),
        (json!({"name": "x", "mount_accessor": kv}), "mount_accessor"),
        (json!({"name": "x", "mount_accessor": door, "canonical_id": "nope"}), "canonical_id"),
        (json!({"id": "nope", "name": "x"}), "alias"),
        (
            json!({"name": "x", "mount_accessor": door, "canonical_id": entity, "custom_metadata": {"": "x"}}),
            "custom_metadata",
        ),
    ] {
        let reply = h.call(Operation::Update, "identity/entity-alias", body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.at("/errors/0").as_str().is_some_and(|e| e.contains(field)), "{reply:?}");
    }
    assert_eq!(read(&h, &format!("identity/entity/id/{entity}")).await.at("/data/aliases"), json!([]));
}

#[tokio::test]
async fn a_mount_that_goes_takes_its_aliases_along() {
    let h = start().await;
    let (_, entity) = enter(&h, "a", "bob").await;
    let group = make(&h, "group", json!({"type": "external"})).await;
    let body = json!({"name": "staff", "mount_accessor": accessor(&h, "a").await, "canonical_id": group});
    make(&h, "group-alias", body).await;
    for n in 0..300 {
        enter(&h, "a", &format!("user{n}")).await;
    }
    let (kept, _) = enter(&h, "b", "bob").await;
    assert_eq!(h.call(Operation::Delete, "sys/auth/a", Value::Null).await.status, 204);
    while !h.core.work_off(1).await.unwrap() {}
    assert_eq!(read(&h, &format!("identity/entity/id/{entity}")).await.at("/data/aliases"), json!([]));
    assert_eq!(read(&h, &format!("identity/group/id/{group}")).await.at("/data/alias"), json!({}));
    assert_eq!(list(&h, "identity/entity-alias/id").await.at("/data/keys").as_array().map(Vec::len), Some(1));
    assert_eq!(list(&h, "identity/group-alias/id").await.status, 404);
    assert_eq!(status(&h, &kept).await, 200);
}
