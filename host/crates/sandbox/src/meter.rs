//! Counts and limits the memories and tables of an instance. [`super::fuel`] limits the CPU time.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::Limits;
use super::fuel::OWN_INSTANCES;

/// Counts the memory and table elements of an instance and records a denied growth. A denial becomes
/// visible only when the plugin traps because of it.
pub(super) struct Meter {
    limits: Arc<Limits>,
    memory_bytes: usize,
    table_elements: usize,
    denied: Option<Denied>,
}

/// The exceeded limit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Denied {
    Memory,
    Table,
}

impl Meter {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self { limits, memory_bytes: 0, table_elements: 0, denied: None }
    }

    /// Returns the total bytes of all memories. The total at the end is the peak, because memories never shrink.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Returns the exceeded limit if the latest growth was denied.
    pub(super) fn denied(&self) -> Option<Denied> {
        self.denied
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory_bytes.saturating_add(desired - current);
        Ok(granted(&mut self.memory_bytes, wanted, self.limits.memory_bytes, &mut self.denied, Denied::Memory))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_add(desired - current);
        Ok(granted(&mut self.table_elements, wanted, self.limits.table_elements, &mut self.denied, Denied::Table))
    }

    fn instances(&self) -> usize {
        self.limits.instances + OWN_INSTANCES
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}

fn granted(held: &mut usize, wanted: usize, limit: usize, denied: &mut Option<Denied>, what: Denied) -> bool {
    if wanted > limit {
        *denied = Some(what);
        return false;
    }
    // The plugin continued with less after an earlier denial, so that denial cannot explain a later trap.
    *denied = None;
    *held = wanted;
    true
}
