//! Logins through a browser: the provider sends the browser back to this machine, where this command
//! listens for it.

use super::listener::{Arrival, Listener};
use crate::context::Context;
use crate::failure::{Doing, Failure};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Duration;
use strongroom_client::{Client, Method, Request, Secret};
use strongroom_wire::Map;

/// How long the user may take; the server keeps the login for ten minutes.
const PATIENCE: Duration = Duration::from_mins(10);

/// Logs in at this mount.
pub(super) async fn login(
    cx: &mut Context<'_>,
    client: &Client,
    mount: &str,
    fields: Map,
) -> Result<Secret, Failure> {
    let options = Options::read(fields)?;
    let listener = Listener::bind(&options.listen_address, options.port).await?;
    let redirect_uri = options.redirect_uri(listener.port);
    let nonce = client_nonce()?;
    let mut asked = json!({ "redirect_uri": redirect_uri, "client_nonce": nonce });
    if let (Some(role), Value::Object(asked)) = (&options.role, &mut asked) {
        asked.insert("role".to_owned(), role.clone().into());
    }
    let request = Request::new(Method::Put, format!("auth/{mount}/oidc/auth_url")).body(asked).token("");
    let answer = send(client, request.wrap_ttl("")).await?;
    let url = answer.text("auth_url").unwrap_or_default().to_owned();
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(Failure::server(format!(
            "The server gives no address to log in at. The role has to allow {redirect_uri}; the server's log says more"
        )));
    }
    announce(cx, &url, options.skip_browser);
    let waiting = tokio::time::timeout(PATIENCE, listener.arrival("/oidc/callback"));
    let (arrival, browser) = waiting
        .await
        .map_err(|_| Failure::local("Nobody came back from the provider within ten minutes"))??;
    let ended = end(client, mount, &arrival, &nonce).await;
    let said = match &ended {
        Ok(_) => "You are logged in. You can close this window and go back to the terminal.",
        Err(_) => "The login failed. The terminal says why.",
    };
    browser.answer(ended.is_ok(), said).await;
    ended
}

/// What the pairs on the command line say.
struct Options {
    role: Option<String>,
    listen_address: String,
    port: u16,
    callback_method: String,
    callback_host: String,
    callback_port: Option<u16>,
    skip_browser: bool,
}

impl Options {
    fn read(mut fields: Map) -> Result<Self, Failure> {
        let mut text = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(truth)) => Some(truth.to_string()),
            _ => None,
        };
        let port = |name: &str, given: Option<String>| {
            let parse = |text: String| {
                text.parse::<u16>().map_err(|_| Failure::local(format!("{name}={text} is no port")))
            };
            given.map(parse).transpose()
        };
        let skip_browser = match text("skip_browser").as_deref() {
            None => false,
            Some(given) => crate::parse::truth(given)
                .ok_or_else(|| Failure::local("skip_browser takes true or false"))?,
        };
        let callback_method = text("callbackmethod").unwrap_or_else(|| "http".to_owned());
        if !matches!(callback_method.as_str(), "http" | "https") {
            return Err(Failure::local("callbackmethod takes http or https"));
        }
        let options = Self {
            role: text("role"),
            listen_address: text("listenaddress").unwrap_or_else(|| "localhost".to_owned()),
            port: port("port", text("port"))?.unwrap_or(8250),
            callback_method,
            callback_host: text("callbackhost").unwrap_or_else(|| "localhost".to_owned()),
            callback_port: port("callbackport", text("callbackport"))?,
            skip_browser,
        };
        match fields.keys().next() {
            Some(unknown) => Err(Failure::local(format!(
                "The method oidc does not know {unknown}=; it takes role, port, listenaddress, callbackhost, callbackport, callbackmethod and skip_browser"
            ))),
            None => Ok(options),
        }
    }

    fn redirect_uri(&self, listening_at: u16) -> String {
        let port = self.callback_port.unwrap_or(listening_at);
        format!("{}://{}:{port}/oidc/callback", self.callback_method, self.callback_host)
    }
}

/// What nobody else can know, so that nobody else can end this login.
fn client_nonce() -> Result<String, Failure> {
    use base64::Engine as _;
    use std::io::Read as _;
    let mut bytes = [0; 24];
    let mut source = std::fs::File::open("/dev/urandom")
        .map_err(|e| Failure::local(format!("No random bytes can be had: {e}")))?;
    source.read_exact(&mut bytes).map_err(|e| Failure::local(format!("No random bytes can be had: {e}")))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

async fn send(client: &Client, request: Request) -> Result<Secret, Failure> {
    let answer = client
        .send(request)
        .await
        .and_then(|answer| answer.secret())
        .doing("authenticating")
        .map_err(Failure::unexplained)?;
    answer.ok_or_else(|| Failure::server("The server's answer to the login is empty"))
}

/// Shows the address, and opens it where there is a browser.
fn announce(cx: &mut Context<'_>, url: &str, skip_browser: bool) {
    if !skip_browser && open_browser(url) {
        cx.warn(format!(
            "The login goes on in your browser. If no window opens, open this address:\n\n    {url}\n"
        ));
    } else {
        cx.warn(format!("Open this address in a browser to log in:\n\n    {url}\n"));
    }
    cx.warn("Waiting for the login to end ...");
}

fn open_browser(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = || Stdio::null();
    Command::new(program).arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().is_ok()
}

/// Takes to the server what the provider gave the browser.
async fn end(client: &Client, mount: &str, arrival: &Arrival, nonce: &str) -> Result<Secret, Failure> {
    let path = format!("auth/{mount}/oidc/callback");
    if arrival.is_form {
        // An ID token is too long for an address, and has no place in one.
        let form: Map = arrival.pairs.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
        let posted = client.send(Request::new(Method::Post, &path).body(form.into()).token("").wrap_ttl(""));
        posted.await.doing("authenticating").map_err(Failure::unexplained)?;
    }
    let mut request = Request::new(Method::Get, &path).token("").query("client_nonce", nonce);
    for (name, value) in arrival.pairs.iter().filter(|(name, _)| PASSED_ON.contains(&name.as_str())) {
        request = request.query(name, value);
    }
    send(client, request).await
}

const PASSED_ON: [&str; 4] = ["state", "code", "error", "error_description"];
