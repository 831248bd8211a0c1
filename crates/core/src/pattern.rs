//! Route patterns: `role/{name}/secret-id`, `data/{path:rest}`.

/// A parsed pattern. Segments: a literal; `{x}` a generic name (word characters, `-` and `.` inside);
/// `{x:at}` the same with `@`; `{x:any}` any non-empty segment; `{x:rest}` all that remains, also
/// nothing and with slashes.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: &'static str,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone)]
enum Segment {
    Literal(&'static str),
    Name(&'static str),
    NameAt(&'static str),
    Any(&'static str),
    Rest(&'static str),
}

/// What a pattern captured.
pub type Captures = Vec<(&'static str, String)>;

impl Pattern {
    /// Reads a pattern written in the source.
    pub fn new(text: &'static str) -> Self {
        let segments = if text.is_empty() { Vec::new() } else { text.split('/').map(segment).collect() };
        Self { text, segments }
    }

    /// As written.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// Whether it captures something by this name.
    pub fn captures(&self, name: &str) -> bool {
        self.parameters().any(|(captured, _)| captured == name)
    }

    /// The names it captures, each with a regular expression for what it takes; that of `rest` is empty.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Name(name) => Some((*name, r"^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$")),
            Segment::NameAt(name) => Some((*name, r"^[A-Za-z0-9_]([A-Za-z0-9_.@-]*[A-Za-z0-9_])?$")),
            Segment::Any(name) => Some((*name, "^[^/]+$")),
            Segment::Rest(name) => Some((*name, "")),
        })
    }

    /// As OpenAPI writes it: `role/{name}`, `data/{path}`.
    pub fn template(&self) -> String {
        let written = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => (*text).to_owned(),
            Segment::Name(name) | Segment::NameAt(name) | Segment::Any(name) | Segment::Rest(name) => {
                format!("{{{name}}}")
            }
        });
        written.collect::<Vec<_>>().join("/")
    }

    /// The literal segments.
    pub fn literals(&self) -> impl Iterator<Item = &'static str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(text) => Some(*text),
            _ => None,
        })
    }

    /// The first segment, if it is a literal.
    pub fn head(&self) -> Option<&'static str> {
        match self.segments.first() {
            Some(Segment::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the last segment takes all that remains.
    pub fn takes_rest(&self) -> bool {
        matches!(self.segments.last(), Some(Segment::Rest(_)))
    }

    /// The path with the letters of these captures folded to lower case; none if nothing changes.
    pub fn fold(&self, path: &str, folded: impl Fn(&str) -> bool) -> Option<String> {
        let (mut out, mut rest) = (String::with_capacity(path.len()), path);
        for segment in &self.segments {
            let (name, head, tail) = match segment {
                Segment::Rest(name) => (Some(*name), rest, ""),
                Segment::Literal(_) => {
                    let (head, tail) = split_after(rest);
                    (None, head, tail)
                }
                Segment::Name(name) | Segment::NameAt(name) | Segment::Any(name) => {
                    let (head, tail) = split_after(rest);
                    (Some(*name), head, tail)
                }
            };
            match name {
                Some(name) if folded(name) => out.push_str(&head.to_lowercase()),
                _ => out.push_str(head),
            }
            rest = tail;
        }
        out.push_str(rest);
        (out != path).then_some(out)
    }

    /// Matches a path below the mount. One trailing slash is ignored unless a `rest` takes it.
    pub fn matches(&self, path: &str) -> Option<Captures> {
        let mut captures = Captures::new();
        let mut rest = path;
        for segment in &self.segments {
            if let Segment::Rest(name) = segment {
                captures.push((name, rest.to_owned()));
                return Some(captures);
            }
            let (head, tail) = rest.split_once('/').unwrap_or((rest, ""));
            match segment {
                Segment::Literal(text) if *text == head => {}
                Segment::Name(name) if is_name(head, false) => captures.push((name, head.to_owned())),
                Segment::NameAt(name) if is_name(head, true) => captures.push((name, head.to_owned())),
                Segment::Any(name) if !head.is_empty() => captures.push((name, head.to_owned())),
                _ => return None,
            }
            rest = tail;
        }
        rest.is_empty().then_some(captures)
    }
}

/// The first segment with its slash, and what follows.
fn split_after(text: &str) -> (&str, &str) {
    match text.find('/') {
        Some(at) => text.split_at(at + 1),
        None => (text, ""),
    }
}

fn segment(text: &'static str) -> Segment {
    let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) else {
        return Segment::Literal(text);
    };
    match inner.split_once(':') {
        Some((name, "rest")) => Segment::Rest(name),
        Some((name, "at")) => Segment::NameAt(name),
        Some((name, _)) => Segment::Any(name),
        None => Segment::Name(inner),
    }
}

/// Word characters, with `-`, `.` (and `@`) anywhere but at the ends.
fn is_name(text: &str, at: bool) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let inner = |c: char| word(c) || c == '-' || c == '.' || (at && c == '@');
    text.chars().all(inner) && text.starts_with(word) && text.ends_with(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_paths() {
        let caps = |p: &'static str, path: &str| Pattern::new(p).matches(path);
        assert_eq!(caps("role/{name}", "role/a-b"), Some(vec![("name", "a-b".into())]));
        assert_eq!(caps("role/{name}", "role/a-"), None);
        assert_eq!(caps("role/{name}", "role/a/b"), None);
        assert_eq!(caps("role", "role/"), Some(vec![]));
        assert_eq!(caps("data/{path:rest}", "data/a/b/"), Some(vec![("path", "a/b/".into())]));
        assert_eq!(caps("data/{path:rest}", "data"), Some(vec![("path", String::new())]));
        assert_eq!(caps("{path:rest}", ""), Some(vec![("path", String::new())]));
        assert_eq!(caps("login/{name:at}", "login/a@b"), Some(vec![("name", "a@b".into())]));
        assert_eq!(caps("x/{name:any}", "x/~"), Some(vec![("name", "~".into())]));
        assert_eq!(caps("x", "y"), None);
    }

    #[test]
    fn parameters_say_what_is_matched() {
        let pattern = Pattern::new("a/{x}/{y:at}/{z:any}/{w:rest}");
        assert_eq!(pattern.template(), "a/{x}/{y}/{z}/{w}");
        assert_eq!(pattern.parameters().map(|p| p.0).collect::<Vec<_>>(), ["x", "y", "z", "w"]);
        assert_eq!(pattern.literals().collect::<Vec<_>>(), ["a"]);
        assert!(pattern.captures("w") && !pattern.captures("a"));
        assert_eq!(Pattern::new("").template(), "");
    }

    #[test]
    fn folds_only_what_is_declared() {
        let p = Pattern::new("users/{username}/policies");
        assert_eq!(p.fold("users/ADMIN/policies", |n| n == "username"), Some("users/admin/policies".into()));
        assert_eq!(p.fold("users/admin/policies", |n| n == "username"), None);
        assert_eq!(p.fold("users/ADMIN/policies", |_| false), None);
        assert_eq!(Pattern::new("acl/{name:rest}").fold("acl/A/B", |_| true), Some("acl/a/b".into()));
    }
}
