//! What people get to read: lines on standard error, and the Pod's termination message.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// The variable that names another file for the termination message.
pub(crate) const TERMINATION_VARIABLE: &str = "STRONGROOM_TERMINATION_LOG";

/// Where Kubernetes reads the message from unless the container says otherwise.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// As much as Kubernetes keeps.
const TERMINATION_LIMIT: usize = 4096;

/// Why the program ends without success.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// What went wrong; lines for people.
    pub(crate) text: String,
    /// The exit status.
    pub(crate) code: u8,
    /// Whether it belongs into the termination message.
    lasting: bool,
}

impl Ending {
    /// The work could not be done.
    pub(crate) fn failed(text: String) -> Self {
        Self { text, code: 1, lasting: true }
    }

    /// Command line or plan are wrong.
    pub(crate) fn usage(text: String) -> Self {
        Self { text, code: 2, lasting: true }
    }

    /// The program to start cannot be started; `code` as shells have it.
    pub(crate) fn unstartable(text: String, code: u8) -> Self {
        Self { text, code, lasting: true }
    }

    /// An answer rather than an error.
    pub(crate) fn quiet(text: String) -> Self {
        Self { text, code: 1, lasting: false }
    }

    /// SIGTERM came before the work was done.
    pub(crate) fn stopped() -> Self {
        Self { text: "SIGTERM came before all values were there".to_owned(), code: 143, lasting: true }
    }

    /// Says why on standard error and in the termination message.
    pub(crate) fn tell(&self) {
        for line in self.text.lines() {
            say(line);
        }
        if self.lasting {
            leave(&self.text);
        }
    }
}

/// One line on standard error, whatever the text holds.
pub(crate) fn say(text: &str) {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Whoever closed standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "strongroom-init: {line}");
}

/// Outside Kubernetes the usual file does not exist and is not made.
fn leave(text: &str) {
    let named = std::env::var_os(TERMINATION_VARIABLE);
    let path = named.as_deref().map_or(Path::new(TERMINATION_LOG), Path::new);
    let file = OpenOptions::new().write(true).truncate(true).create(named.is_some()).open(path);
    if let Ok(mut file) = file
        && let Err(e) = file.write_all(shortened(text).as_bytes())
    {
        say(&format!("the termination message could not be written: {e}"));
    }
}

fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(TERMINATION_LIMIT);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_at_a_whole_character() {
        let text = format!("{}é", "x".repeat(4095));
        assert_eq!(shortened(&text).len(), 4095);
        assert_eq!(shortened("short"), "short");
    }
}
