//! `server`: runs the server until it is told to stop.

mod assembly;
mod banner;
mod certificates;
mod dev;
mod notify;
mod options;
pub(crate) mod process;
mod running;

use crate::config::{self, Config};
use crate::log::{Destination, Format, Levels, Log, Rotation};
pub use assembly::plugs;
use options::Options;
use std::sync::Arc;
use strongroom_cli::{Command, Context, Exit, Failure, Flag, Outcome, Run, Shared};
use strongroom_core::loggers::Level;
use strongroom_http::RequestLog;
use strongroom_wire::SystemClock;

pub(crate) const COMMAND: Command = Command {
    name: "server",
    about: "Run a server.",
    usage: "-config=FILE|DIR | -dev",
    details: "With -dev it keeps everything in memory, starts unsealed, prints its root token and listens on this \
              machine only: for trying things out. Otherwise it starts sealed with what the configuration says. \
              SIGHUP makes it read certificates, log level and audit files anew; SIGINT and SIGTERM stop it.",
    examples: &[
        ("Try things out", "{} server -dev -dev-root-token-id=root"),
        ("Run with a configuration", "{} server -config=/etc/strongroom/server.hcl"),
    ],
    flags: FLAGS,
    shared: Shared::Nothing,
    args: (0, 0),
    run: Run::Plain(run),
};

const FLAGS: &[Flag] = &[
    Flag::list("config", "PATH", "A file, or a folder of .hcl and .json files. May be given many times."),
    Flag::switch("dev", "Run in memory, unsealed, for trying things out."),
    Flag::text("dev-root-token-id", "TOKEN", "The root token of a -dev server.")
        .env("VAULT_DEV_ROOT_TOKEN_ID"),
    Flag::text("dev-listen-address", "ADDRESS", "Where a -dev server listens: 127.0.0.1:8200 if not given.")
        .env("VAULT_DEV_LISTEN_ADDRESS"),
    Flag::switch("dev-no-store-token", "Do not write the root token to ~/.vault-token."),
    Flag::switch("dev-tls", "A -dev server with TLS, under a certificate made for it."),
    Flag::text(
        "dev-tls-cert-dir",
        "DIR",
        "Where -dev-tls writes its certificates; a folder that goes with it if not given.",
    ),
    Flag::list("dev-tls-san", "NAME", "A further name or address for the certificate of -dev-tls."),
    Flag::text("log-level", "LEVEL", "trace, debug, info, warn or error.").env("VAULT_LOG_LEVEL"),
    Flag::text("log-format", "FORMAT", "standard or json.").env("VAULT_LOG_FORMAT"),
    Flag::text("log-file", "FILE", "Write the log to this file too.").env("VAULT_LOG_FILE"),
    Flag::text(
        "log-rotate-bytes",
        "BYTES",
        "Begin a new log file before it grows beyond this; 0 for no bound.",
    )
    .env("VAULT_LOG_ROTATE_BYTES"),
    Flag::text("log-rotate-duration", "DURATION", "Begin a new log file after this time: 24h if not given.")
        .env("VAULT_LOG_ROTATE_DURATION"),
    Flag::text(
        "log-rotate-max-files",
        "COUNT",
        "Keep so many old log files: 0 for all of them, -1 for none.",
    )
    .env("VAULT_LOG_ROTATE_MAX_FILES"),
    Flag::switch("exit-on-core-shutdown", "Accepted for compatibility; the process ends with its core."),
    Flag::switch("disable-gated-logs", "Write log lines before the start is complete, too."),
];

