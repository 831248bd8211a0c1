//! Patterns over paths: `*` is any text within a segment, `**` any text at all, `?` one character within a
//! segment.

/// A pattern.
pub(super) struct Glob(Vec<Part>);

#[derive(PartialEq, Eq, Clone, Copy)]
enum Part {
    Text(char),
    One,
    Within,
    Across,
}

impl Glob {
    /// Reads a pattern; every text is one.
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for letter in pattern.chars() {
            match (letter, parts.last()) {
                ('*', Some(Part::Within | Part::Across)) => {
                    parts.pop();
                    parts.push(Part::Across);
                }
                ('*', _) => parts.push(Part::Within),
                ('?', _) => parts.push(Part::One),
                (letter, _) => parts.push(Part::Text(letter)),
            }
        }
        Self(parts)
    }

    /// Whether all of `text` matches. The work is bounded by the product of both lengths.
    pub(super) fn matches(&self, text: &str) -> bool {
        // Whether the text so far can be what the first parts stand for, by their number.
        let mut reached = vec![false; self.0.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        self.pass_empty(&mut reached);
        for letter in text.chars() {
            let mut next = vec![false; reached.len()];
            for ((part, from), at) in self.0.iter().zip(&reached).zip(0..) {
                if !from {
                    continue;
                }
                let (takes, stays) = match part {
                    Part::Text(wanted) => (*wanted == letter, false),
                    Part::One => (letter != '/', false),
                    Part::Within => (false, letter != '/'),
                    Part::Across => (false, true),
                };
                set(&mut next, at, stays);
                set(&mut next, at + 1, takes);
            }
            self.pass_empty(&mut next);
            reached = next;
        }
        reached.last() == Some(&true)
    }

    /// Stars stand for nothing, too.
    fn pass_empty(&self, reached: &mut [bool]) {
        for (part, at) in self.0.iter().zip(0..) {
            if matches!(part, Part::Within | Part::Across) && reached.get(at) == Some(&true) {
                set(reached, at + 1, true);
            }
        }
    }
}

fn set(reached: &mut [bool], at: usize, value: bool) {
    if let Some(place) = reached.get_mut(at) {
        *place |= value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_within_and_across_segments() {
        for (pattern, yes, no) in [
            ("db", &["db"][..], &["dbx", "xdb", "", "d/b"][..]),
            ("db*", &["db", "db1"], &["db/x", "adb"]),
            ("*db*", &["adbc", "db"], &["a/db"]),
            ("app/*/db", &["app/x/db"], &["app/x/y/db", "app/db", "app//x/db"]),
            ("app/**", &["app/x", "app/x/y", "app/"], &["app"]),
            ("**db", &["db", "a/b/db"], &["db/x"]),
            ("?b", &["db", "éb"], &["/b", "b"]),
            ("", &[""], &["a"]),
            ("a*b*c", &["abc", "aXbYc", "abbc"], &["ab", "acb"]),
        ] {
            let glob = Glob::new(pattern);
            for text in yes {
                assert!(glob.matches(text), "{pattern} {text}");
            }
            for text in no {
                assert!(!glob.matches(text), "{pattern} {text}");
            }
        }
    }
}
