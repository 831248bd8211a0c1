//! `sys/mounts` and `sys/auth`: what is mounted where.

mod place;
mod remount;
mod settings;
mod show;

use crate::{Answering, plugins};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_core::jobs::Job;
use strongroom_core::mount::BUILT_IN;
use strongroom_core::{
    Call, Class, Fault, Mount, MountConfig, Namespace, NamespaceId, Operation, Response, Route, Txn, keys,
};
use strongroom_crypto::random;
use strongroom_wire::field::{Args, Field, Kind};

pub(crate) use show::mount_info;

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, Read, Update};
    let mut routes = vec![
        Route::new("mounts", "The mounted secret engines.", &[]).on(Read, read_mounts).top_level(),
        Route::new(
            "mounts/{path:rest}",
            "Mounts, shows, tunes and unmounts secret engines; settings stand below <path>/tune.",
            FIELDS,
        )
        .on(Read, read_mount)
        .on(Update, write_mount)
        .on(Delete, delete_mount)
        .top_level(),
        Route::new("auth", "The enabled auth methods.", &[]).on(Read, read_auths).top_level(),
        Route::new(
            "auth/{path:rest}",
            "Enables, shows, tunes and disables auth methods; settings stand below <path>/tune.",
            FIELDS,
        )
        .sudo(Read, read_auth)
        .sudo(Update, write_auth)
        .sudo(Delete, delete_auth)
        .top_level(),
    ];
    routes.extend(remount::routes());
    routes
}

const FIELDS: &[Field] = &[
    Field::new("path", Kind::Text, "The path of the mount."),
    Field::new("type", Kind::Text, "The type, such as kv or userpass."),
    Field::new("description", Kind::Text, "A description."),
    Field::new("options", Kind::Pairs, "Options of the type, such as version of kv."),
    Field::new("config", Kind::Object, "Settings of a new mount, the same that tuning takes."),
    Field::new("local", Kind::Bool, "Whether replication leaves the mount out."),
    Field::new("seal_wrap", Kind::Bool, "Whether values are wrapped by the seal as well."),
    Field::new(
        "external_entropy_access",
        Kind::Bool,
        "Whether the mount may use an outside source of randomness.",
    ),
    Field::new("plugin_name", Kind::Text, "The type, where \"type\" is \"plugin\"."),
    Field::new("plugin_version", Kind::Text, "The version; only the built-in one is there."),
    Field::new("default_lease_ttl", Kind::Any, "Default TTL of leases; \"system\" for the server's."),
    Field::new("max_lease_ttl", Kind::Any, "Maximum TTL of leases; \"system\" for the server's."),
    Field::new("force_no_cache", Kind::Bool, "Whether caching is off."),
    Field::new("audit_non_hmac_request_keys", Kind::CommaList, "Request keys that audit shows in the clear."),
    Field::new(
        "audit_non_hmac_response_keys",
        Kind::CommaList,
        "Response keys that audit shows in the clear.",
    ),
    Field::new("listing_visibility", Kind::Text, "Who sees the mount listed: hidden or unauth."),
    Field::new("passthrough_request_headers", Kind::CommaList, "Request headers that the engine sees."),
    Field::new("allowed_response_headers", Kind::CommaList, "Response headers that the engine may set."),
    Field::new(
        "token_type",
        Kind::Text,
        "Tokens of logins: default-service, default-batch, service or batch.",
    ),
    Field::new("user_lockout_config", Kind::Object, "User lockout: threshold, durations, disable."),
    Field::new("allowed_managed_keys", Kind::CommaList, "Managed keys; not supported."),
    Field::new("delegated_auth_accessors", Kind::CommaList, "Delegated auth methods; not supported."),
    Field::new("identity_token_key", Kind::Text, "Key for plugin identity tokens; not supported."),
];

fn read_mounts(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Ok(table(&call, Class::Secret)) })
}

fn read_auths(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Ok(table(&call, Class::Auth)) })
}

