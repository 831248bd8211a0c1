//! The flags that commands share.

use crate::command::Flag;

/// About reaching the server.
pub(crate) const SERVER: &[Flag] = &[
    Flag::text("address", "URL", "The server's address, also unix:///path/to/socket.").env("VAULT_ADDR"),
    Flag::text("agent-address", "URL", "The address of an agent to go through.").env("VAULT_AGENT_ADDR"),
    Flag::text("ca-cert", "FILE", "PEM file with the authority that signed the server's certificate.")
        .env("VAULT_CACERT"),
    Flag::text("ca-path", "DIR", "Folder of PEM files with authorities to trust.").env("VAULT_CAPATH"),
    Flag::text("client-cert", "FILE", "PEM file with a client certificate.").env("VAULT_CLIENT_CERT"),
    Flag::text("client-key", "FILE", "PEM file with the key of the client certificate.")
        .env("VAULT_CLIENT_KEY"),
    Flag::text("tls-server-name", "NAME", "The name the server's certificate must have.")
        .env("VAULT_TLS_SERVER_NAME"),
    Flag::switch("tls-skip-verify", "Do not check the server's certificate. For tests only.")
        .env("VAULT_SKIP_VERIFY"),
    Flag::switch("disable-redirects", "Do not follow redirects.").env("VAULT_DISABLE_REDIRECTS"),
    Flag::text("namespace", "NAME", "The namespace to work in.").or(&["ns"]).env("VAULT_NAMESPACE"),
    Flag::duration("wrap-ttl", "Wrap the answer in a single-use token that lives this long.")
        .env("VAULT_WRAP_TTL"),
    Flag::list("header", "NAME=VALUE", "A further header to send. May be given many times."),
    Flag::switch("output-curl-string", "Show the request as a curl command line instead of sending it."),
    Flag::switch("output-policy", "Show the policy that would allow the request instead of sending it."),
    Flag::switch("policy-override", "Accepted for compatibility; there are no policies to override."),
    Flag::list("mfa", "CREDENTIAL", "Not supported: there is no login MFA here."),
    Flag::switch("non-interactive", "Never ask on the terminal; fail instead."),
];

/// How to print.
pub(crate) const FORMAT: &[Flag] = &[
    Flag::text("format", "FORMAT", "table, json, yaml; raw with read.").env("VAULT_FORMAT"),
    Flag::text("log-level", "LEVEL", "Accepted for compatibility; the command line logs nothing.")
        .env("VAULT_LOG_LEVEL"),
];

/// What to print.
pub(crate) const FIELD: &[Flag] =
    &[Flag::text("field", "NAME", "Print only the value of this field, without a line end when piped.")];
