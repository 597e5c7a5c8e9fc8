//! Configures wasmtime: compiler options, enabled WebAssembly features and the pool of instances. The limits of a
//! single call are in [`crate::run`].

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use crate::limits::Limits;
use crate::meter::METER_INSTANCES;

/// Bytes of memory that a slot of the pool zeroes and keeps for its next instance. Returning the memory to the kernel
/// and allocating again would cost the same time the calls do. A Rust plugin has 2 MiB; a batch of daily series uses 1
/// MiB.
const KEEP_RESIDENT_BYTES: usize = 4 << 20;
/// Limits of the pool. The values are high: beyond a pool limit, wasmtime would refuse a plugin before [`Limits`] could
/// name the reason.
const POOL_TABLE_ELEMENTS: usize = 1_000_000;
const POOL_ITEMS: u32 = 10_000;
/// Engine data of an instance, besides memories and tables: a global, or a function passed on, takes up to 40 bytes.
/// `memory_bytes` does not count this data, which is at most `instances` times this value.
pub(crate) const INSTANCE_BYTES: usize = 4 << 20;

/// Returns an engine that compiles and runs, with a pool for `slots` simultaneous instances.
pub(crate) fn pooled_engine(limits: &Limits, slots: usize) -> wasmtime::Result<Engine> {
    Engine::new(config(limits).allocation_strategy(pool(limits, slots)))
}

/// Returns an engine that only compiles. The code runs in a [`pooled_engine`] with the same limits. The engine reserves no
/// memory for instances.
pub(super) fn compiler_engine(limits: &Limits) -> wasmtime::Result<Engine> {
    Engine::new(config(limits).allocation_strategy(InstanceAllocationStrategy::OnDemand))
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        .max_wasm_stack(limits.stack_bytes)
        // The CPU limit is part of the compiled code ([`crate::meter`]). The core dump of a trapped instance contains
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
/// The store limits a single instance ([`crate::run`]). The pool limits only the totals, with room for every slot at the
/// full limits.
fn pool(limits: &Limits, slots: usize) -> PoolingAllocationConfig {
    let total = |each: usize| u32::try_from(each.saturating_mul(slots)).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(total(1))
        .total_core_instances(total(limits.instances + METER_INSTANCES))
        .total_memories(total(limits.memories))
        .total_tables(total(limits.tables))
        .max_core_instances_per_component(POOL_ITEMS)
        .max_memories_per_component(POOL_ITEMS)
        .max_tables_per_component(POOL_ITEMS)
        .max_memories_per_module(POOL_ITEMS)
        .max_tables_per_module(POOL_ITEMS)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        // The full 32-bit address range: reserved, not committed.
        .max_memory_size(1 << 32)
        .table_elements(limits.table_elements.max(POOL_TABLE_ELEMENTS))
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES / 16)
        // If the kernel can report the written pages, only the written pages are cleared.
        .pagemap_scan(Enabled::Auto);
    pool
}
