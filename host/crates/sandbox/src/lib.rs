//! The sandbox: runs third-party detectors, compiled to WebAssembly, under limits on every resource.
//!
//! A [`Sandbox`] loads plugins; a [`Detector`] fits and judges series in batches. A plugin can import `log` and, if the
//! operator granted the import, `reference`. Nothing else is linked: no WASI, clock, randomness, files or network. The
//! sandbox does not choose the series and does not use the verdicts; the pipeline does both.

mod artifact;
mod bindings;
mod bounded;
mod call;
mod compile;
mod contract;
mod core_module;
mod damaged_worker;
mod detector;
mod failure;
pub mod inspection;
mod isolation;
mod jail;
mod limits;
mod load;
mod manifest;
pub mod meter;
mod protocol;
mod run;
mod stop;
mod stored_results;
#[cfg(test)]
mod tests;
mod text;
mod worker;

pub use self::artifact::{Artifact, ArtifactError, ArtifactFault, Encoding};
pub use self::call::{CallContext, CallOutcome, Fitted, Issue, Usage, Verdict};
pub use self::compile::cache::tidy as tidy_cache;
pub use self::compile::{
    CompileError, CompileOptions, CompileRefusal, SandboxError, TransientCause, Translation, retention, run_compiler,
};
pub use self::contract::InvalidPlugin;
pub use self::core_module::NoCoreModule;
pub use self::damaged_worker::detector_with_worker_output;
pub use self::detector::Detector;
pub use self::failure::{CallError, Failure, FailureContext, SkipReason};
pub use self::isolation::Isolation;
pub use self::jail::Jail;
pub use self::limits::Limits;
pub use self::load::{
    CoreModuleError, FaultClass, Grants, InspectError, InspectFault, LoadError, LoadFault, Prospect, Sandbox,
    StoredRefusal, TransientFailure,
};
pub use self::manifest::{Manifest, Scope, packed};
pub use self::run::{BatchDependence, DifferentSample, PLUGIN_LOG_TARGET, PlacedResult, batch_dependence};
pub use self::stop::stop_calls;
pub use self::text::single_line;
pub use self::worker::{WorkerOptions, run_worker};

/// The version of `plugin-sdk/wit` implemented by this host.
pub const CONTRACT: &str = "1.0.0";
