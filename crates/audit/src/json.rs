//! JSON written straight into a byte buffer: no tree, no string per value.

use std::io::Write;

/// An object being written. Keys are literals of this crate and need no escaping; values that are
/// empty are left out, as Vault does.
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    /// Writes the opening brace.
    pub(crate) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Writes a key; the caller writes exactly one value behind it.
    pub(crate) fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a key that comes from outside.
    pub(crate) fn foreign_key(&mut self, key: &str) -> &mut Vec<u8> {
        self.comma();
        string(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// A text, unless empty.
    pub(crate) fn text(&mut self, key: &'static str, value: &str) {
        if !value.is_empty() {
            string(self.key(key), value);
        }
    }

    /// A number, unless zero.
    pub(crate) fn number(&mut self, key: &'static str, value: u64) {
        if value != 0 {
            number(self.key(key), value);
        }
    }

    /// A list of texts, unless empty.
    pub(crate) fn texts(&mut self, key: &'static str, values: &[String]) {
        if !values.is_empty() {
            list(self.key(key), values, |out, value| string(out, value));
        }
    }

    /// Writes the closing brace.
    pub(crate) fn close(self) {
        self.out.push(b'}');
    }

    fn comma(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }
}

/// A list, each element written by `each`.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

/// A quoted, escaped text.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Without a way out of the loop it takes many bytes at a time; most texts are plain.
    let plain = !rest.iter().fold(false, |special, byte| special | is_special(*byte));
    if plain {
        out.extend_from_slice(rest);
        rest = &[];
    }
    while let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = escape_first(out, tail);
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// A decimal number.
pub(crate) fn number(out: &mut Vec<u8>, value: u64) {
    display(out, value);
}

/// `true` or `false`.
pub(crate) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Whatever prints itself without a character that needs escaping.
pub(crate) fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "{value}");
}

/// First byte of U+2028 and U+2029, which JSON allows but many line splitters take for a line end.
const SEPARATOR_LEAD: u8 = 0xE2;

const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7f || byte == SEPARATOR_LEAD
}

/// Escapes what stands at the start of `text` and returns the rest.
fn escape_first<'t>(out: &mut Vec<u8>, text: &'t [u8]) -> &'t [u8] {
    match text {
        [SEPARATOR_LEAD, 0x80, 0xA8, rest @ ..] => {
            out.extend_from_slice(b"\\u2028");
            rest
        }
        [SEPARATOR_LEAD, 0x80, 0xA9, rest @ ..] => {
            out.extend_from_slice(b"\\u2029");
            rest
        }
        [byte, rest @ ..] => {
            escape_byte(out, *byte);
            rest
        }
        [] => text,
    }
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    match byte {
        SEPARATOR_LEAD => out.push(byte),
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        other => {
            let _ = write!(out, "\\u{other:04x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        string(&mut out, text);
        out
    }

    #[test]
    fn escapes_what_breaks_lines() {
        assert_eq!(
            written("a\u{2028}b\u{2029}c\n\u{7f}\u{2030}"),
            "\"a\\u2028b\\u2029c\\n\\u007f\u{2030}\"".as_bytes()
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let out = written(&text);
            prop_assert!(!out.contains(&b'\n'));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
