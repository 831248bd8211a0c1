//! Encryption as a service: keys that never leave, and what is done with them.
//!
//! A key is one record with all its versions. It is decoded once per stored version and shared, with
//! ciphers and signing keys made ready in it, so that encrypting costs one cached look-up and the
//! encryption itself, and writes nothing.

mod access;
mod backup;
mod byok;
mod cipher;
mod config;
mod datakey;
mod encrypt;
mod export;
mod generate;
mod import;
mod input;
mod key;
mod keys;
mod kind;
mod mac;
mod policy;
mod ready;
mod settings;
mod sign;
mod signature;
pub mod text;
mod tools;
mod verify;
pub mod wrapped;
mod wrapping;

use std::sync::{Arc, OnceLock};
use strongroom_core::{Engine, Mount, RouteTable};

/// The engine of type `transit`.
#[derive(Default)]
pub struct Transit {
    table: OnceLock<Arc<RouteTable>>,
}

impl Engine for Transit {
    fn kind(&self) -> &'static str {
        "transit"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        self.table.get_or_init(|| Arc::new(table())).clone()
    }
}

fn table() -> RouteTable {
    let parts = [
        encrypt::routes(),
        datakey::routes(),
        sign::routes(),
        verify::routes(),
        mac::routes(),
        tools::routes(),
        keys::routes(),
        settings::routes(),
        export::routes(),
        byok::routes(),
        backup::routes(),
        import::routes(),
        wrapping::routes(),
        config::routes(),
    ];
    RouteTable::new(parts.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
