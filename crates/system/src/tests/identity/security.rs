//! The class "identity".

use super::*;
use strongroom_core::identity::{Entity, Group};
use strongroom_core::keys;

#[tokio::test]
async fn identity_the_same_name_at_another_mount_is_somebody_else() {
    let h = start().await;
    let (token, bob) = enter(&h, "a", "bob").await;
    let (_, other) = enter(&h, "b", "bob").await;
    assert_ne!(bob, other);
    assert_eq!(write(&h, &format!("identity/entity/id/{other}"), json!({"policies": "more"})).await, 204);
    assert!(!can_read(&h, &token, "kv/more").await);
    // An entity has one alias at a mount, so no template and no login has to choose.
    let body = json!({"name": "robert", "mount_accessor": accessor(&h, "a").await, "canonical_id": bob});
    assert_eq!(write(&h, "identity/entity-alias", body).await, 400);
}

#[tokio::test]
async fn identity_a_template_takes_the_alias_of_the_mount_it_names() {
    let h = start().await;
    let (_, entity) = enter(&h, "a", "bob").await;
    let (here, there) = (accessor(&h, "a").await, accessor(&h, "b").await);
    make(&h, "entity-alias", json!({"name": "ann", "mount_accessor": there, "canonical_id": entity})).await;
    let (token, _) = enter(&h, "b", "ann").await;
    let rules =
        format!("path \"kv/{{{{identity.entity.aliases.{there}.name}}}}\" {{ capabilities = [\"read\"] }}");
    h.policy("own", &rules).await.unwrap();
    assert!(can_read(&h, &token, "kv/ann").await && !can_read(&h, &token, "kv/bob").await);
    let rules =
        format!("path \"kv/{{{{identity.entity.aliases.{here}.name}}}}\" {{ capabilities = [\"read\"] }}");
    h.policy("own", &rules).await.unwrap();
    assert!(can_read(&h, &token, "kv/bob").await && !can_read(&h, &token, "kv/ann").await);
}

#[tokio::test]
async fn identity_membership_is_never_stale() {
    let h = start().await;
    let (token, entity) = enter(&h, "a", "bob").await;
    let group = make(&h, "group", json!({"policies": "more"})).await;
    let group = format!("identity/group/id/{group}");
    for members in [json!([entity]), json!([]), json!([entity]), json!([])] {
        assert_eq!(write(&h, &group, json!({"member_entity_ids": members})).await, 204);
        assert_eq!(can_read(&h, &token, "kv/more").await, members != json!([]));
    }
    assert_eq!(write(&h, &group, json!({"member_entity_ids": [entity], "policies": "deep"})).await, 204);
    assert!(can_read(&h, &token, "kv/deep").await && !can_read(&h, &token, "kv/more").await);
    h.policy("deep", "path \"kv/other\" { capabilities = [\"read\"] }").await.unwrap();
    assert!(can_read(&h, &token, "kv/other").await && !can_read(&h, &token, "kv/deep").await);
}

#[tokio::test]
async fn identity_root_is_never_given() {
    let h = start().await;
    let (token, entity) = enter(&h, "a", "bob").await;
    for policies in
        [json!("root"), json!(["ROOT"]), json!([" Root "]), json!("more,rOOt"), json!("response-wrapping")]
    {
        let body = json!({"policies": policies, "member_entity_ids": [entity]});
        assert_eq!(write(&h, &format!("identity/entity/id/{entity}"), body.clone()).await, 400, "{body}");
        assert_eq!(write(&h, "identity/group", body.clone()).await, 400, "{body}");
    }
    // Even records that say so give nothing.
    let group = make(&h, "group", json!({"member_entity_ids": [entity]})).await;
    let mut txn = h.core.txn();
    let (entity, group) = (keys::core(keys::ENTITY, &entity), keys::core(keys::GROUP, &group));
    let root = vec!["root".to_owned()];
    let e = Entity::clone(&txn.get::<Entity>(&entity).await.unwrap().unwrap());
    let g = Group::clone(&txn.get::<Group>(&group).await.unwrap().unwrap());
    txn.put(&entity, &Entity { policies: root.clone(), ..e }).unwrap();
    txn.put(&group, &Group { policies: root, ..g }).unwrap();
    h.core.commit(txn).await.unwrap();
    assert_eq!(can(&h, &token, "kv/more").await, json!(["deny"]));
    assert_eq!(enter(&h, "a", "bob").await.1.len(), 36);
    let again = login(&h, "a", "bob", json!({})).await;
    assert_eq!(again.at("/auth/policies"), json!(["default", "own"]));
}

#[tokio::test]
async fn identity_a_disabled_or_deleted_entity_ends_its_tokens_at_once() {
    let h = start().await;
    let (token, entity) = enter(&h, "a", "bob").await;
    let batch = text(&login(&h, "a", "bob", json!({"batch": true})).await, "/auth/client_token");
    let path = format!("identity/entity/id/{entity}");
    for (disabled, expected) in [(true, 403), (false, 200)] {
        assert_eq!(write(&h, &path, json!({"disabled": disabled})).await, 204);
        assert_eq!((status(&h, &token).await, status(&h, &batch).await), (expected, expected));
        assert_eq!(login(&h, "a", "bob", json!({})).await.status, expected);
        // Routes that anybody may call show it no more than they show strangers.
        let ui = h.call_as(Some(&token), Operation::Read, "sys/internal/ui/mounts", Value::Null).await;
        assert_eq!(ui.at("/data/secret").as_object().is_some_and(|m| m.is_empty()), disabled);
    }
    // A refused login leaves nothing behind.
    assert_eq!(write(&h, &path, json!({"disabled": true})).await, 204);
    let before = list(&h, "auth/token/accessors").await;
    assert_eq!(login(&h, "a", "bob", json!({})).await.status, 403);
    assert_eq!(list(&h, "auth/token/accessors").await.at("/data/keys"), before.at("/data/keys"));
    assert_eq!(h.call(Operation::Delete, &path, Value::Null).await.status, 204);
    assert_eq!((status(&h, &token).await, status(&h, &batch).await), (403, 403));
    // Whoever logs in by that name later is somebody new.
    assert_ne!(enter(&h, "a", "bob").await.1, entity);
    assert_eq!(status(&h, &token).await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_membership_is_never_stale_while_others_read() {
    let h = Arc::new(start().await);
    let (token, entity) = enter(&h, "a", "bob").await;
    let group = make(&h, "group", json!({"policies": "more"})).await;
    let group = format!("identity/group/id/{group}");
    // Requests of the same entity fill the cache at any moment, right or wrong.
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let reader = tokio::spawn({
        let (h, token, stop) = (h.clone(), token.clone(), stop.clone());
        async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                can(&h, &token, "kv/more").await;
            }
        }
    });
    for round in 0..200 {
        let members = if round % 2 == 0 { json!([entity]) } else { json!([]) };
        assert_eq!(write(&h, &group, json!({"member_entity_ids": members})).await, 204);
        assert_eq!(can_read(&h, &token, "kv/more").await, round % 2 == 0, "round {round}");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    reader.await.unwrap();
}
