//! Configuration files of the server: each is read, or refused with a reason.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_server::check_config;

fuzz_target!(|text: &str| {
    if let Err(problem) = check_config(text) {
        assert!(!problem.is_empty());
    }
});
