//! From an answer to bytes: Vault's envelope, its older top-level form, and error bodies.

use crate::response::{Answered, Body, Sent};
use crate::{Answer, Fault, Map};
use bytes::Bytes;
use std::borrow::Cow;
use strongroom_wire::envelope::{self, AuthInfo, Envelope};
use strongroom_wire::{Value, time};

const JSON: &str = "application/json";

/// The answer of a request that went well.
pub(crate) fn answer(sent: &Sent, request_id: &str) -> Answer {
    let response = &sent.response;
    let headers = response.headers.clone();
    if let Some((kind, source)) = &response.stream {
        let body = source.take().map_or(Body::Whole(Bytes::new()), Body::Stream);
        return Answer {
            status: response.status.unwrap_or(200),
            content_type: Cow::Owned(kind.clone()),
            body,
            headers,
        };
    }
    if let Some((kind, bytes)) = &response.raw {
        let body = Body::Whole(bytes.clone());
        return Answer {
            status: response.status.unwrap_or(200),
            content_type: Cow::Owned(kind.clone()),
            body,
            headers,
        };
    }
    if !sent.has_body() {
        let status = response.status.unwrap_or(204);
        return Answer { status, content_type: Cow::Borrowed(""), body: Body::Whole(Bytes::new()), headers };
    }
    let body = Body::Whole(body(sent, request_id).into());
    Answer { status: response.status.unwrap_or(200), content_type: Cow::Borrowed(JSON), body, headers }
}

/// The error body of a fault.
pub fn fault(fault: &Fault) -> Answer {
    let body = match fault {
        Fault::Internal(_) => envelope::errors(&["internal error"]),
        other => envelope::errors(&other.messages()),
    };
    Answer {
        status: fault.status(),
        content_type: Cow::Borrowed(JSON),
        body: Body::Whole(body.into()),
        headers: Vec::new(),
    }
}

/// A status with an empty list of errors.
pub fn bare_status(status: u16) -> Answer {
    let body = Body::Whole(Bytes::from_static(b"{\"errors\":[]}\n"));
    Answer { status, content_type: Cow::Borrowed(JSON), body, headers: Vec::new() }
}

/// The body, as it is sent or wrapped.
pub(crate) fn body(sent: &Sent, request_id: &str) -> Vec<u8> {
    let response = &sent.response;
    let mut out = Vec::with_capacity(256 + response.rendered.as_ref().map_or(768, Vec::len));
    if response.bare {
        write(&mut out, &response.data);
        return out;
    }
    let metadata = sent
        .auth
        .as_ref()
        .and_then(|a| a.entry.meta.as_ref())
        .map(|meta| meta.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect::<Map>());
    let policies = sent.auth.as_deref().map_or_else(Vec::new, Answered::policies);
    let wrap_info = response.wrap_info.clone();
    let envelope = Envelope {
        request_id: if wrap_info.is_some() { "" } else { request_id },
        lease_id: &sent.lease_id,
        renewable: sent.renewable,
        lease_duration: response.lease_duration,
        data: response.data.as_ref(),
        wrap_info,
        warnings: (!response.warnings.is_empty()).then_some(response.warnings.as_slice()),
        auth: sent.auth.as_ref().map(|a| auth_info(a, &policies, metadata.as_ref())),
        mount_type: &sent.mount_type,
    };
    match (&response.data, &response.rendered) {
        (Some(data), _) if sent.top_level => write(&mut out, &both_levels(&envelope, data)),
        (None, Some(rendered)) => {
            envelope.write_around(rendered, &mut out);
            out.push(b'\n');
        }
        _ => write(&mut out, &envelope),
    }
    out
}

/// The data at top level beside the envelope, whose own keys win.
fn both_levels(envelope: &Envelope<'_>, data: &Map) -> Map {
    let mut all = data.clone();
    if let Ok(Value::Object(own)) = serde_json::to_value(envelope) {
        all.extend(own);
    }
    all
}

fn write<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    // Maps with text keys and a growing buffer: serialising cannot fail.
    let _ = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}

fn auth_info<'a>(answered: &'a Answered, policies: &'a [String], metadata: Option<&'a Map>) -> AuthInfo<'a> {
    let entry = &answered.entry;
    AuthInfo {
        client_token: answered.token.expose(),
        accessor: &entry.accessor,
        policies,
        token_policies: &entry.policies,
        identity_policies: &answered.identity_policies,
        metadata,
        lease_duration: answered.ttl,
        renewable: entry.renewable,
        entity_id: &entry.entity,
        token_type: entry.kind.as_str(),
        orphan: entry.parent.is_none(),
        mfa_requirement: None,
        num_uses: u64::try_from(entry.num_uses).unwrap_or(0),
    }
}

/// A token's record as look-ups show it. `id` is empty where only the accessor is known; `through`
/// are the policies that come through identity.
pub fn token_data(
    id: &str,
    entry: &crate::token::TokenEntry,
    namespace: &str,
    through: &[String],
    now: jiff::Timestamp,
) -> Map {
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| {
        data.insert(key.to_owned(), value);
    };
    put("accessor", entry.accessor.clone().into());
    put("creation_time", time::unix(entry.issued).into());
    put("creation_ttl", entry.creation_ttl.into());
    put("display_name", entry.display_name.clone().into());
    put("entity_id", entry.entity.clone().into());
    put("expire_time", entry.expires.map_or(Value::Null, |e| time::rfc3339(e).into()));
    put("explicit_max_ttl", entry.explicit_max_ttl.into());
    put("id", id.into());
    put("issue_time", time::rfc3339(entry.issued).into());
    put("meta", serde_json::to_value(&entry.meta).unwrap_or_default());
    put("num_uses", entry.num_uses.into());
    put("orphan", entry.parent.is_none().into());
    put("path", entry.path.clone().into());
    put("policies", entry.policies.clone().into());
    put("renewable", entry.renewable.into());
    put("ttl", entry.ttl(now).into());
    put("type", entry.kind.as_str().into());
    if !namespace.is_empty() {
        put("namespace_path", namespace.into());
    }
    if !through.is_empty() {
        put("identity_policies", through.to_vec().into());
        put("external_namespace_policies", Map::new().into());
    }
    if let Some(renewed) = entry.renewed {
        put("last_renewal", time::rfc3339(renewed).into());
        put("last_renewal_time", time::unix(renewed).into());
    }
    if entry.period > 0 {
        put("period", entry.period.into());
    }
    if !entry.role.is_empty() {
        put("role", entry.role.clone().into());
    }
    if !entry.bound_cidrs.is_empty() {
        put("bound_cidrs", entry.bound_cidrs.clone().into());
    }
    data
}
