//! Whose plugins run: signatures, plugins.lock, registries, grants, and what changes between two runs.

mod support;

#[path = "messages/bill.rs"]
mod bill;
#[path = "trust/broken.rs"]
mod broken;
#[path = "trust/config.rs"]
mod config;
#[path = "trust/grants.rs"]
mod grants;
#[path = "trust/lock.rs"]
mod lock;
#[path = "trust/registry.rs"]
mod registry;
#[path = "trust/signing.rs"]
mod signing;
#[path = "trust/swapping.rs"]
mod swapping;
#[path = "trust/words.rs"]
mod words;
