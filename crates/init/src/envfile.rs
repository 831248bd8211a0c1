//! Environment files, as the kubelet of Kubernetes 1.35 reads them for `fileKeyRef`: `NAME='value'`, taken
//! literally between the quotes, over several lines if need be. There is no way to escape anything, so a value
//! that would not come through byte for byte is refused.

use crate::compose::Composed;
use strongroom_plan::SHIM_ANNOTATION;
use zeroize::Zeroizing;

/// The file's bytes, or a message for each variable that it cannot carry.
pub(crate) fn encode(entries: &[Composed], container: &str) -> Result<Zeroizing<Vec<u8>>, Vec<String>> {
    let mut problems = Vec::new();
    for entry in entries {
        if let Some(reason) = obstacle(&entry.name, &entry.value) {
            problems.push(format!(
                "{}, for variable {} of container {container}: {reason}, which an environment file cannot carry: \
                 annotate the Pod with {SHIM_ANNOTATION}",
                entry.origin, entry.name
            ));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    // In one piece, so that no smaller buffer is left behind.
    let length = entries.iter().map(|e| e.name.len() + e.value.len() + 4).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    for entry in entries {
        bytes.extend_from_slice(entry.name.as_bytes());
        bytes.extend_from_slice(b"='");
        bytes.extend_from_slice(entry.value.as_bytes());
        bytes.extend_from_slice(b"'\n");
    }
    Ok(bytes)
}

/// What keeps a value from coming through, if anything does.
fn obstacle(name: &str, value: &str) -> Option<&'static str> {
    if name.starts_with('#') || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '=') {
        return Some("the variable's name has '#' in front, or white space or '=' in it");
    }
    if value.is_empty() {
        return Some("the value is empty");
    }
    if value.contains('\'') {
        return Some("the value has a single quote");
    }
    if value.contains('\0') {
        return Some("the value has a NUL byte");
    }
    if value.contains("\r\n") {
        return Some("the value has a line that ends in CR LF");
    }
    let last = value.rsplit('\n').next().map_or(0, str::len) + 1;
    let first = value.split('\n').next().map_or(0, str::len) + name.len() + 2;
    // On one line both quotes count.
    let outer = if value.contains('\n') { first.max(last) } else { first + 1 };
    let longest = value.split('\n').map(str::len).fold(outer, usize::max);
    (longest > LONGEST_LINE).then_some("the value has a line of 64 KiB or more")
}

/// The kubelet's scanner holds 64 KiB, the line's end among them.
const LONGEST_LINE: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: &str) -> Composed {
        Composed {
            name: name.to_owned(),
            value: Zeroizing::new(value.to_owned()),
            origin: "secret/app, key k".to_owned(),
        }
    }

    #[test]
    fn what_comes_through_is_written_as_it_is() {
        let bytes = encode(&[entry("A", "x\ny # $z\\"), entry("B.c", " é")], "app").unwrap();
        assert_eq!(bytes.as_slice(), "A='x\ny # $z\\'\nB.c=' é'\n".as_bytes());
        assert!(encode(&[], "app").unwrap().is_empty());
    }

    #[test]
    fn what_does_not_is_refused_with_the_way_out() {
        for (name, value, reason) in [
            ("A", "it's", "single quote"),
            ("A", "", "empty"),
            ("A", "a\0b", "NUL"),
            ("A", "a\r\nb", "CR LF"),
            ("#A", "a", "'#'"),
            ("A B", "a", "white space"),
        ] {
            let problems = encode(&[entry(name, value)], "app").unwrap_err();
            let [problem] = problems.as_slice() else { panic!("{problems:?}") };
            assert!(problem.contains(reason) && problem.contains("strongroom.io/target: shim"), "{problem}");
            assert!(problem.starts_with("secret/app, key k, for variable "), "{problem}");
            assert!(value.len() < 3 || !problem.contains(value), "{problem}");
        }
    }
}
