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
            Token::Mark(bracket @ ('{' | '[')) => self.open(*bracket, next),
            Token::Mark(bracket @ ('}' | ']')) => self.close(*bracket, next),
            Token::Mark(mark) => {
                self.space = false;
                self.word(mark.encode_utf8(&mut [0; 4]));
                if self.brackets.last() == Some(&'{') && *mark == ',' {
                    self.break_line();
                }
            }
        }
    }

    fn open(&mut self, bracket: char, next: Option<&Token<'_>>) {
        self.word(bracket.encode_utf8(&mut [0; 4]));
        self.brackets.push(bracket);
        self.space = false;
        if bracket == '{' && next != Some(&Token::Mark('}')) {
            self.break_line();
        }
    }

    fn close(&mut self, bracket: char, next: Option<&Token<'_>>) {
        if bracket == '}' && !self.line.text.ends_with('{') {
            self.break_line();
        }
        while self.line.text.is_empty() && self.lines.last().is_some_and(|line| line.text.is_empty()) {
            self.lines.pop();
        }
        self.brackets.pop();
        self.space = false;
        self.word(bracket.encode_utf8(&mut [0; 4]));
        let goes_on = matches!(next, Some(Token::Mark(',') | Token::Comment(_)));
        if bracket == '}' && !goes_on {
            self.break_line();
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
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        strongroom_policy::parse("p", text).ok().map(|policy| format!("{policy:?}"))
    }

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
            assert!(read(text).is_some(), "{text}");
            assert_eq!(read(text), read(neat_text), "{text}");
        }
    }

    /// A policy with white space and comments where they may stand.
    fn sloppy() -> impl Strategy<Value = String> {
        let gap = || {
            prop::sample::select(vec![
                "",
                " ",
                "\n",
                "\n\n\n",
                "\t",
                " # {[\"\n",
                "\n// a = b\n",
                "/* x\n} */",
            ])
        };
        let list =
            prop::collection::vec(prop::sample::select(vec!["\"read\"", "\"list\"", "\"update\""]), 1..4);
        let rule = ("[a-z{}=#/+*\\[]{1,8}", gap(), gap(), gap(), gap(), list, any::<bool>(), any::<bool>());
        prop::collection::vec(rule, 0..4).prop_map(|rules| {
            let rule = |(path, a, b, c, d, list, comma, more): (
                String,
                &str,
                &str,
                &str,
                &str,
                Vec<&str>,
                bool,
                bool,
            )| {
                let end = if comma { "," } else { "" };
                let list = list.join(&format!("{c},{a}"));
                let more = if more { "\n allowed_parameters={\"x\"=[]\n\"y y\" = [1]}\n" } else { "" };
                format!("path{a}\"{path}\"{b}{{{c}capabilities ={a} [{d}{list}{end}{b}]{c}{more}}}{d}\n")
            };
            rules.into_iter().map(rule).collect()
        })
    }

    proptest! {
        #[test]
        fn layout_changes_no_meaning_and_is_done_once(text in sloppy()) {
            prop_assume!(read(&text).is_some());
            let once = neat(&text);
            prop_assert_eq!(read(&once), read(&text), "{}", once);
            prop_assert_eq!(neat(&once), once.clone(), "{}", once);
        }

        #[test]
        fn any_text_keeps_its_words(text in "[a \n\"{}=#,/*<\\[\\]]{0,40}") {
            let letters = |text: &str| text.matches('a').count();
            prop_assert_eq!(letters(&neat(&text)), letters(&text));
        }
    }
}
