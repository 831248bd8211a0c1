//! `sys/generate-root`: a new root token by agreement of those who hold shares.

use crate::{Answering, rekey, shares};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;
use strongroom_barrier::GetError;
use strongroom_barrier::generate_root::{GenerateRootError, GenerateRootStatus, GenerateRootStep};
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_crypto::{Secret, random};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, Read, Update};
    let route = |pattern, summary, fields| {
        Route::new(pattern, summary, fields).works_sealed().never_wrapped().plain()
    };
    vec![
        route("generate-root/attempt", "Starts, shows and cancels the making of a root token.", START_FIELDS)
            .open(Read, read)
            .open(Update, start)
            .open(Delete, cancel)
            .asked(&[NONCE]),
        route("generate-root/update", "Takes one share.", SHARE_FIELDS).open(Update, provide),
        route("generate-recovery-token/{rest:rest}", "Recovery tokens; not supported.", REST)
            .open(Read, no_recovery_token)
            .open(Update, no_recovery_token)
            .open(Delete, no_recovery_token)
            .refuses(),
    ]
}

const NONCE: Field = Field::new("nonce", Kind::Text, "The attempt to cancel; a token with sudo needs none.");

const START_FIELDS: &[Field] = &[
    Field::new("otp", Kind::Text, "One-time password that covers the token; made here when left out.")
        .secret(),
    Field::new("pgp_key", Kind::Text, "Key to encrypt the token with; not supported."),
    NONCE,
];

const SHARE_FIELDS: &[Field] = &[
    Field::new("key", Kind::Text, "A share, in hexadecimal or base64.").secret(),
    Field::new("nonce", Kind::Text, "The attempt."),
];

const REST: &[Field] = &[Field::new("rest", Kind::Text, "What of it.")];

/// Bytes of a token, and so of what covers it: `hvs.` and 24 letters and digits.
const TOKEN_BYTES: usize = 28;

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Ok(shown(&call.core.barrier.generate_root_status().await.map_err(refused)?, "")) })
}

fn start(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        shares::refuse(call.args, &[("pgp_key", shares::NO_PGP)])?;
        let given = call.args.text_or_empty("otp");
        if !given.is_empty() && given.len() != TOKEN_BYTES {
            return Err(Fault::invalid(format!(
                "otp string is wrong length: it has {} bytes and must have {TOKEN_BYTES}",
                given.len()
            )));
        }
        // Only a password that was made here is shown.
        let made = match given {
            "" => random::base62(call.core.random.as_ref(), TOKEN_BYTES),
            _ => String::new(),
        };
        let otp = if made.is_empty() { given.to_owned() } else { made.clone() };
        let status = call.core.barrier.generate_root_start(Secret::new(otp)).await.map_err(refused)?;
        tracing::warn!(nonce = status.nonce, "the making of a root token begins");
        Ok(shown(&status, &made))
    })
}

fn cancel(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let nonce = rekey::nonce_or_right(&mut call).await?;
        call.core.barrier.generate_root_cancel(nonce.as_deref()).map_err(refused)?;
        Ok(Response::none())
    })
}

fn provide(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let share = shares::required(call.args)?;
        let nonce = call.args.text_or_empty("nonce");
        let step = call.core.barrier.generate_root_provide(nonce, share).await.map_err(refused)?;
        let (nonce, required, otp) = match step {
            GenerateRootStep::Progress(status) => return Ok(shown(&status, "")),
            GenerateRootStep::Complete { nonce, required, otp } => (nonce, required, otp),
        };
        let made = call.core.make_root_token(None).await?;
        let Some(covered) = cover(made.token.expose(), otp.expose()) else {
            call.core.revoke_now(&made.entry.accessor).await;
            return Err(Fault::Internal("a token has another length than the one-time password".to_owned()));
        };
        tracing::warn!(nonce, accessor = made.entry.accessor, "a root token was made");
        let answer = Response::bare(json!({
            "started": true,
            "nonce": nonce,
            "progress": required,
            "required": required,
            "complete": true,
            "encoded_token": covered,
            "encoded_root_token": covered,
            "pgp_fingerprint": "",
            "otp": "",
            "otp_length": TOKEN_BYTES,
        }));
        Ok(Response { made_token: Some(made.entry.accessor), ..answer })
    })
}

fn no_recovery_token(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        Err(Fault::invalid(format!("generate-recovery-token is not supported: {}", shares::NO_RECOVERY)))
    })
}

/// The token under the one-time password; none if their lengths differ.
fn cover(token: &str, otp: &str) -> Option<String> {
    if token.len() != otp.len() {
        return None;
    }
    let covered: Vec<u8> = token.bytes().zip(otp.bytes()).map(|(t, o)| t ^ o).collect();
    Some(STANDARD_NO_PAD.encode(covered))
}

fn shown(status: &GenerateRootStatus, otp: &str) -> Response {
    Response::bare(json!({
        "started": status.started,
        "nonce": status.nonce,
        "progress": status.progress,
        "required": status.required,
        "complete": false,
        "encoded_token": "",
        "encoded_root_token": "",
        "pgp_fingerprint": "",
        "otp": otp,
        "otp_length": TOKEN_BYTES,
    }))
}

fn refused(error: GenerateRootError) -> Fault {
    match error {
        GenerateRootError::Get(GetError::Sealed) => Fault::Sealed,
        GenerateRootError::Get(e) => e.into(),
        other => Fault::invalid(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covering_twice_uncovers() {
        let (token, otp) = ("hvs.0123456789ABCDEFGHIJKLMN", "BMjzW3wAsEzINXCM05Wbas3u9zSl");
        let covered = STANDARD_NO_PAD.decode(cover(token, otp).unwrap()).unwrap();
        let bare: Vec<u8> = covered.iter().zip(otp.bytes()).map(|(c, o)| c ^ o).collect();
        assert_eq!(bare, token.as_bytes());
        assert_eq!(token.len(), TOKEN_BYTES);
        assert_eq!(cover("short", otp), None);
    }
}
