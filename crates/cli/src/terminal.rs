//! Questions on the terminal.

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{BufRead, BufReader, Error, Result};

/// Reads a line from the controlling terminal, without showing it if `hidden`.
pub(crate) fn read_line(hidden: bool) -> Result<String> {
    let terminal = File::open("/dev/tty")?;
    if hidden {
        let _silent = Silent::new(&terminal)?;
        return read_typed(BufReader::new(&terminal));
    }
    let mut line = String::new();
    if BufReader::new(&terminal).read_line(&mut line)? == 0 {
        return Err(Error::other("no answer"));
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// A line as its keys are struck. The terminal does not interpret them meanwhile: Ctrl-C would end the
/// process and leave the terminal silent.
fn read_typed(keys: impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    for key in keys.bytes() {
        match key? {
            b'\r' | b'\n' => {
                return String::from_utf8(line).map_err(|_| Error::other("it is not UTF-8 text"));
            }
            CTRL_C => return Err(Error::other("interrupted")),
            CTRL_D if line.is_empty() => break,
            CTRL_D => {}
            CTRL_U => line.clear(),
            BACKSPACE | DELETE => {
                // A letter may be of several bytes, of which only the first is none of these.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte => line.push(byte),
        }
    }
    Err(Error::other("no answer"))
}

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_U: u8 = 21;
const BACKSPACE: u8 = 8;
const DELETE: u8 = 127;

/// Hides what is typed for as long as it lives.
struct Silent<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn new(terminal: &'a File) -> Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // The worst that is left is a terminal without echo, which `reset` repairs.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line() {
        let typed = |keys: &str| read_typed(keys.as_bytes()).map_err(|e| e.to_string());
        for (keys, line) in [
            ("s3cr3t\n", "s3cr3t"),
            ("a\u{e9}\u{7f}\u{7f}b\r", "b"),
            ("wrong\u{15}right\n", "right"),
            ("a\u{4}b\nrest", "ab"),
            ("\u{8}\n", ""),
        ] {
            assert_eq!(typed(keys).as_deref(), Ok(line), "{keys:?}");
        }
        assert_eq!(typed("abc\u{3}"), Err("interrupted".to_owned()));
        assert_eq!(typed("\u{4}"), Err("no answer".to_owned()));
        assert_eq!(typed("abc"), Err("no answer".to_owned()));
        assert!(read_typed(&[0xff, b'\n'][..]).is_err());
    }
}
