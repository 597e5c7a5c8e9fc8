//! costwarden watches cloud bills. ARCHITECTURE.md has the map; [`cli`] is the only door.

/// The example of the guide for detector authors.
#[cfg(doctest)]
#[doc = include_str!("../../docs/authors.md")]
struct AuthorsGuide;

/// A call into the sandbox returns many small pieces, made by one thread and let go of by another: the system's allocator
/// takes longer for these.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod archive;
mod causes;
pub mod cli;
mod config;
mod count;
mod detector;
mod episode;
mod finding;
mod health;
mod history;
mod http;
mod job;
mod ledger;
mod metrics;
mod money;
mod plugin;
#[doc(hidden)]
pub mod probe;
mod rules;
mod run_id;
mod schedule;
mod series;
#[cfg(test)]
mod services;
mod shard;
mod simulate;
mod sink;
mod source;
mod statistics;
mod step;
mod stop;
mod store;
mod toml;
mod vault;
