//! `sys/rekey`: new shares by agreement of those who hold the old ones.

use crate::{Answering, caller, shares};
use serde_json::json;
use strongroom_barrier::GetError;
use strongroom_barrier::rekey::{RekeyError, RekeyStatus, RekeyStep, RekeyVerifyStatus, RekeyVerifyStep};
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, Read, Update};
    let route = |pattern, summary, fields| {
        Route::new(pattern, summary, fields).works_sealed().never_wrapped().plain()
    };
    vec![
        route("rekey/init", "Starts, shows and cancels a rekeying.", INIT_FIELDS)
            .open(Read, read)
            .open(Update, start)
            .open(Delete, cancel)
            .asked(&[NONCE]),
        route("rekey/update", "Takes one of the old shares.", SHARE_FIELDS).open(Update, provide),
        route("rekey/verify", "Takes one of the new shares back.", SHARE_FIELDS)
            .open(Read, read_verification)
            .open(Update, verify)
            .open(Delete, restart_verification)
            .asked(&[NONCE]),
        Route::new("rekey/backup", "Backups of new shares; not supported.", &[])
            .on(Read, no_backup)
            .on(Delete, no_backup)
            .refuses(),
        Route::new("rekey/recovery-key-backup", "Backups of recovery shares; not supported.", &[])
            .on(Read, no_backup)
            .on(Delete, no_backup)
            .refuses(),
        route("rekey-recovery-key/{rest:rest}", "Rekeying a recovery key; not supported.", REST)
            .open(Read, no_recovery_key)
            .open(Update, no_recovery_key)
            .open(Delete, no_recovery_key)
            .refuses(),
    ]
}

const NONCE: Field =
    Field::new("nonce", Kind::Text, "The operation to cancel; a token with sudo needs none.");

const INIT_FIELDS: &[Field] = &[
    Field::new("secret_shares", Kind::Int, "How many new shares there shall be."),
    Field::new("secret_threshold", Kind::Int, "How many of them unseal the server."),
    Field::new("require_verification", Kind::Bool, "Whether the new shares count only once given back."),
    Field::new("pgp_keys", Kind::List, "Keys to encrypt the shares with; not supported."),
    Field::new("backup", Kind::Bool, "Keep encrypted shares in the store; not supported."),
    Field::new("stored_shares", Kind::Int, "Of seals that open by themselves; not supported."),
    NONCE,
];

const SHARE_FIELDS: &[Field] = &[
    Field::new("key", Kind::Text, "A share, in hexadecimal or base64.").secret(),
    Field::new("nonce", Kind::Text, "The operation."),
];

const REST: &[Field] = &[Field::new("rest", Kind::Text, "What of it.")];

const REFUSED: &[(&str, &str)] = &[
    ("pgp_keys", shares::NO_PGP),
    ("backup", "a backup holds shares that are encrypted with pgp_keys, which are not supported either"),
    ("stored_shares", "the seal here is shamir, which stores no shares"),
];

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Ok(shown(&call.core.barrier.rekey_status().await.map_err(refused)?)) })
}

fn start(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        shares::refuse(call.args, REFUSED)?;
        let config = shares::config(call.args)?;
        let verify = call.args.bool("require_verification") == Some(true);
        let status = call.core.barrier.rekey_start(config, verify).await.map_err(refused)?;
        tracing::info!(
            nonce = status.nonce,
            shares = status.shares,
            threshold = status.threshold,
            "rekey begins"
        );
        Ok(shown(&status))
    })
}

fn cancel(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let nonce = nonce_or_right(&mut call).await?;
        call.core.barrier.rekey_cancel(nonce.as_deref()).map_err(refused)?;
        Ok(Response::none())
    })
}

