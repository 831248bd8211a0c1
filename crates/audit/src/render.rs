//! An entry as one line of JSON, with Vault's keys in Vault's order.

mod data;
mod raw;
#[cfg(test)]
mod tests;
mod told;

use crate::client_id::ClientIds;
use crate::hasher::Hasher;
use crate::json::{self, Object};
use crate::{AuthView, Entry, Phase, RequestView, ResponseView};
use data::DataRule;
pub(crate) use told::Told;

/// How one device wants its lines.
pub(crate) struct Format {
    /// Keyed hashing with the salt of the device.
    pub(crate) hasher: Hasher,
    /// Ids under which clients are counted.
    pub(crate) client_ids: ClientIds,
    /// Everything in the clear.
    pub(crate) log_raw: bool,
    /// Whether accessors are hashed.
    pub(crate) hmac_accessor: bool,
    /// Whether the lists of LIST answers become counts.
    pub(crate) elide_list_responses: bool,
    /// What stands before each line.
    pub(crate) prefix: String,
}

impl Format {
    /// Appends the entry as one line, line end included. `told` is what this thread rendered last.
    pub(crate) fn render(&self, entry: &Entry<'_>, told: &mut Told, out: &mut Vec<u8>) {
        // Of what stands in the clear nothing is kept.
        let mut told = (!self.log_raw).then_some(told);
        let again = told.as_deref_mut().is_some_and(|told| told.repeats(self.hasher.id(), entry));
        out.extend_from_slice(self.prefix.as_bytes());
        let mut line = Object::open(out);
        time(line.key("time"), entry.time);
        if let Some(auth) = &entry.auth {
            let write = |out: &mut Vec<u8>| self.auth(out, auth, Role::Caller);
            told::say(line.key("auth"), again, told.as_deref_mut().map(|t| &mut t.auth), write);
        }
        line.text("error", entry.error);
        let write = |out: &mut Vec<u8>| self.request(out, &entry.request, entry.auth.as_ref());
        told::say(line.key("request"), again, told.as_deref_mut().map(|t| &mut t.request), write);
        if let Some(response) = &entry.response {
            self.response(line.key("response"), response, &entry.request);
        }
        line.text(
            "type",
            match entry.phase {
                Phase::Request => "request",
                Phase::Response => "response",
            },
        );
        line.close();
        out.push(b'\n');
        if let Some(told) = told {
            told.keep(self.hasher.id(), entry);
        }
    }

    fn auth(&self, out: &mut Vec<u8>, auth: &AuthView<'_>, role: Role) {
        let mut o = Object::open(out);
        self.accessor(&mut o, "accessor", auth.accessor);
        self.token(&mut o, "client_token", auth.client_token);
        o.text("display_name", auth.display_name);
        o.text("entity_id", auth.entity_id);
        o.texts("identity_policies", auth.identity_policies);
        if let Some(metadata) = auth.metadata.filter(|m| !m.is_empty()) {
            let mut map = Object::open(o.key("metadata"));
            for (key, value) in metadata {
                json::string(map.foreign_key(key), value);
            }
            map.close();
        }
        if auth.no_default_policy {
            json::boolean(o.key("no_default_policy"), true);
        }
        if role == Role::Granted {
            o.number("num_uses", auth.remaining_uses);
        }
        o.texts("policies", auth.policies);
        if let Some((allowed, granting)) = &auth.policy_results {
            policy_results(o.key("policy_results"), *allowed, granting, auth.namespace);
        }
        if role == Role::Caller {
            o.number("remaining_uses", auth.remaining_uses);
        }
        o.texts("token_policies", auth.token_policies);
        o.text("token_issue_time", auth.token_issue_time);
        o.number("token_ttl", auth.token_ttl);
        o.text("token_type", auth.token_type);
        o.close();
    }

