//! What a client sends to import a key: an AES key under RSA-OAEP, and the key itself under that one.

/// The two parts of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapped<'a> {
    /// The AES key, encrypted with the mount's wrapping key.
    pub ephemeral: &'a [u8],
    /// The imported key, wrapped with the AES key.
    pub key: &'a [u8],
}

/// Bytes of what the wrapping key, RSA with 4096 bits, encrypts.
const EPHEMERAL_LEN: usize = 512;

/// Splits the parts; none if there is not enough. A wrapped key has two blocks at least.
pub fn split(bytes: &[u8]) -> Option<Wrapped<'_>> {
    let (ephemeral, key) = bytes.split_at_checked(EPHEMERAL_LEN)?;
    (key.len() >= 16 && key.len() % 8 == 0).then_some(Wrapped { ephemeral, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_both_parts() {
        for (len, whole) in
            [(0, false), (512, false), (520, false), (527, false), (528, true), (529, false), (536, true)]
        {
            assert_eq!(split(&vec![0; len]).is_some(), whole, "{len}");
        }
        let parts = [vec![1; 512], vec![2; 24]].concat();
        let wrapped = split(&parts).unwrap();
        assert!(wrapped.ephemeral.iter().all(|b| *b == 1) && wrapped.key.iter().all(|b| *b == 2));
    }
}
