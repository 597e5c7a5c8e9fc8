//! The data behind an instance's imports.

use std::sync::Arc;

use super::fuel::Fuel;
use super::log::CallLog;
use super::memory::MemoryLimiter;
use super::reference::ReferenceFolder;

/// The data of a wasmtime store: the budgets of a call.
pub(crate) struct StoreData {
    pub(super) log: CallLog,
    pub(super) reference: Option<Arc<ReferenceFolder>>,
    /// Bytes of reference data that this call may still read.
    pub(super) reference_bytes_left: u64,
    pub(super) memory: MemoryLimiter,
    pub(super) fuel: Fuel,
}
