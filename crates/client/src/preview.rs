//! Requests shown instead of sent: `-output-curl-string` and `-output-policy`.

use crate::config::Tls;
use crate::request::{Method, Request};

/// How a request is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preview {
    /// As a `curl` command line; the token is fetched when that runs, not written into it.
    Curl,
    /// As the policy that would allow it.
    Policy,
}

/// The request as a command line of curl.
pub(crate) fn curl(
    request: &Request,
    url: &str,
    headers: &[(String, String)],
    tls: &Tls,
    socket: Option<&str>,
) -> String {
    let mut out = String::from("curl ");
    if tls.skip_verify {
        out.push_str("--insecure ");
    }
    if request.method.as_str() != "GET" {
        out.push_str(&format!("-X {} ", request.method.as_str()));
    }
    for (flag, value) in [
        ("--cacert", &tls.ca_cert),
        ("--capath", &tls.ca_path),
        ("--cert", &tls.client_cert),
        ("--key", &tls.client_key),
    ] {
        if let Some(file) = value {
            out.push_str(&format!("{flag} {} ", quoted(&file.to_string_lossy())));
        }
    }
    if let Some(socket) = socket {
        out.push_str(&format!("--unix-socket {} ", quoted(socket)));
    }
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("x-vault-token") {
            out.push_str(&format!("-H \"{name}: $(vault print token)\" "));
        } else {
            out.push_str(&format!("-H \"{name}: {}\" ", escaped(value)));
        }
    }
    if let Some(body) = &request.body {
        out.push_str(&format!("-d {} ", quoted(&String::from_utf8_lossy(body))));
    }
    out.push_str(&quoted_url(url));
    out
}

/// The least policy that allows the request.
pub(crate) fn policy(request: &Request) -> String {
    let capabilities: &[&str] = match request.method {
        Method::Get | Method::Head => &["read"],
        Method::List => &["list"],
        Method::Put | Method::Post => &["create", "update"],
        Method::Patch => &["patch"],
        Method::Delete => &["delete"],
    };
    let mut capabilities = capabilities.to_vec();
    if needs_sudo(request) {
        capabilities.push("sudo");
    }
    let list: Vec<String> = capabilities.iter().map(|c| format!("\"{c}\"")).collect();
    let path = request.path.replace('\\', "\\\\").replace('"', "\\\"");
    format!("path \"{path}\" {{\n  capabilities = [{}]\n}}", list.join(", "))
}

/// Paths for which the server asks for `sudo` beside the capability.
fn needs_sudo(request: &Request) -> bool {
    const EXACT: &[&str] = &[
        "auth/token/accessors",
        "sys/audit",
        "sys/internal/explain",
        "sys/leases",
        "sys/raw",
        "sys/remount",
        "sys/rotate",
        "sys/rotate/keyring",
        "sys/seal",
        "sys/step-down",
    ];
    const BELOW: &[&str] = &[
        "auth/token/revoke-orphan",
        "sys/audit/",
        "sys/auth/",
        "sys/config/auditing/",
        "sys/config/cors",
        "sys/config/ui/",
        "sys/leases/lookup/",
        "sys/leases/revoke-force/",
        "sys/leases/revoke-prefix/",
        "sys/plugins/catalog/",
        "sys/raw/",
        "sys/revoke-force/",
        "sys/revoke-prefix/",
    ];
    let path = request.path.trim_end_matches('/');
    EXACT.contains(&path) || BELOW.iter().any(|p| request.path.starts_with(p))
}

fn quoted_url(url: &str) -> String {
    if url.contains(['&', '?', ';', '*', '$', '\'']) { quoted(url) } else { url.to_owned() }
}

/// In single quotes for the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

/// For within double quotes in the shell.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
