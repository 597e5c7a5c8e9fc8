//! Configures wasmtime: compiler options and enabled WebAssembly features. The pool of instances is in
//! [`super::pool`], the limits of a single call in [`crate::run`].

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::limits::Limits;

/// Returns an engine that compiles and runs, with the given pool.
pub(super) fn engine(limits: &Limits, pool: PoolingAllocationConfig) -> wasmtime::Result<Engine> {
    Engine::new(config(limits).allocation_strategy(pool))
}

/// Returns an engine that only compiles. The code runs in an [`engine`] with the same limits and a pool. The engine
/// reserves no memory for instances.
pub(crate) fn compiler_engine(limits: &Limits) -> wasmtime::Result<Engine> {
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
