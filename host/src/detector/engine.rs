//! The engine: how plugins are compiled, and what they can do at all.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OperatorCost, OptLevel, WasmBacktraceDetails};

use super::Limits;
use super::batch::Cut;
use super::cache::Cache;
use super::compile::Compiler;

/// Loads plugins under one set of limits.
pub(crate) struct Sandbox {
    pub(super) engine: Engine,
    pub(super) limits: Arc<Limits>,
    pub(super) cache: Option<Cache>,
    pub(super) compiler: Compiler,
    pub(super) cut: Cut,
}

/// Series in a batch. An instance costs some 20 µs, so that its share is lost in what a series costs; for the same
/// reason instances are made on demand: a pool of them would save less than 1 µs a series, and can run dry.
const BATCH_SERIES: usize = 256;

impl Sandbox {
    /// Compiled plugins are kept in the directory, which is made where it is absent; without one, every load compiles.
    ///
    /// # Errors
    /// Limits that the engine cannot keep, such as a stack above 2 MiB. A cache that cannot be used is no error: it is
    /// said in the log and done without.
    pub(crate) fn new(
        limits: Limits,
        cache_directory: Option<PathBuf>,
        compiler: Compiler,
    ) -> Result<Self, SandboxError> {
        let engine = Engine::new(&config(&limits)).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let cache = cache_directory.and_then(|directory| match Cache::open(&directory) {
            Ok(cache) => Some(cache),
            Err(error) => {
                let directory = directory.display();
                tracing::warn!(%directory, %error, "compiled plugins are not kept");
                None
            }
        });
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self { engine, limits: Arc::new(limits), cache, compiler, cut: Cut { series: BATCH_SERIES, threads } })
    }
}

/// An engine whose code runs in a [`Sandbox`] of the same limits, and which itself runs none: it takes no memory for
/// instances.
pub(super) fn compiling(limits: &Limits) -> wasmtime::Result<Engine> {
    Engine::new(config(limits).allocation_strategy(InstanceAllocationStrategy::OnDemand))
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        .max_wasm_stack(limits.stack_bytes)
        // The CPU limit. It is deterministic, which epochs are not, and both together cost a tenth more.
        .consume_fuel(true)
        .operator_cost(operator_cost())
        .epoch_interruption(false)
        // Doubles the run time; output with NaN is refused instead.
        .cranelift_nan_canonicalization(false)
        // Nobody unwinds or walks a plugin's frames: a panic's place is in its message.
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .native_unwind_info(false)
        .generate_address_map(false)
        // What no detector needs can be no way out. Relaxed SIMD, besides, differs from machine to machine.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false);
    config
}

/// Growing calls the host, also when it is denied, which takes far longer than an instruction.
fn operator_cost() -> OperatorCost {
    OperatorCost { MemoryGrow: 200, TableGrow: 200, ..OperatorCost::default() }
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error("plugins cannot be run under these limits ([plugins.limits]): {0}")]
    Engine(String),
}
