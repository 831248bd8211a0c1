//! Where a secret is: which store, of which version, and the path within it.

use crate::context::Context;
use crate::failure::{Doing, Failure};
use crate::values::clean_path;
use serde_json::Value;
use strongroom_client::{Client, Method, Request};

/// A path, split at the mount of its store.
pub(super) struct Place {
    /// With a slash at its end; empty when the server does not know the mount.
    mount: String,
    /// Within the mount.
    key: String,
    /// Whether the store keeps versions.
    pub(super) versioned: bool,
}

impl Place {
    /// The API path; `section` (`data`, `metadata`, ...) is used by stores with versions.
    pub(super) fn path(&self, section: &str) -> String {
        let path = if self.versioned {
            format!("{}{section}/{}", self.mount, self.key)
        } else {
            format!("{}{}", self.mount, self.key)
        };
        path.trim_end_matches('/').to_owned()
    }

    /// Refuses stores without versions.
    pub(super) fn require_versions(&self, what: &str) -> Result<(), Failure> {
        if self.versioned {
            return Ok(());
        }
        let mount = self.mount.trim_end_matches('/');
        Err(Failure::local(format!(
            "{what} not supported on KV Version 1. Turn the store into one of version 2 with: kv enable-versioning {mount}"
        )))
    }
}

/// Where a secret is that the first argument (and `-mount`) names: a store alone is none.
pub(super) async fn find_secret(cx: &Context<'_>, client: &Client) -> Result<Place, Failure> {
    let place = find(cx, client).await?;
    if place.key.is_empty() {
        let mount = &place.mount;
        return Err(Failure::server(format!("{mount} is a store: name a secret in it, as in {mount}NAME"))
            .advised(format!("Those there are: {{}} kv list {mount}")));
    }
    Ok(place)
}

/// Asks the server which store the first argument (and `-mount`) lies in.
pub(super) async fn find(cx: &Context<'_>, client: &Client) -> Result<Place, Failure> {
    let argument = cx.path_arg(0);
    let given_mount = cx.text("mount").map(clean_path);
    let asked = given_mount.clone().unwrap_or_else(|| argument.clone());
    if asked.is_empty() {
        return Err(Failure::local("The path is empty: name a secret, as in secret/app/db"));
    }
    // The question itself is neither wrapped nor only shown.
    let live = client.with(|config| {
        config.preview = None;
        config.wrap_ttl.clear();
    });
    let request = Request::new(Method::Get, format!("sys/internal/ui/mounts/{asked}"));
    let answer = live.send_any(request).await.doing(format!("asking which store {asked} is in"))?;
    if answer.status == 404 {
        // A server without this endpoint has no stores with versions.
        let mount = given_mount.map_or(String::new(), |m| format!("{m}/"));
        return Ok(Place { mount, key: argument, versioned: false });
    }
    let status = answer.status;
    let checked = answer.checked().and_then(|a| a.secret());
    let secret = checked.doing(format!("asking which store {asked} is in"));
    let secret =
        secret.map_err(|e| if status == 403 { unknown_store(e, &asked) } else { e })?.unwrap_or_default();
    let mount = format!("{}/", secret.text("path").unwrap_or_default().trim_end_matches('/'));
    let version = secret.get("options").and_then(|o| o.get("version")).and_then(Value::as_str);
    let key = match given_mount {
        Some(_) => argument,
        None => {
            format!("{argument}/").strip_prefix(&mount).unwrap_or(&argument).trim_end_matches('/').to_owned()
        }
    };
    Ok(Place { mount, key, versioned: version == Some("2") })
}

/// The server does not say whether there is such a store to those who may use nothing in it.
fn unknown_store(failure: Failure, asked: &str) -> Failure {
    failure.advised(format!(
        "Either no store is mounted there (see: {{}} secrets list), or no policy of the token grants access to a \
         path below {asked:?}, or the token is no good any more."
    ))
}