fn run(cx: &mut Context<'_>) -> Outcome {
    let options = Options::read(cx)?;
    let mut config = config::load(&options.config)
        .map_err(|e| Failure::local(format!("Error reading the configuration: {e}")))?;
    if let Some(dev) = &options.dev {
        dev.configure(&mut config)?;
    }
    from_variables(cx, &mut config);
    check(&config)?;
    let (level, format) = log_style(&options, &config)?;
    let request_log = RequestLog::default();
    request_log.set(requests_level(&config).map_err(Failure::local)?);
    for listener in &mut config.listeners {
        listener.request_log = request_log.clone();
    }
    let levels = Arc::new(Levels::new(level));
    let destination = match options.log_file.clone().or_else(|| config.log_file.clone()) {
        Some(file) => Destination::StderrAndFile(file, rotation(&options, &config)),
        None => Destination::Stderr,
    };
    let log = Log::start(destination, format, levels.clone(), Arc::new(SystemClock))
        .map_err(|e| Failure::local(format!("Error starting the log: {e}")))?;
    if options.ungated_log {
        log.release();
    }
    let outcome =
        start(cx, running::Start { options, config, levels, level, format, log: log.clone(), request_log });
    log.flush();
    outcome
}

fn start(cx: &mut Context<'_>, start: running::Start) -> Outcome {
    process::harden();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::local(format!("Error starting: {e}")))?;
    runtime.block_on(running::run(cx, start))?;
    // Whatever still runs has been told to stop; blocking calls are not waited for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(Exit::OK)
}

/// What the environment says about addresses goes before the files, as with Vault.
fn from_variables(cx: &Context<'_>, config: &mut Config) {
    for (slot, name) in
        [(&mut config.api_addr, "VAULT_API_ADDR"), (&mut config.cluster_addr, "VAULT_CLUSTER_ADDR")]
    {
        if let Some(address) = cx.variable(name) {
            *slot = Some(address);
        }
    }
}

/// What only the whole configuration can tell.
fn check(config: &Config) -> Result<(), Failure> {
    if config.storage.is_none() {
        return Err(Failure::local(
            "A storage stanza is missing, as in storage \"redb\" { path = \"/var/lib/strongroom\" }. \
             To try things out without a configuration: server -dev",
        ));
    }
    if config.listeners.is_empty() {
        return Err(Failure::local(
            "A listener stanza is missing, as in listener \"tcp\" { address = \"127.0.0.1:8200\" tls_disable = true }",
        ));
    }
    let (default, max) = (config.default_lease_ttl.unwrap_or(0), config.max_lease_ttl.unwrap_or(0));
    if max > 0 && default > max {
        return Err(Failure::local("default_lease_ttl is longer than max_lease_ttl"));
    }
    Ok(())
}

fn rotation(options: &Options, config: &Config) -> Rotation {
    let (flags, keys, usual) = (&options.log_rotation, &config.log_rotation, Rotation::default());
    Rotation {
        bytes: flags.bytes.or(keys.bytes).unwrap_or(usual.bytes),
        duration: flags.duration.or(keys.duration).unwrap_or(usual.duration),
        max_files: flags.max_files.or(keys.max_files).unwrap_or(usual.max_files),
    }
}

/// At which level each request is logged; none where they are not.
fn requests_level(config: &Config) -> Result<Option<Level>, String> {
    match config.log_requests_level.as_deref() {
        None | Some("off") => Ok(None),
        Some(level) => Level::parse(level).map(Some).ok_or_else(|| {
            format!("There is no log_requests_level {level:?}: use trace, debug, info, warn, error or off")
        }),
    }
}

fn log_style(options: &Options, config: &Config) -> Result<(Level, Format), Failure> {
    let level = options.log_level.as_deref().or(config.log_level.as_deref()).unwrap_or("info");
    let level = Level::parse(level).ok_or_else(|| {
        Failure::local(format!("There is no log level {level:?}: use trace, debug, info, warn or error"))
    })?;
    let format = options.log_format.as_deref().or(config.log_format.as_deref()).unwrap_or("");
    let format = Format::parse(format)
        .ok_or_else(|| Failure::local(format!("There is no log format {format:?}: use standard or json")))?;
    Ok((level, format))
}
