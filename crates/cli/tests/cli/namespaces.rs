//! `namespace`.

use crate::Stage;
use crate::canned::{Seen, json};
use serde_json::{Value, json};

const ONE: &str = r#"{"request_id":"r","data":{"id":"aB3dE6","path":"team/app/","custom_metadata":{"owner":"ada"},
    "uuid":"u","locked":false,"tainted":false}}"#;

#[test]
fn namespaces_are_made_shown_and_changed() {
    let stage = Stage::new(|_| json(200, ONE));
    let out = stage.run("namespace create -ns=team -custom-metadata=owner=ada app/").out;
    assert!(out.contains("path") && out.contains("team/app/") && out.contains("map[owner:ada]"), "{out}");
    assert_eq!(stage.run("namespace lookup -field=id app").out.trim(), "aB3dE6");
    stage.run("namespace patch -custom-metadata=a=b -remove-custom-metadata=owner app");
    let seen = stage.server.seen.lock().unwrap();
    let asked = |at: usize| -> &Seen { &seen[at] };
    assert_eq!(
        (asked(0).header("x-vault-namespace"), asked(0).target.as_str()),
        ("team", "/v1/sys/namespaces/app")
    );
    assert_eq!(body(asked(0)), json!({"custom_metadata": {"owner": "ada"}}));
    assert_eq!(body(asked(2)), json!({"custom_metadata": {"a": "b", "owner": null}}));
}

#[test]
fn namespaces_are_listed_locked_and_deleted() {
    let stage = Stage::new(|seen: &Seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("DELETE", _) => (204, vec![], String::new()),
        (_, "/v1/sys/namespaces/api-lock/lock/app") => json(200, r#"{"data":{"unlock_key":"K"}}"#),
        (_, path) if path.contains("api-lock") => (204, vec![], String::new()),
        _ => json(200, r#"{"data":{"keys":["app/"],"key_info":{"app/":{"id":"aB3dE6"}}}}"#),
    });
    assert_eq!(stage.run("namespace list").out, "Keys\n----\napp/\n");
    assert!(stage.run("namespace list -detailed").out.contains("aB3dE6"));
    assert!(stage.run("namespace delete app").out.contains("Success! Namespace deleted at: app/"));
    assert_eq!(stage.run("namespace lock -field=unlock_key app").out.trim(), "K");
    assert!(stage.run("namespace unlock -unlock-key=K app").out.contains("unlocked"));
    assert!(stage.run("namespace unlock").out.contains("unlocked"));
    let none = Stage::new(|_| json(404, r#"{"errors":[]}"#)).run("namespace list");
    assert!(none.code == 2 && none.err.contains("No namespaces found"), "{}", none.err);
}

fn body(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).unwrap()
}
