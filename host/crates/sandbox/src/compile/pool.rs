//! The pool of instances: the address space that the engine reserves at the start, in steps that fit the limit of the
//! process.
//!
//! The pool of a worker has room for a single instance. A smaller pool holds fewer memories of a plugin. The compiled
//! code, the limits of a plugin and the results stay the same. The smallest pool holds a single memory. A smaller memory would need other code with bounds
//! checks, and a plugin would reach the limit of its stack at another depth.

use wasmtime::{Enabled, Engine, PoolingAllocationConfig};

use super::address_space::AddressSpace;
use super::engine;
use crate::failure::system_error;
use crate::limits::Limits;
use crate::meter::METER_INSTANCES;

/// Engine data of an instance, besides memories and tables: a global, or a function passed on, takes up to 40 bytes.
/// `memory_bytes` does not count this data, which is at most `instances` times this value.
pub(crate) const INSTANCE_BYTES: usize = 4 << 20;
/// Bytes of memory that a slot of the pool zeroes and keeps for its next instance. Returning the memory to the kernel
/// and allocating again would cost the same time the calls do. A Rust plugin has 2 MiB; a batch of daily series uses 1
/// MiB.
const KEEP_RESIDENT_BYTES: usize = 4 << 20;
/// Limits of the pool. The values are high: beyond a pool limit, wasmtime would refuse a plugin before [`Limits`] could
/// name the reason.
const POOL_TABLE_ELEMENTS: usize = 1_000_000;
const POOL_ITEMS: u32 = 10_000;
/// Ratio of the memories, tables and core instances of the pool to the limits, so that the limits apply first.
const SURPLUS: usize = 2;
/// The full 32-bit address range of a memory: reserved, not committed.
const MEMORY_BYTES: usize = 1 << 32;
/// Addresses behind each memory, and before the first memory. Code of a plugin that leaves the memory ends there.
const GUARD_BYTES: u64 = 32 << 20;
/// Bytes of a table element.
const ELEMENT_BYTES: u64 = 8;
/// Addresses left to the rest of the run: stacks of threads, compiled code and data. Without this room, the pool would
/// fit and a later allocation would end the process.
const HEADROOM_BYTES: u64 = 1 << 30;
/// Least addresses of a process before the sandbox. The allocator reserves a gibibyte as soon as the limit allows it, so
/// the use at a low limit would not be the use at a sufficient limit.
const PROCESS_BYTES: u64 = 3 << 29;

/// The error of creating a sandbox.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SandboxError {
    /// The limits of plugins cannot be kept, e.g. a stack above 2 MiB.
    #[error("plugins cannot be run under these limits ([plugins.limits]): {0}")]
    Limits(String),
    /// The process may not use enough addresses.
    #[error(
        "plugins cannot be run: the process may use {limit} bytes of addresses (RLIMIT_AS), and the sandbox needs a limit of {needed} bytes: raise the limit (`ulimit -v {}` or unlimited; LimitAS= in systemd)",
        needed.div_ceil(1024)
    )]
    AddressSpace {
        /// Value of RLIMIT_AS, in bytes.
        limit: u64,
        /// Sufficient value of RLIMIT_AS, in bytes.
        needed: u64,
    },
    /// The system does not start a thread.
    #[error(
        "plugins cannot be run: a thread cannot be started ({0}): raise the limit of threads (`ulimit -u`, pids.max)"
    )]
    Thread(String),
    /// The system refused the reservation, although RLIMIT_AS allows it.
    #[error(
        "plugins cannot be run: the system does not reserve {needed} bytes of addresses ({error}): set vm.overcommit_memory to 0 or 1, and raise the limit of data (`ulimit -d`)"
    )]
    Reservation {
        /// Bytes of the smallest pool.
        needed: u64,
        error: String,
    },
}

/// Returns an engine that runs a single instance at a time, with the largest pool that the process may reserve.
///
/// # Errors
/// The limits cannot be kept, or not even the smallest pool can be reserved.
pub(crate) fn pooled_engine(limits: &Limits, space: AddressSpace) -> Result<Engine, SandboxError> {
    let mut memories = limits.memories.saturating_mul(SURPLUS);
    loop {
        match reserve(limits, memories, space) {
            Err(SandboxError::AddressSpace { .. } | SandboxError::Reservation { .. }) if memories > 1 => memories /= 2,
            reserved => return reserved,
        }
    }
}