fn provide(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let share = shares::required(call.args)?;
        let nonce = call.args.text_or_empty("nonce");
        let barrier = &call.core.barrier;
        let verification = barrier.rekey_status().await.map_err(refused)?.verification_required;
        match barrier.rekey_provide(nonce, share).await.map_err(refused)? {
            RekeyStep::Progress(status) => Ok(shown(&status)),
            RekeyStep::Done { nonce, shares: made, verification_nonce } => {
                tracing::info!(nonce, verification, "rekey has made new shares");
                let (keys, keys_base64) = shares::shown(&made);
                let mut done = json!({
                    "nonce": nonce,
                    "complete": true,
                    "keys": keys,
                    "keys_base64": keys_base64,
                    "pgp_fingerprints": null,
                    "backup": false,
                    "verification_required": verification,
                });
                if let (Some(nonce), Some(done)) = (verification_nonce, done.as_object_mut()) {
                    done.insert("verification_nonce".to_owned(), nonce.into());
                }
                Ok(Response::bare(done))
            }
        }
    })
}

fn read_verification(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        Ok(shown_verification(&call.core.barrier.rekey_verify_status().await.map_err(refused)?))
    })
}

fn verify(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let share = shares::required(call.args)?;
        let nonce = call.args.text_or_empty("nonce");
        match call.core.barrier.rekey_verify(nonce, share).await.map_err(refused)? {
            RekeyVerifyStep::Progress(status) => Ok(shown_verification(&status)),
            RekeyVerifyStep::Done { nonce } => {
                tracing::info!(nonce, "the new shares are verified and count from now on");
                Ok(Response::bare(json!({ "nonce": nonce, "complete": true })))
            }
        }
    })
}

fn restart_verification(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let nonce = nonce_or_right(&mut call).await?;
        let status = call.core.barrier.rekey_verify_restart(nonce.as_deref()).map_err(refused)?;
        Ok(shown_verification(&status))
    })
}

fn no_backup(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        Err(Fault::invalid("no backed-up keys found: backups need pgp_keys, which are not supported"))
    })
}

fn no_recovery_key(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        Err(Fault::invalid(format!("rekey-recovery-key is not supported: {}", shares::NO_RECOVERY)))
    })
}

/// The nonce that a cancellation names, or none if the caller's token may cancel without: whoever
/// merely reaches the server must not disturb the others' work (the class of CVE-2025-4656).
pub(crate) async fn nonce_or_right(call: &mut Call<'_>) -> Result<Option<String>, Fault> {
    if call.core.is_sealed() {
        return Err(Fault::Sealed);
    }
    if let Some(nonce) = call.args.text("nonce").filter(|n| !n.is_empty()) {
        return Ok(Some(nonce.to_owned()));
    }
    if caller::is_allowed(call, true).await? {
        return Ok(None);
    }
    Err(Fault::Refused(
        "cancelling needs the nonce of the operation, or a token with sudo on this path".to_owned(),
    ))
}

fn shown(status: &RekeyStatus) -> Response {
    let mut shown = json!({
        "nonce": status.nonce,
        "started": status.started,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "required": status.required,
        "pgp_fingerprints": null,
        "backup": false,
        "verification_required": status.verification_required,
    });
    if let (false, Some(shown)) = (status.verification_nonce.is_empty(), shown.as_object_mut()) {
        shown.insert("verification_nonce".to_owned(), status.verification_nonce.clone().into());
    }
    Response::bare(shown)
}

fn shown_verification(status: &RekeyVerifyStatus) -> Response {
    Response::bare(json!({
        "nonce": status.nonce,
        "started": status.started,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
    }))
}

fn refused(error: RekeyError) -> Fault {
    match error {
        RekeyError::Get(GetError::Sealed) => Fault::Sealed,
        RekeyError::Get(e) => e.into(),
        RekeyError::Commit(e) => Fault::Internal(format!("the new key could not be stored: {e}")),
        RekeyError::Seal(_) => Fault::Internal(error.to_string()),
        other => Fault::invalid(other.to_string()),
    }
}
