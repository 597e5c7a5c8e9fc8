//! costwarden watches cloud bills. ARCHITECTURE.md has the map; [`cli`] is the only entry point.

/// The example of the README, compiled by the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The mimalloc allocator. A sandbox call returns many small allocations, made by one thread and freed by a different
/// thread. The system allocator is slower for this pattern.
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
mod simulate;
mod sink;
mod source;
mod statistics;
mod step;
mod stop;
mod store;
mod toml;
mod vault;
