//! Fixtures of the suites: a working directory, the binary under test, the simulated API as a separate process, and the
//! real servers of `tests/services.sh`.
//!
//! A test without its server says `skipped` and passes. With `COSTWARDEN_TEST_ALL=1` the test fails instead.

pub mod bucket;
mod downloads;
pub mod eight_services;
pub mod members;
pub mod mongo;
mod paths;
pub mod plugin_files;
pub mod process;
pub mod replay;
pub mod rules;
mod run;
mod simulator;
pub mod ten_plugins;
pub mod three_services;
mod waiting;
mod watched;
mod workdir;

pub use downloads::download;
pub use paths::{
    binary, bundled_plugins, is_compiled_code, plugins, repository, service, shared, skipped, write_private,
};
pub use run::{Run, block_on, run};
pub use simulator::Simulator;
pub use waiting::{PATIENCE, free_port, until, until_stopped};
pub use watched::{Watched, watched};
pub use workdir::Workdir;
