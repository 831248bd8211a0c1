//! Namespaces from outside. The class of CVE-2026-40264, 2026-45808 and 2026-55774: an identifier means
//! something in its own namespace and nowhere else.

use super::{Plug, delete, list, read, write};
use crate::{Identity, System, TokenMethod};
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::core::Plugs;
use strongroom_core::{Class, Fault, Operation, keys};
use strongroom_testkit::{Harness, Reply};

/// `t1/`, `t1/kid/` and `t2/`, with tokens and identity.
async fn furnished() -> Harness {
    let h = start().await;
    for path in ["sys/namespaces/t1", "t1/sys/namespaces/kid", "sys/namespaces/t2"] {
        assert_eq!(write(&h, path, json!({})).await, 200, "{path}");
    }
    for namespace in ["t1/", "t2/", "t1/kid/"] {
        assert_eq!(write(&h, &format!("{namespace}sys/policies/acl/all"), json!({"policy": ALL})).await, 204);
    }
    h
}

const ALL: &str =
    r#"path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }"#;

async fn ask(h: &Harness, token: &str, path: &str, body: Value) -> Reply {
    h.call_as(Some(token), Operation::Update, path, body).await
}

/// A token of a namespace that may do all in it, and its accessor.
async fn powerful(h: &Harness, namespace: &str) -> (String, String) {
    let made =
        h.call(Operation::Update, &format!("{namespace}auth/token/create"), json!({"policies": "all"})).await;
    let text = |at| made.at(at).as_str().unwrap().to_owned();
    (text("/auth/client_token"), text("/auth/accessor"))
}

