//! The first records of a new server, and what happens when a server is unsealed and sealed.

use crate::core::SYSTEM_MOUNT;
use crate::expiry::Ending;
use crate::mount::{Class, MountConfig};
use crate::namespace::{Namespace, NamespaceId};
use crate::policies::PolicyRecord;
use crate::token::TokenKeys;
use crate::tokens::Made;
use crate::{Core, Fault, Grant, Mount, Record, keys};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom_audit::DeviceConfig;
use strongroom_crypto::{digest, random};

/// Who this cluster is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cluster {
    /// A UUID.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl Record for Cluster {}

impl Cluster {
    /// Where the record is kept.
    pub fn key() -> Vec<u8> {
        keys::core(keys::CONFIG, "cluster")
    }
}

fn token_keys() -> Vec<u8> {
    keys::core(keys::CONFIG, "token-keys")
}

/// The mount at `sys/`.
pub(crate) fn system_mount(id: &str, uuid: &str) -> Mount {
    Mount {
        seal_wrap: true,
        config: MountConfig {
            passthrough_request_headers: vec!["Accept".to_owned()],
            ..MountConfig::default()
        },
        ..plain_mount(
            id,
            uuid,
            Class::Secret,
            "sys/",
            "system",
            "system endpoints used for control, policy and debugging",
        )
    }
}

fn plain_mount(id: &str, uuid: &str, class: Class, path: &str, kind: &str, description: &str) -> Mount {
    Mount {
        id: id.to_owned(),
        namespace: NamespaceId::ROOT,
        class,
        path: path.to_owned(),
        kind: kind.to_owned(),
        uuid: uuid.to_owned(),
        accessor: String::new(),
        description: description.to_owned(),
        options: std::collections::BTreeMap::new(),
        config: MountConfig::default(),
        local: false,
        seal_wrap: false,
        external_entropy_access: false,
        removed: false,
    }
}

/// `sys/`, and those that hold tokens' secrets, identity and tokens, with these ids.
fn first_mounts([cubbyhole, token, identity]: [String; 3]) -> Vec<Mount> {
    let cubbyhole = plain_mount(
        &cubbyhole,
        "",
        Class::Secret,
        "cubbyhole/",
        "cubbyhole",
        "per-token private secret storage",
    );
    let token = plain_mount(&token, "", Class::Auth, "token/", "token", "token based credentials");
    let identity = plain_mount(&identity, "", Class::Secret, "identity/", "identity", "identity store");
    let config = MountConfig {
        passthrough_request_headers: vec!["Authorization".to_owned()],
        ..MountConfig::default()
    };
    let identity = Mount { config, ..identity };
    vec![system_mount(SYSTEM_MOUNT, ""), Mount { local: true, ..cubbyhole }, identity, token]
}

/// The mounts that a namespace other than root has from the beginning. They are not on record: all that
/// is their own follows from the namespace.
pub(crate) fn built_in_mounts(namespace: &Namespace) -> Vec<Mount> {
    let mut mounts = first_mounts(["cubbyhole", "token", "identity"].map(str::to_owned));
    for mount in &mut mounts {
        mount.namespace = namespace.id.clone();
        let seed = digest::sha256(format!("{} {}", namespace.uuid, mount.kind).as_bytes());
        let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("");
        let prefix = if mount.class == Class::Auth { "auth_" } else { "" };
        mount.accessor = format!("{prefix}{}_{}", mount.shown_kind(), part(32, 40));
        mount.uuid = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    }
    mounts
}

impl Core {
    /// Writes the first records into a fresh, unsealed store, and puts them in force. The root token
    /// that comes back is the only one.
    pub async fn bootstrap(self: &Arc<Self>) -> Result<Made, Fault> {
        let random = self.random.as_ref();
        let mut txn = self.txn();
        txn.put(&token_keys(), &TokenKeys::generate(random))?;
        let cluster = Cluster { id: random::uuid(random), name: self.settings.cluster_name.clone() };
        txn.put(&Cluster::key(), &cluster)?;
        for mut mount in self.first_mounts() {
            mount.uuid = random::uuid(random);
            mount.accessor = self.fresh_accessor(&mount.class_kind());
            txn.put(&mount.record_key(), &mount)?;
        }
        use strongroom_policy::builtin::{DEFAULT, DEFAULT_NAME, RESPONSE_WRAPPING, RESPONSE_WRAPPING_NAME};
        for (name, text) in [(DEFAULT_NAME, DEFAULT), (RESPONSE_WRAPPING_NAME, RESPONSE_WRAPPING)] {
            txn.put(&keys::core(keys::POLICY, name), &PolicyRecord::new(name, text)?)?;
        }
        self.commit(txn).await?;
        self.load().await?;
        self.make_root_token(None).await
    }

