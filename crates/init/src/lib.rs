//! The program that runs inside other people's Pods. It reads its [`strongroom_plan::Plan`], logs in with the
//! projected token of the Pod's service account, and hands values to containers:
//!
//! - `init` writes environment files and value files, then gives its token back.
//! - `exec` sets variables and becomes the program it was given.
//! - `watch` does init's work and then keeps leases alive and files up to date.
//!
//! No value reaches a log, an error or the termination message.

mod command;
mod compose;
mod envfile;
mod exec;
mod expand;
mod gather;
mod lookup;
mod patience;
mod place;
mod process;
mod report;
mod sessions;
mod settings;
mod source;
mod watch;

pub use command::run;
