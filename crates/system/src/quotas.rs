//! `sys/quotas`: limits on how often clients may ask, and on how many leases there may be.

mod lease_count;

use crate::Answering;
use serde_json::{Value, json};
use strongroom_core::quota::{QuotaConfig, RateLimit};
use strongroom_core::{Call, Core, Fault, Operation, Response, Route, Txn, keys};
use strongroom_wire::field::{Args, Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("quotas/config", "Settings of all quotas.", CONFIG)
            .on(Read, read_config)
            .on(Update, write_config),
        Route::new("quotas/rate-limit", "The names of the rate limits.", &[]).on(List, list),
        Route::new("quotas/rate-limit/{name}", "Writes, reads and deletes rate limits.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete),
        Route::new("quotas/lease-count", "The names of the limits of leases.", &[])
            .on(List, lease_count::list),
        Route::new(
            "quotas/lease-count/{name}",
            "Writes, reads and deletes limits of leases.",
            lease_count::FIELDS,
        )
        .on(Read, lease_count::read)
        .on(Update, lease_count::write)
        .on(Delete, lease_count::delete),
    ]
}

const CONFIG: &[Field] = &[
    Field::new(
        "rate_limit_exempt_paths",
        Kind::CommaList,
        "Paths without rate limit; * at the end for all below.",
    ),
    Field::new("enable_rate_limit_audit_logging", Kind::Bool, "Whether refused requests are audited."),
    Field::new("enable_rate_limit_response_headers", Kind::Bool, "Whether clients are told their limit."),
];
const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text, "The name of the rate limit."),
    Field::new("type", Kind::Text, "Always rate-limit."),
    Field::new("path", Kind::Text, "A namespace, a mount or a path below one; empty for all requests."),
    Field::new("rate", Kind::Any, "Requests in an interval."),
    Field::new("interval", Kind::Seconds, "The interval; a second unless given."),
    Field::new("block_interval", Kind::Seconds, "How long an address that went over is refused everything."),
    Field::new("role", Kind::Text, "A login role; not supported."),
    Field::new("inheritable", Kind::Bool, "Whether it holds in child namespaces too."),
];
fn read_config(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let config = call.txn.get::<QuotaConfig>(&QuotaConfig::key()).await?.unwrap_or_default();
        Ok(Response::json(json!({
            "rate_limit_exempt_paths": config.rate_limit_exempt_paths,
            "enable_rate_limit_audit_logging": config.enable_rate_limit_audit_logging,
            "enable_rate_limit_response_headers": config.enable_rate_limit_response_headers,
        })))
    })
}

fn write_config(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let old = call.txn.get::<QuotaConfig>(&QuotaConfig::key()).await?;
        let mut config = old.map(|c| QuotaConfig::clone(&c)).unwrap_or_default();
        if let Some(paths) = call.args.list("rate_limit_exempt_paths") {
            config.rate_limit_exempt_paths =
                paths.iter().map(|p| p.trim_start_matches('/').to_owned()).collect();
        }
        if let Some(on) = call.args.bool("enable_rate_limit_audit_logging") {
            config.enable_rate_limit_audit_logging = on;
        }
        if let Some(on) = call.args.bool("enable_rate_limit_response_headers") {
            config.enable_rate_limit_response_headers = on;
        }
        call.txn.put(&QuotaConfig::key(), &config)?;
        Ok(Response::none())
    })
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Response::keys(call.txn.names(&keys::core(keys::QUOTA, "")).await?) })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let key = keys::core(keys::QUOTA, call.args.text_or_empty("name"));
        let limit = call.txn.get::<RateLimit>(&key).await?.ok_or(Fault::NotFound)?;
        Ok(Response::json(json!({
            "name": limit.name,
            "type": "rate-limit",
            "path": limit.path,
            "rate": shown(limit.rate),
            "interval": limit.interval,
            "block_interval": limit.block_interval,
            "role": limit.role,
            "inheritable": limit.inheritable,
        })))
    })
}

