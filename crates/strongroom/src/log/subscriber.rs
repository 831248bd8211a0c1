//! From tracing's events to lines.

use super::levels::Levels;
use super::line::{Format, Said};
use super::writer::Writer;
use std::sync::Arc;
use strongroom_core::loggers::Level as LogLevel;
use strongroom_wire::Clock;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Level, Metadata};

/// Writes events that are loud enough. Spans are not used in this program.
pub(super) struct LineSubscriber {
    writer: Arc<Writer>,
    format: Format,
    levels: Arc<Levels>,
    clock: Arc<dyn Clock>,
}

impl LineSubscriber {
    pub(super) fn new(
        writer: Arc<Writer>,
        format: Format,
        levels: Arc<Levels>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { writer, format, levels, clock }
    }
}

impl Subscriber for LineSubscriber {
    fn register_callsite(&self, _metadata: &'static Metadata<'static>) -> Interest {
        // Levels change while the server runs, so each event asks.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.levels.is_on(logger(metadata.target()), level(*metadata.level()))
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        let metadata = event.metadata();
        let line =
            said.line(self.format, self.clock.now(), level(*metadata.level()), logger(metadata.target()));
        self.writer.write(line);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// `core` for `strongroom_core::pipeline`.
fn logger(target: &str) -> &str {
    let krate = target.split("::").next().unwrap_or(target);
    krate.strip_prefix("strongroom_").unwrap_or(krate)
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::TRACE => LogLevel::Trace,
        Level::DEBUG => LogLevel::Debug,
        Level::INFO => LogLevel::Info,
        Level::WARN => LogLevel::Warn,
        Level::ERROR => LogLevel::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loggers_are_named_after_crates() {
        assert_eq!(logger("strongroom_core::pipeline"), "core");
        assert_eq!(logger("strongroom_server::server::running"), "server");
        assert_eq!(logger("h2::codec"), "h2");
    }
}
