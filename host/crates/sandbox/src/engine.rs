//! Configures wasmtime: compiler options, enabled WebAssembly features and the pool of instances. The limits of a
//! single call are in [`super::session`].

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

/// Loads plugins under a common set of limits.
pub struct Sandbox {
    pub(super) engine: Engine,
    pub limits: Arc<Limits>,
    pub(super) cache: Option<Cache>,
    pub(super) compiler: Compiler,
    pub(super) cut: Cut,
    pub(super) slots: Arc<Slots>,
}

/// Series in a batch: enough to hide the cost of an instance, with data that fits into the processor's cache.
const BATCH_SERIES: usize = 256;
/// Simultaneous instances per core: an instance of a running batch, and an instance for loading a plugin or checking
/// settings.
const SLOTS_PER_CORE: usize = 2;
/// Bytes of memory that a slot of the pool zeroes and keeps for its next instance. Returning the memory to the kernel
/// and allocating again would cost the same time the calls do. A Rust plugin has 2 MiB; a batch of daily series uses 1
/// MiB.
const KEPT_BYTES: usize = 4 << 20;
/// Limits of the pool. The values are high: beyond a pool limit, wasmtime would refuse a plugin before [`Limits`] could
/// name the reason.
const POOL_TABLE_ELEMENTS: usize = 1_000_000;
const POOL_PARTS: u32 = 10_000;
/// Engine data of an instance, besides memories and tables: a global, or a function passed on, takes up to 40 bytes.
/// `memory_bytes` does not count this data, which is at most `instances` times this value.
pub(super) const INSTANCE_BYTES: usize = 4 << 20;

impl Sandbox {
    /// Creates a sandbox. Compiled plugins are cached in the directory; an absent directory is created. Without a
    /// directory, every load compiles.
    ///
    /// # Errors
    /// The engine cannot keep the limits, e.g. a stack above 2 MiB. An unusable cache is not an error: the sandbox logs
    /// a warning and works without a cache.
    pub fn new(limits: Limits, cache_directory: Option<PathBuf>, compiler: Compiler) -> Result<Self, SandboxError> {
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

/// Returns an engine that only compiles. The code runs in a [`Sandbox`] with the same limits. The engine reserves no
/// memory for instances.
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
        // The CPU limit is part of the compiled code ([`super::fuel`]). The core dump of a trapped instance contains
        // the remaining fuel.
        .consume_fuel(false)
        .coredump_on_trap(true)
        // Would double the run time. The host refuses NaN in outputs instead.
        .cranelift_nan_canonicalization(false)
        // Nothing unwinds or walks a plugin's frames. A panic message contains the source location.
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .native_unwind_info(false)
        .generate_address_map(false)
        // The fuel meter refuses these features, too.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false);
    config
}

/// Returns a pool for `slots` simultaneous instances. The pool clears a slot before the next use.
///
/// The meter limits a single instance ([`super::meter`]). The pool limits only the totals, with room for every slot at
/// the full limits of the meter.
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
        // The full 32-bit address range: reserved, not committed.
        .max_memory_size(1 << 32)
        .table_elements(limits.table_elements.max(POOL_TABLE_ELEMENTS))
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(KEPT_BYTES / 16)
        // If the kernel can report the written pages, only the written pages are cleared.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The error of creating a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("plugins cannot be run under these limits ([plugins.limits]): {0}")]
    Engine(String),
}
