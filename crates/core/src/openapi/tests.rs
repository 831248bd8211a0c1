use super::*;
use crate::engine::{Backend, Engine};
use crate::mount::MountConfig;
use crate::{BoxFuture, Call, Fault, Mount, NamespaceId, Response, RouteTable};
use std::sync::Arc;

struct Plug;

impl Engine for Plug {
    fn kind(&self) -> &'static str {
        "plug"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        Arc::new(RouteTable::new(routes()))
    }
}

const NAME: Field = Field::new("name", Kind::Text, "A name.");
const KEY: Field = Field::new("key", Kind::Text, "A key.").secret();
const AGE: Field = Field::new("age", Kind::Seconds, "An age.");

fn nothing(_call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async { Ok(Response::none()) })
}

fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Patch, Read, Update};
    vec![
        Route::new("role", "Roles.", &[AGE]).on(List, nothing),
        Route::new("role/{name}", "A role.", &[NAME, KEY, AGE])
            .on(Read, nothing)
            .on(Update, nothing)
            .sudo(Delete, nothing)
            .asked(&[AGE]),
        Route::new("login", "Logs in.", &[KEY]).open(Update, nothing),
        Route::new("login/{name:any}", "Logs in by name.", &[NAME]).open(Update, nothing),
        Route::new("files/{name:rest}", "Files.", &[NAME]).on(List, nothing).on(Patch, nothing).raw_body(),
        Route::new("node", "Of the node.", &[]).sudo(Read, nothing).root_only().plain(),
        Route::new("old", "Gone.", &[]).on(Read, nothing).refuses(),
    ]
}

fn mounted(class: Class, path: &str, namespace: &str) -> Mounted {
    let entry = Mount {
        id: "m".to_owned(),
        namespace: NamespaceId::new(namespace),
        class,
        path: path.to_owned(),
        kind: "plug".to_owned(),
        uuid: String::new(),
        accessor: String::new(),
        description: String::new(),
        options: [("version".to_owned(), "2".to_owned())].into(),
        config: MountConfig::default(),
        local: false,
        seal_wrap: false,
        external_entropy_access: false,
        removed: false,
    };
    let table = Plug.routes(&entry);
    Mounted { full_path: entry.full_path(), entry, backend: Backend::Secret(Arc::new(Plug)), table }
}

fn paths(document: &Value) -> Vec<&str> {
    document["paths"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn says_what_the_table_says() {
    let mount = mounted(Class::Secret, "a{b}/", "root");
    let document = document([&mount], Naming::Paths, "1.2.3");
    let at = |pointer: &str| document.pointer(pointer).cloned().unwrap_or_default();
    let mut all = paths(&document);
    all.sort_unstable();
    let shown = ["files/{name}", "files/{name}/", "login", "login/{name}", "node", "role/", "role/{name}"];
    assert_eq!(all, shown.map(|path| format!("/a%7Bb%7D/{path}")));
    let role = "/paths/~1a%7Bb%7D~1role~1{name}";
    assert_eq!(at(&format!("{role}/get/parameters/0/name")), "age");
    assert_eq!(at(&format!("{role}/get/requestBody")), Value::Null);
    assert_eq!(at(&format!("{role}/parameters/0/required")), true);
    assert_eq!(at(&format!("{role}/delete/x-vault-sudo")), true);
    assert_eq!(at(&format!("{role}/x-vault-sudo")), Value::Null);
    assert_eq!(at("/paths/~1a%7Bb%7D~1role~1/get/parameters/1/schema/enum/0"), "true");
    assert_eq!(at("/paths/~1a%7Bb%7D~1login/x-vault-unauthenticated"), true);
    assert_eq!(at("/paths/~1a%7Bb%7D~1node/get/responses/200/$ref"), "#/components/responses/Plain");
    let body = at(&format!("{role}/post/requestBody/content/application~1json/schema/$ref"));
    assert_eq!(body, "#/components/schemas/ABWriteRoleRequest");
    let fields = at("/components/schemas/ABWriteRoleRequest/properties");
    assert_eq!(fields["key"]["x-vault-displayAttrs"]["sensitive"], true);
    assert_eq!((&fields["age"]["format"], &fields["name"]), (&json!("duration"), &Value::Null));
}

#[test]
fn names_of_operations_are_given_once() {
    let (one, other) = (mounted(Class::Secret, "a-b/", "root"), mounted(Class::Secret, "a/b/", "root"));
    let document = document([&one, &other], Naming::Paths, "");
    let items = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap());
    let mut names: Vec<&str> = items.filter_map(|(_, op)| op.get("operationId")?.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), count), (18, 18));
    for name in ["a-b-write-login", "a-b-write-login-with-name", "a-b-read-node-with"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
}

#[test]
fn parameters_stand_for_mounts_and_namespaces_have_no_node() {
    let mounts = [
        mounted(Class::Secret, "a/", "ns"),
        mounted(Class::Secret, "b/", "ns"),
        mounted(Class::Auth, "a/", "ns"),
    ];
    let document = document(&mounts, Naming::Parameters, "");
    let mut all = paths(&document);
    all.sort_unstable();
    assert_eq!(all.len(), 12, "{all:?}");
    assert_eq!((all[2], all[8]), ("/auth/{plug_v2_mount_path}/login", "/{plug_v2_mount_path}/login"));
    let login = &document["paths"]["/{plug_v2_mount_path}/login/{name}"];
    assert_eq!(login["parameters"][0]["schema"]["default"], "plug-v2");
    assert_eq!(login["parameters"][1]["schema"]["pattern"], "^[^/]+$");
}