fn read_mount(call: Call<'_>) -> Answering<'_> {
    Box::pin(read(call, Class::Secret))
}

fn read_auth(call: Call<'_>) -> Answering<'_> {
    Box::pin(read(call, Class::Auth))
}

fn write_mount(call: Call<'_>) -> Answering<'_> {
    Box::pin(write(call, Class::Secret))
}

fn write_auth(call: Call<'_>) -> Answering<'_> {
    Box::pin(write(call, Class::Auth))
}

fn delete_mount(call: Call<'_>) -> Answering<'_> {
    Box::pin(disable(call, Class::Secret))
}

fn delete_auth(call: Call<'_>) -> Answering<'_> {
    Box::pin(disable(call, Class::Auth))
}

fn table(call: &Call<'_>, class: Class) -> Response {
    let mounts = call.mounts();
    let row = |m: &Mount| (m.path.clone(), Value::Object(mount_info(m)));
    Response::data(mounts.of(class).into_iter().map(|m| row(&m.entry)).collect())
}

/// What the rest of the path below `sys/mounts/` or `sys/auth/` names.
struct Named {
    class: Class,
    /// Ends in `/`.
    path: String,
    tune: bool,
}

impl Named {
    /// `sys/mounts/auth/x/tune` is another way to tune an auth method.
    fn parse(class: Class, rest: &str) -> Self {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let Some(path) = rest.strip_suffix("/tune") else {
            return Self { class, path: format!("{rest}/"), tune: false };
        };
        match path.strip_prefix("auth/") {
            Some(path) if class == Class::Secret => {
                Self { class: Class::Auth, path: format!("{path}/"), tune: true }
            }
            _ => Self { class, path: format!("{path}/"), tune: true },
        }
    }

    fn missing(&self) -> Fault {
        Fault::invalid(match self.class {
            Class::Secret => format!("No secret engine mount at {}", self.path),
            Class::Auth => format!("No auth engine at {}", self.path),
        })
    }
}

async fn read(mut call: Call<'_>, class: Class) -> Result<Response, Fault> {
    let named = Named::parse(class, call.args.text_or_empty("path"));
    let mount = find(&live(&mut call).await?, &named).ok_or_else(|| named.missing())?;
    Ok(Response::data(if named.tune { show::tuning(call.core, &mount) } else { mount_info(&mount) }))
}

async fn write(call: Call<'_>, class: Class) -> Result<Response, Fault> {
    let named = Named::parse(class, call.args.text_or_empty("path"));
    if named.tune { tune(call, &named).await } else { enable(call, named).await }
}

async fn enable(mut call: Call<'_>, named: Named) -> Result<Response, Fault> {
    let mut mount = blank(&call, &named)?;
    if let Some(config) = call.args.object("config") {
        let config = Args::decode(FIELDS, &[], config)?;
        settings::apply(&config, &mut mount)?;
    }
    settings::check_version(call.args)?;
    settings::check_ttls(call.core, &mount.config)?;
    let unknown = || unknown_kind(&call, &mount);
    let backend = call.core.plugs.find(mount.class, &mount.kind).ok_or_else(unknown)?;
    backend.engine().check(&mut mount)?;
    place::check_free(&live(&mut call).await?, &mount.full_path())?;
    check_no_namespace(&mut call, &mount.full_path()).await?;
    call.txn.put(&mount.record_key(), &mount)?;
    Ok(Response::none())
}

/// A namespace below this one takes all paths that begin with its name.
async fn check_no_namespace(call: &mut Call<'_>, full_path: &str) -> Result<(), Fault> {
    let name = full_path.split_inclusive('/').next().unwrap_or(full_path);
    let key = Namespace::key(&format!("{}{name}", call.namespace().path));
    if call.txn.exists(&key).await? {
        return Err(Fault::invalid(format!("cannot mount at {full_path}: there is a namespace {name}")));
    }
    Ok(())
}

fn unknown_kind(call: &Call<'_>, mount: &Mount) -> Fault {
    let what = match mount.class {
        Class::Secret => "secrets engines",
        Class::Auth => "auth methods",
    };
    let kinds = plugins::kinds(call.core, mount.class).join(", ");
    Fault::invalid(format!(
        "plugin not found in the catalog: {}; this version has the {what} {kinds}",
        mount.kind
    ))
}

/// A mount as the request describes it, without its settings.
fn blank(call: &Call<'_>, named: &Named) -> Result<Mount, Fault> {
    place::check_path(named.class, &named.path)?;
    let args = call.args;
    let mut options = args.pairs("options").cloned().unwrap_or_default();
    let kind = kind(args, &mut options)?;
    let flag = |name: &str| args.bool(name).unwrap_or(false);
    let random = call.core.random.as_ref();
    let prefix = if named.class == Class::Auth { "auth_" } else { "" };
    Ok(Mount {
        id: format!("m{}", random::base62(random, 9)),
        namespace: call.namespace().id.clone(),
        class: named.class,
        path: named.path.clone(),
        uuid: random::uuid(random),
        accessor: call.core.fresh_accessor(&format!("{prefix}{kind}")),
        kind,
        description: args.text_or_empty("description").to_owned(),
        options,
        config: MountConfig::default(),
        local: flag("local"),
        seal_wrap: flag("seal_wrap"),
        external_entropy_access: flag("external_entropy_access"),
        removed: false,
    })
}

/// The type that is meant; `kv-v2` and Vault's oldest name, `generic`, stand for kv with an option.
fn kind(args: &Args, options: &mut BTreeMap<String, String>) -> Result<String, Fault> {
    let given = match args.text_or_empty("type") {
        "plugin" => args.text_or_empty("plugin_name"),
        given => given,
    };
    if BUILT_IN.contains(&given) {
        return Err(Fault::invalid(format!("mount type of \"{given}\" is not mountable")));
    }
    let version = match given {
        "" => {
            return Err(Fault::invalid(
                "field \"type\": backend type must be specified as a string, such as \"kv\"",
            ));
        }
        "kv-v1" | "generic" => "1",
        "kv-v2" => "2",
        other => return Ok(other.to_owned()),
    };
    options.insert("version".to_owned(), version.to_owned());
    Ok("kv".to_owned())
}

async fn tune(mut call: Call<'_>, named: &Named) -> Result<Response, Fault> {
    place::check_tunable(named.class, &named.path)?;
    let old = find(&live(&mut call).await?, named).ok_or_else(|| named.missing())?;
    let mut mount = Mount::clone(&old);
    settings::apply(call.args, &mut mount)?;
    settings::check_version(call.args)?;
    settings::check_ttls(call.core, &mount.config)?;
    if let Some(description) = call.args.text("description") {
        description.clone_into(&mut mount.description);
    }
    if let Some(options) = call.args.pairs("options") {
        settings::merge_options(&mut mount, options);
    }
    let backend = call.core.plugs.find(mount.class, &mount.kind).ok_or_else(|| named.missing())?;
    let warnings = backend.engine().retune(&old, &mut mount)?;
    call.txn.put(&mount.record_key(), &mount)?;
    Ok(Response { warnings, ..Response::none() })
}

/// The mount is gone with this commit; its leases, tokens and entries are removed by a job.
async fn disable(mut call: Call<'_>, class: Class) -> Result<Response, Fault> {
    let rest = call.args.text_or_empty("path");
    let named = Named { class, path: format!("{}/", rest.strip_suffix('/').unwrap_or(rest)), tune: false };
    place::check_removable(class, &named.path)?;
    let Some(mount) = find(&live(&mut call).await?, &named) else { return Ok(Response::none()) };
    let mount = Mount { removed: true, ..Mount::clone(&mount) };
    call.txn.put(&mount.record_key(), &mount)?;
    Job::RemoveMount { mount: Box::new(mount), before: call.now() }
        .enqueue(call.txn, call.core.random.as_ref())?;
    Ok(Response::none())
}

/// The mounts that are not being removed. Read in the transaction, so that of two requests for the same
/// path one is run again and sees the other's mount.
async fn live(call: &mut Call<'_>) -> Result<Vec<Arc<Mount>>, Fault> {
    let mut mounts = live_on_record(call.txn, &call.req.space.namespace.id).await?;
    if !call.namespace().id.is_root() {
        let all = [Class::Secret, Class::Auth].map(|class| call.mounts().of(class)).concat();
        mounts.extend(all.into_iter().filter(|m| m.entry.is_built_in()).map(|m| Arc::new(m.entry.clone())));
    }
    Ok(mounts)
}

/// The mounts of a namespace that are on record and not being removed.
pub(crate) async fn live_on_record(txn: &mut Txn, namespace: &NamespaceId) -> Result<Vec<Arc<Mount>>, Fault> {
    let key = |id: &str| keys::within(namespace.as_str(), keys::MOUNT, id);
    let mut mounts = Vec::new();
    for id in txn.names(&key("")).await? {
        mounts.extend(txn.get::<Mount>(&key(&id)).await?.filter(|m| !m.removed));
    }
    Ok(mounts)
}

fn find(mounts: &[Arc<Mount>], named: &Named) -> Option<Arc<Mount>> {
    mounts.iter().find(|m| m.class == named.class && m.path == named.path).cloned()
}
