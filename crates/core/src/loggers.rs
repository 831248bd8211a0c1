//! The levels of the process' log. Who writes the log is the binary's business; this is how `sys/loggers`
//! reaches it.

use std::collections::BTreeMap;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    Trace,
    /// What helps to find faults.
    Debug,
    /// What operators want to see.
    Info,
    /// What needs their attention.
    Warn,
    /// What went wrong.
    Error,
}

impl Level {
    /// Reads a level by any of its names.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "trace" => Some(Self::Trace),
            "debug" => Some(Self::Debug),
            "info" | "notice" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" | "err" => Some(Self::Error),
            _ => None,
        }
    }

    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Levels that can be changed while the process runs. A logger without a level of its own has the
/// one of all the others.
pub trait LogLevels: std::fmt::Debug + Send + Sync + 'static {
    /// The levels by logger; all loggers that are known.
    fn levels(&self) -> BTreeMap<String, Level>;

    /// Sets the level of one logger, or of all without a name. False when there is no such logger.
    fn set(&self, logger: Option<&str>, level: Level) -> bool;

    /// Goes back to the configured level, of one logger or of all. False when there is no such logger.
    fn reset(&self, logger: Option<&str>) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_name_and_prints_one() {
        for (name, level) in [("TRACE", "trace"), ("notice", "info"), ("warning", "warn"), (" err ", "error")]
        {
            assert_eq!(Level::parse(name).map(Level::as_str), Some(level));
        }
        assert_eq!(Level::parse("loud"), None);
        assert!(Level::Trace < Level::Error);
    }
}
