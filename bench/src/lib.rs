//! What the programs of the benchmark share: the data they fill a server with, and how they fail.

use serde_json::{Value, json};
use strongroom_crypto::{Random, random};

/// Why a measurement could not be made.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of a secret's data as JSON.
pub const SECRET_LEN: usize = 400;
/// Rules of each token's policy.
pub const RULES: usize = 20;

/// A random name in one of 256 folders.
pub fn name(random: &dyn Random) -> String {
    let mut folder = [0];
    random.fill(&mut folder);
    format!("team-{:02x}/{}", folder[0], random::base62(random, 16))
}

/// A secret with several keys, `SECRET_LEN` bytes long as JSON.
pub fn secret(random: &dyn Random) -> Value {
    let text = |len| random::base62(random, len);
    let mut data = json!({
        "username": text(16),
        "password": text(32),
        "host": "postgres.production.svc.cluster.local",
        "port": 5432,
        "api_key": text(64),
        "certificate": "",
    });
    let missing = SECRET_LEN.saturating_sub(data.to_string().len());
    if let Some(filler) = data.get_mut("certificate") {
        *filler = text(missing).into();
    }
    data
}

/// A policy of `RULES` rules: secrets may be read and written and tokens made; the other rules are of
/// the kinds that policies have, and none of them decides here.
pub fn policy(number: usize) -> String {
    let mut text = String::from(
        "path \"secret/data/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n\
         path \"auth/token/create\" { capabilities = [\"create\", \"update\"] }\n",
    );
    for rule in 2..RULES {
        let pattern = match rule % 4 {
            0 => format!("secret/data/app-{number}/stage-{rule}/*"),
            1 => format!("secret/+/app-{number}/rule-{rule}/config"),
            2 => format!("secret/metadata/app-{number}/{rule}/*"),
            _ => format!("kv-{number}/{rule}/name"),
        };
        text.push_str(&format!("path \"{pattern}\" {{ capabilities = [\"read\", \"list\"] }}\n"));
    }
    text
}

/// An argument of the program, by place.
pub fn argument(place: usize, what: &str) -> Result<String, Failed> {
    std::env::args().nth(place).ok_or_else(|| format!("argument {place} is missing: {what}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_crypto::SystemRandom;

    #[test]
    fn data_has_the_promised_size() {
        assert_eq!(secret(&SystemRandom).to_string().len(), SECRET_LEN);
        assert_eq!(policy(7).lines().count(), RULES);
    }
}
