//! Places in a text.

/// How many characters stand before `at` on its line.
pub(super) fn column(text: &str, at: usize) -> usize {
    text.get(line_start(text, at)..at).map_or(0, |before| before.chars().count())
}

/// The first byte of the line.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

/// Where the line that `at` stands on ends, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    at + line.strip_suffix('\r').unwrap_or(line).len()
}

/// Whether `at` is the first visible byte of its line.
pub(super) fn only_blanks_before(text: &str, at: usize) -> bool {
    text.get(line_start(text, at)..at).is_some_and(|before| before.chars().all(|c| c == ' '))
}

/// The dash of a list's member between `from` and the member's content; what else stands there are blanks,
/// comments, and what introduces the list.
pub(super) fn dash(text: &str, from: usize, to: usize) -> Option<usize> {
    let between = text.get(from..to)?;
    let mut rest = between;
    loop {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
        match first {
            '-' if word == 1 => return Some(to - rest.len()),
            ':' => rest = rest.get(1..)?,
            '#' => rest = rest.get(rest.find('\n')?..)?,
            '&' | '!' => rest = rest.get(word..)?,
            _ => return None,
        }
    }
}
