//! Lists of revoked certificates as they are kept.

use super::revocation::Refusal;
use crate::x509::{Certificate, Chain, RevocationList};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};
use strongroom_core::outbound::{OutError, OutRequest};
use strongroom_core::{Core, Fault, Mount, Record, Txn};

/// The record of a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Crl {
    /// DER in base64.
    list: String,
    /// Where it was fetched; none for one that was written.
    pub(super) source: Option<Source>,
    #[serde(skip)]
    parsed: OnceLock<Option<RevocationList>>,
}

/// Where a list comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Source {
    pub(super) url: String,
    /// When it is to be fetched again, in seconds since 1970.
    pub(super) next_fetch: i64,
}

impl Record for Crl {}

/// Where the lists stand.
pub(super) const FOLDER: &str = "crl/";

impl Crl {
    /// The list of that name at a mount.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount, name: &str) -> Result<Option<Arc<Self>>, Fault> {
        txn.get(&key(mount, name)).await
    }

    /// A list as it was written.
    pub(super) fn written(der: &[u8]) -> Self {
        Self { list: BASE64_STANDARD.encode(der), ..Self::default() }
    }

    /// A list from where it is published.
    pub(super) async fn fetch(core: &Core, url: &str) -> Result<Self, Fault> {
        let fail =
            |why: &dyn std::fmt::Display| Fault::invalid(format!("'url': the list cannot be fetched: {why}"));
        let body = download(core, url).await.map_err(|why| fail(&why))?;
        let der = crate::x509::first_block(&String::from_utf8_lossy(&body), "X509 CRL")
            .unwrap_or_else(|| body.to_vec());
        let list = RevocationList::parse(&der).map_err(|why| fail(&why))?;
        let now = core.clock.now().as_second();
        let outdated = list.next_update.and_then(|at| i64::try_from(at).ok()).unwrap_or(now + USUAL_AGE);
        let next_fetch = outdated.max(now + RETRY);
        Ok(Self { source: Some(Source { url: url.to_owned(), next_fetch }), ..Self::written(&der) })
    }

    /// What it says; none if it cannot be read.
    pub(super) fn list(&self) -> Option<&RevocationList> {
        let parse = || RevocationList::parse(&BASE64_STANDARD.decode(&self.list).ok()?).ok();
        self.parsed.get_or_init(parse).as_ref()
    }

    /// Whether it revokes a certificate of a chain. One that was fetched must be signed by whom it names, if
    /// that is somebody of the chain: it may have come over an open line.
    pub(super) fn revokes(&self, chain: &Chain) -> Result<bool, Refusal> {
        let list = self.list().ok_or_else(|| Refusal::Unclear("a list cannot be read".to_owned()))?;
        let issuer = |c: &&Certificate| list.is_of_issuer(&c.subject);
        let forged = chain.0.iter().find(issuer).is_some_and(|issuer| !list.is_issued_by(issuer));
        if forged && let Some(source) = &self.source {
            return Err(Refusal::Unclear(format!(
                "the list from {} is not signed by its issuer",
                source.url
            )));
        }
        Ok(chain.0.iter().any(|certificate| list.revokes(certificate)))
    }
}

/// Where a list is kept.
pub(super) fn key(mount: &Mount, name: &str) -> Vec<u8> {
    mount.key(&format!("{FOLDER}{name}"))
}

/// All lists of a mount. Those that are outdated are fetched again; while that fails the old ones stand.
pub(super) async fn current(core: &Core, txn: &mut Txn, mount: &Mount) -> Result<Vec<Arc<Crl>>, Fault> {
    let mut lists = Vec::new();
    let now = core.clock.now().as_second();
    for name in txn.names(&mount.key(FOLDER)).await? {
        let Some(mut crl) = Crl::find(txn, mount, &name).await? else { continue };
        if let Some(source) = crl.source.as_ref().filter(|source| source.next_fetch <= now) {
            crl = Arc::new(renewed(core, &crl, source, now).await);
            txn.put(&key(mount, &name), crl.as_ref())?;
        }
        lists.push(crl);
    }
    Ok(lists)
}

/// The longest list that is fetched.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// When a list that does not say so is fetched again, in seconds.
const USUAL_AGE: i64 = 3600;
/// How soon a list is fetched again at the earliest.
const RETRY: i64 = 60;

async fn renewed(core: &Core, old: &Crl, source: &Source, now: i64) -> Crl {
    match Crl::fetch(core, &source.url).await {
        Ok(new) => new,
        Err(why) => {
            tracing::warn!(url = source.url, %why, "an outdated list of revoked certificates stands");
            let source = Source { next_fetch: now + RETRY, ..source.clone() };
            Crl { source: Some(source), ..old.clone() }
        }
    }
}

/// What is published at an address.
async fn download(core: &Core, url: &str) -> Result<Bytes, OutError> {
    let request = OutRequest { max_bytes: MAX_BYTES, ..OutRequest::get(url, None) };
    let answer = core.outbound.send(request).await?;
    if answer.status != 200 {
        return Err(OutError::Exchange(format!("the answer has status {}", answer.status)));
    }
    Ok(answer.body)
}
