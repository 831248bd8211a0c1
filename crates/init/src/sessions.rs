//! The server as this program uses it: logins, secrets, leases.

mod answer;

use crate::lookup;
use crate::patience::{Fault, Kind};
use crate::report::{Ending, say};
use crate::source::{Found, Lease, Login, Source};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use strongroom_client::{Client, Config, Error, Method, Request, Response, Tls};
use strongroom_plan::{Plan, Server};
use zeroize::Zeroizing;

/// Tokens and what is known about mounts. Nothing is asked twice.
pub(crate) struct Sessions {
    client: Client,
    server: Server,
    tokens: BTreeMap<Login, Session>,
    engines: BTreeMap<(Login, String), Engine>,
}

/// A token that was granted.
pub(crate) struct Session {
    token: Zeroizing<String>,
    /// Batch tokens end by themselves.
    is_service: bool,
    /// Seconds it lives, 0 for ever.
    pub(crate) seconds: u64,
    pub(crate) renewable: bool,
}

/// How the secrets of a mount are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Kv1,
    Kv2,
    Other,
}

impl Sessions {
    /// Nothing is opened yet.
    pub(crate) fn new(plan: &Plan) -> Result<Self, Ending> {
        let server = plan.server.clone();
        let mut config =
            Config::new(&server.address).map_err(|e| Ending::usage(format!("server.address: {e}")))?;
        config.max_retries = 0;
        config.timeout = REQUEST_TIMEOUT;
        config.lookup = Some(Arc::new(|host, port| Box::pin(lookup::addresses(host, port))));
        config.tls = Tls {
            ca_cert: server.ca_file.as_ref().map(PathBuf::from),
            ca_cert_pem: server.ca_pem.clone(),
            server_name: server.tls_server_name.clone(),
            skip_verify: server.tls_skip_verify,
            ..Tls::default()
        };
        if server.ca_file.is_some() && server.ca_pem.is_some() {
            return Err(Ending::usage("server has both caFile and caPem: name one".to_owned()));
        }
        Ok(Self { client: Client::new(config), server, tokens: BTreeMap::new(), engines: BTreeMap::new() })
    }

    /// The session of a login, made if there is none. The Pod's token is read anew each time: the kubelet
    /// replaces it.
    pub(crate) async fn session(&mut self, login: &Login) -> Result<&Session, Fault> {
        if !self.tokens.contains_key(login) {
            let session = self.log_in(login).await?;
            self.tokens.insert(login.clone(), session);
        }
        self.tokens.get(login).ok_or_else(|| Fault::new(Kind::Passing, "the login is gone".to_owned()))
    }

    /// Logs in anew; until that works the old token stays. Returns the seconds that the new one lives.
    pub(crate) async fn replace(&mut self, login: &Login) -> Result<u64, Fault> {
        let session = self.log_in(login).await?;
        let seconds = session.seconds;
        self.tokens.insert(login.clone(), session);
        Ok(seconds)
    }

