//! costwarden watches cloud bills. ARCHITECTURE.md has the map; [`cli`] is the only entry point.

/// The mimalloc allocator. A sandbox call returns many small allocations, made by one thread and freed by a different
/// thread. The system allocator is slower for this pattern.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod cli;
mod config;
mod health;
mod incident_history;
mod metrics;
mod pipeline;
mod report;
mod rule_sets;
mod schedule;
mod secrets_manager;
mod serve;
mod stop;
mod stored_series;
