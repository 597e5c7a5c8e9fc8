//! The calls of plugins: splits the series into batches, sends the batches to worker processes and checks the results.
//!
//! The worker side is [`crate::worker`]. This side maps no code of a plugin.

pub(crate) mod batch;
mod fault;
mod log;
pub(crate) mod output;
mod parallel;
mod plugin;
mod reference;
pub(crate) mod repetition;
mod starter;
pub(crate) mod subject;
pub(crate) mod time_account;
mod worker;
mod workers;

pub use self::log::PLUGIN_LOG_TARGET;
#[cfg(test)]
pub(crate) use self::plugin::CallBudget;
pub(crate) use self::plugin::Plugin;
pub(crate) use self::reference::ReferenceFolder;
pub use self::repetition::{BatchDependence, DifferentSample, PlacedResult, batch_dependence};
pub(crate) use self::workers::{Image, Workers};
