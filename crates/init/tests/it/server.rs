//! A server that answers as it is told, and remembers what it was asked.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Method and path below `/v1/`, query included.
    pub(crate) what: String,
    pub(crate) token: String,
    pub(crate) namespace: String,
    pub(crate) body: Value,
}

/// What the server answers with.
pub(crate) struct State {
    pub(crate) seen: Vec<Seen>,
    /// By method and path.
    pub(crate) answers: BTreeMap<String, (u16, Value)>,
    pub(crate) is_sealed: bool,
    pub(crate) token_ttl: u64,
    tokens: u32,
}

/// The server; it ends with the test's process.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// With kv version 2 at `secret`, version 1 at `kv`, and an engine of leased secrets at `database`.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            seen: Vec::new(),
            answers: BTreeMap::new(),
            is_sealed: false,
            token_ttl: 3600,
            tokens: 0,
        };
        let server = Self { address, state: Arc::new(Mutex::new(state)) };
        for (path, kind, version) in [("secret", "kv", "2"), ("kv", "kv", "1"), ("database", "database", "")]
        {
            let mount = json!({"path": format!("{path}/"), "type": kind, "options": {"version": version}});
            server.answer(&format!("GET sys/internal/ui/mounts/{path}"), 200, json!({"data": mount}));
        }
        server.answer("POST auth/token/revoke-self", 204, Value::Null);
        let of_thread = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = of_thread.clone();
                std::thread::spawn(move || server.serve(BufReader::new(stream)));
            }
        });
        server
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn answer(&self, what: &str, status: u16, body: Value) {
        self.state().answers.insert(what.to_owned(), (status, body));
    }

    /// A secret of kv version 2 at `secret`.
    pub(crate) fn secret(&self, path: &str, fields: Value) {
        let data = json!({"data": {"data": fields, "metadata": {"version": 1}}});
        self.answer(&format!("GET secret/data/{path}"), 200, data);
    }

    /// How often it was asked this.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.state().seen.iter().filter(|seen| seen.what == what).count()
    }

    /// Waits until it was asked this so often.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, count: usize) {
        super::stand::wait(&format!("{count} x {what}"), || self.count(what) >= count);
    }

    fn serve(&self, mut stream: BufReader<TcpStream>) {
        while let Some(seen) = hear(&mut stream) {
            let (status, body) = self.decide(seen);
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if stream.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn decide(&self, seen: Seen) -> (u16, Value) {
        let mut state = self.state();
        let what = seen.what.clone();
        state.seen.push(seen);
        if state.is_sealed {
            return (503, json!({"errors": ["Vault is sealed"]}));
        }
        if let Some(answer) = state.answers.get(&what) {
            return answer.clone();
        }
        if what == "POST auth/kubernetes/login" {
            state.tokens += 1;
            let token = format!("token-{}", state.tokens);
            let ttl = state.token_ttl;
            return (
                200,
                json!({"auth": {"client_token": token, "lease_duration": ttl, "renewable": true, "token_type": "service"}}),
            );
        }
        (404, json!({"errors": []}))
    }
}

fn hear(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut seen = Seen::default();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if seen.what.is_empty() {
            let mut words = line.split(' ');
            let method = words.next().unwrap();
            seen.what = format!("{method} {}", words.next().unwrap().strip_prefix("/v1/").unwrap());
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-vault-token" => value.clone_into(&mut seen.token),
            "x-vault-namespace" => value.clone_into(&mut seen.namespace),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    seen.body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(seen)
}
