//! The limits on the memories and tables of an instance. The fuel meter limits the CPU time.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::failure::CallError;
use crate::failure::system_error;
use crate::limits::Limits;
use crate::meter::METER_INSTANCES;

/// Counts the memory and table elements of an instance and records a denied growth. A denial becomes visible only when
/// the plugin traps because of it.
pub(super) struct MemoryLimiter {
    limits: Arc<Limits>,
    memory_bytes: usize,
    table_elements: usize,
    denied: Option<Growth>,
}

/// The growing item.
#[derive(Debug, Clone, Copy)]
enum Growth {
    Memory,
    Table,
}

impl MemoryLimiter {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self { limits, memory_bytes: 0, table_elements: 0, denied: None }
    }

    /// Returns the total bytes of all memories. The total at the end is the peak, because memories never shrink.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Returns the exceeded limit if the latest growth was denied.
    pub(super) fn exceeded(&self) -> Option<CallError> {
        self.denied.map(|denied| match denied {
            Growth::Memory => CallError::Memory(self.limits.memory_bytes),
            Growth::Table => CallError::Table(self.limits.table_elements),
        })
    }

    /// Adds to a total, unless the new total would exceed the limit.
    fn grow(&mut self, growth: Growth, added: usize) -> bool {
        let (total, limit) = match growth {
            Growth::Memory => (&mut self.memory_bytes, self.limits.memory_bytes),
            Growth::Table => (&mut self.table_elements, self.limits.table_elements),
        };
        let wanted = total.saturating_add(added);
        if wanted > limit {
            self.denied = Some(growth);
            return false;
        }
        *total = wanted;
        // The plugin continued with less after an earlier denial, so that denial cannot explain a later trap.
        self.denied = None;
        true
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(Growth::Memory, desired - current))
    }

    /// Ends the call if the system refuses memory within the limits. A plugin would take the refusal for a limit, and
    /// return another result than on a machine with memory.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if system_error(&error).is_some() { Err(error) } else { Ok(()) }
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(Growth::Table, desired - current))
    }

    fn instances(&self) -> usize {
        self.limits.instances + METER_INSTANCES
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}
