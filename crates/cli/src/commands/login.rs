//! `login`.

mod listener;
mod oidc;

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use crate::token_helper;
use serde_json::Value;
use strongroom_client::{Auth, Client, Method, Request, Secret};
use strongroom_wire::Map;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "login",
    about: "Log in and keep the token.",
    usage: "[options] [TOKEN | KEY=VALUE ...]",
    details: "Without -method, a token is checked and kept; it is asked for when it is not given. The methods\n\
              userpass, ldap, radius and okta take username= and password= (asked for when missing), approle\n\
              takes role_id= and secret_id=, kubernetes and jwt take role= and jwt=, cert takes name=. The method\n\
              oidc opens a browser and waits on localhost:8250 for it to come back; it takes role=, port=,\n\
              listenaddress=, callbackhost=, callbackport=, callbackmethod= and skip_browser=. For any other\n\
              method the pairs are sent to its login path. Values: text, @file, - for standard input.",
    examples: &[
        ("With a token, which is asked for", "{} login"),
        ("As a user", "{} login -method=userpass username=ada"),
        ("Through a browser", "{} login -method=oidc role=engineering"),
        (
            "As a program, in a script",
            "{} login -token-only -method=approle role_id=$ROLE secret_id=@secret-id",
        ),
    ],
    flags: &[
        Flag::text("method", "TYPE", "The auth method's type; token if not given."),
        Flag::text("path", "PATH", "Where the auth method is mounted, if not under its type's name."),
        Flag::switch("no-store", "Do not keep the token."),
        Flag::switch("no-print", "Do not show the token; it is still kept."),
        Flag::switch("token-only", "Print the token and nothing else, and do not keep it."),
    ],
    shared: Shared::ServerField,
    args: (0, usize::MAX),
    run: Run::Async(|cx| Box::pin(login(cx))),
}];

async fn login(cx: &mut Context<'_>) -> Outcome {
    let token_only = cx.is_on("token-only");
    let no_store = token_only || cx.is_on("no-store");
    if token_only && (cx.text("field").is_some() || cx.is_on("no-print")) {
        return Err(Failure::local("-token-only cannot be used together with -field or -no-print"));
    }
    let method = cx.text("method").unwrap_or("token").trim().to_ascii_lowercase();
    let client = cx.login_client()?;
    let secret = match method.as_str() {
        "token" => with_token(cx, &client).await?,
        _ => with_method(cx, &client, &method).await?,
    };
    if secret.wrap_info.is_some() {
        return cx.print_secret(&secret);
    }
    let auth = secret.auth.clone().filter(|auth| !auth.client_token.is_empty());
    let auth = auth.ok_or_else(|| Failure::server("The server's answer holds no token"))?;
    if !no_store && let Err(failure) = token_helper::store(&*cx.host.variable, &auth.client_token) {
        return not_kept(cx, &secret, failure);
    }
    if token_only {
        cx.say_bare(&auth.client_token);
        return Ok(Exit::OK);
    }
    warn_of_variable(cx, no_store);
    if cx.is_on("no-print") {
        return Ok(Exit::OK);
    }
    if cx.text("field").is_none() && cx.format()? == Format::Table {
        cx.say(if no_store { NOT_KEPT } else { KEPT });
    }
    cx.print_secret(&secret)
}

/// The login went well, only the file could not be written: the token is not lost.
fn not_kept(cx: &mut Context<'_>, secret: &Secret, failure: Failure) -> Outcome {
    if cx.is_on("no-print") {
        return Err(failure.exit(2));
    }
    cx.warn(failure.message);
    cx.warn("The login succeeded, but its token is not stored. It is shown here: set VAULT_TOKEN to it to use it.\n");
    cx.print_secret(secret)?;
    Ok(Exit(2))
}

