//! The tokens: white space and comments, words, texts, heredocs and numbers.

use super::Error;
use serde_json::Number;

pub(super) struct Scanner<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 }
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> Error {
        Error { line: self.line, problem: problem.into() }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        if c == '\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(c)
    }

    /// Takes `c` if it comes next.
    pub(super) fn take(&mut self, c: char) -> bool {
        let next = self.peek() == Some(c);
        if next {
            self.bump();
        }
        next
    }

    /// Skips white space and comments.
    pub(super) fn skip_space(&mut self) -> Result<(), Error> {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
            if self.rest.starts_with('#') || self.rest.starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest.starts_with("/*") {
                self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// A name without quotes.
    pub(super) fn word(&mut self) -> &'a str {
        self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    }

    /// A text in double quotes.
    pub(super) fn quoted(&mut self) -> Result<String, Error> {
        self.take('"');
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                None => return Err(self.error("a text in double quotes is not closed")),
                Some('\n') => {
                    let line = self.line.saturating_sub(1);
                    let problem = "a text in double quotes is not closed on its line".to_owned();
                    return Err(Error { line, problem });
                }
                Some(c) => text.push(c),
            }
        }
    }

    /// `<<EOT` or `<<-EOT`, lines, and `EOT` on a line of its own.
    pub(super) fn heredoc(&mut self) -> Result<String, Error> {
        let opened = self.line;
        if !self.rest.starts_with("<<") {
            return Err(self.error("found '<' where a value should stand; a heredoc begins with <<"));
        }
        self.take_while(|c| c == '<');
        let indented = self.take('-');
        let marker = self.word();
        self.take('\r');
        if marker.is_empty() || !self.take('\n') {
            return Err(self.error("a heredoc begins with <<, a name and the end of the line"));
        }
        let mut lines = Vec::new();
        loop {
            let line = self.take_while(|c| c != '\n');
            if line.trim() == marker {
                let indent = line.strip_suffix(line.trim_start()).unwrap_or_default();
                return Ok(join(&lines, if indented { indent } else { "" }));
            }
            lines.push(line);
            if !self.take('\n') {
                let problem = format!("the heredoc of line {opened} does not end with {marker}");
                return Err(self.error(problem));
            }
        }
    }

    /// A decimal, octal (`017`) or hexadecimal (`0x1f`) number.
    pub(super) fn number(&mut self) -> Result<Number, Error> {
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
        read_number(text)
            .ok_or_else(|| self.error("not a number; texts and durations stand in double quotes"))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c: char| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        let newlines = taken.bytes().filter(|b| *b == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.rest = rest;
        taken
    }

    fn block_comment(&mut self) -> Result<(), Error> {
        let opened = self.line;
        self.bump();
        self.bump();
        while !self.rest.starts_with("*/") {
            if self.bump().is_none() {
                return Err(self.error(format!("the comment of line {opened} has no '*/'")));
            }
        }
        self.bump();
        self.bump();
        Ok(())
    }

    /// What a backslash in a text stands for.
    fn escape(&mut self) -> Result<char, Error> {
        let c = self.bump();
        Ok(match c {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some(c @ ('\\' | '"' | '/')) => c,
            Some('x') => self.code_point(2)?,
            Some('u') => self.utf16()?,
            Some('U') => self.code_point(8)?,
            _ => return Err(self.error(BAD_ESCAPE)),
        })
    }

    /// `\uXXXX`, or two of them for one character beyond the first plane.
    fn utf16(&mut self) -> Result<char, Error> {
        let first = self.hex(4)?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        if !(self.take('\\') && self.take('u')) {
            return Err(self.error(BAD_ESCAPE));
        }
        let units = [first, self.hex(4)?].map(|u| u16::try_from(u).unwrap_or(u16::MAX));
        let mut decoded = char::decode_utf16(units);
        match (decoded.next(), decoded.next()) {
            (Some(Ok(c)), None) => Ok(c),
            _ => Err(self.error(BAD_ESCAPE)),
        }
    }

    fn code_point(&mut self, digits: u32) -> Result<char, Error> {
        let code = self.hex(digits)?;
        char::from_u32(code).ok_or_else(|| self.error(BAD_ESCAPE))
    }

    fn hex(&mut self, digits: u32) -> Result<u32, Error> {
        let mut code: u32 = 0;
        for _ in 0..digits {
            let digit = self.peek().and_then(|c| c.to_digit(16)).ok_or_else(|| self.error(BAD_ESCAPE))?;
            self.bump();
            code = code.wrapping_shl(4) | digit;
        }
        Ok(code)
    }
}

const BAD_ESCAPE: &str = "unknown escape in a text: use \\\\, \\\", \\n, \\r, \\t, \\uXXXX with four or \\UXXXXXXXX with eight digits";

/// The lines of a heredoc, without `indent` if all of them have it.
fn join(lines: &[&str], indent: &str) -> String {
    let common = lines.iter().all(|l| l.starts_with(indent));
    let mut text = String::new();
    for line in lines {
        text.push_str(if common { line.strip_prefix(indent).unwrap_or(line) } else { line });
        text.push('\n');
    }
    text
}

fn read_number(text: &str) -> Option<Number> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |d| ("-", d));
    let (radix, body) = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        (16, hex)
    } else if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        (8, digits)
    } else {
        return text.parse().ok();
    };
    if !body.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{body}"), radix).ok().map(Number::from)
}
