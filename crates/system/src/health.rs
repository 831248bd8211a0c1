//! `sys/health`: the state of this node as one status code.

use crate::Answering;
use serde::Serialize;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Args, Field, Kind};
use strongroom_wire::time;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("health", "The state of this node.", FIELDS)
            .open(Operation::Read, health)
            .works_sealed()
            .never_wrapped()
            .plain(),
    ]
}

/// Texts, since whatever is no number is refused without a message, as in Vault.
const FIELDS: &[Field] = &[
    Field::new("standbyok", Kind::Text, "Whether a standby answers as the active node does."),
    Field::new("perfstandbyok", Kind::Text, "The same for performance standbys."),
    Field::new("activecode", Kind::Text, "Status of the active node; 200."),
    Field::new("standbycode", Kind::Text, "Status of a standby; 429."),
    Field::new("drsecondarycode", Kind::Text, "Status of a disaster recovery secondary; 472."),
    Field::new(
        "haunhealthycode",
        Kind::Text,
        "Status of a standby that does not reach the active node; 474.",
    ),
    Field::new("performancestandbycode", Kind::Text, "Status of a performance standby; 473."),
    Field::new("removedcode", Kind::Text, "Status of a node that was removed; 530."),
    Field::new("sealedcode", Kind::Text, "Status of a sealed node; 503."),
    Field::new("uninitcode", Kind::Text, "Status of a node that is not initialised; 501."),
];

fn health(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let core = call.core;
        let codes = Codes::read(call.args)?;
        let initialized = core.barrier.is_initialized().await?;
        let sealed = core.is_sealed();
        let code = match (initialized, sealed) {
            (false, _) => codes.uninitialised,
            (true, true) => codes.sealed,
            (true, false) => codes.active,
        };
        // One node, always the active one; what replication would say is `disabled`, never null.
        let replication = if sealed { "unknown" } else { "disabled" };
        let cluster = crate::seal::cluster(core).await;
        let failing = |broker: &strongroom_audit::Broker| {
            broker.status().iter().filter(|d| !d.health.is_working()).count()
        };
        let shown = Shown {
            initialized,
            sealed,
            standby: false,
            performance_standby: false,
            replication_performance_mode: replication,
            replication_dr_mode: replication,
            server_time_utc: time::unix(call.now()),
            version: core.settings.version,
            strongroom_version: core.settings.own_version,
            enterprise: false,
            cluster_name: cluster.as_ref().map(|c| c.name.as_str()),
            cluster_id: cluster.as_ref().map(|c| c.id.as_str()),
            echo_duration_ms: 0,
            clock_skew_ms: 0,
            replication_primary_canary_age_ms: 0,
            audit_devices_failing: if core.audit.is_idle() { 0 } else { failing(&core.audit) },
        };
        let body = serde_json::to_vec(&shown)
            .map_err(|e| Fault::Internal(format!("the state of the node cannot be shown: {e}")))?;
        let raw = Some(("application/json".to_owned(), body.into()));
        Ok(Response { raw, ..Response::none() }.with_status(code))
    })
}

/// Written straight into bytes: load balancers of a large cluster ask all the time.
#[derive(Serialize)]
struct Shown<'a> {
    initialized: bool,
    sealed: bool,
    standby: bool,
    performance_standby: bool,
    replication_performance_mode: &'static str,
    replication_dr_mode: &'static str,
    server_time_utc: i64,
    version: &'static str,
    strongroom_version: &'static str,
    enterprise: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<&'a str>,
    echo_duration_ms: u64,
    clock_skew_ms: u64,
    replication_primary_canary_age_ms: u64,
    audit_devices_failing: usize,
}

/// The codes for the states that this node can be in. The others are read all the same: what is wrong
/// must not pass today and fail on the day the node's state changes.
struct Codes {
    active: u16,
    sealed: u16,
    uninitialised: u16,
}

impl Codes {
    fn read(args: &Args) -> Result<Self, Fault> {
        for flag in ["standbyok", "perfstandbyok"] {
            let given = args.text_or_empty(flag);
            if !matches!(given, "" | "1" | "t" | "T" | "true" | "TRUE" | "True")
                && !matches!(given, "0" | "f" | "F" | "false" | "FALSE" | "False")
            {
                return Err(Fault::Invalid(Vec::new()));
            }
        }
        for other in
            ["standbycode", "drsecondarycode", "haunhealthycode", "performancestandbycode", "removedcode"]
        {
            code(args, other, 429)?;
        }
        Ok(Self {
            active: code(args, "activecode", 200)?,
            sealed: code(args, "sealedcode", 503)?,
            uninitialised: code(args, "uninitcode", 501)?,
        })
    }
}

fn code(args: &Args, name: &str, usual: u16) -> Result<u16, Fault> {
    match args.text(name) {
        None => Ok(usual),
        Some(text) => text
            .parse()
            .ok()
            .filter(|code| (200..1000).contains(code))
            .ok_or_else(|| Fault::Invalid(Vec::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use strongroom_wire::Map;

    fn codes(body: serde_json::Value) -> Result<(u16, u16, u16), u16> {
        let body: Map = body.as_object().unwrap().clone();
        let args = Args::decode(FIELDS, &[], &body).unwrap();
        Codes::read(&args).map(|c| (c.active, c.sealed, c.uninitialised)).map_err(|f| f.status())
    }

    #[test]
    fn reads_codes_and_refuses_what_is_none() {
        assert_eq!(codes(json!({})), Ok((200, 503, 501)));
        let given =
            json!({ "activecode": "299", "sealedcode": "204", "uninitcode": 200, "standbyok": "true" });
        assert_eq!(codes(given), Ok((299, 204, 200)));
        for bad in [
            json!({ "activecode": "abc" }),
            json!({ "sealedcode": "99" }),
            json!({ "uninitcode": "1000" }),
            json!({ "standbycode": "-1" }),
            json!({ "haunhealthycode": "" }),
            json!({ "standbyok": "perhaps" }),
        ] {
            assert_eq!(codes(bad.clone()), Err(400), "{bad}");
        }
    }
}
