//! Names and paths of what lowering adds.

/// Our containers.
pub(super) const INIT: &str = "strongroom-init";
pub(super) const COPY: &str = "strongroom-copy";
pub(super) const WATCH: &str = "strongroom-watch";

/// Our volumes.
pub(super) const TOKEN: &str = "strongroom-token";
pub(super) const PROGRAM_VOLUME: &str = "strongroom-bin";
pub(super) const CA: &str = "strongroom-ca";

/// Where the Pod's token stands in our containers.
pub(super) const TOKEN_DIRECTORY: &str = "/var/run/secrets/strongroom.io";
pub(super) const TOKEN_FILE: &str = "/var/run/secrets/strongroom.io/token";
/// Where everything else of ours stands.
pub(super) const DIRECTORY: &str = "/strongroom";
pub(super) const PROGRAM_DIRECTORY: &str = "/strongroom/bin";
pub(super) const PROGRAM_FILE: &str = "/strongroom/bin/strongroom-init";
pub(super) const CA_DIRECTORY: &str = "/strongroom/ca";
pub(super) const CA_FILE: &str = "/strongroom/ca/ca.crt";

/// The file in an environment volume.
pub(super) const ENV_FILE: &str = "env";

/// What Kubernetes allows for a name.
const LONGEST: usize = 63;

/// The volume for a container's environment file.
pub(super) fn env_volume(container: &str) -> String {
    fitted(&format!("strongroom-env-{container}"))
}

/// The volume for a container's own copy of a volume that several mount.
pub(super) fn file_volume(volume: &str, container: &str) -> String {
    fitted(&format!("strongroom-file-{volume}-{container}"))
}

/// A name as it stands, or its beginning and a number made from the whole.
fn fitted(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST - 17).collect();
    format!("{}-{:016x}", start.trim_end_matches(['-', '.']), fnv(name))
}

/// FNV-1a: names need a number that is the same everywhere, not one that is hard to find.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ() {
        assert_eq!(env_volume("app"), "strongroom-env-app");
        let (one, two) = (env_volume(&"a".repeat(63)), env_volume(&format!("{}b", "a".repeat(62))));
        assert!(one.len() <= 63 && two.len() <= 63 && one != two, "{one} {two}");
    }
}
