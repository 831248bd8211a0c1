use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use strongroom_crypto::SystemRandom;
use strongroom_wire::envelope::WrapInfo;
use strongroom_wire::{Map, Value};

const CANARY: &str = "canary-7f3a";

fn format() -> Format {
    Format {
        hasher: Hasher::new(b"salt", &SystemRandom),
        client_ids: ClientIds::new(&SystemRandom),
        log_raw: false,
        hmac_accessor: true,
        elide_list_responses: false,
        prefix: String::new(),
    }
}

fn request() -> RequestView<'static> {
    RequestView {
        id: "id-1",
        operation: "read",
        path: "secret/data/a",
        mount_type: "kv",
        mount_point: "secret/",
        mount_accessor: "kv_1",
        mount_class: "secret",
        client_token: "",
        client_token_accessor: "",
        data: None,
        clear_keys: &[],
        remote_address: std::net::Ipv4Addr::LOCALHOST.into(),
        remote_port: 0,
        wrap_ttl: 0,
        headers: Vec::new(),
        namespace: ("root", ""),
        client_certificate_serial_number: "",
    }
}

fn entry<'a>(request: RequestView<'a>, response: Option<ResponseView<'a>>) -> Entry<'a> {
    let phase = if response.is_some() { Phase::Response } else { Phase::Request };
    let time = "2026-11-24T17:00:00.5Z".parse().unwrap();
    Entry { phase, time, auth: None, request, response, error: "" }
}

fn line(format: &Format, entry: &Entry<'_>) -> String {
    let mut out = Vec::new();
    format.render(entry, &mut Told::default(), &mut out);
    String::from_utf8(out).unwrap()
}

fn parsed(format: &Format, entry: &Entry<'_>) -> Value {
    serde_json::from_str(&line(format, entry)).unwrap()
}

fn object(value: Value) -> Map {
    value.as_object().unwrap().clone()
}

fn hash(value: &str) -> String {
    format().hasher.text(value.as_bytes())
}

fn policies(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[test]
fn hashes_as_vault_does() {
    // HMAC-SHA256 with the salt as the key, computed with another tool.
    assert_eq!(hash("foo"), "hmac-sha256:6a9534d88e984dfcea835f190147b72b3f647fdcc2409e5b8be8b331ec7fe8a5");
}

#[test]
fn leaves_out_what_is_empty() {
    let expected = concat!(
        r#"{"time":"2026-11-24T17:00:00.5Z","request":{"id":"id-1","mount_accessor":"kv_1","mount_class":"secret","#,
        r#""mount_point":"secret/","mount_type":"kv","namespace":{"id":"root"},"operation":"read","#,
        r#""path":"secret/data/a","remote_address":"127.0.0.1"},"type":"request"}"#,
        "\n"
    );
    assert_eq!(line(&format(), &entry(request(), None)), expected);
    let prefixed = Format { prefix: "@cee: ".to_owned(), ..format() };
    assert_eq!(line(&prefixed, &entry(request(), None)), format!("@cee: {expected}"));
}

/// Entries in a row say what each of them says by itself: of an answer that follows its request, of one that
/// follows another, of another device, of one that was refused meanwhile.
#[test]
fn what_is_said_again_is_what_would_be_said_anew() {
    let (one, other, raw) = (format(), format(), Format { log_raw: true, ..format() });
    let auth = |allowed| {
        let policy_results = Some((allowed, Vec::new()));
        Some(AuthView { client_token: "a", display_name: "token", policy_results, ..AuthView::default() })
    };
    let step = |id, operation, answer: bool, auth| Entry {
        auth,
        ..entry(
            RequestView { id, operation, client_token: id, ..request() },
            answer.then(ResponseView::default),
        )
    };
    let mut told = Told::default();
    for (format, entry) in [
        (&one, step("1", "read", false, auth(true))),
        (&one, step("1", "read", true, auth(true))),
        (&one, step("1", "read", true, auth(false))),
        (&one, step("2", "read", false, auth(true))),
        (&one, step("2", "read", true, None)),
        (&one, step("3", "read", false, None)),
        (&other, step("3", "read", true, None)),
        (&one, step("4", "create", false, None)),
        (&one, step("4", "update", true, None)),
        (&one, step("5", "read", false, None)),
        (&raw, step("5", "read", false, None)),
        (&one, step("5", "read", true, None)),
    ] {
        let mut out = Vec::new();
        format.render(&entry, &mut told, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), line(format, &entry));
    }
}

