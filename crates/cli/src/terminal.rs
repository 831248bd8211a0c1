//! Questions on the terminal.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{BufRead, BufReader, Error, Result};

/// Reads a line from the controlling terminal, without showing it if `hidden`.
pub(crate) fn read_line(hidden: bool) -> Result<String> {
    let terminal = File::open("/dev/tty")?;
    let echo = if hidden { Some(EchoOff::new(&terminal)?) } else { None };
    let mut line = String::new();
    let read = BufReader::new(&terminal).read_line(&mut line)?;
    drop(echo);
    if read == 0 {
        return Err(Error::other("no answer"));
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Hides what is typed for as long as it lives.
struct EchoOff<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> EchoOff<'a> {
    fn new(terminal: &'a File) -> Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for EchoOff<'_> {
    fn drop(&mut self) {
        // The worst that is left is a terminal without echo, which `reset` repairs.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
