//! The patterns of paths: exact, `prefix*`, and `+` for a whole segment.

use std::cmp::Reverse;

/// A path of a rule, without leading slash, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Matches itself only.
    Exact,
    /// Matches what begins with `head` and goes on as `tail` says.
    Wild { head: String, tail: Tail },
}

/// What follows the literal beginning of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tail {
    /// `*` right after the beginning.
    Anything,
    /// Segments, the first of which is `+`. An open tail ended in `*`.
    Segments { parts: Vec<Part>, open: bool },
}

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// `+`
    Any,
    /// The segment; in the last place of an open tail its beginning.
    Literal(String),
}

impl Pattern {
    pub(crate) fn new(path: &str) -> Self {
        let (body, open) = path.strip_suffix('*').map_or((path, false), |body| (body, true));
        let mut head = String::new();
        let mut segments = body.split('/');
        while let Some(segment) = segments.next() {
            if segment == "+" {
                let parts = std::iter::once(segment).chain(segments).map(Part::new).collect();
                return Self::Wild { head, tail: Tail::Segments { parts, open } };
            }
            head.push_str(segment);
            head.push('/');
        }
        if open { Self::Wild { head: body.to_owned(), tail: Tail::Anything } } else { Self::Exact }
    }
}

impl Part {
    fn new(segment: &str) -> Self {
        if segment == "+" { Self::Any } else { Self::Literal(segment.to_owned()) }
    }
}

impl Tail {
    /// Whether a path goes on as the pattern does; `rest` is what follows the head.
    pub(crate) fn matches(&self, rest: &str) -> bool {
        let Self::Segments { parts, open } = self else {
            return true;
        };
        let mut given = rest.split('/');
        let mut wanted = parts.iter().peekable();
        while let Some(part) = wanted.next() {
            let Some(segment) = given.next() else {
                return false;
            };
            let last_of_open = *open && wanted.peek().is_none();
            if !part.fits(segment, last_of_open) {
                return false;
            }
        }
        *open || given.next().is_none()
    }

    /// Whether some path below the folder can match; `rest` is what follows the head in the name of
    /// the folder, without its last slash. `prefix*` counts for the folder itself, never for what is
    /// below it alone.
    pub(crate) fn reaches_below(&self, rest: &str) -> bool {
        let Self::Segments { parts, open } = self else {
            return false;
        };
        let mut wanted = parts.iter().peekable();
        for segment in rest.split('/') {
            let Some(part) = wanted.next() else {
                return *open;
            };
            if !part.fits(segment, *open && wanted.peek().is_none()) {
                return false;
            }
        }
        *open || wanted.next().is_some()
    }

    /// The order among patterns with the same head, best first: not ending in `*`, then fewer `+`,
    /// then longer, then later in the alphabet. `pattern` is the whole of it.
    pub(crate) fn order<'a>(&self, pattern: &'a str) -> (bool, usize, Reverse<usize>, Reverse<&'a str>) {
        let text = pattern.strip_suffix('*').unwrap_or(pattern);
        let (open, plus) = match self {
            Self::Anything => (true, 0),
            Self::Segments { parts, open } => (*open, parts.iter().filter(|p| **p == Part::Any).count()),
        };
        (open, plus, Reverse(text.len()), Reverse(text))
    }
}

impl Part {
    fn fits(&self, segment: &str, as_beginning: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) if as_beginning => segment.starts_with(literal.as_str()),
            Self::Literal(literal) => segment == literal,
        }
    }
}
