//! The pool of instances: the address space that the engine reserves at the start, in steps that fit the limit of the
//! process.
//!
//! A smaller pool runs fewer instances at the same time. The compiled code, the limits of a plugin and the results stay
//! the same. The smallest pool holds a single memory of a plugin. A smaller memory would need other code with bounds
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

/// The size of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolSize {
    /// Simultaneous instances.
    pub(crate) slots: usize,
    /// Simultaneous memories of all instances.
    pub(crate) memories: usize,
}

/// An engine with a pool.
pub(crate) struct PooledEngine {
    pub(crate) engine: Engine,
    pub(crate) size: PoolSize,
}

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

impl PoolSize {
    /// Returns a pool with room for each slot at the full limits.
    pub(crate) fn full(limits: &Limits, slots: usize) -> Self {
        Self { slots, memories: slots.saturating_mul(limits.memories) }
    }

    /// Returns the next smaller size: half the slots at the full limits, or at a single slot half the memories.
    fn smaller(self, limits: &Limits) -> Option<Self> {
        match self {
            Self { slots: 2.., .. } => Some(Self::full(limits, self.slots / 2)),
            Self { memories: 2.., .. } => Some(Self { memories: self.memories / 2, ..self }),
            _ => None,
        }
    }

    /// Returns the reserved addresses, in bytes.
    fn bytes(self, limits: &Limits) -> u64 {
        let memories = (self.memories as u64).saturating_mul(MEMORY_BYTES as u64 + GUARD_BYTES);
        let tables = (self.slots.saturating_mul(limits.tables) as u64)
            .saturating_mul(table_elements(limits) as u64)
            .saturating_mul(ELEMENT_BYTES);
        memories.saturating_add(GUARD_BYTES).saturating_add(tables)
    }
}

/// Returns an engine that compiles and runs, with the largest pool that the process may reserve, at most for `slots`
/// simultaneous instances.
///
/// # Errors
/// The limits cannot be kept, or not even the smallest pool can be reserved.
pub(crate) fn pooled_engine(limits: &Limits, slots: usize) -> Result<PooledEngine, SandboxError> {
    let space = AddressSpace::of_this_process();
    let mut size = PoolSize::full(limits, slots);
    loop {
        let error = match reserve(limits, size, space) {
            Ok(engine) => return Ok(PooledEngine { engine, size }),
            Err(error) => error,
        };
        match size.smaller(limits) {
            Some(smaller) if !matches!(error, SandboxError::Limits(_)) => size = smaller,
            _ => return Err(error),
        }
    }
}

/// Returns an engine with a pool of the given size, if the process keeps [`HEADROOM_BYTES`].
fn reserve(limits: &Limits, size: PoolSize, space: AddressSpace) -> Result<Engine, SandboxError> {
    let needed = size.bytes(limits);
    let with_headroom = needed.saturating_add(HEADROOM_BYTES);
    if let Some(limit) = space.limit
        && !space.is_left(with_headroom)
    {
        let needed = space.used.max(PROCESS_BYTES).saturating_add(with_headroom);
        return Err(SandboxError::AddressSpace { limit, needed });
    }
    engine::engine(limits, pool(limits, size)).map_err(|error| match system_error(&error) {
        Some(_) => SandboxError::Reservation { needed, error: error.root_cause().to_string() },
        None => SandboxError::Limits(format!("{error:#}")),
    })
}

fn table_elements(limits: &Limits) -> usize {
    limits.table_elements.max(POOL_TABLE_ELEMENTS)
}

/// Returns the configuration of a pool. The pool clears a slot before the next use.
///
/// The store limits a single instance ([`crate::run`]). The pool limits only the totals, with room for every slot at the
/// full limits, unless the process has too few addresses.
fn pool(limits: &Limits, size: PoolSize) -> PoolingAllocationConfig {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let total = |each: usize| number(each.saturating_mul(size.slots));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(total(1))
        .total_core_instances(total(limits.instances + METER_INSTANCES))
        .total_memories(number(size.memories))
        .total_tables(total(limits.tables))
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

    #[test]
    fn sizes_shrink_to_a_single_memory() {
        let limits = Limits::default();
        let mut sizes = vec![PoolSize::full(&limits, 6)];
        while let Some(smaller) = sizes.last().and_then(|size| size.smaller(&limits)) {
            sizes.push(smaller);
        }
        let sizes: Vec<_> = sizes.iter().map(|size| (size.slots, size.memories)).collect();
        assert_eq!(sizes, [(6, 24), (3, 12), (1, 4), (1, 2), (1, 1)]);
    }

    /// The kernel counts the addresses that the calculation announces.
    #[test]
    fn the_reservation_is_calculated_exactly() {
        let limits = Limits::default();
        for size in [PoolSize::full(&limits, 3), PoolSize { slots: 1, memories: 1 }] {
            let before = AddressSpace::of_this_process().used;
            let engine = engine::engine(&limits, pool(&limits, size)).expect("an engine");
            let reserved = AddressSpace::of_this_process().used.saturating_sub(before);
            drop(engine);
            // Other tests of the process may use a thread at the same time.
            assert!(reserved.abs_diff(size.bytes(&limits)) < 256 << 20, "{size:?}: {reserved}");
        }
    }
}
