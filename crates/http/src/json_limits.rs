//! The limits of a JSON body, asked in one pass over its bytes before anything is built from it.

use crate::settings::JsonLimits;
use strongroom_wire::json::{RESERVED, is_reserved};

/// Which limit a body exceeds, or what it may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    Depth(usize),
    String(usize),
    Entries(usize),
    Elements(usize),
    Values(usize),
    /// A name that the parser would take for a sign of its own.
    Reserved,
}

/// Checks a body. What is not JSON may pass: the parser refuses it.
pub(crate) fn check(bytes: &[u8], limits: &JsonLimits) -> Result<(), Exceeded> {
    let mut scan = Scan { limits, open: Vec::new(), values: 0, name: false };
    let mut rest = bytes.iter();
    let mut literal = 0_usize;
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => {
                let text = rest.as_slice();
                let length = string_length(&mut rest);
                scan.string(text.get(..length).unwrap_or(text))?;
                literal = 0;
            }
            b'{' | b'[' => scan.opens(*byte == b'{')?,
            b'}' | b']' => {
                scan.open.pop();
                literal = 0;
            }
            b',' => {
                scan.next()?;
                literal = 0;
            }
            // Numbers are kept digit for digit, so a long one costs what a long string does.
            _ => {
                literal += 1;
                if literal > limits.string {
                    return Err(Exceeded::String(limits.string));
                }
            }
        }
    }
    Ok(())
}

struct Scan<'a> {
    limits: &'a JsonLimits,
    /// The objects (`true`) and lists around this place, with the commas seen in each.
    open: Vec<(bool, usize)>,
    values: usize,
    /// A text that comes now is a name.
    name: bool,
}

impl Scan<'_> {
    fn opens(&mut self, object: bool) -> Result<(), Exceeded> {
        if self.open.len() >= self.limits.depth {
            return Err(Exceeded::Depth(self.limits.depth));
        }
        self.open.push((object, 1));
        self.name = object;
        self.value()
    }

    fn next(&mut self) -> Result<(), Exceeded> {
        if let Some((object, count)) = self.open.last_mut() {
            self.name = *object;
            *count += 1;
            let (limit, exceeded) = if *object {
                (self.limits.entries, Exceeded::Entries(self.limits.entries))
            } else {
                (self.limits.elements, Exceeded::Elements(self.limits.elements))
            };
            if *count > limit {
                return Err(exceeded);
            }
        }
        self.value()
    }

    fn string(&mut self, text: &[u8]) -> Result<(), Exceeded> {
        if text.len() > self.limits.string {
            return Err(Exceeded::String(self.limits.string));
        }
        if std::mem::take(&mut self.name) && names_reserved(text) {
            return Err(Exceeded::Reserved);
        }
        self.value()
    }

    fn value(&mut self) -> Result<(), Exceeded> {
        self.values += 1;
        if self.values > self.limits.values { Err(Exceeded::Values(self.limits.values)) } else { Ok(()) }
    }
}

/// Whether a name, as written, is reserved.
fn names_reserved(written: &[u8]) -> bool {
    if !written.contains(&b'\\') {
        return written.starts_with(RESERVED.as_bytes());
    }
    let quoted = [b"\"", written, b"\""].concat();
    // What does not decode, the parser refuses.
    serde_json::from_slice::<String>(&quoted).is_ok_and(|name| is_reserved(&name))
}

/// Bytes up to the closing quote, which is taken too.
fn string_length(rest: &mut std::slice::Iter<'_, u8>) -> usize {
    let mut length = 0;
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => break,
            b'\\' => {
                rest.next();
                length += 2;
            }
            _ => length += 1,
        }
    }
    length
}

impl std::fmt::Display for Exceeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Depth(n) => write!(f, "JSON input is nested more than {n} levels deep"),
            Self::String(n) => write!(f, "JSON input has a string or number longer than {n} bytes"),
            Self::Entries(n) => write!(f, "JSON input has an object of more than {n} entries"),
            Self::Elements(n) => write!(f, "JSON input has a list of more than {n} elements"),
            Self::Values(n) => write!(f, "JSON input has more than {n} values"),
            Self::Reserved => write!(f, "the body has a name that begins with {RESERVED}, which is reserved"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JsonLimits = JsonLimits { depth: 3, string: 5, entries: 2, elements: 3, values: 12 };

    #[test]
    fn counts_what_there_is() {
        for fine in [
            r#"{"a":[[1,2,3]]}"#,
            r#"{"a":"12345","b":"[[[["}"#,
            r#"{"a":"\"[[","b":2}"#,
            "[] [] []",
            "]]]][[[",
            r#""never closed"#.get(..5).unwrap(),
            "",
        ] {
            assert_eq!(check(fine.as_bytes(), &LIMITS), Ok(()), "{fine}");
        }
        for (text, wanted) in [
            ("[[[[", Exceeded::Depth(3)),
            (r#"{"a":{"b":{"c":[]}}}"#, Exceeded::Depth(3)),
            (r#"{"a":"123456"}"#, Exceeded::String(5)),
            (r#"{"123456":1}"#, Exceeded::String(5)),
            ("[1234567]", Exceeded::String(5)),
            (r#"{"a":1,"b":2,"c":3}"#, Exceeded::Entries(2)),
            ("[1,2,3,4]", Exceeded::Elements(3)),
            ("[[],[],[]] [[],[],[]] [[],[],[]]", Exceeded::Values(12)),
        ] {
            assert_eq!(check(text.as_bytes(), &LIMITS), Err(wanted), "{text}");
        }
    }

    /// Found by fuzzing: the parser read the text as lists, past every limit.
    #[test]
    fn refuses_the_parsers_own_names() {
        for text in [
            r#"{"a":{"$serde_json::private::RawValue":"[[[[1]]]]"}}"#,
            r#"{"a":1,"b":[{"$serde_json::private::Number":"1"}]}"#,
            r#"{"\u0024serde_json\u003a:private::Number":"1"}"#,
        ] {
            assert_eq!(check(text.as_bytes(), &JsonLimits::default()), Err(Exceeded::Reserved), "{text}");
        }
        for text in [r#"{"a":"$serde_json::private::Number"}"#, r#"["$serde_json::private::Number"]"#] {
            assert_eq!(check(text.as_bytes(), &JsonLimits::default()), Ok(()), "{text}");
        }
    }

    proptest::proptest! {
        /// Whatever passes parses without running into the parser's own limit on nesting.
        #[test]
        fn what_passes_is_not_too_deep(bytes in "[\\[\\]{}\",:a1 ]{0,400}") {
            let limits = JsonLimits { depth: JsonLimits::DEEPEST, ..JsonLimits::default() };
            if check(bytes.as_bytes(), &limits).is_ok() {
                let parsed = serde_json::from_str::<serde_json::Value>(&bytes);
                proptest::prop_assert!(parsed.err().is_none_or(|e| !e.to_string().contains("recursion")));
            }
        }
    }

    #[test]
    fn the_deepest_body_parses() {
        let deep = format!("{}{}", "[".repeat(JsonLimits::DEEPEST), "]".repeat(JsonLimits::DEEPEST));
        assert_eq!(check(deep.as_bytes(), &JsonLimits::default()), Ok(()));
        assert!(serde_json::from_str::<serde_json::Value>(&deep).is_ok());
    }
}