    /// Whether the server still knows the token. One that must not even look at itself is given back and
    /// counts as gone, so that none are left behind.
    pub(crate) async fn holds(&mut self, login: &Login) -> Result<bool, Fault> {
        let request = Request::new(Method::Get, "auth/token/lookup-self");
        match self.ask(login, "looking at the token", request).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.kind == Kind::Passing => Err(fault),
            Err(_) => {
                if let Some(session) = self.tokens.get(login) {
                    // It may well be gone.
                    let _ = self.within(login).send(given_back(session)).await;
                }
                Ok(false)
            }
        }
    }

    /// Forgets a token that has ended; the next use logs in anew.
    pub(crate) fn forget(&mut self, login: &Login) {
        self.tokens.remove(login);
        self.engines.retain(|(of, _), _| of != login);
    }

    /// Those that are logged in.
    pub(crate) fn logins(&self) -> Vec<Login> {
        self.tokens.keys().cloned().collect()
    }

    /// Reads a secret.
    pub(crate) async fn read(&mut self, source: &Source) -> Result<Found, Fault> {
        let engine = self.engine(source).await?;
        let what = source.to_string();
        let request = match (engine, source.version) {
            (Engine::Kv2, version) => {
                let path = format!("{}/data/{}", source.mount, source.path);
                let request = Request::new(Method::Get, path);
                version.map_or(request.clone(), |n| request.query("version", n.to_string()))
            }
            (_, None) => Request::new(Method::Get, format!("{}/{}", source.mount, source.path)),
            (_, Some(_)) => {
                let text = format!("{what}: only kv version 2 keeps versions, and {} is none", source.mount);
                return Err(Fault::new(Kind::Fatal, text));
            }
        };
        let response = self.ask(&source.login, &what, request).await?;
        let found = if engine == Engine::Kv2 {
            answer::versioned(&response.body)
        } else {
            answer::plain(&response.body)
        };
        found.map_err(|why| Fault::new(Kind::Passing, format!("{what}: {why}")))
    }

    /// Renews a token.
    pub(crate) async fn renew_token(&mut self, login: &Login) -> Result<u64, Fault> {
        let request = Request::new(Method::Post, "auth/token/renew-self").body(serde_json::json!({}));
        let response = self.ask(login, "renewing the token", request).await?;
        let granted = answer::auth(&response).map_err(|why| Fault::new(Kind::Passing, why))?;
        if let Some(session) = self.tokens.get_mut(login) {
            session.seconds = granted.lease_duration;
            session.renewable = granted.renewable;
        }
        Ok(granted.lease_duration)
    }

    /// Renews a lease; returns the seconds it has from now on.
    pub(crate) async fn renew_lease(&mut self, source: &Source, lease: &Lease) -> Result<u64, Fault> {
        let body = serde_json::json!({"lease_id": lease.id, "increment": lease.seconds});
        let request = Request::new(Method::Put, "sys/leases/renew").body(body);
        let response = self.ask(&source.login, &format!("renewing the lease of {source}"), request).await?;
        answer::lease_seconds(&response.body)
            .map_err(|why| Fault::new(Kind::Passing, format!("{source}: {why}")))
    }

    /// Gives the tokens back. What fails here does not stop the Pod: they end by themselves.
    pub(crate) async fn end(&mut self) {
        for (login, session) in std::mem::take(&mut self.tokens) {
            if !session.is_service {
                continue;
            }
            if let Err(e) = self.within(&login).send(given_back(&session)).await {
                say(&Fault::of(&format!("giving back the token of role {}", login.role), &e).text);
            }
        }
    }

    async fn log_in(&self, login: &Login) -> Result<Session, Fault> {
        let what =
            format!("login as role {} at auth/{}", login.role, self.server.auth_mount.trim_matches('/'));
        let file = &self.server.token_file;
        let jwt = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|e| {
            Fault::new(
                Kind::Denied,
                format!("{what}: the service account's token {file} cannot be read: {e}"),
            )
        })?;
        let body = serde_json::json!({"role": login.role, "jwt": jwt.trim()});
        let path = format!("auth/{}/login", self.server.auth_mount.trim_matches('/'));
        let request = Request::new(Method::Post, path).body(body).token("");
        let response = self.answered(login, &what, request).await.map_err(|fault| Fault {
            // Nothing to log in at is a refusal like any other.
            kind: if fault.kind == Kind::Missing { Kind::Denied } else { fault.kind },
            ..fault
        })?;
        let granted =
            answer::auth(&response).map_err(|why| Fault::new(Kind::Denied, format!("{what}: {why}")))?;
        Ok(Session {
            token: Zeroizing::new(granted.client_token),
            is_service: granted.token_type != "batch",
            seconds: granted.lease_duration,
            renewable: granted.renewable,
        })
    }

    async fn engine(&mut self, source: &Source) -> Result<Engine, Fault> {
        let key = (source.login.clone(), source.mount.clone());
        if let Some(engine) = self.engines.get(&key) {
            return Ok(*engine);
        }
        let what = format!("{source} (what is mounted at {})", source.mount);
        let request = Request::new(Method::Get, format!("sys/internal/ui/mounts/{}", source.mount));
        let response = self.ask(&source.login, &what, request).await?;
        let mount = answer::mount(&response.body)
            .map_err(|why| Fault::new(Kind::Passing, format!("{what}: {why}")))?;
        if mount.path.trim_matches('/') != source.mount {
            let text = format!("{source}: nothing is mounted at {}, but at {}", source.mount, mount.path);
            return Err(Fault::new(Kind::Denied, text));
        }
        let engine = match (mount.kind.as_str(), mount.options.get("version").map(String::as_str)) {
            ("kv", Some("2")) => Engine::Kv2,
            ("kv" | "generic", _) => Engine::Kv1,
            _ => Engine::Other,
        };
        self.engines.insert(key, engine);
        Ok(engine)
    }

    async fn ask(&mut self, login: &Login, what: &str, request: Request) -> Result<Response, Fault> {
        let token = self.session(login).await?.token.clone();
        self.answered(login, what, request.token(token.as_str())).await
    }

    async fn answered(&self, login: &Login, what: &str, request: Request) -> Result<Response, Fault> {
        let response = self.within(login).send_any(request).await.map_err(|e| Fault::of(what, &e))?;
        if response.status < 400 {
            return Ok(response);
        }
        let wait = response.headers.get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        let wait = wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
        let fault = Fault::of(what, &Error::Api(Box::new(response.error())));
        let text = match answer::nothing_there(response.status, &response.body) {
            Some(why) => format!("{what}: {why}"),
            None => fault.text,
        };
        Err(Fault { kind: fault.kind, text, wait })
    }

    fn within(&self, login: &Login) -> Client {
        self.client.with(|config| login.namespace.clone_into(&mut config.namespace))
    }
}

fn given_back(session: &Session) -> Request {
    Request::new(Method::Post, "auth/token/revoke-self").token(session.token.as_str()).timeout(REVOKE_TIMEOUT)
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const REVOKE_TIMEOUT: Duration = Duration::from_secs(2);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);
