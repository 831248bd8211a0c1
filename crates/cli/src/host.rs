//! The process around a command: variables, streams, terminal. Tests put something else in their place.

use std::io::{IsTerminal, Read, Write};

/// Looks up environment variables.
pub type Variables = Box<dyn Fn(&str) -> Option<String>>;

/// The process around a command.
pub struct Host {
    /// The name the program was called by.
    pub program: String,
    /// The environment.
    pub variable: Variables,
    /// Standard input.
    pub stdin: Box<dyn Read>,
    /// Standard output.
    pub stdout: Box<dyn Write>,
    /// Standard error.
    pub stderr: Box<dyn Write>,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether there is someone to ask.
    pub interactive: bool,
    pub(crate) write_failed: bool,
    /// Whether requests are sent with no token at all.
    pub(crate) without_token: bool,
}

impl Host {
    /// The real one.
    pub fn process() -> Self {
        let program = std::env::args_os().next().map(std::path::PathBuf::from);
        let name =
            program.as_deref().and_then(std::path::Path::file_name).map(|n| n.to_string_lossy().into_owned());
        Self::new(
            &name.unwrap_or_else(|| "strongroom".to_owned()),
            Box::new(|name| std::env::var(name).ok()),
            Box::new(std::io::stdin()),
            Box::new(std::io::stdout()),
            Box::new(std::io::stderr()),
        )
        .terminals(std::io::stdout().is_terminal(), std::io::stdin().is_terminal())
    }

    /// One without a terminal.
    pub fn new(
        program: &str,
        variable: Variables,
        stdin: Box<dyn Read>,
        stdout: Box<dyn Write>,
        stderr: Box<dyn Write>,
    ) -> Self {
        let program = program.to_owned();
        Self {
            program,
            variable,
            stdin,
            stdout,
            stderr,
            stdout_is_terminal: false,
            interactive: false,
            write_failed: false,
            without_token: false,
        }
    }

    /// The same with terminals.
    #[must_use]
    pub fn terminals(self, stdout: bool, stdin: bool) -> Self {
        Self { stdout_is_terminal: stdout, interactive: stdin, ..self }
    }

    /// Writes to standard output. A reader that went away (`| head`) is no failure.
    pub(crate) fn write_out(&mut self, text: &str) {
        let result = self.stdout.write_all(text.as_bytes()).and_then(|()| self.stdout.flush());
        self.note(result);
    }

    /// Writes bytes to standard output.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) {
        let result = self.stdout.write_all(bytes).and_then(|()| self.stdout.flush());
        self.note(result);
    }

    /// Writes to standard error. There is no place to report a failure of it.
    pub(crate) fn write_err(&mut self, text: &str) {
        let _ = self.stderr.write_all(text.as_bytes());
    }

    fn note(&mut self, result: std::io::Result<()>) {
        if result.is_err_and(|e| e.kind() != std::io::ErrorKind::BrokenPipe) {
            self.write_failed = true;
        }
    }
}
