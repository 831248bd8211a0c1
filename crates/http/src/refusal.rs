//! Why a listener does not hand a request on.

use bytes::Bytes;
use std::borrow::Cow;
use strongroom_core::{Answer, Body, Fault, render};
use strongroom_wire::envelope;

/// Why a listener does not hand a request on, and what it answers instead.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// 307 to this path and query.
    Redirect(String),
    /// A status with a line of plain text.
    Text(u16, &'static str),
    /// A status and no body.
    Empty(u16),
    /// A status with an empty list of errors.
    Bare(u16),
    /// A status with one message, which never carries anything secret.
    Error(u16, Cow<'static, str>),
    /// Refused by the core.
    Fault(Fault),
}

impl Refusal {
    /// 400 with one message.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Error(400, message.into())
    }

    /// The answer.
    pub(crate) fn into_answer(self) -> Answer {
        match self {
            Self::Redirect(to) => {
                Answer { headers: vec![("location".to_owned(), to)], ..whole(307, "", Bytes::new()) }
            }
            Self::Text(status, text) => {
                whole(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
            }
            Self::Empty(status) => whole(status, "", Bytes::new()),
            Self::Bare(status) => render::bare_status(status),
            Self::Error(status, message) => {
                whole(status, "application/json", envelope::errors(&[message]).into())
            }
            Self::Fault(fault) => {
                let mut answer = render::fault(&fault);
                if answer.status == 429 {
                    answer.headers.push(("retry-after".to_owned(), "1".to_owned()));
                }
                answer
            }
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn whole(status: u16, content_type: &'static str, body: Bytes) -> Answer {
    Answer { status, content_type: Cow::Borrowed(content_type), body: Body::Whole(body), headers: Vec::new() }
}