/// Checks that a process with the limit of this process may reserve the smallest pool.
pub(crate) fn check_addresses(limits: &Limits) -> Result<(), SandboxError> {
    let space = AddressSpace { used: PROCESS_BYTES, ..AddressSpace::of_this_process() };
    space_left(limits, 1, space)
}

/// Returns an engine with a pool of the given size, if the process keeps [`HEADROOM_BYTES`].
fn reserve(limits: &Limits, memories: usize, space: AddressSpace) -> Result<Engine, SandboxError> {
    space_left(limits, memories, space)?;
    engine::engine(limits, pool(limits, memories)).map_err(|error| match system_error(&error) {
        Some(_) => {
            let error = error.root_cause().to_string();
            SandboxError::Reservation { needed: pool_bytes(limits, memories), error }
        }
        None => SandboxError::Limits(format!("{error:#}")),
    })
}

fn space_left(limits: &Limits, memories: usize, space: AddressSpace) -> Result<(), SandboxError> {
    let with_headroom = pool_bytes(limits, memories).saturating_add(HEADROOM_BYTES);
    match space.limit {
        Some(limit) if !space.is_left(with_headroom) => {
            let needed = space.used.max(PROCESS_BYTES).saturating_add(with_headroom);
            Err(SandboxError::AddressSpace { limit, needed })
        }
        _ => Ok(()),
    }
}

/// Returns the addresses of a pool, in bytes.
fn pool_bytes(limits: &Limits, memories: usize) -> u64 {
    let memories = (memories as u64).saturating_mul(MEMORY_BYTES as u64 + GUARD_BYTES);
    memories.saturating_add(GUARD_BYTES).saturating_add(table_bytes(limits))
}

/// Returns the addresses of a pool that the system counts as data, in bytes: the tables, and a memory of any declared
/// size. wasmtime maps a declared memory before the size is compared with the limit.
pub(crate) fn data_bytes(limits: &Limits) -> u64 {
    table_bytes(limits).saturating_add(MEMORY_BYTES as u64)
}

/// Returns the addresses of the tables of a pool, in bytes.
fn table_bytes(limits: &Limits) -> u64 {
    let tables = limits.tables.saturating_mul(SURPLUS) as u64;
    tables.saturating_mul(table_elements(limits) as u64).saturating_mul(ELEMENT_BYTES)
}

fn table_elements(limits: &Limits) -> usize {
    limits.table_elements.max(POOL_TABLE_ELEMENTS)
}

/// Returns the configuration of a pool for a single instance. The pool clears the slot before the next use.
///
/// The store limits the instance ([`crate::worker`]). The pool has room for more than the limits, unless the process has
/// too few addresses.
fn pool(limits: &Limits, memories: usize) -> PoolingAllocationConfig {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(1)
        .total_core_instances(number((limits.instances + METER_INSTANCES).saturating_mul(SURPLUS)))
        .total_memories(number(memories))
        .total_tables(number(limits.tables.saturating_mul(SURPLUS)))
        .max_core_instances_per_component(POOL_ITEMS)
        .max_memories_per_component(POOL_ITEMS)
        .max_tables_per_component(POOL_ITEMS)
        .max_memories_per_module(POOL_ITEMS)
        .max_tables_per_module(POOL_ITEMS)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_memory_size(MEMORY_BYTES)
        .table_elements(table_elements(limits))
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES / 16)
        // If the kernel can report the written pages, only the written pages are cleared.
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel counts the addresses that the calculation announces.
    #[test]
    fn the_reservation_is_calculated_exactly() {
        let limits = Limits::default();
        for memories in [limits.memories, 1] {
            let before = AddressSpace::of_this_process().used;
            let engine = engine::engine(&limits, pool(&limits, memories)).expect("an engine");
            let reserved = AddressSpace::of_this_process().used.saturating_sub(before);
            drop(engine);
            // Other tests of the process may use a thread at the same time.
            assert!(reserved.abs_diff(pool_bytes(&limits, memories)) < 256 << 20, "{memories} memories: {reserved}");
        }
    }
}
