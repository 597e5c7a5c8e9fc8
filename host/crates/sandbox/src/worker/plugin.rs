//! The plugin of a worker, and a single call in a fresh instance.
//!
//! Every instance is discarded after its call, with or without a trap, so a call cannot affect the next call. The parent
//! checks the results.

use std::io;
use std::sync::Arc;

use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap};

use super::contract_calls::{self, Returned};
use super::fuel::Fuel;
use super::fuel_gauge::{FuelGauge, TrappedFuel, fuel_after_trap};
use super::log::CallLog;
use super::memory::MemoryLimiter;
use super::serve::Parent;
use super::store_data::StoreData;
use crate::bindings::PluginWithReferenceIndices;
use crate::failure::{CallError, system_error};
use crate::limits::Limits;
use crate::meter::METER_INSTANCES;
use crate::protocol::{Call, Finished, IssueList, Output, Request};
use crate::text;

/// A compiled plugin.
pub(super) struct Plugin {
    pub(super) instance: InstancePre<StoreData>,
    pub(super) indices: PluginWithReferenceIndices,
    pub(super) limits: Arc<Limits>,
    pub(super) fuel_gauge: FuelGauge,
}

/// The end of a call.
struct Ended {
    result: Result<Returned, CallError>,
    fuel: u64,
    data: StoreData,
}

impl Plugin {
    /// Makes a call and sends the end of the call to the parent.
    ///
    /// # Errors
    /// The parent closed the stream.
    pub(super) fn answer(&self, request: &Request<'_>, parent: &Parent) -> io::Result<()> {
        let Ended { result, fuel, data } = self.call(request, parent);
        let finished = |result| Finished {
            result,
            fuel,
            memory_bytes: data.memory.memory_bytes(),
            dropped_lines: data.log.dropped_lines(),
        };
        let none = None::<()>;
        match result {
            Ok(Returned::Manifest(manifest)) => parent.finish(finished(Ok(Output::Manifest(manifest))), none),
            Ok(Returned::Issues(issues)) => parent.finish(finished(Ok(Output::Issues(IssueList::of(issues)))), none),
            Ok(Returned::Fitted(results)) => parent.finish(finished(Ok(Output::Results(results.len()))), results),
            Ok(Returned::Judged(results)) => parent.finish(finished(Ok(Output::Results(results.len()))), results),
            Err(error) => parent.finish(finished(Err(error)), none),
        }
    }

    /// Instantiates the plugin, makes the call and discards the instance.
    fn call(&self, request: &Request<'_>, parent: &Parent) -> Ended {
        let data = StoreData {
            log: CallLog::new(request.log, parent.clone()),
            parent: parent.clone(),
            memory: MemoryLimiter::new(Arc::clone(&self.limits)),
            fuel: Fuel::new(request.fuel),
        };
        let mut store = Store::new(self.instance.engine(), data);
        store.limiter(|data| &mut data.memory);
        // wasmtime counts the bytes passed from the plugin to the host in a fuel of its own, separate from CPU fuel.
        store.set_hostcall_fuel(self.limits.output_bytes);
        let returned = self.instance.instantiate(&mut store).and_then(|instance| {
            let plugin = self.indices.load(&mut store, &instance)?;
            let value = contract_calls::call(plugin.costwarden_detector_detector(), &mut store, &request.call)?;
            Ok((value, self.fuel_gauge.used(&mut store, &instance)?))
        });
        // The gauge cannot be called after a trap; the core dump gives the fuel instead.
        let (result, fuel) = match returned {
            Ok((value, used)) => (Ok(value), used),
            Err(error) => {
                let TrappedFuel { used, is_exhausted } = fuel_after_trap(&mut store, &error);
                let error = if is_exhausted { self.fuel_error(request) } else { self.call_error(&error, store.data()) };
                (Err(error), used)
            }
        };
        Ended { result, fuel, data: store.into_data() }
    }

    fn fuel_error(&self, request: &Request<'_>) -> CallError {
        let Limits { describe_fuel, fit_fuel_per_series, judge_fuel_per_series, .. } = *self.limits;
        let (key, limit) = match request.call {
            Call::Describe | Call::CheckSettings(_) => ("describe_fuel", describe_fuel),
            Call::Fit { .. } => ("fit_fuel_per_series", fit_fuel_per_series),
            Call::Judge { .. } => ("judge_fuel_per_series", judge_fuel_per_series),
        };
        CallError::Fuel { budget: request.fuel, key: key.into(), limit }
    }

    fn call_error(&self, error: &wasmtime::Error, data: &StoreData) -> CallError {
        let limits = &self.limits;
        if let Some(message) = system_error(error) {
            return CallError::Host(message);
        }
        let trap = error.downcast_ref::<Trap>();
        if let Some(Trap::StackOverflow) = trap {
            return CallError::Stack(limits.stack_bytes);
        }
        if let Some(exceeded) = data.memory.exceeded() {
            return exceeded;
        }
        if let Some(trap) = trap {
            let trap = trap.to_string();
            let trap = trap.strip_prefix("wasm trap: ").unwrap_or(&trap).to_owned();
            return CallError::Trapped { trap, logged: data.log.last_error() };
        }
        let text = format!("{:#}", error.root_cause());
        // wasmtime has no types for these two errors. Tests pin the recognised texts.
        if text.contains("fuel allocated for hostcalls") {
            CallError::OutputTooLarge(limits.output_bytes)
        } else if text.contains("resource limit exceeded") {
            CallError::TooMany(exceeded_count(&text, limits))
        } else {
            CallError::Trapped { trap: text::error_text(text), logged: data.log.last_error() }
        }
    }
}

/// Returns the exceeded count of instances, memories or tables, without the meter's additions. An unknown error keeps
/// the engine's text.
fn exceeded_count(text: &str, limits: &Limits) -> String {
    let exceeded = text.rsplit_once(" count too high at ").and_then(|(before, count)| {
        let count: usize = count.parse().ok()?;
        match before.rsplit(' ').next()? {
            "instance" => Some((count.saturating_sub(METER_INSTANCES), "instances", limits.instances)),
            "memory" => Some((count, "memories", limits.memories)),
            "table" => Some((count, "tables", limits.tables)),
            _ => None,
        }
    });
    match exceeded {
        Some((count, kind, limit)) => format!("{count} {kind}, more than {limit} (plugins.limits.{kind})"),
        None => format!(
            "too many instances, memories or tables (plugins.limits.instances, .memories, .tables): {}",
            text::error_text(text)
        ),
    }
}
