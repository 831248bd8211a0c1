//! How a policy file is laid out: two spaces for each level, one statement a line, equal signs of
//! neighbouring lines below each other. Comments and single blank lines stay.

mod tokens;

use tokens::{Token, tokens};

/// Lays out a text that is known to be a valid policy in HCL.
pub(super) fn neat(text: &str) -> String {
    let tokens = tokens(text);
    let mut page = Page::default();
    for (i, token) in tokens.iter().enumerate() {
        page.add(token, tokens.get(i + 1));
    }
    page.finish()
}

#[derive(Default)]
struct Line {
    depth: usize,
    text: String,
    /// How many bytes of the text stand before the equal sign.
    name: Option<usize>,
    /// Whether it ends inside a list or block, which keeps its equal sign where it is.
    open: bool,
}

#[derive(Default)]
struct Page {
    lines: Vec<Line>,
    line: Line,
    /// The brackets that are open.
    brackets: Vec<char>,
    /// Whether a space belongs before the next word.
    space: bool,
}

impl Page {
    fn add(&mut self, token: &Token<'_>, next: Option<&Token<'_>>) {
        match token {
            Token::Word(word) => self.word(word),
            Token::Heredoc(text) => {
                self.word(text);
                self.break_line();
            }
            Token::Comment(text) => {
                self.space = true;
                self.word(text);
                self.break_line();
            }
            Token::Breaks(count) => self.blank(*count),
            Token::Mark('=') => {
                if self.line.name.is_none() && self.brackets.last() != Some(&'[') {
                    self.line.name = Some(self.line.text.len());
                }
                self.space = true;
                self.word("=");
            }
            Token::Mark(bracket @ ('{' | '[')) => {
                self.word(&bracket.to_string());
                self.brackets.push(*bracket);
                self.space = false;
                let is_empty = matches!(next, Some(Token::Mark('}' | ']')));
                if *bracket == '{' && !is_empty {
                    self.break_line();
                }
            }
            Token::Mark(bracket @ ('}' | ']')) => {
                if *bracket == '}' && !self.line.text.ends_with('{') {
                    self.break_line();
                }
                while self.line.text.is_empty() && self.lines.last().is_some_and(|l| l.text.is_empty()) {
                    self.lines.pop();
                }
                self.brackets.pop();
                self.space = false;
                self.word(&bracket.to_string());
                if *bracket == '}' && next != Some(&Token::Mark(',')) {
                    self.break_line();
                }
            }
            Token::Mark(mark) => {
                self.space = false;
                self.word(&mark.to_string());
                if self.brackets.last() == Some(&'{') && *mark == ',' {
                    self.break_line();
                }
            }
        }
    }

    fn word(&mut self, word: &str) {
        if self.line.text.is_empty() {
            self.line.depth = self.brackets.len();
        } else if self.space {
            self.line.text.push(' ');
        }
        self.line.text.push_str(word);
        self.space = true;
    }

    /// Ends the line if there is anything on it.
    fn break_line(&mut self) {
        if !self.line.text.is_empty() {
            self.line.open = self.line.text.ends_with(['{', '[', ',']) || self.line.text.contains('\n');
            self.lines.push(std::mem::take(&mut self.line));
        }
        self.space = false;
    }

    /// Line ends in the source; of several, one blank line remains.
    fn blank(&mut self, count: usize) {
        self.break_line();
        let after = self.lines.last().map(|line| line.text.as_str());
        if count > 1 && after.is_some_and(|text| !text.is_empty() && !text.ends_with('{')) {
            self.lines.push(Line::default());
        }
    }

    fn finish(mut self) -> String {
        self.break_line();
        let mut out = String::new();
        let mut rest = self.lines.as_slice();
        while let Some(first) = rest.first() {
            let alike = |line: &&Line| line.name.is_some() && !line.open && line.depth == first.depth;
            let count = rest.iter().take_while(alike).count().max(1);
            let (group, after) = rest.split_at(count.min(rest.len()));
            let width = group.iter().filter_map(|line| line.name).max().unwrap_or(0);
            group.iter().for_each(|line| line.write(width, &mut out));
            rest = after;
        }
        let body = out.trim_matches('\n');
        if body.is_empty() { String::new() } else { format!("{body}\n") }
    }
}

impl Line {
    fn write(&self, width: usize, out: &mut String) {
        if !self.text.is_empty() {
            out.push_str(&"  ".repeat(self.depth));
        }
        match self.name.and_then(|at| self.text.split_at_checked(at)) {
            Some((name, rest)) => out.push_str(&format!("{name:width$}{rest}\n")),
            None => out.push_str(&format!("{}\n", self.text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_laid_out() {
        for (text, neat_text) in [
            (
                "path \"secret/*\" { capabilities=[\"read\",\"list\"] }",
                "path \"secret/*\" {\n  capabilities = [\"read\", \"list\"]\n}\n",
            ),
            (
                "# all\n\n\n\npath   \"a\"{\ncapabilities = [ \"read\" ] // why\n   min_wrapping_ttl=\"1m\"\n\n}\npath \"b\" {}\n",
                "# all\n\npath \"a\" {\n  capabilities     = [\"read\"] // why\n  min_wrapping_ttl = \"1m\"\n}\npath \"b\" {}\n",
            ),
            (
                "path \"a\" {\n allowed_parameters = {\n  \"x{\" = [ ]\n \"yyy\" = [1,\n 2]\n }\n}",
                "path \"a\" {\n  allowed_parameters = {\n    \"x{\" = []\n    \"yyy\" = [1,\n      2]\n  }\n}\n",
            ),
            (
                "path \"a\" {\n capabilities = [\n \"read\",\n\"list\",\n ]\n }",
                "path \"a\" {\n  capabilities = [\n    \"read\",\n    \"list\",\n  ]\n}\n",
            ),
            ("", ""),
        ] {
            assert_eq!(neat(text), neat_text);
            assert_eq!(neat(neat_text), neat_text, "once is enough");
            let read = |text: &str| strongroom_policy::parse("p", text).map(|p| format!("{p:?}"));
            assert_eq!(read(text).ok(), read(neat_text).ok(), "{text}");
        }
    }
}
