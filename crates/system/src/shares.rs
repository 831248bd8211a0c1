//! Key shares as operators hand them in and get them.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::{Value, json};
use strongroom_barrier::SealConfig;
use strongroom_core::Fault;
use strongroom_crypto::{Secret, hex};
use strongroom_wire::field::Args;

/// Padding may be there or not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The share in the field `key`; none if it was not given.
pub(crate) fn given(args: &Args) -> Result<Option<Secret<Vec<u8>>>, Fault> {
    let text = args.text_or_empty("key").trim();
    if text.is_empty() {
        return Ok(None);
    }
    match hex::decode(text) {
        Ok(share) => Ok(Some(Secret::new(share))),
        Err(_) => match LENIENT.decode(text) {
            Ok(share) => Ok(Some(Secret::new(share))),
            Err(_) => Err(Fault::invalid("'key' must be a valid hex or base64 string")),
        },
    }
}

/// The share in the field `key`, which must be there.
pub(crate) fn required(args: &Args) -> Result<Secret<Vec<u8>>, Fault> {
    given(args)?.ok_or_else(|| Fault::invalid("'key' must be specified in request body as JSON"))
}

/// Shares in both forms, as `keys` and `keys_base64`.
pub(crate) fn shown(shares: &[Secret<Vec<u8>>]) -> (Value, Value) {
    let hex: Vec<String> = shares.iter().map(|s| hex::encode(s.expose())).collect();
    let base64: Vec<String> = shares.iter().map(|s| STANDARD.encode(s.expose())).collect();
    (json!(hex), json!(base64))
}

/// How many shares are wished for and how many of them shall be needed.
pub(crate) fn config(args: &Args) -> Result<SealConfig, Fault> {
    let shares = args.int("secret_shares").unwrap_or(0);
    let threshold = args.int("secret_threshold").unwrap_or(0);
    SealConfig::new(shares, threshold)
        .map_err(|e| Fault::invalid(format!("{e} (secret_shares is {shares}, secret_threshold {threshold})")))
}

/// Refuses fields that would change what is handed out if they were ignored.
pub(crate) fn refuse(args: &Args, fields: &[(&str, &str)]) -> Result<(), Fault> {
    use strongroom_wire::field::Arg;
    for (name, why) in fields {
        let meant = match args.get(name) {
            None => false,
            Some(Arg::Text(t)) => !t.is_empty(),
            Some(Arg::List(l)) => !l.is_empty(),
            Some(Arg::Int(n)) => *n != 0,
            Some(Arg::Bool(b)) => *b,
            Some(_) => true,
        };
        if meant {
            return Err(Fault::invalid(format!("{name} is not supported: {why}")));
        }
    }
    Ok(())
}

/// Why keys are not encrypted for their holders.
pub(crate) const NO_PGP: &str = "this server does not encrypt keys with PGP; leave it out and hand the keys on \
                                 over a channel of your own";
/// Why there are no recovery keys.
pub(crate) const NO_RECOVERY: &str =
    "recovery keys belong to seals that open by themselves, and the seal here is shamir";

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_wire::field::{Field, Kind};

    fn args(body: Value) -> Args {
        const FIELDS: &[Field] = &[
            Field::new("key", Kind::Text, "").secret(),
            Field::new("pgp_keys", Kind::List, ""),
            Field::new("stored_shares", Kind::Int, ""),
        ];
        Args::decode(FIELDS, &[], body.as_object().unwrap()).unwrap()
    }

    #[test]
    fn takes_both_forms_and_never_shows_what_it_refuses() {
        for text in ["00ff10", "00FF10", "AP8Q", " AP8Q "] {
            assert_eq!(given(&args(json!({ "key": text }))).unwrap().unwrap().expose(), &[0, 255, 16]);
        }
        assert_eq!(given(&args(json!({ "key": "AP8=" }))).unwrap().unwrap().expose(), &[0, 255]);
        assert_eq!(given(&args(json!({ "key": "AP8" }))).unwrap().unwrap().expose(), &[0, 255]);
        assert!(given(&args(json!({ "key": "" }))).unwrap().is_none());
        let refused = given(&args(json!({ "key": "hunter2!" }))).unwrap_err();
        assert!(!refused.to_string().contains("hunter2"));
    }

    #[test]
    fn refuses_what_is_meant_and_takes_what_means_nothing() {
        let rules = [("pgp_keys", NO_PGP), ("stored_shares", "x")];
        assert!(refuse(&args(json!({ "pgp_keys": [], "stored_shares": 0 })), &rules).is_ok());
        assert!(refuse(&args(json!({ "pgp_keys": null })), &rules).is_ok());
        assert!(refuse(&args(json!({ "pgp_keys": ["x"] })), &rules).is_err());
        assert!(refuse(&args(json!({ "stored_shares": 1 })), &rules).is_err());
    }
}
