//! One HTTP request and its answer.

use crate::api::Api;
use crate::body::{Budget, Read};
use crate::outgoing::{self, Outgoing};
use crate::pulse::Pulse;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::{cors, fields, headers, query, target};
use http::header::ORIGIN;
use http::{HeaderMap, Method, Request as HttpRequest, Response};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use strongroom_core::{Answer, BodyForm, Fault, Map, Operation, Path, Remote, Request};
use strongroom_crypto::Secret;

/// What all requests of a connection have in common.
pub(crate) struct Line {
    pub(crate) settings: Arc<Settings>,
    pub(crate) budget: Budget,
    pub(crate) peer: Remote,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) tls: bool,
    pub(crate) pulse: Arc<Pulse>,
}

/// Answers a request; a panic on the way is a 500, and the server goes on.
pub(crate) async fn exchange<A: Api>(
    api: Arc<A>,
    line: Arc<Line>,
    request: HttpRequest<Incoming>,
) -> Result<Response<Outgoing>, Infallible> {
    let _busy = line.pulse.enter();
    let watched = line.settings.request_log.watch(&line, &request);
    let bodiless = request.method() == Method::HEAD;
    let verdict = match request.headers().contains_key(ORIGIN) {
        true => cors::judge(&api.cors(), request.method(), request.headers()),
        false => Ok(cors::Verdict::default()),
    };
    let (answer, further) = match verdict {
        Err(refusal) => (refusal.into_answer(), Vec::new()),
        Ok(verdict) if verdict.preflight => (Refusal::Empty(204).into_answer(), verdict.headers),
        Ok(verdict) => (guarded(&api, &line, request).await, verdict.headers),
    };
    let mut response = outgoing::response(answer, line.tls, bodiless);
    let status = response.status().as_u16();
    line.settings.headers.apply(status, response.headers_mut());
    for (name, value) in further {
        response.headers_mut().insert(name, value);
    }
    if let Some(watched) = watched {
        watched.log(status);
    }
    if !line.pulse.is_multiplexed() {
        // What other connections have asked meanwhile is worked out first, and the answers leave one after
        // the other. A client on this machine is then woken once for many of them, and waking is dear.
        tokio::task::yield_now().await;
    }
    Ok(response)
}

async fn guarded<A: Api>(api: &Arc<A>, line: &Line, request: HttpRequest<Incoming>) -> Answer {
    let mut answering = pin!(answer(api, line, request));
    let answered = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => std::task::Poll::Ready(None),
    });
    match answered.await {
        Some(Ok(answer)) => answer,
        Some(Err(refusal)) => refusal.into_answer(),
        None => {
            tracing::error!("a request ended in a panic");
            Refusal::Fault(Fault::Internal("a request ended in a panic".to_owned())).into_answer()
        }
    }
}

async fn answer<A: Api>(
    api: &Arc<A>,
    line: &Line,
    request: HttpRequest<Incoming>,
) -> Result<Answer, Refusal> {
    let (parts, incoming) = request.into_parts();
    let mut headers = parts.headers;
    let remote = match &line.settings.forwarded {
        Some(rules) => rules.client(&headers, line.peer)?,
        None => line.peer,
    };
    let path = target::path(&parts.uri)?;
    let (operation, query) = operation(&parts.method, &path, parts.uri.query())?;
    let namespace = headers::namespace(&headers)?.to_owned();
    let wrap_ttl = headers::wrap_ttl(&headers)?;
    let token = headers::take_token(&mut headers);
    api.admit(&namespace, &path, remote)?;
    let form = || api.body_form(&namespace, &path);
    let content = content(form, line, operation, &headers, token.as_ref(), incoming).await?;
    let request = Request {
        id: api.request_id(),
        operation,
        namespace,
        path,
        body: content.fields.unwrap_or(query),
        raw: content.raw,
        token,
        remote,
        headers,
        wrap_ttl,
        certificates: line.certificates.clone(),
        opens_metrics: line.settings.open_metrics,
    };
    let handled = tokio::time::timeout(line.settings.timeouts.request, api.clone().handle(request)).await;
    handled.map_err(|_| {
        Refusal::Error(
            504,
            "the request took longer than max_request_duration; what it changes may still happen".into(),
        )
    })
}

