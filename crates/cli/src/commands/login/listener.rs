//! Listens on this machine for the one browser that comes back from the provider.

use crate::failure::Failure;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The listener.
pub(super) struct Listener {
    listener: TcpListener,
    /// Where it listens.
    pub(super) port: u16,
}

/// What a browser brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Whether it was posted.
    pub(super) is_form: bool,
    /// The fields.
    pub(super) pairs: Vec<(String, String)>,
}

/// The browser, which waits for an answer.
pub(super) struct Browser(TcpStream);

/// Larger requests are not read: an ID token takes some kilobytes.
const MAX_BYTES: usize = 256 * 1024;
/// How long one connection may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

impl Listener {
    pub(super) async fn bind(address: &str, port: u16) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| {
            Failure::local(format!(
                "Cannot listen on {address}:{port} for the browser to come back: {e}. Another port: port=NUMBER"
            ))
        };
        let listener = TcpListener::bind((address, port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self { listener, port })
    }

    /// Waits for a request to this path. Others (icons, the curious) are turned away.
    pub(super) async fn arrival(&self, path: &str) -> Result<(Arrival, Browser), Failure> {
        loop {
            let accepted = self.listener.accept().await;
            let (mut stream, _) =
                accepted.map_err(|e| Failure::local(format!("Cannot wait for the browser: {e}")))?;
            let read = tokio::time::timeout(PATIENCE, read(&mut stream)).await;
            let Some(request) = read.ok().flatten() else { continue };
            let browser = Browser(stream);
            match arrival(&request, path) {
                Some(arrival) => return Ok((arrival, browser)),
                None => browser.send("404 Not Found", "There is nothing here.").await,
            }
        }
    }
}

impl Browser {
    /// Tells the user how it went.
    pub(super) async fn answer(self, is_good: bool, text: &str) {
        self.send(if is_good { "200 OK" } else { "400 Bad Request" }, text).await;
    }

    async fn send(mut self, status: &str, text: &str) {
        let page =
            format!("<!doctype html>\n<meta charset=\"utf-8\">\n<title>strongroom</title>\n<p>{text}\n");
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
        // Whether it can be told or not, the login has gone as it went.
        let _ = self.0.write_all(answer.as_bytes()).await;
        let _ = self.0.shutdown().await;
    }
}

/// A whole request with a body as long as it says; none if it does not come.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let len = stream.read(&mut piece).await.ok().filter(|len| *len > 0)?;
        bytes.extend_from_slice(piece.get(..len)?);
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= body_len(head)
        {
            return Some(text.into_owned());
        }
    }
}

fn body_len(head: &str) -> usize {
    let line = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

fn arrival(request: &str, path: &str) -> Option<Arrival> {
    let (head, body) = request.split_once("\r\n\r\n")?;
    let mut line = head.lines().next()?.split(' ');
    let (method, target) = (line.next()?, line.next()?);
    let (asked, query) = target.split_once('?').unwrap_or((target, ""));
    if asked != path {
        return None;
    }
    match method {
        "GET" => Some(Arrival { is_form: false, pairs: pairs(query)? }),
        "POST" => Some(Arrival { is_form: true, pairs: pairs(body)? }),
        _ => None,
    }
}

fn pairs(form: &str) -> Option<Vec<(String, String)>> {
    let items = form.split('&').filter(|item| !item.is_empty());
    let pair = |item: &str| {
        let (name, value) = item.split_once('=').unwrap_or((item, ""));
        Some((decoded(name)?, decoded(value)?))
    };
    items.map(pair).collect()
}

fn decoded(text: &str) -> Option<String> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => out.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                out.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = after;
            }
            other => out.push(*other),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_others() {
        let of = |request: &str| arrival(request, "/oidc/callback");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let good = of("GET /oidc/callback?state=st_1&code=a%2Fb+c HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(good.pairs, [pair("state", "st_1"), pair("code", "a/b c")]);
        let form = of("POST /oidc/callback HTTP/1.1\r\nContent-Length: 9\r\n\r\nid_token=x&state=y").unwrap();
        assert!(form.is_form);
        assert_eq!(form.pairs, [pair("id_token", "x"), pair("state", "y")]);
        for bad in [
            "",
            "GET /favicon.ico HTTP/1.1\r\n\r\n",
            "GET /oidc/callback/x HTTP/1.1\r\n\r\n",
            "PUT /oidc/callback HTTP/1.1\r\n\r\n",
            "GET /oidc/callback?code=%zz HTTP/1.1\r\n\r\n",
            "GET /oidc/callback?code=%+1 HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
