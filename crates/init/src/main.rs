//! `strongroom-init`: gives the containers of a Pod their values.

use std::alloc::System;
use std::process::ExitCode;
use zeroizing_alloc::ZeroAlloc;

/// Whatever is freed is overwritten: values pass through buffers of HTTP, TLS and JSON that know nothing of
/// secrets.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    strongroom_init::run(std::env::args_os().skip(1).collect())
}
