//! PEM: DER as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block.
pub struct Block {
    /// What stands after BEGIN.
    pub label: String,
    /// The bytes, wiped when they are dropped.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// A block in lines of 64 characters, with a final line feed.
pub fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let text = Zeroizing::new(STANDARD.encode(der));
    let mut out = Zeroizing::new(String::with_capacity(text.len() + text.len() / 64 + 2 * label.len() + 40));
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

/// The first block of a text; none if there is none or it is damaged.
pub fn decode(text: &str) -> Option<Block> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    let bytes = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
    Some(Block { label: label.to_owned(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for len in [0, 1, 47, 48, 49, 96, 200] {
            let bytes = vec![0xa5; len];
            let text = encode("PUBLIC KEY", &bytes);
            assert!(text.lines().all(|line| line.len() <= 64));
            let block = decode(&format!("noise\n{}\nmore", text.as_str())).unwrap();
            assert_eq!((block.label.as_str(), block.bytes.as_slice()), ("PUBLIC KEY", bytes.as_slice()));
        }
        for bad in [
            "",
            "-----BEGIN X-----",
            "-----BEGIN X-----\nAA=A\n-----END X-----",
            "-----BEGIN X-----\n-----END Y-----",
        ] {
            assert!(decode(bad).is_none(), "{bad}");
        }
    }
}
