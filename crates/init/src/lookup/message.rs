//! Questions and answers of the domain name system (RFC 1035).

use std::net::IpAddr;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    A = 1,
    Aaaa = 28,
}

/// A question, as it is sent.
pub(super) struct Query(Vec<u8>);

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// None if the name does not exist, or not with this kind of address.
    Addresses(Vec<IpAddr>),
    /// This server does not know.
    Failed(String),
}

impl Query {
    /// None if the text cannot be a name.
    pub(super) fn new(id: u16, name: &str, record: Record) -> Option<Self> {
        let mut bytes = id.to_be_bytes().to_vec();
        // One question; recursion is desired.
        bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        if name.len() > LONGEST_NAME {
            return None;
        }
        for label in name.split('.') {
            let length =
                u8::try_from(label.len()).ok().filter(|length| (1..=LONGEST_LABEL).contains(length))?;
            bytes.push(length);
            bytes.extend(label.bytes());
        }
        bytes.extend([0, 0, record as u8, 0, INTERNET]);
        Some(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads an answer; none if it is not one to this question.
    pub(super) fn answer(&self, bytes: &[u8]) -> Option<Answer> {
        let (head, mut rest) = bytes.split_at_checked(HEAD)?;
        let (own_head, question) = self.0.split_at_checked(HEAD)?;
        let [flags, status, _, _, high, low] = *head.get(2..8)? else { return None };
        let is_answer = head.get(..2) == own_head.get(..2) && flags & 0x80 != 0;
        let (echo, records) = rest.split_at_checked(question.len())?;
        if !is_answer || !echo.eq_ignore_ascii_case(question) {
            return None;
        }
        rest = records;
        match status & 0x0f {
            0 => {}
            NO_SUCH_NAME => return Some(Answer::Addresses(Vec::new())),
            code => return Some(Answer::Failed(format!("the name server answers with error {code}"))),
        }
        let mut found = Vec::new();
        for _ in 0..u16::from_be_bytes([high, low]) {
            // A cut answer still counts for what is whole of it.
            let Some((address, behind)) = record(rest) else { break };
            found.extend(address);
            rest = behind;
        }
        let is_cut = flags & 0x02 != 0;
        if found.is_empty() && is_cut {
            return Some(Answer::Failed("the answer is too long for one packet".to_owned()));
        }
        Some(Answer::Addresses(found))
    }
}

/// A record's address, if it has one, and what is behind it.
fn record(bytes: &[u8]) -> Option<(Option<IpAddr>, &[u8])> {
    let rest = behind_name(bytes)?;
    let (head, rest) = rest.split_at_checked(10)?;
    let [_, kind, _, class, _, _, _, _, high, low] = *head else { return None };
    let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    let address = match (kind, class) {
        (1, INTERNET) => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
        (28, INTERNET) => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        _ => None,
    };
    Some((address, rest))
}

/// Names are not read: whatever they lead to was asked for.
fn behind_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            // The rest of the name stands elsewhere.
            192.. => return rest.get(1..),
            _ => bytes = rest.get(usize::from(*length)..)?,
        }
    }
}

const HEAD: usize = 12;
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: u8 = 63;
const INTERNET: u8 = 1;
const NO_SUCH_NAME: u8 = 3;
