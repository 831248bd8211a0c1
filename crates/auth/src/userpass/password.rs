//! Password hashes: bcrypt, cost 10 for those made here.

use std::hint::black_box;
use strongroom_core::{Core, Fault};
use strongroom_crypto::Secret;

/// Of the hashes made here.
const COST: u32 = 10;
/// Hashes that are handed over may cost up to this: one at 14 keeps a core busy for about a second.
const COSTS: std::ops::RangeInclusive<u32> = 4..=14;
/// bcrypt takes no more; what comes after would not count.
const MAX_BYTES: usize = 72;

/// The hash of a new password.
pub(super) async fn hash(core: &Core, password: &str) -> Result<String, Fault> {
    if password.is_empty() {
        return Err(Fault::invalid("missing password"));
    }
    if password.len() > MAX_BYTES {
        return Err(Fault::invalid("'password' is longer than 72 bytes, the most that bcrypt takes"));
    }
    let mut salt = [0_u8; 16];
    core.random.fill(&mut salt);
    let password = Secret::new(password.to_owned());
    let parts = core.hashing.run(move || bcrypt::hash_with_salt(password.expose(), COST, salt)).await?;
    let parts = parts.map_err(|e| Fault::Internal(format!("cannot hash a password: {e}")))?;
    Ok(parts.format_for_version(bcrypt::Version::TwoA))
}

/// Checks a hash that was made elsewhere.
pub(super) fn check_hash(hash: &str) -> Result<(), Fault> {
    let wrong = || {
        Fault::invalid(
            "'password_hash' is no bcrypt hash: use one that starts with $2a$, $2b$ or $2y$ and has 60 characters",
        )
    };
    if !["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix)) {
        return Err(wrong());
    }
    let parts: bcrypt::HashParts = hash.parse().map_err(|_| wrong())?;
    if !COSTS.contains(&parts.get_cost()) {
        return Err(Fault::invalid(format!(
            "'password_hash' has the cost {}: use 4 to 14",
            parts.get_cost()
        )));
    }
    Ok(())
}

/// Whether a password is the one behind a hash. Without a hash, since there is no such user, the same
/// work is done for nothing.
pub(super) async fn matches(core: &Core, password: &str, hash: Option<String>) -> Result<bool, Fault> {
    // No hash kept here is of a longer password; truncated it could match one.
    let too_long = password.len() > MAX_BYTES;
    let password = Secret::new(password.to_owned());
    let same = core.hashing.run(move || match hash {
        Some(hash) => bcrypt::verify(password.expose(), &hash).unwrap_or(false),
        None => {
            let _ = black_box(bcrypt::hash_with_salt(password.expose(), COST, [0; 16]));
            false
        }
    });
    Ok(same.await? && !too_long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_hashes_of_other_programs() {
        for good in [
            "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe",
            "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            "$2b$10$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
        ] {
            check_hash(good).unwrap();
        }
        for bad in [
            "",
            "secret",
            "$2x$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            "$2a$31$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            "$2a$03$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s",
            "$6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3InaxBeoomnAihCKR",
        ] {
            let fault = check_hash(bad).unwrap_err();
            assert_eq!(fault.status(), 400);
            assert!(bad.is_empty() || !fault.to_string().contains(bad), "the hash is in the error: {fault}");
        }
    }
}
