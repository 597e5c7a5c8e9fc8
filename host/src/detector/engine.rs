//! The engine: how plugins are compiled, and what they can do at all.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use super::Limits;
use super::batch::Cut;
use super::cache::Cache;
use super::compile::Compiler;
use super::fuel::OWN_INSTANCES;
use super::slots::Slots;

/// Loads plugins under one set of limits.
pub(crate) struct Sandbox {
    pub(super) engine: Engine,
    pub(crate) limits: Arc<Limits>,
    pub(super) cache: Option<Cache>,
    pub(super) compiler: Compiler,
    pub(super) cut: Cut,
    pub(super) slots: Arc<Slots>,
}

/// Series in a batch: what an instance costs is lost in what they cost, and their memory fits into a processor's cache.
const BATCH_SERIES: usize = 256;
/// Instances that may be there at one time, for each core: those of a batch on each, and those that plugins are loaded
/// or asked with meanwhile.
const SLOTS_PER_CORE: usize = 2;
/// Memory that a slot of the pool keeps for its next instance, zeroed instead of given back: to get it again would cost
/// as much as the calls do. A Rust plugin has two, of which a batch of daily series takes one.
const KEPT_BYTES: usize = 4 << 20;
/// The pool's own limits, above which it would refuse a plugin before [`Limits`] could say why.
const POOL_TABLE_ELEMENTS: usize = 1_000_000;
const POOL_PARTS: u32 = 10_000;
/// Of what the engine keeps of one instance besides its memories and tables: a global, or a function that is passed on, takes
/// up to 40 bytes. The limit of instances times this is what `memory_bytes` does not count.
pub(super) const INSTANCE_BYTES: usize = 4 << 20;

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
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let slots = threads * SLOTS_PER_CORE;
        let engine = Engine::new(config(&limits).allocation_strategy(pool(&limits, slots)))
            .map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let cache = cache_directory.and_then(|directory| match Cache::open(&directory) {
            Ok(cache) => Some(cache),
            Err(error) => {
                let directory = directory.display();
                tracing::warn!(%directory, %error, "compiled plugins are not kept");
                None
            }
        });
        let cut = Cut { series: BATCH_SERIES, threads };
        Ok(Self { engine, limits: Arc::new(limits), cache, compiler, cut, slots: Arc::new(Slots::new(slots)) })
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
        // The CPU limit is in the code ([`super::fuel`]), and read from what is left of an instance that trapped.
        .consume_fuel(false)
        .coredump_on_trap(true)
        // Doubles the run time; output with NaN is refused instead.
        .cranelift_nan_canonicalization(false)
        // Nobody unwinds or walks a plugin's frames: a panic's place is in its message.
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .native_unwind_info(false)
        .generate_address_map(false)
        // What the meter does not let through either.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false);
    config
}

/// Memory for so many instances at a time, each cleared before it is used again.
///
/// How much of it an instance may use is the business of the meter: what the pool itself limits are the sums, and it has
/// room for all that the meter lets so many instances have.
fn pool(limits: &Limits, slots: usize) -> PoolingAllocationConfig {
    let total = |each: usize| u32::try_from(each.saturating_mul(slots)).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(total(1))
        .total_core_instances(total(limits.instances + OWN_INSTANCES))
        .total_memories(total(limits.memories))
        .total_tables(total(limits.tables))
        .max_core_instances_per_component(POOL_PARTS)
        .max_memories_per_component(POOL_PARTS)
        .max_tables_per_component(POOL_PARTS)
        .max_memories_per_module(POOL_PARTS)
        .max_tables_per_module(POOL_PARTS)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        // The whole of what 32 bits address: reserved, not used.
        .max_memory_size(1 << 32)
        .table_elements(limits.table_elements.max(POOL_TABLE_ELEMENTS))
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(KEPT_BYTES / 16)
        // Where the kernel can tell which pages were written, only those are cleared.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error("plugins cannot be run under these limits ([plugins.limits]): {0}")]
    Engine(String),
}
