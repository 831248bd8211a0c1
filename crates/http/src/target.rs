//! From the request target to a path of the API.

use crate::refusal::Refusal;
use http::Uri;
use strongroom_wire::Path;
use strongroom_wire::path::PathError;

const API: &str = "/v1/";

/// The path below `/v1/`, or what is answered elsewhere.
pub(crate) fn path(uri: &Uri) -> Result<Path, Refusal> {
    let raw = uri.path();
    let Some(below) = raw.strip_prefix(API) else { return Err(elsewhere(raw, uri.query())) };
    Path::parse(below).map_err(|error| match error {
        PathError::Redirect(to) => redirect(&to, uri.query()),
        PathError::BadEscape => Refusal::Text(400, "400 Bad Request"),
        PathError::Control => Refusal::Empty(400),
        PathError::TooLong => Refusal::Error(414, error.to_string().into()),
        PathError::EncodedDots | PathError::NotUtf8 => Refusal::invalid(error.to_string()),
    })
}

/// An address that ends in `/` makes `//v1/`: such clients are sent to the right place.
fn elsewhere(raw: &str, query: Option<&str>) -> Refusal {
    let trimmed = raw.trim_start_matches('/');
    if let Some(below) = trimmed.strip_prefix("v1/") {
        return match Path::parse(below) {
            Err(PathError::Redirect(to)) => redirect(&to, query),
            _ => redirect(below, query),
        };
    }
    if raw == "/" || raw == "/ui" || raw.starts_with("/ui/") {
        return Refusal::Text(
            404,
            "There is no web interface here. The API is below /v1/, as in /v1/sys/health\n",
        );
    }
    Refusal::Text(404, "404 page not found\n")
}

fn redirect(below: &str, query: Option<&str>) -> Refusal {
    let mut to = format!("{API}{below}");
    if let Some(query) = query {
        to.push('?');
        to.push_str(query);
    }
    Refusal::Redirect(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(target: &str) -> Result<String, String> {
        path(&target.parse().unwrap()).map(|p| p.as_str().to_owned()).map_err(|r| match r {
            Refusal::Redirect(to) => format!("307 {to}"),
            Refusal::Text(status, _) | Refusal::Empty(status) | Refusal::Error(status, _) => {
                status.to_string()
            }
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn finds_the_path_or_says_where_it_is() {
        for (target, wanted) in [
            ("/v1/sys/health", Ok("sys/health")),
            ("/v1/", Ok("")),
            ("/v1/secret/a%2Fb?x=1", Ok("secret/a/b")),
            ("http://other/v1/a", Ok("a")),
            ("/v1/secret//a", Err("307 /v1/secret/a")),
            ("/v1/secret/x/../a?version=1", Err("307 /v1/secret/a?version=1")),
            ("//v1/sys/health", Err("307 /v1/sys/health")),
            ("///v1/sys//health?list=true", Err("307 /v1/sys/health?list=true")),
            ("/v1/../../etc", Err("307 /v1/etc")),
            ("/v1/a/%2e%2e/b", Err("400")),
            ("/v1/a%00b", Err("400")),
            ("/v1/%zz", Err("400")),
            ("/", Err("404")),
            ("/ui/", Err("404")),
            ("/v1", Err("404")),
            ("/v2/x", Err("404")),
        ] {
            assert_eq!(of(target), wanted.map(str::to_owned).map_err(str::to_owned), "{target}");
        }
        assert_eq!(of(&format!("/v1/{}", "n".repeat(5000))), Err("414".to_owned()));
    }
}
