//! `policy`.

use crate::Stage;
use crate::canned::json;
use serde_json::json;

#[test]
fn policies_are_written_read_and_listed() {
    let mut stage = Stage::new(|seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("GET", "/v1/sys/policies/acl?list=true") => {
            json(200, r#"{"data":{"keys":["app","default","root"]}}"#)
        }
        ("GET", "/v1/sys/policies/acl/app") => {
            json(200, r#"{"data":{"name":"app","policy":"path \"a\" {}\n\n"}}"#)
        }
        ("GET", _) => json(404, r#"{"errors":[]}"#),
        _ => (204, vec![], String::new()),
    });
    assert_eq!(stage.run("policy list").out, "app\ndefault\nroot\n");
    assert_eq!(stage.run("policy list -format=json").out, "[\n  \"app\",\n  \"default\",\n  \"root\"\n]\n");
    assert_eq!(stage.run("policy read APP").out, "path \"a\" {}\n");
    assert_eq!(stage.run("policy read -field=policy app").out, "path \"a\" {}\n\n");
    assert_eq!(
        stage.run("policy read -format=json app").out,
        "{\n  \"policy\": \"path \\\"a\\\" {}\\n\\n\"\n}\n"
    );
    let ran = stage.run("policy read none");
    assert_eq!((ran.code, ran.err.as_str()), (2, "No policy named: none\n"));
    stage.stdin = "path \"b\" {}".to_owned();
    assert_eq!(stage.run("policy write App -").out, "Success! Uploaded policy: app\n");
    let file = stage.home.path().join("p.hcl");
    std::fs::write(&file, "path \"c\" {}").unwrap();
    assert_eq!(stage.run(&format!("policy write app {}", file.display())).code, 0);
    assert_eq!(stage.run(&format!("policy write app @{}", file.display())).code, 0);
    let bodies = ["path \"b\" {}", "path \"c\" {}", "path \"c\" {}"].map(|text| json!({ "policy": text }));
    assert_eq!(stage.bodies(), bodies);
    let ran = stage.run("policy write app /nowhere.hcl");
    assert!(ran.code == 2 && ran.err.starts_with("Error opening policy file /nowhere.hcl"), "{}", ran.err);
    assert_eq!(stage.run("policy delete app").out, "Success! Deleted policy: app\n");
    assert_eq!(stage.server.lines().last().unwrap(), "DELETE /v1/sys/policies/acl/app");
}

#[test]
fn files_are_laid_out_in_place() {
    let stage = Stage::new(|_| json(500, "{}"));
    let file = stage.home.path().join("p.hcl");
    std::fs::write(&file, "path \"a\"{capabilities=[\"read\"]}").unwrap();
    let line = format!("policy fmt {}", file.display());
    let ran = stage.run(&line);
    assert_eq!(ran.out, format!("Success! Formatted policy: {}\n", file.display()));
    let neat = "path \"a\" {\n  capabilities = [\"read\"]\n}\n";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), neat);
    std::fs::write(&file, "path \"a\" {\n  capabilities = [\"raed\"]\n}\n").unwrap();
    let ran = stage.run(&line);
    assert!(ran.code == 1 && ran.err.contains("raed") && ran.err.contains("line"), "{}", ran.err);
    assert_eq!(std::fs::read_dir(stage.home.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn decisions_are_explained() {
    let stage = Stage::new(|_| {
        json(
            200,
            r#"{"data":{"allowed":false,"reason":"no rule of its policies matches","policies":["app"]}}"#,
        )
    });
    let ran = stage.run("policy explain hvs.x GET secret/data/app");
    assert_eq!(
        ran.out,
        "Key         Value\n\
         ---         -----\n\
         allowed     false\n\
         policies    [app]\n\
         reason      no rule of its policies matches\n"
    );
    stage.run("policy explain -accessor ac list a/");
    stage.run("policy explain -policies a,b LIST a/");
    assert_eq!(stage.server.lines()[0], "POST /v1/sys/internal/explain");
    assert_eq!(
        stage.bodies(),
        [
            json!({"token": "hvs.x", "method": "GET", "path": "secret/data/app"}),
            json!({"accessor": "ac", "operation": "list", "path": "a/"}),
            json!({"policies": "a,b", "operation": "list", "path": "a/"}),
        ]
    );
    assert_eq!(stage.run("policy explain -accessor -policies a GET b").code, 1);
}