#[test]
fn tells_who_asked() {
    let names = policies(&["default", "sudo", "surf-admin"]);
    let metadata = BTreeMap::from([("role".to_owned(), "web".to_owned())]);
    let auth = AuthView {
        client_token: "tok",
        accessor: "acc",
        display_name: "token",
        policies: &names,
        token_policies: &names,
        namespace: "root",
        policy_results: Some((true, vec![("sudo", "acl")])),
        metadata: Some(&metadata),
        remaining_uses: 3,
        token_type: "service",
        token_ttl: 60,
        token_issue_time: "2026-11-24T17:00:00Z",
        no_default_policy: true,
        ..AuthView::default()
    };
    let granted = ResponseView { auth: Some(auth.clone()), ..ResponseView::default() };
    let both = Entry { auth: Some(auth), ..entry(request(), Some(granted)) };
    let value = parsed(&format(), &both);
    let mut expected = json!({
        "accessor": hash("acc"), "client_token": hash("tok"), "display_name": "token", "metadata": {"role": "web"},
        "no_default_policy": true, "policies": names, "token_policies": names, "remaining_uses": 3,
        "policy_results": {"allowed": true,
            "granting_policies": [{"name": "sudo", "namespace_id": "root", "type": "acl"}]},
        "token_issue_time": "2026-11-24T17:00:00Z", "token_ttl": 60, "token_type": "service"
    });
    assert_eq!(value["auth"], expected);
    let uses = expected.as_object_mut().unwrap().remove("remaining_uses").unwrap();
    expected["num_uses"] = uses;
    assert_eq!(value["response"]["auth"], expected);
    // From an entry that Vault's vendor published for a token with these policies.
    assert_eq!(value["request"]["client_id"], "PWa2+llmKWwgQ1Fjaxmh5/v+qc+EntehUSliX0+67DY=");
    // Wherever the token is used, it is the same client, and its policies are those of its own namespace.
    let below = Entry { request: RequestView { namespace: ("abc123", "team/"), ..request() }, ..both };
    let below = parsed(&format(), &below);
    assert_eq!(below["request"]["client_id"], value["request"]["client_id"]);
    assert_eq!(below["auth"], value["auth"]);
}

