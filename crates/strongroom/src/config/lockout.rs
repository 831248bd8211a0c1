//! `user_lockout` stanzas: how many failed logins lock a name out, where the mount does not say.

use super::keys::Keys;
use super::{Config, ConfigError};
use strongroom_core::mount::LockoutConfig;
use strongroom_policy::hcl::Labelled;

/// For all auth methods without a stanza of their own.
const ALL: &str = strongroom_core::lockout::ALL;
const METHODS: [&str; 4] = [ALL, "userpass", "approle", "ldap"];

/// Reads all user_lockout stanzas; a later one of the same name replaces an earlier one.
pub(super) fn read(keys: &Keys<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for stanza in keys.labelled("user_lockout")? {
        let lockout = one(keys, &stanza, &mut config.warnings)?;
        config.lockout.insert(stanza.label.to_owned(), lockout);
    }
    Ok(())
}

fn one(
    keys: &Keys<'_>,
    stanza: &Labelled<'_>,
    warnings: &mut Vec<String>,
) -> Result<LockoutConfig, ConfigError> {
    if !METHODS.contains(&stanza.label) {
        let problem =
            format!("there is no user lockout for {:?}: use one of {}", stanza.label, METHODS.join(", "));
        return Err(keys.wrong(stanza.line, problem));
    }
    let inner = keys.block(format!("user_lockout {:?}", stanza.label), stanza.body);
    let seconds = |key: &str| Ok::<_, ConfigError>(inner.duration(key)?.map(|d| d.as_secs()));
    let lockout = LockoutConfig {
        threshold: inner.number("lockout_threshold")?,
        duration: seconds("lockout_duration")?,
        counter_reset: seconds("lockout_counter_reset")?,
        disable: inner.truth("disable_lockout")?,
    };
    warnings.extend(inner.unknown());
    Ok(lockout)
}
