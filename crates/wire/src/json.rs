//! JSON that others wrote, where it does not come through a listener: tokens, key sets, answers.

use serde::de::DeserializeOwned;

/// With names that begin so the parser marks numbers and texts that it keeps as they are. An object
/// that came with one would turn into something else: a text into the lists that it describes.
pub const RESERVED: &str = "$serde_json::private::";

/// Whether a name, decoded, is reserved.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED)
}

/// Reads JSON in which nothing is reserved. The error says nothing of the content.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotRead> {
    if has_reserved(bytes) {
        return Err(NotRead);
    }
    serde_json::from_slice(bytes).map_err(|_| NotRead)
}

/// The bytes are not the JSON that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRead;

/// Whether any text in it, a name or not, is reserved. What is not JSON may pass: the parser refuses it.
fn has_reserved(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(start) = rest.iter().position(|byte| *byte == b'"') {
        let text = rest.get(start + 1..).unwrap_or_default();
        let (mut end, mut escaped) = (0, false);
        while let Some(byte) = text.get(end).filter(|byte| **byte != b'"') {
            escaped |= *byte == b'\\';
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        let written = text.get(..end).unwrap_or(text);
        if written.starts_with(RESERVED.as_bytes()) || (escaped && decodes_to_reserved(written)) {
            return true;
        }
        rest = text.get(end + 1..).unwrap_or_default();
    }
    false
}

fn decodes_to_reserved(written: &[u8]) -> bool {
    let quoted = [b"\"", written, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).is_ok_and(|text| is_reserved(&text))
}

impl std::fmt::Display for NotRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not the JSON that was expected")
    }
}

impl std::error::Error for NotRead {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn reads_what_stands_there_and_nothing_else() {
        for text in [r#"{"a":"\"$serde","b":[1.50,{"c":"\\"}],"d":"é\n"}"#, "[]", r#""x""#, "5"] {
            assert_eq!(read::<Value>(text.as_bytes()), Ok(serde_json::from_str(text).unwrap()), "{text}");
        }
        for text in [
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"a":[{"$serde_json::private::RawValue":"[[[[1]]]]"}]}"#,
            r#"{"\\":1,"\u0024serde_json\u003a:private::Number":"1"}"#,
            r#"{"a":"\\","$serde_json::private::Number":"1"}"#,
            r#"{"a":1"#,
            r#"{"a\"#,
            "\"",
            "",
        ] {
            assert_eq!(read::<Value>(text.as_bytes()), Err(NotRead), "{text}");
        }
        assert_eq!(read::<Value>(br#"{"a":"b"} "#), Ok(json!({"a": "b"})));
    }
}
