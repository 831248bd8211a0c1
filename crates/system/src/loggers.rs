//! `sys/loggers`: how much is logged.

use crate::Answering;
use std::sync::Arc;
use strongroom_core::loggers::{Level, LogLevels};
use strongroom_core::{Call, Core, Fault, Map, Operation, Response, Route};
use strongroom_wire::field::{Args, Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, Read, Update};
    vec![
        Route::new("loggers", "The log levels of all loggers.", FIELDS)
            .on(Read, read)
            .on(Update, set)
            .on(Delete, reset),
        Route::new("loggers/{name:rest}", "The log level of one logger.", FIELDS)
            .on(Read, read)
            .on(Update, set)
            .on(Delete, reset),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text, "The logger."),
    Field::new("level", Kind::Text, "trace, debug, info, warn or error."),
];

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let levels = levels(call.core)?.levels();
        let wanted = name(call.args);
        let shown: Map = levels
            .into_iter()
            .filter(|(logger, _)| wanted.is_none_or(|w| w == logger))
            .map(|(logger, level)| (logger, level.as_str().into()))
            .collect();
        match wanted {
            Some(wanted) if shown.is_empty() => Err(unknown(wanted)),
            _ => Ok(Response::data(shown)),
        }
    })
}

fn set(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let given = call.args.text("level").ok_or_else(|| Fault::invalid("level is required"))?;
        let level = Level::parse(given).ok_or_else(|| {
            Fault::invalid(format!(
                "invalid level provided: {given:?}; levels are trace, debug, info, warn and error"
            ))
        })?;
        done(levels(call.core)?.set(name(call.args), level), call.args)
    })
}

fn reset(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { done(levels(call.core)?.reset(name(call.args)), call.args) })
}

fn levels(core: &Arc<Core>) -> Result<&Arc<dyn LogLevels>, Fault> {
    core.settings
        .log_levels
        .as_ref()
        .ok_or_else(|| Fault::Status(501, "the log of this process has no levels to change".to_owned()))
}

fn name(args: &Args) -> Option<&str> {
    args.text("name").map(|n| n.trim_end_matches('/')).filter(|n| !n.is_empty())
}

fn done(known: bool, args: &Args) -> Result<Response, Fault> {
    if known { Ok(Response::none()) } else { Err(unknown(args.text_or_empty("name"))) }
}

fn unknown(name: &str) -> Fault {
    Fault::Status(404, format!("logger {name:?} not found"))
}
