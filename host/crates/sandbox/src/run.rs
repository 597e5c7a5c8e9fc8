//! The execution of plugins: each call runs in a fresh instance, under the limits.

pub(crate) mod batch;
mod call_clock;
pub(crate) mod contract_calls;
mod fuel;
mod fuel_gauge;
mod imports;
pub(crate) mod linked_plugin;
mod log;
mod memory;
pub(crate) mod output;
mod parallel;
mod reference;
mod slots;
mod store_data;
mod thread;

pub(crate) use self::call_clock::start_clock;
pub(crate) use self::fuel_gauge::FuelGauge;
pub(crate) use self::imports::link;
pub(crate) use self::linked_plugin::{CallKind, LinkedPlugin};
pub use self::log::PLUGIN_LOG_TARGET;
pub(crate) use self::reference::ReferenceFolder;
pub(crate) use self::slots::Slots;
pub(crate) use self::store_data::StoreData;
pub(crate) use self::thread::{HOST_STACK_BYTES, run_on_thread};