#[test]
fn hashes_texts_and_keeps_the_rest() {
    let data: Map = serde_json::from_str(
        r#"{"n":1.10000000000000000001,"big":123456789012345678901234567890,"b":true,"z":null,"s":"v","e":"",
            "list":["v",{"deep":"v"},[2]],"open":{"deep":["v"]}}"#,
    )
    .unwrap();
    let clear = ["open".to_owned(), "deep".to_owned()];
    let mut asked = request();
    (asked.data, asked.clear_keys) = (Some(&data), &clear);
    let text = line(&format(), &entry(asked, None));
    assert!(
        text.contains(r#""n":1.10000000000000000001,"#)
            && text.contains(r#":123456789012345678901234567890,"#)
    );
    let value: Value = serde_json::from_str(&text).unwrap();
    let v = hash("v");
    assert_eq!(value["request"]["data"]["list"], json!([v, {"deep": v}, [2]]));
    assert_eq!(value["request"]["data"]["open"], json!({"deep": ["v"]}));
    assert_eq!(value["request"]["data"]["e"], json!(hash("")));
    assert_eq!(value["request"]["data"]["z"], Value::Null);
}

#[test]
fn accessors_follow_their_option() {
    let data =
        object(json!({"accessor": "a1", "wrapping_accessor": "a2", "inner": {"accessor": "a3"}, "id": "t"}));
    let wrap = WrapInfo {
        token: "t".into(),
        accessor: "a4".into(),
        wrapped_accessor: "a5".into(),
        ..WrapInfo::default()
    };
    let answer = ResponseView { data: Some(&data), wrap_info: Some(&wrap), ..ResponseView::default() };
    let clear = Format { hmac_accessor: false, ..format() };
    let value = parsed(&clear, &entry(request(), Some(answer.clone())));
    let shown = &value["response"];
    assert_eq!(
        (&shown["data"]["accessor"], &shown["data"]["wrapping_accessor"]),
        (&json!("a1"), &json!("a2"))
    );
    assert_eq!(shown["data"]["inner"]["accessor"], json!(hash("a3")));
    assert_eq!(shown["wrap_info"], json!({"accessor": "a4", "token": hash("t"), "wrapped_accessor": "a5"}));
    let hashed = parsed(&format(), &entry(request(), Some(answer)));
    assert_eq!(hashed["response"]["data"]["accessor"], json!(hash("a1")));
    assert_eq!(hashed["response"]["wrap_info"]["wrapped_accessor"], json!(hash("a5")));
}

#[test]
fn listings_become_counts() {
    let data = object(json!({"keys": ["a", "b"], "key_info": {"a": {}, "b": {}, "c": {}}, "other": ["a"]}));
    let eliding = Format { elide_list_responses: true, ..format() };
    let answer = ResponseView { data: Some(&data), is_list: true, ..ResponseView::default() };
    let value = parsed(&eliding, &entry(request(), Some(answer.clone())));
    assert_eq!(value["response"]["data"], json!({"keys": 2, "key_info": 3, "other": [hash("a")]}));
    let not_a_list = ResponseView { is_list: false, ..answer.clone() };
    let value = parsed(&eliding, &entry(request(), Some(not_a_list)));
    assert_eq!(value["response"]["data"]["keys"], json!([hash("a"), hash("b")]));
    let value = parsed(&format(), &entry(request(), Some(answer)));
    assert_eq!(value["response"]["data"]["keys"], json!([hash("a"), hash("b")]));
}

#[test]
fn raw_answers_leave_a_note() {
    let answer = ResponseView { raw_content_type: "text/plain", ..ResponseView::default() };
    let value = parsed(&format(), &entry(request(), Some(answer)));
    assert_eq!(value["response"]["data"], json!({"http_content_type": "text/plain"}));
}

/// Every position that can hold a secret holds the canary; all others hold something else.
fn laden(check: impl FnOnce(&Entry<'_>)) {
    let data = object(json!({
        "a": CANARY, "accessor": CANARY, "keys": [CANARY], "b": [CANARY, [CANARY], {"c": CANARY}], "d": {"e": {"f": CANARY}},
        "http_raw_body": CANARY, "long": CANARY.repeat(1000), "quoted": format!("\"{CANARY}\n{CANARY}"),
    }));
    let wrap = WrapInfo {
        token: CANARY.into(),
        accessor: CANARY.into(),
        wrapped_accessor: CANARY.into(),
        creation_path: "p".into(),
        ..WrapInfo::default()
    };
    let names = policies(&["default"]);
    let auth =
        AuthView { client_token: CANARY, accessor: CANARY, token_policies: &names, ..AuthView::default() };
    let clear = ["other".to_owned()];
    let mut asked = request();
    asked.client_token = CANARY;
    asked.client_token_accessor = CANARY;
    asked.data = Some(&data);
    asked.clear_keys = &clear;
    asked.headers = vec![("x-secret", vec![CANARY, CANARY], true), ("x-open", vec!["open"], false)];
    let answer = ResponseView {
        auth: Some(auth.clone()),
        data: Some(&data),
        clear_keys: &clear,
        wrap_info: Some(&wrap),
        ..ResponseView::default()
    };
    check(&Entry { auth: Some(auth), error: "permission denied", ..entry(asked, Some(answer)) });
}

#[test]
fn the_canary_never_sings() {
    laden(|entry| {
        for _ in 0..2 {
            let text = line(&format(), entry);
            assert!(!text.contains(CANARY), "{text}");
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap()["request"]["headers"]["x-open"],
                json!(["open"])
            );
        }
        let raw = Format { log_raw: true, ..format() };
        let value = parsed(&raw, entry);
        assert_eq!(value["auth"]["client_token"], CANARY);
        assert_eq!(value["request"]["headers"]["x-secret"], json!([CANARY, CANARY]));
        assert_eq!(value["response"]["data"]["d"]["e"]["f"], CANARY);
        assert_eq!(value["response"]["wrap_info"]["token"], CANARY);
        assert!(!line(&raw, entry).contains("hmac-sha256:"));
    });
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// What the data must come out as, by the plainest means.
fn model(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(hash(text)),
        Value::Array(items) => items.iter().map(model).collect(),
        Value::Object(members) => Value::Object(members.iter().map(|(k, v)| (k.clone(), model(v))).collect()),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_entry_is_one_line_of_json(
        texts in prop::collection::vec(any::<String>(), 8),
        data in prop::collection::btree_map(any::<String>(), json_values(), 1..5),
        raw: bool,
    ) {
        let data: Map = data.into_iter().collect();
        let metadata = BTreeMap::from([(texts[0].clone(), texts[1].clone())]);
        let mut asked = request();
        asked.path = &texts[2];
        asked.client_token = &texts[3];
        asked.data = Some(&data);
        asked.headers = vec![(&texts[4], vec![&texts[5]], false)];
        let answer = ResponseView { data: Some(&data), warnings: &texts, lease_id: &texts[6], ..ResponseView::default() };
        let auth = AuthView { display_name: &texts[7], metadata: Some(&metadata), ..AuthView::default() };
        let all = Entry { auth: Some(auth), error: &texts[1], ..entry(asked, Some(answer)) };
        let text = line(&Format { log_raw: raw, ..format() }, &all);
        prop_assert_eq!(text.lines().count(), 1);
        let breaks = ['\u{2028}', '\u{2029}', '\u{7f}'];
        prop_assert!(text.ends_with('\n') && !text.contains(breaks));
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&value["response"]["warnings"], &json!(texts));
        prop_assert_eq!(value["auth"]["metadata"].get(&texts[0]), Some(&json!(texts[1])));
        let data = Value::Object(data);
        let expected = if raw { data } else { model(&data) };
        prop_assert_eq!(&value["request"]["data"], &expected);
        prop_assert_eq!(&value["response"]["data"], &expected);
    }
}
