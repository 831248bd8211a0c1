//! Reading the entries of a spooled snapshot file.

use super::{END, HEADER};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// What a file may claim: more than any store takes, little enough to be allocated.
const LONGEST_KEY: u32 = 64 << 10;
const LONGEST_VALUE: u32 = 256 << 20;

/// A key and its value.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// Reads entries from the first to the last, and continues where it stopped.
pub(super) struct Entries<R> {
    file: BufReader<R>,
    last: Option<Vec<u8>>,
    ended: bool,
}

impl<R: Read + Seek> Entries<R> {
    pub(super) fn new(file: R) -> io::Result<Self> {
        let mut entries = Self { file: BufReader::with_capacity(64 << 10, file), last: None, ended: false };
        entries.rewind()?;
        Ok(entries)
    }

    /// Stands before the first entry after `after`.
    pub(super) fn seek(&mut self, after: Option<&[u8]>) -> io::Result<()> {
        if self.last.as_deref() == after {
            return Ok(());
        }
        self.rewind()?;
        while after.is_some() && self.last.as_deref() < after {
            let before = (self.file.stream_position()?, self.last.clone());
            match self.next()? {
                Some((key, _)) if Some(key.as_slice()) > after => {
                    self.file.seek(SeekFrom::Start(before.0))?;
                    self.last = before.1;
                    return Ok(());
                }
                Some(_) => {}
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The next entry; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.ended {
            return Ok(None);
        }
        let key_length = self.number()?;
        if key_length == END {
            self.ended = true;
            return Ok(None);
        }
        let value_length = self.number()?;
        if key_length > LONGEST_KEY || value_length > LONGEST_VALUE {
            return Err(damaged("an entry is impossibly long"));
        }
        let key = self.bytes(key_length)?;
        let value = self.bytes(value_length)?;
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            return Err(damaged("its keys do not rise"));
        }
        self.last = Some(key.clone());
        Ok(Some((key, value)))
    }

    /// What follows the last entry: how many there were.
    pub(super) fn count(&mut self) -> io::Result<u64> {
        let mut count = [0; 8];
        self.file.read_exact(&mut count)?;
        Ok(u64::from_le_bytes(count))
    }

    /// How many bytes follow.
    pub(super) fn rest(&mut self) -> io::Result<u64> {
        let here = self.file.stream_position()?;
        let end = self.file.seek(SeekFrom::End(0))?;
        Ok(end.saturating_sub(here))
    }

    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(HEADER as u64))?;
        (self.last, self.ended) = (None, false);
        Ok(())
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut number = [0; 4];
        self.file.read_exact(&mut number)?;
        Ok(u32::from_le_bytes(number))
    }

    /// Allocates as the bytes come, not as many as the length claims.
    fn bytes(&mut self, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(length.into()).read_to_end(&mut bytes)?;
        if read as u64 == u64::from(length) { Ok(bytes) } else { Err(damaged("it ends within an entry")) }
    }
}

/// An error about the file's content.
pub(super) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
