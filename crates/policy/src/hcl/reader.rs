//! The grammar: objects, lists and values by recursive descent, bounded by `MAX_DEPTH`.

use super::scan::Scanner;
use super::{Entry, Error, Kind, MAX_BYTES, MAX_DEPTH, Object, Value};

pub(super) fn read(text: &str) -> Result<Object, Error> {
    if text.len() > MAX_BYTES {
        let problem = format!("the text is longer than {MAX_BYTES} bytes");
        return Err(Error { line: 1, problem });
    }
    let mut reader = Reader { scan: Scanner::new(text) };
    reader.scan.skip_space()?;
    let object = if reader.scan.peek() == Some('{') {
        let object = reader.braces(1)?;
        reader.scan.skip_space()?;
        object
    } else {
        reader.entries(0)?
    };
    match reader.scan.peek() {
        None => Ok(object),
        Some(c) => Err(reader.unexpected(c, "the end of the text")),
    }
}

struct Reader<'a> {
    scan: Scanner<'a>,
}

impl Reader<'_> {
    /// Entries up to a closing brace or the end, neither of which is taken.
    fn entries(&mut self, depth: usize) -> Result<Object, Error> {
        let mut object = Object::default();
        loop {
            self.scan.skip_space()?;
            if matches!(self.scan.peek(), None | Some('}')) {
                return Ok(object);
            }
            object.entries.push(self.entry(depth)?);
            self.scan.skip_space()?;
            self.scan.take(',');
        }
    }

    fn braces(&mut self, depth: usize) -> Result<Object, Error> {
        self.check_depth(depth)?;
        let opened = self.scan.line();
        self.scan.take('{');
        let object = self.entries(depth)?;
        if self.scan.take('}') {
            return Ok(object);
        }
        Err(self.scan.error(format!("the '{{' of line {opened} has no '}}'")))
    }

    /// `key = value`, `key : value`, `key { ... }` or `key "label" { ... }`.
    fn entry(&mut self, depth: usize) -> Result<Entry, Error> {
        let line = self.scan.line();
        let key = self.key()?.ok_or_else(|| self.wanted("a name"))?;
        let mut labels: Vec<(String, u32)> = Vec::new();
        loop {
            self.scan.skip_space()?;
            let at = self.scan.line();
            match self.scan.peek() {
                Some('=' | ':') if labels.is_empty() => {
                    self.scan.bump();
                    self.scan.skip_space()?;
                    let value = self.value(depth.saturating_add(1))?;
                    return Ok(Entry { key, value, line });
                }
                Some('{') => {
                    let inner = depth.saturating_add(1).saturating_add(labels.len());
                    let body = self.braces(inner)?;
                    return Ok(Entry { key, value: nest(labels, body, at), line });
                }
                _ => {}
            }
            let label = self.key()?.ok_or_else(|| self.wanted("'=' or '{'"))?;
            labels.push((label, at));
            self.check_depth(depth.saturating_add(labels.len()))?;
        }
    }

    fn key(&mut self) -> Result<Option<String>, Error> {
        Ok(match self.scan.peek() {
            Some('"') => Some(self.scan.quoted()?),
            Some(c) if c.is_alphabetic() || c == '_' => Some(self.scan.word().to_owned()),
            _ => None,
        })
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let line = self.scan.line();
        let kind = match self.scan.peek() {
            Some('"') => Kind::Text(self.scan.quoted()?),
            Some('<') => Kind::Text(self.scan.heredoc()?),
            Some('[') => Kind::List(self.list(depth)?),
            Some('{') => Kind::Object(self.braces(depth)?),
            Some('-' | '0'..='9') => Kind::Number(self.scan.number()?),
            Some(c) if c.is_alphabetic() || c == '_' => match self.scan.word() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => Kind::Null,
                _ => return Err(Error { line, problem: "texts must stand in double quotes".to_owned() }),
            },
            _ => return Err(self.wanted("a value")),
        };
        Ok(Value { kind, line })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, Error> {
        self.check_depth(depth)?;
        let opened = self.scan.line();
        self.scan.take('[');
        let mut items = Vec::new();
        loop {
            self.scan.skip_space()?;
            if self.scan.take(']') {
                return Ok(items);
            }
            if self.scan.peek().is_none() {
                return Err(self.scan.error(format!("the '[' of line {opened} has no ']'")));
            }
            items.push(self.value(depth.saturating_add(1))?);
            self.scan.skip_space()?;
            if !self.scan.take(',') && self.scan.peek().is_some_and(|c| c != ']') {
                return Err(self.wanted("',' or ']'"));
            }
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), Error> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        Err(self.scan.error(format!("nested deeper than {MAX_DEPTH} levels")))
    }

    fn wanted(&self, what: &str) -> Error {
        match self.scan.peek() {
            Some(c) => self.unexpected(c, what),
            None => self.scan.error(format!("the text ends where {what} should stand")),
        }
    }

    fn unexpected(&self, c: char, wanted: &str) -> Error {
        self.scan.error(format!("found {c:?} where {wanted} should stand"))
    }
}

/// The body of a block inside objects of its labels.
fn nest(labels: Vec<(String, u32)>, body: Object, line: u32) -> Value {
    let inner = Value { kind: Kind::Object(body), line };
    labels.into_iter().rev().fold(inner, |value, (key, line)| {
        let entries = vec![Entry { key, value, line }];
        Value { kind: Kind::Object(Object { entries }), line }
    })
}