/// What a verb means, and the fields of the query where they take the place of a body.
fn operation(method: &Method, path: &Path, query: Option<&str>) -> Result<(Operation, Map), Refusal> {
    let mut fields = query.map_or_else(Map::new, query::fields);
    let mut operation = match method.as_str() {
        "GET" => Operation::Read,
        // As a probe sends it; elsewhere nobody does.
        "HEAD" if path.as_str() == "sys/health" => Operation::Read,
        "POST" | "PUT" => Operation::Update,
        "DELETE" => Operation::Delete,
        "PATCH" => Operation::Patch,
        "LIST" => Operation::List,
        // A list of all levels, as OpenBao has it.
        "SCAN" => {
            fields.insert("scan".to_owned(), "true".into());
            Operation::List
        }
        "HELP" => Operation::Help,
        _ => return Err(Refusal::Bare(405)),
    };
    if operation == Operation::Read && !fields.is_empty() {
        let asks = |name: &str| {
            let truth = query::truth(query::first(&fields, name));
            truth.map(|truth| truth == Some(true)).map_err(|query::NotABool| Refusal::Bare(400))
        };
        if asks("list")? || asks("scan")? {
            operation = Operation::List;
        }
        fields.remove("list");
    }
    if !query::first(&fields, "help").is_empty() {
        operation = Operation::Help;
    }
    fields.remove("help");
    Ok((operation, fields))
}

/// What came in the body.
#[derive(Default)]
struct Content {
    fields: Option<Map>,
    raw: Option<bytes::Bytes>,
    /// Holds the share of the memory for bodies until the request is handed on.
    _read: Option<Read>,
}

async fn content(
    form: impl FnOnce() -> BodyForm,
    line: &Line,
    operation: Operation,
    headers: &HeaderMap,
    token: Option<&Secret<String>>,
    incoming: Incoming,
) -> Result<Content, Refusal> {
    if !operation.writes() {
        return Ok(Content::default());
    }
    let limits = &line.settings.limits;
    if form() == BodyForm::Raw {
        // Who has no token is refused anyway, and shall not make the server take in a gigabyte.
        let read = match token {
            Some(_) => line.budget.upload(incoming, limits.upload, line.settings.timeouts.request).await?,
            None => Read::default(),
        };
        return Ok(Content { fields: Some(Map::new()), raw: Some(read.bytes.clone()), _read: Some(read) });
    }
    let media_type = headers::media_type(headers);
    if operation == Operation::Patch && media_type.as_deref() != Some("application/merge-patch+json") {
        return Err(Refusal::Error(415, "PATCH needs the content type application/merge-patch+json".into()));
    }
    let multiplexed = line.pulse.is_multiplexed();
    let read = line.budget.read(incoming, limits.body, line.settings.timeouts.body, multiplexed).await?;
    let fields = fields::decode(&read.bytes, media_type.as_deref(), &limits.json)?;
    Ok(Content { fields: Some(fields), raw: None, _read: Some(read) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use strongroom_wire::Value;

    fn of(method: &str, path: &str, query: &str) -> Result<(Operation, Value), String> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let query = (!query.is_empty()).then_some(query);
        operation(&method, &Path::parse(path).unwrap(), query)
            .map(|(operation, fields)| (operation, Value::Object(fields)))
            .map_err(|r| format!("{r:?}"))
    }

    #[test]
    fn verbs_and_queries_make_operations() {
        use Operation::*;
        for (method, path, query, wanted, fields) in [
            ("GET", "a", "", Read, json!({})),
            ("GET", "a", "version=1", Read, json!({"version": "1"})),
            ("GET", "a", "list=true", List, json!({})),
            ("GET", "a", "list=T&after=x", List, json!({"after": "x"})),
            ("GET", "a", "list=0", Read, json!({})),
            ("GET", "a", "list", Read, json!({})),
            ("GET", "a", "LIST=true", Read, json!({"LIST": "true"})),
            ("LIST", "a", "limit=2", List, json!({"limit": "2"})),
            ("SCAN", "a", "limit=2", List, json!({"limit": "2", "scan": "true"})),
            ("GET", "a", "scan=true", List, json!({"scan": "true"})),
            ("GET", "a", "scan=false", Read, json!({"scan": "false"})),
            ("DELETE", "a", "secret_id=s", Delete, json!({"secret_id": "s"})),
            ("POST", "a", "list=true", Update, json!({"list": "true"})),
            ("PUT", "a", "", Update, json!({})),
            ("PATCH", "a", "", Patch, json!({})),
            ("GET", "a", "help=1", Help, json!({})),
            ("HEAD", "sys/health", "activecode=204", Read, json!({"activecode": "204"})),
        ] {
            assert_eq!(of(method, path, query), Ok((wanted, fields)), "{method} {path} {query}");
        }
    }

    #[test]
    fn refuses_other_verbs() {
        for method in ["FOO", "TRACE", "get", "OPTIONS", "CONNECT"] {
            assert_eq!(of(method, "a", ""), Err("Bare(405)".into()), "{method}");
        }
        assert_eq!(of("HEAD", "secret/data/a", ""), Err("Bare(405)".into()));
        assert_eq!(of("GET", "a", "list=yes"), Err("Bare(400)".into()));
    }
}
