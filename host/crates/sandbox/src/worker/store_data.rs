//! The data behind an instance's imports.

use super::fuel::Fuel;
use super::log::CallLog;
use super::memory::MemoryLimiter;
use super::serve::Parent;

/// The data of a wasmtime store: the budgets of a call, and the parent that has the reference data.
pub(super) struct StoreData {
    pub(super) log: CallLog,
    pub(super) parent: Parent,
    pub(super) memory: MemoryLimiter,
    pub(super) fuel: Fuel,
}
