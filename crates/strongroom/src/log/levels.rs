//! The level of each part of the server, changed while it runs by `sys/loggers` and on SIGHUP.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{PoisonError, RwLock};
use strongroom_core::loggers::{Level, LogLevels};

/// The parts of the server that log, by the names of their crates.
const LOGGERS: [&str; 11] = [
    "audit", "auth", "barrier", "core", "crypto", "engines", "http", "policy", "server", "storage", "system",
];

/// One level for all, and those of single loggers.
#[derive(Debug)]
pub(crate) struct Levels {
    configured: AtomicU8,
    general: AtomicU8,
    has_own: AtomicBool,
    own: RwLock<BTreeMap<&'static str, Level>>,
}

const ALL: [Level; 5] = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];

impl Levels {
    pub(crate) fn new(level: Level) -> Self {
        let byte = byte(level);
        Self {
            configured: AtomicU8::new(byte),
            general: AtomicU8::new(byte),
            has_own: AtomicBool::new(false),
            own: RwLock::default(),
        }
    }

    /// Whether a line of this level is written for a logger.
    pub(crate) fn is_on(&self, logger: &str, level: Level) -> bool {
        level >= self.get(logger)
    }

    /// Takes over a configured level that has changed.
    pub(crate) fn configure(&self, level: Level) {
        if self.configured.swap(byte(level), Ordering::AcqRel) != byte(level) {
            self.reset(None);
        }
    }

    fn get(&self, logger: &str) -> Level {
        if self.has_own.load(Ordering::Acquire)
            && let Some(level) = self.own.read().unwrap_or_else(PoisonError::into_inner).get(logger)
        {
            return *level;
        }
        level(self.general.load(Ordering::Acquire))
    }

    fn set_all(&self, byte: u8) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        own.clear();
        self.has_own.store(false, Ordering::Release);
        self.general.store(byte, Ordering::Release);
    }

    fn set_one(&self, logger: &str, level: Level) -> bool {
        let Some(name) = LOGGERS.into_iter().find(|l| *l == logger) else { return false };
        self.own.write().unwrap_or_else(PoisonError::into_inner).insert(name, level);
        self.has_own.store(true, Ordering::Release);
        true
    }
}

impl LogLevels for Levels {
    fn levels(&self) -> BTreeMap<String, Level> {
        LOGGERS.into_iter().map(|logger| (logger.to_owned(), self.get(logger))).collect()
    }

    fn set(&self, logger: Option<&str>, level: Level) -> bool {
        match logger {
            Some(logger) => self.set_one(logger, level),
            None => {
                self.set_all(byte(level));
                true
            }
        }
    }

    fn reset(&self, logger: Option<&str>) -> bool {
        let configured = self.configured.load(Ordering::Acquire);
        match logger {
            Some(logger) => self.set_one(logger, level(configured)),
            None => {
                self.set_all(configured);
                true
            }
        }
    }
}

fn byte(level: Level) -> u8 {
    level as u8
}

fn level(byte: u8) -> Level {
    ALL.get(usize::from(byte)).copied().unwrap_or(Level::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_logger_may_say_more_than_the_others() {
        let levels = Levels::new(Level::Info);
        assert!(levels.is_on("core", Level::Warn) && !levels.is_on("core", Level::Debug));
        assert!(levels.set(Some("audit"), Level::Trace));
        assert!(levels.is_on("audit", Level::Debug) && !levels.is_on("core", Level::Debug));
        assert!(!levels.set(Some("nobody"), Level::Trace) && !levels.reset(Some("nobody")));
        assert!(levels.reset(Some("audit")));
        assert!(!levels.is_on("audit", Level::Debug));
        assert!(levels.set(None, Level::Error));
        assert!(!levels.is_on("audit", Level::Warn));
        levels.configure(Level::Info);
        assert!(!levels.is_on("core", Level::Info), "nothing has changed in the configuration");
        levels.configure(Level::Debug);
        assert!(levels.is_on("core", Level::Debug));
        assert_eq!(levels.levels().len(), LOGGERS.len());
        for each in ALL {
            assert_eq!(level(byte(each)), each);
        }
    }
}
