//! Replays recorded conversations of a Vault-compatible server and compares the answers.
//!
//! A step holds when the status is the same and every value of the recorded body is in the answer;
//! keys beyond the recorded ones are allowed. Values that differ from run to run (ids, times, tokens,
//! ciphertexts, PEM blocks) are compared by kind, numbers of seconds within 5 s, error texts only
//! where a step says so.

mod compare;
mod normal;

use crate::http;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One conversation.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// `kv/cas`
    pub name: String,
    steps: Vec<Step>,
    #[serde(default)]
    ignore: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Step {
    op: String,
    path: String,
    #[serde(default = "root")]
    token: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    raw: Option<String>,
    #[serde(default)]
    save: BTreeMap<String, String>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    text: bool,
    #[serde(default)]
    unchecked: bool,
    #[serde(default)]
    sleep: f64,
    expect: Option<Expected>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    status: u16,
    body: Value,
}

fn root() -> String {
    "${root}".to_owned()
}

type Variables = BTreeMap<String, String>;

/// Reads a file of cases.
pub fn read(text: &str) -> Result<Vec<Case>, serde_json::Error> {
    serde_json::from_str(text)
}

impl Case {
    /// Holds the conversation with the server at `host:port`; gives what did not hold.
    pub fn run(&self, address: &str, root_token: &str) -> Vec<String> {
        let mut variables = Variables::from([
            ("root".to_owned(), root_token.to_owned()),
            ("addr".to_owned(), format!("http://{address}")),
        ]);
        let mut failures = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let place = format!("{} #{at} {} {}", self.name, step.op, step.path);
            match step.run(address, &mut variables, &self.ignore) {
                Ok(differences) => failures.extend(differences.into_iter().map(|d| format!("{place}: {d}"))),
                Err(broken) => {
                    failures.push(format!("{place}: {broken}"));
                    break;
                }
            }
        }
        failures
    }
}

impl Step {
    fn run(
        &self,
        address: &str,
        variables: &mut Variables,
        ignore: &[String],
    ) -> Result<Vec<String>, String> {
        if self.sleep > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(self.sleep));
        }
        let (status, body) = self.send(address, variables)?;
        let mut differences = Vec::new();
        for (name, path) in &self.save {
            match compare::dig(&body, path) {
                Some(Value::String(text)) => variables.insert(name.clone(), text.clone()),
                Some(other) => variables.insert(name.clone(), other.to_string()),
                None => {
                    differences
                        .push(format!("nothing at {path} to save as {name} (status {status}: {body})"));
                    None
                }
            };
        }
        let Some(want) = self.expect.as_ref().filter(|_| !self.unchecked) else { return Ok(differences) };
        if status != want.status {
            differences.push(format!("status {status}, want {} ({body})", want.status));
            return Ok(differences);
        }
        let mut got = normal::value(&body, "");
        if status >= 400 && !self.text {
            normal::hide_errors(&mut got);
        }
        let ignore: Vec<&str> = self.ignore.iter().chain(ignore).map(String::as_str).collect();
        compare::differ(&want.body, &got, "", &ignore, &mut differences);
        Ok(differences)
    }

    fn send(&self, address: &str, variables: &Variables) -> Result<(u16, Value), String> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.headers {
            headers.push((name.clone(), fill(value, variables)?));
        }
        let has = |headers: &[(String, String)], name: &str| {
            headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        if !self.token.is_empty() && !has(&headers, "X-Vault-Token") {
            headers.push(("X-Vault-Token".to_owned(), fill(&self.token, variables)?));
        }
        let body = match (&self.body, &self.raw) {
            (Some(body), _) => {
                if !has(&headers, "Content-Type") {
                    headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
                }
                Some(fill_value(body, variables)?.to_string().into_bytes())
            }
            // The recorder sent text as Latin-1, as Python's http.client does.
            (None, Some(raw)) => Some(latin1(&fill(raw, variables)?)),
            (None, None) => None,
        };
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let target = format!("/v1/{}", fill(&self.path, variables)?);
        let reply = http::send(address, &self.op, &target, &headers, body.as_deref())
            .map_err(|e| format!("no answer ({e})"))?;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let body = if text.trim().is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        Ok((reply.status, body))
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

/// Puts saved values in the place of `${name}`.
fn fill(text: &str, variables: &Variables) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').ok_or_else(|| format!("an open ${{ in {text}"))?;
        out.push_str(before);
        out.push_str(variables.get(name).ok_or_else(|| format!("an earlier step did not give {name}"))?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn fill_value(value: &Value, variables: &Variables) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(fill(text, variables)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|v| fill_value(v, variables)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(k, v)| Ok((k.clone(), fill_value(v, variables)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}
