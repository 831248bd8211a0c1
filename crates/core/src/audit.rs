//! What the audit trail is told of a request and its answer.

use crate::pipeline::Case;
use crate::response::{Answered, Sent};
use crate::token::TokenEntry;
use crate::{Core, Fault, Record};
use strongroom_audit::{AuthView, DeviceConfig, Entry, Pending, Phase, RequestView, ResponseView};
use strongroom_wire::{Map, time};

impl Record for DeviceConfig {}

impl Core {
    /// Sends the entry that goes before the operation; none when no device is enabled.
    pub(crate) fn audit_request(&self, case: &Case, error: &str) -> Option<Pending> {
        if self.audit.is_idle() {
            return None;
        }
        self.with_views(case, |auth, request| {
            self.audit.submit(&Entry {
                phase: Phase::Request,
                time: case.started,
                auth,
                request,
                response: None,
                error,
            })
        })
    }

    /// Sends the entry that goes before the answer; none when no device is enabled.
    pub(crate) fn audit_response(&self, case: &Case, outcome: Result<&Sent, &Fault>) -> Option<Pending> {
        if self.audit.is_idle() {
            return None;
        }
        let error = match outcome {
            Ok(_) => String::new(),
            Err(fault) => fault.audit_text(),
        };
        let policies =
            outcome.ok().and_then(|s| s.auth.as_deref()).map(Answered::policies).unwrap_or_default();
        let issued = outcome.ok().and_then(|s| s.auth.as_ref()).map(|a| time::rfc3339(a.entry.issued));
        let response =
            outcome.ok().map(|sent| response_view(case, sent, issued.as_deref().unwrap_or(""), &policies));
        self.with_views(case, |auth, request| {
            let now = self.clock.now();
            self.audit.submit(&Entry {
                phase: Phase::Response,
                time: now,
                auth,
                request,
                response,
                error: &error,
            })
        })
    }

    fn with_views<'a>(
        &self,
        case: &'a Case,
        send: impl FnOnce(Option<AuthView<'a>>, RequestView<'a>) -> Pending,
    ) -> Option<Pending> {
        let auth = case.token.as_ref().map(|token| {
            let mut view = auth_view(token.id.expose(), &token.entry, &case.token_issued);
            if let Some(rights) = &case.rights {
                view.policies = rights.policies(&token.entry);
                view.identity_policies = rights.identity_policies();
            }
            view.policy_results = Some((case.allowed, Vec::new()));
            view
        });
        let rules = self.headers.rules();
        let mut request = request_view(case);
        for (name, value) in &case.request.headers {
            if rules.headers.is_empty() {
                break;
            }
            let (Some(hashed), Ok(value)) = (rules.headers.get(name.as_str()), value.to_str()) else {
                continue;
            };
            match request.headers.iter_mut().find(|(n, ..)| *n == name.as_str()) {
                Some((_, values, _)) => values.push(value),
                None => request.headers.push((name.as_str(), vec![value], *hashed)),
            }
        }
        Some(send(auth, request))
    }
}

fn request_view(case: &Case) -> RequestView<'_> {
    let mounted = case.routed.as_ref().map(|r| &r.mounted);
    RequestView {
        id: &case.request.id,
        operation: case.operation.as_str(),
        path: case.request.path.as_str(),
        mount_type: mounted.map_or("", |m| m.entry.shown_kind()),
        mount_point: mounted.map_or("", |m| &m.full_path),
        mount_accessor: mounted.map_or("", |m| &m.entry.accessor),
        mount_class: mounted.map_or("", |m| m.entry.class.as_str()),
        client_token: case.request.token.as_ref().map_or("", |t| t.expose()),
        client_token_accessor: case.token.as_ref().map_or("", |t| &t.entry.accessor),
        data: (!case.request.body.is_empty()).then_some(&case.request.body),
        clear_keys: mounted.map_or(&[], |m| &m.entry.config.audit_non_hmac_request_keys),
        remote_address: case.request.remote.address,
        remote_port: case.request.remote.port,
        wrap_ttl: case.request.wrap_ttl.unwrap_or(0),
        headers: Vec::new(),
        namespace: case.named(),
        client_certificate_serial_number: &case.certificate_serial,
    }
}

fn response_view<'a>(
    case: &'a Case,
    sent: &'a Sent,
    issued: &'a str,
    policies: &'a [String],
) -> ResponseView<'a> {
    let mounted = case.routed.as_ref().map(|r| &r.mounted);
    ResponseView {
        auth: sent.auth.as_deref().map(|a| AuthView {
            policies,
            identity_policies: &a.identity_policies,
            ..auth_view(a.token.expose(), &a.entry, issued)
        }),
        data: sent.audited_data(),
        json: sent.response.rendered.as_deref().unwrap_or_default(),
        is_list: case.operation == strongroom_wire::Operation::List,
        clear_keys: mounted.map_or(&[], |m| &m.entry.config.audit_non_hmac_response_keys),
        lease_id: &sent.lease_id,
        warnings: &sent.response.warnings,
        raw_content_type: sent.response.raw.as_ref().map_or("", |(kind, _)| kind),
        wrap_info: sent.response.wrap_info.as_ref(),
    }
}

fn auth_view<'a>(token: &'a str, entry: &'a TokenEntry, issued: &'a str) -> AuthView<'a> {
    AuthView {
        client_token: token,
        accessor: &entry.accessor,
        display_name: &entry.display_name,
        policies: &entry.policies,
        token_policies: &entry.policies,
        namespace: entry.namespace.as_str(),
        identity_policies: &[],
        policy_results: None,
        metadata: entry.meta.as_ref(),
        remaining_uses: u64::try_from(entry.num_uses).unwrap_or(0),
        entity_id: &entry.entity,
        token_type: entry.kind.as_str(),
        token_ttl: entry.granted_ttl,
        token_issue_time: issued,
        no_default_policy: entry.no_default_policy,
    }
}

impl Fault {
    /// What the audit trail says of it. Details of answers with a body stay out.
    fn audit_text(&self) -> String {
        match self {
            Self::NotFound => String::new(),
            other => other.messages().join("; "),
        }
    }
}

impl Sent {
    /// The data as the trail sees it: of an unwrapped answer, what was in it.
    fn audited_data(&self) -> Option<&Map> {
        if self.response.wrap_info.is_some() {
            return None;
        }
        self.response.data.as_ref()
    }
}