    fn first_mounts(&self) -> Vec<Mount> {
        let id = |_| format!("m{}", random::base62(self.random.as_ref(), 9));
        first_mounts([(); 3].map(id))
    }

    /// `kv_1a2b3c4d`
    pub fn fresh_accessor(&self, kind: &str) -> String {
        let mut bytes = [0_u8; 4];
        self.random.fill(&mut bytes);
        format!("{kind}_{:08x}", u32::from_be_bytes(bytes))
    }

    /// A token with the root policy that never ends; `id` for one that was chosen.
    pub async fn make_root_token(self: &Arc<Self>, id: Option<String>) -> Result<Made, Fault> {
        let mounts = self.mounts();
        let mount = mounts.at("auth/token/").ok_or(Fault::Sealed)?;
        // A chosen id looks like one given to `auth/token/create`, as clients of dev servers expect.
        let (name, path) =
            if id.is_some() { ("token", "auth/token/create") } else { ("root", "auth/token/root") };
        let grant = Grant {
            id,
            policies: vec!["root".to_owned()],
            display_name: name.to_owned(),
            never_expires: true,
            ..Grant::default()
        };
        let mut txn = self.txn();
        let made = self.make_token(&mut txn, &mount.entry, path, grant).await?;
        self.commit(txn).await?;
        Ok(made)
    }

    /// Reads everything that memory needs, and starts the workers. Called when the barrier has been
    /// unsealed; on an error the server is sealed again.
    pub async fn after_unseal(self: &Arc<Self>) -> Result<(), Fault> {
        self.hold();
        let era = self.next_era();
        let loaded = async {
            self.load().await?;
            self.restore_audit_devices().await
        };
        if let Err(fault) = loaded.await {
            self.seal().await;
            return Err(fault);
        }
        if let Err(fault) = self.note_version().await {
            tracing::warn!(%fault, "the version history could not be written");
        }
        self.go_live();
        tokio::spawn(self.clone().expiry_worker(era, Ending::Tokens));
        tokio::spawn(self.clone().expiry_worker(era, Ending::Leases));
        tokio::spawn(self.clone().job_worker(era));
        tokio::spawn(self.clone().housekeeper(era));
        Ok(())
    }

    /// Drops every key and every plaintext.
    pub async fn seal(self: &Arc<Self>) {
        self.hold();
        self.next_era();
        self.tokens_wake.notify_waiters();
        self.leases_wake.notify_waiters();
        self.jobs_wake.notify_waiters();
        self.barrier.seal().await;
        self.set_tokens(None);
        self.forget_policies();
        self.standings.clear();
        self.presences.clear();
        self.quotas.clear();
        self.lease_quotas.clear();
        self.last_uses.clear();
        self.headers.forget();
        self.cors.store(Arc::default());
        if let Err(fault) = self.show_sealed_mounts() {
            tracing::error!(%fault, "the mount at sys/ is gone");
        }
        self.audit.disable_all().await;
    }

    async fn load(&self) -> Result<(), Fault> {
        let keys = self.txn().get::<TokenKeys>(&token_keys()).await?;
        let keys = keys
            .ok_or_else(|| Fault::Internal("the store has no token keys: it was never set up".to_owned()))?;
        self.set_tokens(Some(Arc::new(keys.ready())));
        self.forget_policies();
        self.standings.clear();
        self.load_tombstones().await?;
        self.load_mounts().await?;
        self.load_quotas().await?;
        self.load_lease_quotas().await?;
        self.load_audited_headers().await?;
        self.load_cors().await?;
        self.presences.clear();
        Ok(())
    }

    /// Switches on the audit devices that are on record. A server whose devices all fail stays sealed.
    async fn restore_audit_devices(&self) -> Result<(), Fault> {
        let mut txn = self.txn();
        let (mut wanted, mut working) = (0, 0);
        for path in txn.names(&keys::core(keys::AUDIT, "")).await? {
            let Some(device) = txn.get::<DeviceConfig>(&keys::core(keys::AUDIT, &path)).await? else {
                continue;
            };
            wanted += 1;
            match self.audit.restore(&path, DeviceConfig::clone(&device)).await {
                Ok(()) => working += 1,
                Err(error) => tracing::error!(path, %error, "an audit device could not be opened"),
            }
        }
        if wanted > 0 && working == 0 {
            return Err(Fault::Internal("none of the audit devices could be opened".to_owned()));
        }
        Ok(())
    }
}

impl Mount {
    fn class_kind(&self) -> String {
        match self.class {
            Class::Secret => self.kind.clone(),
            Class::Auth => format!("auth_{}", self.kind),
        }
    }
}
