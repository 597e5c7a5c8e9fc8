//! Memory and tables of one instance, counted as they grow.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::Limits;
use super::fuel::OWN_INSTANCES;

/// Counts what an instance holds, and remembers what it was denied: a denial only shows when the plugin traps over it.
pub(super) struct Meter {
    limits: Arc<Limits>,
    memory_bytes: usize,
    table_elements: usize,
    denied: Option<Denied>,
}

/// Which limit an instance met.
#[derive(Debug, Clone, Copy)]
pub(super) enum Denied {
    Memory,
    Table,
}

impl Meter {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self { limits, memory_bytes: 0, table_elements: 0, denied: None }
    }

    /// Bytes of all memories at the end, which is the most there were: they never shrink.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// The limit that growing met last.
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
    // What was denied before does not matter to who got on with less.
    *denied = None;
    *held = wanted;
    true
}
