//! A kustomize function: a `ResourceList` in, one out.

use crate::{Lowering, Refusal, Settings, documents};
use serde_json::{Value, json};

/// What a function that failed has to print, and why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The list as it came, with `results`.
    pub list: String,
    /// Why.
    pub refusals: Vec<Refusal>,
}

/// Lowers the items of a `ResourceList`. Settings under `spec` or `data` of its `functionConfig` count before `base`.
pub fn krm(text: &str, base: &Settings) -> Result<String, Refused> {
    let of_text = |problem: String| Refused {
        list: String::new(),
        refusals: vec![Refusal::of_text(problem, "give a ResourceList, as kustomize does")],
    };
    let list = documents(text).map_err(of_text)?.into_iter().next().unwrap_or_default();
    if list.get("kind").and_then(Value::as_str) != Some("ResourceList") {
        return Err(of_text("standard input holds no ResourceList".to_owned()));
    }
    let mut settings = base.clone();
    let config = list.get("functionConfig").unwrap_or(&Value::Null);
    let configured = ["data", "spec"].into_iter().try_for_each(|field| settings.set_from(config, field));
    let lowered = match configured {
        Ok(()) => Lowering::new(&settings).text(text),
        Err(why) => Err(vec![Refusal::of_text(
            format!("functionConfig: {why}"),
            "correct the function's configuration",
        )]),
    };
    lowered.map_err(|refusals| Refused { list: with_results(list, &refusals), refusals })
}

fn with_results(mut list: Value, refusals: &[Refusal]) -> String {
    let results: Vec<Value> =
        refusals.iter().map(|refusal| json!({"message": refusal.to_string(), "severity": "error"})).collect();
    if let Some(list) = list.as_object_mut() {
        list.insert("results".to_owned(), Value::Array(results));
    }
    format!("{list}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n  spec: {role: r}\nitems:\n- kind: Pod # kept\n  metadata: {name: p}\n  spec:\n    containers:\n    - name: c\n      env: [{name: A, valueFrom: {vaultSecret: {name: s, key: k}}}]\n";

    fn settings() -> Settings {
        let mut settings = Settings::default();
        settings.set("address", "https://s:8200").unwrap();
        settings.set("target", "fileKeyRef").unwrap();
        settings
    }

    #[test]
    fn items_are_lowered_with_the_functions_settings() {
        let out = krm(LIST, &settings()).unwrap();
        assert!(
            out.contains("fileKeyRef") && out.contains("\"role\":\"r\"") && out.contains("# kept"),
            "{out}"
        );
        assert!(out.contains("functionConfig:\n  spec: {role: r}\n"), "{out}");
    }

    #[test]
    fn refusals_are_results() {
        for (wrong, told) in [("role: r", "role: ''"), ("name: s, ", "")] {
            let refused = krm(&LIST.replace(wrong, told), &settings()).unwrap_err();
            let list: Value = serde_json::from_str(&refused.list).unwrap();
            assert_eq!(list["results"][0]["severity"], "error");
            assert_eq!(list["kind"], "ResourceList");
        }
        assert!(krm("kind: Pod", &settings()).is_err());
    }
}
