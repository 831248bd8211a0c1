//! The pieces of an HCL text, as they are written.

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A word, a text in quotes or a number.
    Word(&'a str),
    /// From `<<` to the end of the last line.
    Heredoc(&'a str),
    /// A comment, without the line end after it.
    Comment(&'a str),
    /// A bracket, equal sign, comma or colon.
    Mark(char),
    /// How many line ends come together.
    Breaks(usize),
}

pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while let Some(first) = rest.chars().next() {
        let until = |end: Option<usize>| end.unwrap_or(rest.len());
        let line = until(rest.find('\n'));
        let (length, make): (usize, fn(&str) -> Token<'_>) = match first {
            c if c.is_whitespace() => {
                let length = until(rest.find(|c: char| !c.is_whitespace()));
                (length, |text| Token::Breaks(text.matches('\n').count()))
            }
            '#' => (line, |text| Token::Comment(text.trim_end())),
            '/' if rest.starts_with("//") => (line, |text| Token::Comment(text.trim_end())),
            '/' if rest.starts_with("/*") => {
                (until(rest.find("*/").map(|at| at + 2)), |text| Token::Comment(text))
            }
            '=' | '{' | '}' | '[' | ']' | ',' | ':' => {
                (1, |text| Token::Mark(text.chars().next().unwrap_or(' ')))
            }
            '"' => (quoted_length(rest), |text| Token::Word(text)),
            '<' if rest.starts_with("<<") => (heredoc_length(rest), |text| Token::Heredoc(text)),
            _ => (until(rest.find(|c: char| c.is_whitespace() || "={}[],:#\"".contains(c))), |text| {
                Token::Word(text)
            }),
        };
        let (token, after) = rest.split_at_checked(length.max(1)).unwrap_or((rest, ""));
        let token = make(token);
        if token != Token::Breaks(0) {
            found.push(token);
        }
        rest = after;
    }
    found
}

/// How long the text in quotes is that comes first, quotes included.
fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// How long the heredoc is that comes first, without the line end after its last line.
fn heredoc_length(text: &str) -> usize {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    let end = first.trim_start_matches("<<").trim_start_matches('-').trim();
    let mut length = first.len();
    for line in lines {
        if line.trim() == end {
            return length + line.trim_end().len();
        }
        length += line.len();
    }
    text.len()
}