#[tokio::test]
async fn tokens_and_accessors_mean_nothing_elsewhere() {
    let h = furnished().await;
    let (kid, kid_accessor) = powerful(&h, "t1/kid/").await;
    let mut others = vec![("".to_owned(), h.root.clone())];
    for namespace in ["t1/", "t2/"] {
        others.push((namespace.to_owned(), powerful(&h, namespace).await.0));
    }
    // Parent, sibling of the parent and root: with all rights there.
    for (namespace, token) in &others {
        let try_ = |path: &str, body| {
            let path = format!("{namespace}{path}");
            let h = &h;
            async move { ask(h, token, &path, body).await.status }
        };
        for (path, status) in [
            ("auth/token/lookup", 403),
            ("auth/token/renew", 400),
            ("auth/token/revoke", 204),
            ("auth/token/revoke-orphan", 400),
            ("sys/wrapping/lookup", 400),
        ] {
            assert_eq!(try_(path, json!({"token": kid})).await, status, "{namespace}{path}");
        }
        assert_eq!(try_("sys/capabilities", json!({"token": kid, "paths": "a"})).await, 400);
        for (path, status) in [
            ("auth/token/lookup-accessor", 400),
            ("auth/token/renew-accessor", 400),
            ("auth/token/revoke-accessor", 200),
        ] {
            assert_eq!(try_(path, json!({"accessor": kid_accessor})).await, status, "{namespace}{path}");
        }
        assert_eq!(
            try_("sys/capabilities-accessor", json!({"accessor": kid_accessor, "paths": "a"})).await,
            400
        );
        let accessors = format!("{namespace}auth/token/accessors");
        let listed = h.call_as(Some(token), Operation::List, &accessors, Value::Null).await;
        assert!(!listed.body.to_string().contains(&kid_accessor), "{namespace}");
        // Nor does it open anything there.
        let used =
            h.call_as(Some(&kid), Operation::Read, &format!("{namespace}sys/mounts"), Value::Null).await;
        assert_eq!(used.status, 403, "{namespace}");
    }
    let own = h.call_as(Some(&kid), Operation::Read, "t1/kid/auth/token/lookup-self", Value::Null).await;
    assert_eq!((own.status, own.at("/data/namespace_path")), (200, json!("t1/kid/")));
    // A token without its end, or with that of another namespace, is no token.
    let bare = kid.rsplit_once('.').unwrap().0.to_owned();
    for forged in [bare.clone(), format!("{bare}.root"), format!("{kid}.root")] {
        for path in ["t1/kid/sys/mounts", "t1/sys/mounts", "sys/mounts"] {
            assert_eq!(
                h.call_as(Some(&forged), Operation::Read, path, Value::Null).await.status,
                403,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn leases_mean_nothing_elsewhere() {
    let h = furnished().await;
    let (kid, accessor) = powerful(&h, "t1/kid/").await;
    let lease = format!("auth/token/create/{accessor}");
    assert_eq!(ask(&h, &kid, "t1/kid/sys/leases/lookup", json!({"lease_id": lease})).await.status, 200);
    for namespace in ["", "t1/", "t2/"] {
        let at = |path: &str| format!("{namespace}sys/leases/{path}");
        assert_eq!(write(&h, &at("lookup"), json!({"lease_id": lease})).await, 400, "{namespace}");
        assert_eq!(write(&h, &at("renew"), json!({"lease_id": lease})).await, 400, "{namespace}");
        assert_eq!(write(&h, &at("revoke"), json!({"lease_id": lease})).await, 204, "{namespace}");
        for prefix in ["auth", "auth/token/create", lease.as_str()] {
            assert_eq!(write(&h, &at(&format!("revoke-prefix/{prefix}")), json!({"sync": true})).await, 204);
        }
        let below = list(&h, &at("lookup/auth/token/create")).await;
        assert!(!below.body.to_string().contains(&accessor), "{namespace}");
    }
    assert!(h.core.find_token(&kid).await.unwrap().is_some());
    // At home the prefix ends it.
    assert_eq!(write(&h, "t1/kid/sys/leases/revoke-prefix/auth/token", json!({"sync": true})).await, 204);
    assert!(h.core.find_token(&kid).await.unwrap().is_none());
}

#[tokio::test]
async fn wrapped_answers_are_unwrapped_where_they_were_wrapped() {
    let h = furnished().await;
    let mut request = h.request(Some(&h.root), Operation::Update, "t1/sys/wrapping/wrap", json!({"a": 1}));
    request.wrap_ttl = Some(60);
    let wrapped = h.send(request).await;
    let token = wrapped.at("/wrap_info/token").as_str().unwrap().to_owned();
    for namespace in ["", "t2/", "t1/kid/"] {
        for path in ["sys/wrapping/unwrap", "sys/wrapping/lookup", "sys/wrapping/rewrap"] {
            let path = format!("{namespace}{path}");
            assert_eq!(write(&h, &path, json!({"token": token})).await, 400, "{path}");
        }
        // As the caller's own token it reaches down, but is not found there.
        let own = ask(&h, &token, &format!("{namespace}sys/wrapping/unwrap"), json!({})).await;
        assert!([400, 403].contains(&own.status), "{namespace} {own:?}");
    }
    let own = ask(&h, &token, "t1/sys/wrapping/unwrap", json!({})).await;
    assert_eq!((own.status, own.at("/data/a")), (200, json!(1)));
}

#[tokio::test]
async fn identities_mean_nothing_elsewhere() {
    let h = furnished().await;
    let up = write(&h, "t1/sys/auth/up", json!({"type": "userpass"})).await;
    assert_eq!(up, 204);
    let accessor = read(&h, "t1/sys/auth/up").await.at("/data/accessor");
    let make = |path: &'static str, body: Value| {
        let h = &h;
        async move {
            let made = h.call(Operation::Update, path, body).await;
            made.at("/data/id").as_str().unwrap_or_else(|| panic!("{path} {made:?}")).to_owned()
        }
    };
    let entity = make("t1/identity/entity", json!({"name": "e"})).await;
    let group = make("t1/identity/group", json!({"name": "g"})).await;
    let alias = json!({"name": "a", "canonical_id": entity, "mount_accessor": accessor});
    let alias = make("t1/identity/entity-alias", alias).await;
    let ids = [("entity/id", &entity), ("group/id", &group), ("entity-alias/id", &alias)];
    for namespace in ["", "t2/", "t1/kid/"] {
        for (kind, id) in ids {
            let path = format!("{namespace}identity/{kind}/{id}");
            assert_eq!(read(&h, &path).await.status, 404, "{path}");
            assert_eq!(write(&h, &path, json!({"name": "x"})).await, 400, "{path}");
            assert_eq!(delete(&h, &path).await, 204, "{path}");
        }
        let at = |path: &str| format!("{namespace}identity/{path}");
        for criterion in [json!({"id": entity}), json!({"name": "e"}), json!({"alias_id": alias})] {
            assert_eq!(write(&h, &at("lookup/entity"), criterion).await, 204, "{namespace}");
        }
        for body in [
            json!({"name": "n", "member_entity_ids": [entity]}),
            json!({"name": "n", "member_group_ids": [group]}),
        ] {
            assert_eq!(write(&h, &at("group"), body).await, 400, "{namespace}");
        }
        let alias = json!({"name": "b", "mount_accessor": accessor});
        assert_eq!(write(&h, &at("entity-alias"), alias).await, 400, "{namespace}");
        let other = h.call(Operation::Update, &at("entity"), json!({"name": "to"})).await.at("/data/id");
        let merge = json!({"to_entity_id": other, "from_entity_ids": [entity]});
        assert_eq!(write(&h, &at("entity/merge"), merge).await, 400, "{namespace}");
        assert_eq!(write(&h, &at("entity/batch-delete"), json!({"entity_ids": [entity]})).await, 204);
    }
    for (kind, id) in ids {
        assert_eq!(read(&h, &format!("t1/identity/{kind}/{id}")).await.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn policies_see_the_way_from_the_token_to_the_request() -> Result<(), Fault> {
    let h = furnished().await;
    let policy = r#"path "t1/sys/mounts" { capabilities = ["read"] }
        path "+/sys/auth" { capabilities = ["read"] }
        path "t1/sys/policies/acl/secret" { capabilities = ["deny"] }
        path "t1/sys/policies/acl/*" { capabilities = ["update"] }
        path "t1/auth/token/create" { capabilities = ["update"] }
        path "sys/auth" { capabilities = ["deny"] }"#;
    h.policy("p", policy).await?;
    let token = h.token(&["p"]).await?;
    let get = |path: &'static str| h.call_as(Some(&token), Operation::Read, path, Value::Null);
    assert_eq!(get("t1/sys/mounts").await.status, 200);
    assert_eq!(get("t1/sys/auth").await.status, 200);
    for path in ["sys/mounts", "sys/auth", "t2/sys/mounts", "t1/kid/sys/mounts", "t1/kid/sys/auth"] {
        assert_eq!(get(path).await.status, 403, "{path}");
    }
    // Folded letters are folded behind the way, too.
    let put = |path: &'static str| ask(&h, &token, path, json!({"policy": ALL}));
    assert_eq!(put("t1/sys/policies/acl/other").await.status, 204);
    assert_eq!(put("t1/sys/policies/acl/SECRET").await.status, 403);
    // What the token may give away does not grow on the way down.
    for (asked, status) in
        [(json!({}), 200), (json!({"policies": "default"}), 200), (json!({"policies": "all"}), 400)]
    {
        assert_eq!(ask(&h, &token, "t1/auth/token/create", asked.clone()).await.status, status, "{asked}");
    }
    Ok(())
}

/// What the command line asks before it knows a store's version.
#[tokio::test]
async fn a_path_finds_its_mount_in_a_namespace_below() {
    let h = furnished().await;
    assert_eq!(write(&h, "t1/kid/sys/mounts/kv", json!({"type": "kv"})).await, 204);
    for (path, found) in [
        ("sys/internal/ui/mounts/t1/kid/kv/a", "t1/kid/kv/"),
        ("t1/sys/internal/ui/mounts/kid/kv/a", "kid/kv/"),
        ("t1/kid/sys/internal/ui/mounts/kv/a", "kv/"),
    ] {
        assert_eq!(read(&h, path).await.at("/data/path"), json!(found), "{path}");
    }
    let (token, _) = powerful(&h, "t1/").await;
    let asked = |path| h.call_as(Some(&token), Operation::Read, path, Value::Null);
    assert_eq!(asked("t1/sys/internal/ui/mounts/kid/kv/a").await.status, 200);
    assert_eq!(asked("sys/internal/ui/mounts/t1/kid/kv/a").await.status, 403);
    assert_eq!(asked("t1/sys/internal/ui/namespaces").await.at("/data/keys"), json!(["kid/"]));
}

/// The root policy is root's: nothing in another namespace is called so, or gives as much.
#[tokio::test]
async fn no_namespace_but_root_has_the_root_policy() {
    let h = furnished().await;
    for body in [json!({"policies": "root"}), json!({"policies": ["ROOT", "x"]})] {
        assert_eq!(write(&h, "t1/auth/token/create", body).await, 400);
    }
    assert_eq!(write(&h, "t1/sys/policies/acl/root", json!({"policy": ALL})).await, 400);
    assert_eq!(read(&h, "t1/sys/policies/acl/root").await.status, 404);
    // Whoever has root's token and asks for nothing gets nothing but the default.
    let made = h.call(Operation::Update, "t1/auth/token/create", json!({})).await;
    assert_eq!(made.at("/auth/policies"), json!(["default"]));
    assert_eq!(made.at("/auth/orphan"), json!(false));
}

#[tokio::test]
async fn a_child_token_elsewhere_ends_with_its_parent() {
    let h = furnished().await;
    let (parent, _) = powerful(&h, "t1/").await;
    let made = ask(&h, &parent, "t1/kid/auth/token/create", json!({"policies": "all"})).await;
    let child = made.at("/auth/client_token").as_str().unwrap().to_owned();
    let mounts = |token: String| {
        let h = &h;
        async move { h.call_as(Some(&token), Operation::Read, "t1/kid/sys/mounts", Value::Null).await.status }
    };
    assert_eq!(mounts(child.clone()).await, 200);
    assert_eq!(ask(&h, &parent, "t1/auth/token/revoke-self", json!({})).await.status, 204);
    assert_eq!(mounts(child.clone()).await, 403);
    assert!(h.core.find_token(&child).await.unwrap().is_none());
}

/// `sys/seal` and the like run the server: in a namespace they are refused whatever a token may do.
#[tokio::test]
async fn what_runs_the_server_is_there_in_root_only() {
    let h = furnished().await;
    let (token, _) = powerful(&h, "t1/").await;
    for route in crate::routes().iter().filter(|r| r.root_only) {
        let path =
            format!("t1/sys/{}", route.pattern.text()).replace("{path:rest}", "p").replace(['{', '}'], "");
        let path = path.replace(":rest", "");
        for op in &route.operations {
            for token in [&token, &h.root] {
                let reply = h.call_as(Some(token), op.operation, &path, json!({})).await;
                assert_eq!(reply.status, 400, "{:?} {path}", op.operation);
            }
        }
    }
}

#[tokio::test]
async fn mounts_and_namespaces_keep_out_of_each_others_way() {
    let h = furnished().await;
    assert_eq!(write(&h, "t1/sys/mounts/kid/x", json!({"type": "kv"})).await, 400);
    assert_eq!(write(&h, "t1/sys/mounts/kid", json!({"type": "kv"})).await, 400);
    assert_eq!(write(&h, "t1/sys/mounts/a/b", json!({"type": "kv"})).await, 204);
    assert_eq!(write(&h, "t1/sys/namespaces/a", json!({})).await, 400);
    assert_eq!(write(&h, "t1/sys/namespaces/ab", json!({})).await, 200);
    assert_eq!(write(&h, "sys/namespaces/t1/a", json!({})).await, 400);
    assert_eq!(write(&h, "t1/sys/remount", json!({"from": "a/b", "to": "kid/b"})).await, 400);
}

#[tokio::test]
async fn a_locked_namespace_answers_nothing_until_it_is_unlocked() {
    let h = furnished().await;
    let (token, _) = powerful(&h, "t1/").await;
    let key =
        h.call(Operation::Update, "sys/namespaces/api-lock/lock/t1", json!({})).await.at("/data/unlock_key");
    for path in ["t1/sys/mounts", "t1/kid/sys/mounts", "t1/auth/token/lookup-self"] {
        assert_eq!(read(&h, path).await.status, 503, "{path}");
    }
    assert_eq!(read(&h, "t2/sys/mounts").await.status, 200);
    assert_eq!(read(&h, "sys/namespaces/t1").await.at("/data/locked"), json!(true));
    let unlock = "t1/sys/namespaces/api-lock/unlock";
    assert_eq!(ask(&h, &token, unlock, json!({"unlock_key": "wrong"})).await.status, 400);
    assert_eq!(ask(&h, &token, unlock, json!({})).await.status, 400);
    assert_eq!(ask(&h, &token, unlock, json!({"unlock_key": key})).await.status, 204);
    assert_eq!(read(&h, "t1/sys/mounts").await.status, 200);
    assert_eq!(write(&h, "sys/namespaces/api-lock/lock", json!({})).await, 400);
    // A root token needs no key.
    assert_eq!(write(&h, "t1/sys/namespaces/api-lock/lock/kid", json!({})).await, 200);
    assert_eq!(read(&h, "t1/kid/sys/mounts").await.status, 503);
    assert_eq!(write(&h, "t1/sys/namespaces/api-lock/unlock/kid", json!({})).await, 204);
}

/// Deleting leaves nothing behind, whatever belongs to whom.
#[tokio::test]
async fn deletion_takes_all_and_only_what_is_in_it() {
    let h = start().await;
    assert_eq!(write(&h, "sys/namespaces/t2", json!({})).await, 200);
    let before = all_keys(&h, "-").await;
    let made = h.call(Operation::Update, "sys/namespaces/t1", json!({})).await.at("/data/id");
    let made = made.as_str().unwrap();
    for (path, body) in [
        ("t1/sys/mounts/kv", json!({"type": "kv"})),
        ("t1/sys/auth/up", json!({"type": "userpass"})),
        ("t1/sys/policies/acl/p", json!({"policy": ALL})),
        (
            "t1/sys/policies/password/p",
            json!({"policy": "length = 20\nrule \"charset\" { charset = \"abcdefghij\" }"}),
        ),
        ("t1/auth/token/roles/r", json!({})),
        ("t1/identity/entity", json!({"name": "e"})),
        ("t1/identity/group", json!({"name": "g"})),
        ("sys/quotas/rate-limit/q", json!({"path": "t1/kv", "rate": 10})),
        ("sys/quotas/lease-count/q", json!({"path": "t1/kv", "max_leases": 10})),
    ] {
        let status = write(&h, path, body).await;
        assert!(status < 300, "{path} {status}");
    }
    for _ in 0..300 {
        assert_eq!(write(&h, "t1/auth/token/create", json!({})).await, 200);
    }
    assert!(all_keys(&h, made).await.len() > before.len() + 1200);
    assert_eq!(delete(&h, "sys/namespaces/t1").await, 204);
    assert_eq!(read(&h, "t1/sys/mounts").await.status, 404);
    assert_eq!(read(&h, "sys/namespaces/t1").await.status, 404);
    while !h.core.work_off(64).await.unwrap() {}
    assert_eq!(all_keys(&h, made).await, before);
    // One of the same name is another.
    let id = |reply: Reply| reply.at("/data/id");
    let again = id(h.call(Operation::Update, "sys/namespaces/t1", json!({})).await);
    assert_eq!(id(read(&h, "sys/namespaces/t1").await), again);
    assert_ne!(again, json!(made));
    assert_eq!(list(&h, "sys/namespaces").await.at("/data/keys"), json!(["t1/", "t2/"]));
}

/// What is committed after the deletion, by requests that began before it, would stay for ever.
#[tokio::test]
async fn nothing_is_written_into_a_namespace_that_is_gone() {
    let h = furnished().await;
    let namespace = h.core.realm().at("t2/").unwrap().namespace.clone();
    let mut late = h.core.txn_in(&namespace);
    let key = late.key(keys::TOKEN_ROLE, "late");
    late.put(&key, &strongroom_core::lease::Mark {}).unwrap();
    assert_eq!(delete(&h, "sys/namespaces/t2").await, 204);
    // Not even if one of the same name has been made since.
    assert_eq!(write(&h, "sys/namespaces/t2", json!({})).await, 200);
    assert!(matches!(h.core.commit(late).await, Err(Fault::NoNamespace)));
    assert!(!h.core.txn().exists(&key).await.unwrap());
}

/// Whatever bore the name of a namespace that is gone means nothing in the next one of that name.
#[tokio::test]
async fn a_namespace_made_again_knows_nothing_of_the_one_before() {
    let h = furnished().await;
    let (service, accessor) = powerful(&h, "t2/").await;
    let batch = json!({"policies": "all", "type": "batch"});
    let batch = h.call(Operation::Update, "t2/auth/token/create", batch).await.at("/auth/client_token");
    let mut wrap = h.request(Some(&h.root), Operation::Update, "t2/sys/wrapping/wrap", json!({"a": 1}));
    wrap.wrap_ttl = Some(60);
    let wrapped = h.send(wrap).await.at("/wrap_info/token");
    let (batch, wrapped) = (batch.as_str().unwrap(), wrapped.as_str().unwrap());
    // They are remembered as good.
    for token in [&service, batch] {
        assert_eq!(h.call_as(Some(token), Operation::Read, "t2/sys/mounts", Value::Null).await.status, 200);
    }
    assert_eq!(delete(&h, "sys/namespaces/t2").await, 204);
    assert_eq!(write(&h, "sys/namespaces/t2", json!({})).await, 200);
    assert_eq!(write(&h, "t2/sys/policies/acl/all", json!({"policy": ALL})).await, 204);
    for _ in 0..2 {
        for token in [&service, batch, wrapped] {
            for path in ["t2/sys/mounts", "sys/mounts"] {
                let reply = h.call_as(Some(token), Operation::Read, path, Value::Null).await;
                assert_eq!(reply.status, 403, "{path}");
            }
            assert!(h.core.find_token(token).await.unwrap().is_none());
        }
        assert_eq!(write(&h, "t2/sys/wrapping/unwrap", json!({"token": wrapped})).await, 400);
        assert_eq!(write(&h, "t2/auth/token/lookup-accessor", json!({"accessor": accessor})).await, 400);
        while !h.core.work_off(64).await.unwrap() {}
    }
}

#[tokio::test]
async fn namespaces_with_others_in_them_stay() {
    let h = furnished().await;
    assert_eq!(delete(&h, "sys/namespaces/t1").await, 400);
    assert_eq!(delete(&h, "t1/sys/namespaces/kid").await, 204);
    assert_eq!(delete(&h, "sys/namespaces/t1").await, 204);
    assert_eq!(delete(&h, "sys/namespaces/t1").await, 204);
    assert_eq!(h.core.realm().root().of(Class::Auth).len(), 1);
}

async fn start() -> Harness {
    let plugs = Plugs::default()
        .engine(Arc::new(System::new()))
        .engine(Arc::new(Identity))
        .engine(Arc::new(Plug("kv")))
        .auth(Arc::new(Plug("userpass")))
        .auth(Arc::new(TokenMethod));
    Harness::start(plugs).await
}

/// The keys of root and of `t1/`.
async fn all_keys(h: &Harness, id: &str) -> Vec<String> {
    let mut names = h.core.txn().names(&keys::all_of("root")).await.unwrap();
    names.extend(h.core.txn().names(&keys::all_of(id)).await.unwrap());
    names
}