/// Checks a token by looking it up, and makes the answer of a login of it.
async fn with_token(cx: &mut Context<'_>, client: &Client) -> Result<Secret, Failure> {
    let token = given_token(cx)?;
    let request = Request::new(Method::Get, "auth/token/lookup-self").token(token.clone()).wrap_ttl("");
    let answer = client
        .send(request)
        .await
        .and_then(|answer| answer.secret())
        .doing("authenticating")
        .map_err(Failure::unexplained)?;
    let mut secret = answer.ok_or_else(|| Failure::server("The server's answer to the look-up is empty"))?;
    let list = |name: &str| -> Vec<String> {
        let items = secret.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let auth = Auth {
        client_token: token,
        accessor: secret.text("accessor").unwrap_or_default().to_owned(),
        policies: list("policies").into_iter().chain(list("identity_policies")).collect(),
        token_policies: list("policies"),
        identity_policies: list("identity_policies"),
        metadata: secret.get("meta").and_then(Value::as_object).cloned(),
        orphan: secret.get("orphan").and_then(Value::as_bool).unwrap_or(false),
        entity_id: secret.text("entity_id").unwrap_or_default().to_owned(),
        lease_duration: secret.get("ttl").and_then(Value::as_u64).unwrap_or(0),
        renewable: secret.get("renewable").and_then(Value::as_bool).unwrap_or(false),
        token_type: secret.text("type").unwrap_or_default().to_owned(),
        ..Auth::default()
    };
    secret.data = None;
    secret.auth = Some(auth);
    Ok(secret)
}

/// The token to check: an argument, `token=`, standard input, or the answer to a question.
fn given_token(cx: &mut Context<'_>) -> Result<String, Failure> {
    if cx.args().len() > 1 {
        return Err(Failure::local("The method token takes one argument, the token"));
    }
    let token = match cx.arg(0) {
        "" => cx.ask("Token (will be hidden): ", true)?,
        "-" => String::from_utf8(cx.read_stdin()?)
            .map_err(|_| Failure::local("The token on standard input is not text"))?,
        arg if arg.starts_with("token=") => {
            cx.fields(0)?.get("token").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        arg if arg.contains('=') => {
            return Err(Failure::local("The method token takes token=...; name another method with -method"));
        }
        arg => arg.to_owned(),
    };
    let token = token.trim().to_owned();
    if token.is_empty() {
        Err(Failure::local("A token is needed, and an empty one was given"))
    } else {
        Ok(token)
    }
}

async fn with_method(cx: &mut Context<'_>, client: &Client, method: &str) -> Result<Secret, Failure> {
    if method == "saml" {
        let text = "The method saml needs a browser, which this command does not drive: use -method=oidc";
        return Err(Failure::local(text));
    }
    let mount = cx.text("path").map_or_else(|| method.to_owned(), crate::values::clean_path);
    let mount = mount.strip_prefix("auth/").unwrap_or(&mount);
    let mut fields = cx.fields(0)?;
    if method == "oidc" {
        return oidc::login(cx, client, mount, fields).await;
    }
    let mut path = format!("auth/{mount}/login");
    if matches!(method, "userpass" | "ldap" | "radius" | "okta") {
        let user = match fields.remove("username") {
            Some(Value::String(user)) if !user.is_empty() => user,
            _ => cx.ask("Username: ", false)?,
        };
        if !fields.contains_key("password") {
            fields.insert("password".to_owned(), cx.ask("Password (will be hidden): ", true)?.into());
        }
        path = format!("{path}/{user}");
    }
    require(method, &fields)?;
    trim_line_ends(&mut fields);
    let request = Request::new(Method::Put, &path).body(Value::Object(fields)).token("");
    let answer = client
        .send(request)
        .await
        .and_then(|answer| answer.secret())
        .doing("authenticating")
        .map_err(Failure::unexplained)?;
    answer.ok_or_else(|| Failure::server("The server's answer to the login is empty"))
}

/// Names the pair that is missing before the server is asked.
fn require(method: &str, fields: &Map) -> Result<(), Failure> {
    let needed = match method {
        "approle" => "role_id",
        "kubernetes" | "jwt" => "jwt",
        _ => return Ok(()),
    };
    if fields.contains_key(needed) {
        return Ok(());
    }
    Err(Failure::local(format!("The method {method} needs {needed}=VALUE (or {needed}=@file)")))
}

/// Files and pipes end in a line end that is no part of the password.
fn trim_line_ends(fields: &mut Map) {
    for value in fields.values_mut() {
        if let Value::String(text) = value {
            let kept = text.trim_end_matches(['\n', '\r']).len();
            text.truncate(kept);
        }
    }
}

fn warn_of_variable(cx: &mut Context<'_>, no_store: bool) {
    if !no_store && cx.variable("VAULT_TOKEN").is_some() {
        cx.warn("WARNING! VAULT_TOKEN is set and goes before the token that was just stored: unset it to use the new one.\n");
    }
}

const KEPT: &str = "Success! You are now authenticated. The token below is stored and will be used by the\n\
                    commands that follow; there is no need to log in again.\n";
const NOT_KEPT: &str = "Success! You are now authenticated. The token below is not stored: set VAULT_TOKEN to it to\n\
                        use it.\n";