/// A write replaces all that was set before.
fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let args = call.args;
        let path = path(call.core, args)?;
        if !args.text_or_empty("role").is_empty() {
            return Err(Fault::invalid(
                "field \"role\": rate limits for login roles are not supported by this server",
            ));
        }
        let limit = RateLimit {
            name: args.text_or_empty("name").to_owned(),
            rate: rate(args)?,
            interval: args.seconds("interval").filter(|i| *i > 0).unwrap_or(1),
            block_interval: args.seconds("block_interval").unwrap_or(0),
            role: String::new(),
            inheritable: inheritable(args, &path)?,
            path,
        };
        check_unique(call.txn, &limit).await?;
        call.txn.put(&keys::core(keys::QUOTA, &limit.name), &limit)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        call.txn.delete(&keys::core(keys::QUOTA, call.args.text_or_empty("name")));
        Ok(Response::none())
    })
}

/// The path lies in a mount, since a limit elsewhere would never count anything.
fn path(core: &Core, args: &Args) -> Result<String, Fault> {
    let path = args.text_or_empty("path").trim_start_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let within = path.strip_suffix('*').unwrap_or(path);
    let realm = core.realm();
    // A namespace and a mount are kept with their slash.
    let folder = format!("{}/", within.trim_end_matches('/'));
    if realm.at(&folder).is_some() {
        return Ok(if within == path { folder } else { path.to_owned() });
    }
    let (space, local) = realm
        .find("", within)
        .map_or((realm.root(), within), |(table, skip)| (table, within.get(skip..).unwrap_or(within)));
    match space.resolve(local) {
        Some(mounted) if mounted.full_path.trim_end_matches('/') == local && within == path => {
            Ok(format!("{}{}", space.namespace.path, mounted.full_path))
        }
        Some(_) => Ok(path.to_owned()),
        None => Err(Fault::invalid(format!("field \"path\": there is no mount at {path:?}"))),
    }
}

fn rate(args: &Args) -> Result<f64, Fault> {
    let number = match args.any("rate") {
        Some(Value::Number(n)) => n.as_f64(),
        Some(Value::String(s)) => s.trim().parse().ok(),
        _ => None,
    };
    let good = number.filter(|n| n.is_finite() && *n > 0.0);
    good.ok_or_else(|| Fault::invalid("field \"rate\": a number of requests greater than 0 is needed"))
}

/// A limit for all requests holds in child namespaces unless told otherwise; others never do.
fn inheritable(args: &Args, path: &str) -> Result<bool, Fault> {
    match (args.bool("inheritable"), path.is_empty()) {
        (Some(true), false) => Err(Fault::invalid(
            "field \"inheritable\": only a limit without \"path\" can hold in child namespaces",
        )),
        (given, everywhere) => Ok(given.unwrap_or(everywhere)),
    }
}

async fn check_unique(txn: &mut Txn, limit: &RateLimit) -> Result<(), Fault> {
    for name in txn.names(&keys::core(keys::QUOTA, "")).await? {
        if name == limit.name {
            continue;
        }
        let other = txn.get::<RateLimit>(&keys::core(keys::QUOTA, &name)).await?;
        if other.is_some_and(|o| o.path == limit.path) {
            return Err(Fault::invalid(format!(
                "field \"path\": the rate limit {name:?} is for the same path"
            )));
        }
    }
    Ok(())
}

/// Whole rates without a point, as they were most likely given.
fn shown(rate: f64) -> Value {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Whole and in range.
    if rate.fract() == 0.0 && rate < 1e15 { json!(rate as u64) } else { json!(rate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(body: Value) -> Args {
        Args::decode(FIELDS, &[], body.as_object().unwrap()).unwrap()
    }

    #[test]
    fn takes_rates_in_either_form_and_refuses_the_rest() {
        for (given, rate_) in [(json!(100.5), 100.5), (json!("7"), 7.0), (json!(1), 1.0)] {
            assert_eq!(rate(&args(json!({ "rate": given }))).unwrap(), rate_);
        }
        for bad in [json!(0), json!(-1), json!("x"), json!("inf"), json!("NaN"), json!([]), json!(null)] {
            assert!(rate(&args(json!({ "rate": bad }))).is_err());
        }
        assert_eq!((shown(7.0), shown(100.5)), (json!(7), json!(100.5)));
    }

    #[test]
    fn only_limits_for_everything_are_inherited() {
        assert!(inheritable(&args(json!({})), "").unwrap());
        assert!(!inheritable(&args(json!({})), "secret/").unwrap());
        assert!(!inheritable(&args(json!({"inheritable": false})), "").unwrap());
        assert!(inheritable(&args(json!({"inheritable": true})), "secret/").is_err());
    }
}
