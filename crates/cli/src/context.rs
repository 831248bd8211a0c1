//! What a command works with: its flags and arguments, the client, input and output.

use crate::command::Command;
use crate::failure::{Failure, Outcome};
use crate::host::Host;
use crate::output::{self, Format};
use crate::parse::{self, Parsed};
use crate::{Exit, terminal, token_helper, values};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use strongroom_client::{Address, Client, Config, Preview, Secret};
use strongroom_wire::{Map, duration};

/// What a command works with. Flags are asked for by their main name.
pub struct Context<'h> {
    /// All commands, for help and completions.
    pub(crate) commands: &'h [&'static Command],
    pub(crate) parsed: Parsed,
    pub(crate) host: &'h mut Host,
}

impl Context<'_> {
    /// Whether a switch is on.
    pub fn is_on(&self, flag: &str) -> bool {
        self.switch(flag).unwrap_or(false)
    }

    /// A switch, if it was given.
    pub fn switch(&self, flag: &str) -> Option<bool> {
        self.text(flag).and_then(parse::truth)
    }

    /// The text of a flag, if it was given.
    pub fn text(&self, flag: &str) -> Option<&str> {
        self.parsed.values(flag).last().map(String::as_str)
    }

    /// All texts of a flag that may be given many times.
    pub fn list(&self, flag: &str) -> &[String] {
        self.parsed.values(flag)
    }

    /// A flag's duration.
    pub fn duration(&self, flag: &str) -> Option<Duration> {
        duration::parse(self.text(flag)?).ok()
    }

    /// A flag's number.
    pub fn number(&self, flag: &str) -> Option<i64> {
        self.text(flag)?.parse().ok()
    }

    /// The pairs of a flag given as `-metadata=a=1 -metadata=b=2`.
    pub fn pairs(&self, flag: &str) -> Result<Map, Failure> {
        values::pairs(flag, self.list(flag))
    }

    /// All arguments.
    pub fn args(&self) -> &[String] {
        &self.parsed.args
    }

    /// The argument at this place; empty when there are not so many.
    pub fn arg(&self, index: usize) -> &str {
        self.parsed.args.get(index).map_or("", String::as_str)
    }

    /// The path in an argument, without white space and slashes around it.
    pub fn path_arg(&self, index: usize) -> String {
        values::clean_path(self.arg(index))
    }

    /// The arguments from this place on as fields of a request: `a=b`, `a=@file`, `a=-`, `@file.json`, `-`.
    pub fn fields(&mut self, from: usize) -> Result<Map, Failure> {
        let args: Vec<String> = self.parsed.args.iter().skip(from).cloned().collect();
        values::fields(&args, &mut self.host.stdin)
    }

    /// All of standard input.
    pub fn read_stdin(&mut self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut self.host.stdin, &mut bytes)
            .map_err(|e| Failure::local(format!("Failed to read standard input: {e}")))?;
        Ok(bytes)
    }

    /// An environment variable that is not empty.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.host.variable)(name).filter(|v| !v.is_empty())
    }

    /// The name the program was called by.
    pub fn program(&self) -> &str {
        &self.host.program
    }

    /// Whether questions can be asked.
    pub fn is_interactive(&self) -> bool {
        self.host.interactive && !self.is_on("non-interactive")
    }

    /// Asks a question on the terminal and reads the answer, unseen if `hidden`.
    pub fn ask(&mut self, question: &str, hidden: bool) -> Result<String, Failure> {
        if !self.is_interactive() {
            return Err(Failure::local(format!(
                "{} is needed, and there is no terminal to ask on: pass - to read it from standard input",
                question.trim_end_matches([':', ' '])
            )));
        }
        self.host.write_err(question);
        let answer = terminal::read_line(hidden);
        if hidden {
            self.host.write_err("\n");
        }
        answer.map_err(|e| Failure::local(format!("Failed to read the answer: {e}")))
    }

    /// A line of output.
    pub fn say(&mut self, text: impl AsRef<str>) {
        self.host.write_out(&format!("{}\n", text.as_ref()));
    }

    /// A line on standard error.
    pub fn warn(&mut self, text: impl AsRef<str>) {
        self.host.write_err(&format!("{}\n", text.as_ref()));
    }

    /// A line that tells people of a success; other formats than the table leave it out.
    pub fn say_success(&mut self, text: impl AsRef<str>) -> Outcome {
        if self.format()? == Format::Table {
            self.say(text);
        }
        Ok(Exit::OK)
    }

    /// Prints the answer to a write: what it holds, or else the line that tells of the success.
    pub fn print_written(&mut self, secret: Option<Secret>, success: &str) -> Outcome {
        match secret {
            Some(secret) if secret.has_content() || secret.auth.is_some() || secret.wrap_info.is_some() => {
                self.print_secret(&secret)
            }
            _ if self.text("field").is_some() => {
                Err(Failure::local("Field not present: the answer is empty"))
            }
            _ => self.say_success(success),
        }
    }

    /// A bare value: with a line end on a terminal, without one in a pipe.
    pub fn say_bare(&mut self, text: &str) {
        let end = if self.host.stdout_is_terminal { "\n" } else { "" };
        self.host.write_out(&format!("{text}{end}"));
    }

    /// Bytes of output as they are.
    pub fn say_bytes(&mut self, bytes: &[u8]) {
        self.host.write_bytes(bytes);
    }

    /// The output format.
    pub fn format(&self) -> Result<Format, Failure> {
        let name = self.text("format").map(str::to_owned).or_else(|| self.variable("VAULT_FORMAT"));
        name.as_deref().map_or(Ok(Format::Table), Format::parse)
    }

    /// Prints a secret in the format asked for, or only the field asked for.
    pub fn print_secret(&mut self, secret: &Secret) -> Outcome {
        if let Some(field) = self.text("field").map(str::to_owned) {
            return self.print_field(output::field(secret, &field), &field);
        }
        match self.format()? {
            Format::Table => {
                self.print_warnings(secret);
                let rows = output::secret_rows(secret);
                self.print_table(&rows);
            }
            format => {
                let value = serde_json::to_value(secret).unwrap_or_default();
                let text =
                    if format == Format::Json { output::json(secret) } else { format.value(&value)? };
                self.say(text);
            }
        }
        Ok(Exit::OK)
    }

    /// Prints a value that is no secret's envelope: a table of keys and values, or the format asked for.
    pub fn print_value(&mut self, value: &Value) -> Outcome {
        match (self.format()?, value) {
            (Format::Table, Value::Object(map)) => {
                let rows = output::map_rows(map);
                self.print_table(&rows);
            }
            (Format::Table, Value::Array(items)) => {
                let rows = output::list_rows(items);
                self.print_table(&rows);
            }
            (Format::Table, other) => self.say(output::go(other)),
            (format, value) => self.say(format.value(value)?),
        }
        Ok(Exit::OK)
    }

    /// Prints one value for `-field`.
    pub fn print_field(&mut self, value: Option<Value>, field: &str) -> Outcome {
        let value = value.filter(|v| !v.is_null());
        let value = value.ok_or_else(|| Failure::local(format!("Field {field:?} not present in secret")))?;
        let text = match self.format()? {
            Format::Table | Format::Raw => output::go(&value),
            format => format.value(&value)?,
        };
        self.say_bare(&text);
        Ok(Exit::OK)
    }

    /// Prints the keys of a listing, by themselves.
    pub fn print_keys(&mut self, secret: &Secret) -> Outcome {
        let keys = secret.get("keys").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
        if self.format()? == Format::Table {
            self.print_warnings(secret);
        }
        self.print_value(&keys)
    }

    /// Prints rows in columns; the first is the header. Nothing when there is nothing below it.
    pub fn print_table(&mut self, rows: &[Vec<String>]) {
        if rows.len() > 1 {
            let text = output::table(rows);
            self.say(text);
        }
    }

    /// Prints the warnings of an answer on standard error.
    pub fn print_warnings(&mut self, secret: &Secret) {
        let warnings = secret.warnings.as_deref().unwrap_or(&[]);
        if warnings.is_empty() {
            return;
        }
        self.warn("WARNING! The following warnings were returned from Vault:\n");
        for warning in warnings {
            self.warn(output::wrapped(&format!("* {warning}"), 2));
            self.warn("");
        }
    }

    /// A client as flags, environment and token file say.
    pub fn client(&mut self) -> Result<Client, Failure> {
        let mut config = self.client_config()?;
        if config.token.is_empty() {
            config.token = token_helper::load(&*self.host.variable)?.unwrap_or_default();
        }
        self.host.without_token = config.token.is_empty();
        Ok(Client::new(config))
    }

    /// A client for logins, which need no token: the file need not be readable.
    pub(crate) fn login_client(&mut self) -> Result<Client, Failure> {
        Ok(Client::new(self.client_config()?))
    }

    fn client_config(&self) -> Result<Config, Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure::local(format!("Error preparing the client: {e}"));
        let mut config = Config::from_env(&*self.host.variable).map_err(|e| failed(&e))?;
        if self.variable("VAULT_MAX_RETRIES").is_none() {
            config.max_retries = 0;
        }
        if let Some(address) = self.text("agent-address").or_else(|| self.text("address")) {
            config.address = Address::parse(address).map_err(|e| failed(&e))?;
        }
        self.apply_tls_flags(&mut config);
        self.apply_request_flags(&mut config)?;
        Ok(config)
    }

    fn apply_tls_flags(&self, config: &mut Config) {
        let file = |flag: &str, current: Option<PathBuf>| self.text(flag).map(PathBuf::from).or(current);
        let tls = &mut config.tls;
        tls.ca_cert = file("ca-cert", tls.ca_cert.take());
        tls.ca_path = file("ca-path", tls.ca_path.take());
        tls.client_cert = file("client-cert", tls.client_cert.take());
        tls.client_key = file("client-key", tls.client_key.take());
        tls.server_name = self.text("tls-server-name").map(str::to_owned).or_else(|| tls.server_name.take());
        tls.skip_verify = self.switch("tls-skip-verify").unwrap_or(tls.skip_verify);
    }

    fn apply_request_flags(&self, config: &mut Config) -> Result<(), Failure> {
        if !self.list("mfa").is_empty() || self.variable("VAULT_MFA").is_some() {
            return Err(Failure::local("-mfa and VAULT_MFA are not supported: this server has no login MFA"));
        }
        if let Some(namespace) = self.text("namespace") {
            config.namespace = namespace.to_owned();
        }
        if let Some(ttl) = self.text("wrap-ttl") {
            config.wrap_ttl = ttl.to_owned();
        }
        if let Some(off) = self.switch("disable-redirects") {
            config.follow_redirects = !off;
        }
        for header in self.list("header") {
            let (name, value) = header
                .split_once('=')
                .ok_or_else(|| Failure::local(format!("-header {header:?} must look like NAME=VALUE")))?;
            if name.to_ascii_lowercase().starts_with("x-vault-") {
                let text = format!(
                    "-header cannot set {name}: headers that begin with X-Vault- have flags of their own"
                );
                return Err(Failure::local(text));
            }
            config.headers.push((name.to_owned(), value.to_owned()));
        }
        config.preview = match (self.is_on("output-curl-string"), self.is_on("output-policy")) {
            (true, true) => {
                return Err(Failure::local("use only one of -output-curl-string and -output-policy"));
            }
            (true, false) => Some(Preview::Curl),
            (false, true) => Some(Preview::Policy),
            (false, false) => None,
        };
        Ok(())
    }
}
