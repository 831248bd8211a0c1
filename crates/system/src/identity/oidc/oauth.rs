//! The form of answers that OAuth 2.0 and OpenID Connect have for errors: JSON without Vault's envelope.

use serde_json::{Value, json};
use strongroom_core::{Fault, Response};

/// An error of one of the endpoints that applications call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    code: &'static str,
    description: String,
}

impl Refusal {
    /// An error code of the standards, and words for who looks for the cause.
    pub(super) fn new(code: &'static str, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    /// As an answer; `state` is what the request gave, where it has to be given back.
    pub(super) fn answer(self, state: Option<&str>) -> Fault {
        let status = match self.code {
            INVALID_CLIENT | INVALID_TOKEN => 401,
            ACCESS_DENIED_TO_CLAIMS => 403,
            SERVER_ERROR => 500,
            _ => 400,
        };
        let mut body = json!({ "error": self.code, "error_description": self.description, "errors": null });
        if let (Some(state), Value::Object(body)) = (state, &mut body) {
            body.insert("state".to_owned(), state.into());
        }
        let mut headers = super::discovery::not_kept();
        headers.extend(self.challenge().map(|challenge| ("WWW-Authenticate".to_owned(), challenge)));
        Fault::Answer(status, Box::new(Response { headers, ..Response::bare(body) }))
    }

    /// What a client has to show.
    fn challenge(&self) -> Option<String> {
        match self.code {
            INVALID_CLIENT => Some("Basic realm=\"token\"".to_owned()),
            INVALID_TOKEN | ACCESS_DENIED_TO_CLAIMS => {
                Some(format!("Bearer error=\"{}\", error_description=\"{}\"", self.code, self.description))
            }
            _ => None,
        }
    }
}

pub(super) const INVALID_REQUEST: &str = "invalid_request";
pub(super) const INVALID_CLIENT: &str = "invalid_client";
pub(super) const INVALID_GRANT: &str = "invalid_grant";
pub(super) const INVALID_TOKEN: &str = "invalid_token";
pub(super) const SERVER_ERROR: &str = "server_error";
/// Of the authorization endpoint.
pub(super) const ACCESS_DENIED: &str = "access_denied";
/// Of the userinfo endpoint, where the status says it too.
pub(super) const ACCESS_DENIED_TO_CLAIMS: &str = "insufficient_scope";
