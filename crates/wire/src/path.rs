//! The syntactic path of a request: parsed once, used by routing, policy, audit and storage alike.

/// A request path below `/v1/`, percent-decoded once, free of empty, `.` and `..` segments, control
/// characters and invalid UTF-8. It may end in one `/`, which means something for LIST.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path(String);

/// Why a path was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathError {
    /// Literal empty, `.` or `..` segments: go to this (still encoded) path instead (307).
    Redirect(String),
    /// A percent sign without two hexadecimal digits.
    BadEscape,
    /// A dot segment or an empty segment came out of the decoding.
    EncodedDots,
    /// A control character.
    Control,
    /// Not UTF-8.
    NotUtf8,
    /// Longer than `MAX_BYTES`.
    TooLong,
}

impl std::fmt::Display for PathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Redirect(_) => "the path has empty or dot segments",
            Self::BadEscape => "the path has a '%' that is not followed by two hexadecimal digits",
            Self::EncodedDots => "the path has encoded '.', '..' or empty segments",
            Self::Control => "the path has control characters",
            Self::NotUtf8 => "the path is not UTF-8",
            Self::TooLong => "the path is too long",
        })
    }
}

impl std::error::Error for PathError {}

/// The longest path taken, decoded, in bytes.
pub const MAX_BYTES: usize = 4096;

impl Path {
    /// Parses what stands after `/v1/` in a request target, without the query.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        if has_bad_segments(raw) {
            return Err(PathError::Redirect(clean(raw)));
        }
        let decoded = if raw.contains('%') { decode(raw)? } else { raw.to_owned() };
        if decoded.len() > MAX_BYTES {
            return Err(PathError::TooLong);
        }
        if decoded.chars().any(char::is_control) {
            return Err(PathError::Control);
        }
        if has_bad_segments(&decoded) {
            return Err(PathError::EncodedDots);
        }
        Ok(Self(decoded))
    }

    /// The whole text, with a trailing slash if there was one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path ends in `/`.
    pub fn is_folder(&self) -> bool {
        self.0.ends_with('/')
    }

    /// The path without its first `skip` bytes, which end at a segment; empty if they do not.
    #[must_use]
    pub fn below(&self, skip: usize) -> Self {
        let (head, rest) = self.0.split_at_checked(skip).unwrap_or_default();
        let rest = if head.is_empty() || head.ends_with('/') { rest } else { "" };
        Self(rest.to_owned())
    }

    /// The path with a trailing slash, as LIST is routed and authorised.
    #[must_use]
    pub fn into_folder(mut self) -> Self {
        if !self.0.is_empty() && !self.is_folder() {
            self.0.push('/');
        }
        self
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Empty, `.` or `..` segments, one trailing slash excepted.
fn has_bad_segments(path: &str) -> bool {
    let body = path.strip_suffix('/').unwrap_or(path);
    if body.is_empty() {
        return !path.is_empty();
    }
    body.split('/').any(|s| matches!(s, "" | "." | ".."))
}

/// The path a client should have asked for, as Go's `path.Clean` gives it.
fn clean(raw: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                out.pop();
            }
            s => out.push(s),
        }
    }
    let mut path = out.join("/");
    if raw.ends_with('/') && !path.is_empty() {
        path.push('/');
    }
    path
}

fn decode(raw: &str) -> Result<String, PathError> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(bytes.next()), digit(bytes.next()));
        match (high, low) {
            (Some(h), Some(l)) => out.push(u8::try_from(h * 16 + l).map_err(|_| PathError::BadEscape)?),
            _ => return Err(PathError::BadEscape),
        }
    }
    String::from_utf8(out).map_err(|_| PathError::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names() {
        for (raw, text) in [
            ("secret/data/a", "secret/data/a"),
            ("secret/data/a%2Fb", "secret/data/a/b"),
            ("a..b/c", "a..b/c"),
            ("a+b", "a+b"),
            ("a/", "a/"),
            ("%C3%A9", "é"),
            ("", ""),
        ] {
            assert_eq!(Path::parse(raw).map(|p| p.0), Ok(text.to_owned()), "{raw}");
        }
    }

    #[test]
    fn redirects_literal_dots_and_refuses_encoded_ones() {
        for (raw, to) in
            [("a//b", "a/b"), ("a/./b", "a/b"), ("a/../b", "b"), ("/a", "a"), ("a//", "a/"), ("/", "")]
        {
            assert_eq!(Path::parse(raw), Err(PathError::Redirect(to.to_owned())), "{raw}");
        }
        for raw in ["a/%2e%2e/b", "..%2fb", "a%2F%2Fb", "%2e"] {
            assert_eq!(Path::parse(raw), Err(PathError::EncodedDots), "{raw}");
        }
        assert_eq!(Path::parse("a%00"), Err(PathError::Control));
        assert_eq!(Path::parse("a%0a"), Err(PathError::Control));
        assert_eq!(Path::parse("a%ff"), Err(PathError::NotUtf8));
        assert_eq!(Path::parse("a%zz"), Err(PathError::BadEscape));
        assert_eq!(Path::parse("a%2"), Err(PathError::BadEscape));
    }
}
