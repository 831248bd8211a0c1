//! From an answer to an HTTP response.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use strongroom_core::Answer;
use tokio::sync::mpsc;

/// The body of a response.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// All of it, until it is taken.
    Whole(Option<Bytes>),
    /// Chunks as they are made.
    Stream(mpsc::Receiver<Result<Bytes, String>>),
}

/// The source of a streamed answer failed: the connection ends, so that nobody takes it for whole.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the source of the answer failed")
    }
}

impl std::error::Error for Cut {}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream(source) => source.poll_recv(cx).map(|chunk| {
                chunk.map(|chunk| match chunk {
                    Ok(bytes) => Ok(Frame::data(bytes)),
                    Err(error) => {
                        tracing::error!(error, "a streamed answer was cut short");
                        Err(Cut)
                    }
                })
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// The response for an answer. `bodiless` for HEAD.
pub(crate) fn response(answer: Answer, tls: bool, bodiless: bool) -> Response<Outgoing> {
    let body = match answer.body {
        _ if bodiless => Outgoing::Whole(None),
        strongroom_core::Body::Whole(bytes) => Outgoing::Whole(Some(bytes).filter(|b| !b.is_empty())),
        strongroom_core::Body::Stream(source) => Outgoing::Stream(source),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if tls {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000; includeSubDomains"),
        );
    }
    if !answer.content_type.is_empty() {
        let value = match answer.content_type {
            std::borrow::Cow::Borrowed(kind) => HeaderValue::from_static(kind),
            std::borrow::Cow::Owned(kind) => {
                HeaderValue::try_from(kind).unwrap_or(HeaderValue::from_static("application/octet-stream"))
            }
        };
        headers.insert(CONTENT_TYPE, value);
    }
    add(headers, answer.headers);
    response
}

fn add(headers: &mut HeaderMap, further: Vec<(String, String)>) {
    for (name, value) in further {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                headers.append(name, value);
            }
            _ => tracing::warn!("a header of an answer cannot be sent and was left out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn answer() -> Answer {
        Answer {
            status: 200,
            content_type: Cow::Borrowed("application/json"),
            body: strongroom_core::Body::Whole(Bytes::from_static(b"{}")),
            headers: vec![
                ("X-Test".into(), "1".into()),
                ("bad name".into(), "1".into()),
                ("x".into(), "\n".into()),
            ],
        }
    }

    #[test]
    fn writes_the_usual_headers() {
        let sent = response(answer(), true, false);
        assert_eq!(sent.headers()[CACHE_CONTROL], "no-store");
        assert!(sent.headers().contains_key(STRICT_TRANSPORT_SECURITY));
        assert_eq!(sent.headers()["x-test"], "1");
        assert_eq!(sent.headers().len(), 4);
        assert_eq!(sent.body().size_hint().exact(), Some(2));
        let sent = response(answer(), false, true);
        assert!(!sent.headers().contains_key(STRICT_TRANSPORT_SECURITY));
        assert!(sent.body().is_end_stream());
    }
}