    fn request(&self, out: &mut Vec<u8>, request: &RequestView<'_>, auth: Option<&AuthView<'_>>) {
        let mut o = Object::open(out);
        o.text("client_certificate_serial_number", request.client_certificate_serial_number);
        if let Some(auth) = auth {
            self.client_ids.write(&mut o, auth);
        }
        self.token(&mut o, "client_token", request.client_token);
        self.accessor(&mut o, "client_token_accessor", request.client_token_accessor);
        if let Some(data) = request.data.filter(|d| !d.is_empty()) {
            let rule = DataRule { clear_keys: request.clear_keys, clear_accessors: false, elide: false };
            let mut map = Object::open(o.key("data"));
            self.data(&mut map, data, &rule);
            map.close();
        }
        self.headers(&mut o, &request.headers);
        o.text("id", request.id);
        mount(&mut o, request);
        let (id, path) = request.namespace;
        let mut namespace = Object::open(o.key("namespace"));
        namespace.text("id", id);
        namespace.text("path", path);
        namespace.close();
        o.text("operation", request.operation);
        o.text("path", request.path);
        let address = o.key("remote_address");
        address.push(b'"');
        json::display(address, request.remote_address);
        address.push(b'"');
        o.number("remote_port", u64::from(request.remote_port));
        o.number("wrap_ttl", request.wrap_ttl);
        o.close();
    }

    fn response(&self, out: &mut Vec<u8>, response: &ResponseView<'_>, request: &RequestView<'_>) {
        let mut o = Object::open(out);
        if let Some(auth) = &response.auth {
            self.auth(o.key("auth"), auth, Role::Granted);
        }
        self.response_data(&mut o, response);
        mount(&mut o, request);
        if !response.lease_id.is_empty() {
            let mut secret = Object::open(o.key("secret"));
            secret.text("lease_id", response.lease_id);
            secret.close();
        }
        o.texts("warnings", response.warnings);
        if let Some(wrap) = response.wrap_info {
            let mut info = Object::open(o.key("wrap_info"));
            self.accessor(&mut info, "accessor", &wrap.accessor);
            info.text("creation_path", &wrap.creation_path);
            info.text("creation_time", &wrap.creation_time);
            self.token(&mut info, "token", &wrap.token);
            info.number("ttl", wrap.ttl);
            self.accessor(&mut info, "wrapped_accessor", &wrap.wrapped_accessor);
            info.close();
        }
        o.close();
    }

    fn headers(&self, o: &mut Object<'_>, headers: &[(&str, Vec<&str>, bool)]) {
        if headers.is_empty() {
            return;
        }
        let mut map = Object::open(o.key("headers"));
        for (name, values, hashed) in headers {
            json::list(map.foreign_key(name), values, |out, value| {
                if *hashed && !self.log_raw {
                    self.hasher.write(out, value.as_bytes());
                } else {
                    json::string(out, value);
                }
            });
        }
        map.close();
    }

    fn token(&self, o: &mut Object<'_>, key: &'static str, value: &str) {
        self.repeated(o, key, value, self.log_raw);
    }

    fn accessor(&self, o: &mut Object<'_>, key: &'static str, value: &str) {
        self.repeated(o, key, value, self.log_raw || !self.hmac_accessor);
    }

    fn repeated(&self, o: &mut Object<'_>, key: &'static str, value: &str, clear: bool) {
        if value.is_empty() {
            return;
        }
        if clear {
            o.text(key, value);
        } else {
            self.hasher.write_repeated(o.key(key), value.as_bytes());
        }
    }
}

/// Whose token an `auth` object tells of; Vault names the uses left differently.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Caller,
    Granted,
}

fn time(out: &mut Vec<u8>, time: jiff::Timestamp) {
    out.push(b'"');
    strongroom_wire::time::push_rfc3339(out, time);
    out.push(b'"');
}

fn mount(o: &mut Object<'_>, request: &RequestView<'_>) {
    o.text("mount_accessor", request.mount_accessor);
    o.text("mount_class", request.mount_class);
    o.text("mount_point", request.mount_point);
    o.text("mount_type", request.mount_type);
}

fn policy_results(out: &mut Vec<u8>, allowed: bool, granting: &[(&str, &'static str)], namespace: &str) {
    let mut o = Object::open(out);
    json::boolean(o.key("allowed"), allowed);
    if !granting.is_empty() {
        json::list(o.key("granting_policies"), granting, |out, (name, kind)| {
            let mut policy = Object::open(out);
            policy.text("name", name);
            policy.text("namespace_id", namespace);
            json::string(policy.key("type"), kind);
            policy.close();
        });
    }
    o.close();
}
