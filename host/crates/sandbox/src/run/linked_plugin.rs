//! A compiled plugin with the shared resources of its instances, and a single call in a fresh instance.
//!
//! Every instance is discarded after its call, with or without a trap, so a call cannot affect the next call.
//! [`super::batch`] chooses the series of a call.

use std::sync::Arc;
use std::thread;

use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap};

use super::call_clock::call_ticks;
use super::fuel::Fuel;
use super::fuel_gauge::{FuelGauge, TrappedFuel, fuel_after_trap};
use super::log::CallLog;
use super::memory::MemoryLimiter;
use super::reference::ReferenceFolder;
use super::slots::Slots;
use super::store_data::StoreData;
use super::thread::{HOST_STACK_BYTES, run_on_thread};
use crate::bindings::{self, Guest, PluginWithReferenceIndices};
use crate::call::Issue;
use crate::failure::CallError;
use crate::failure::system_error;
use crate::limits::{FuelLimit, Limits};
use crate::meter::METER_INSTANCES;
use crate::text;

/// Maximum number of reported issues with settings. Each issue is a line for people.
const MAX_ISSUES: usize = 50;

/// A compiled plugin with the shared resources of its instances.
pub(crate) struct LinkedPlugin {
    pub(crate) name: Arc<str>,
    pub(crate) instance: InstancePre<StoreData>,
    pub(crate) indices: PluginWithReferenceIndices,
    pub(crate) limits: Arc<Limits>,
    pub(crate) reference: Option<Arc<ReferenceFolder>>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) fuel_gauge: FuelGauge,
}

/// The called function of the contract, which determines the fuel. `check-settings` has the fuel of `describe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    Describe,
    Fit,
    Judge,
}

/// The fuel and the log of a call.
pub(crate) struct CallBudget {
    pub(crate) kind: CallKind,
    pub(crate) fuel: u64,
    pub(crate) log: CallLog,
}

/// The result and the cost of a call.
pub(crate) struct FinishedCall<T> {
    pub(crate) result: Result<T, CallError>,
    /// The remaining log budget, to close or to pass to the next call.
    pub(crate) log: CallLog,
    pub(super) fuel: u64,
    /// Peak total of the instance's memories, in bytes.
    pub(super) memory_bytes: usize,
}

impl LinkedPlugin {
    /// Returns the fuel of a call over the given number of series.
    pub(super) fn fuel(&self, kind: CallKind, series: usize) -> u64 {
        let limit = self.fuel_limit(kind).units;
        match kind {
            CallKind::Describe => limit,
            CallKind::Fit | CallKind::Judge => {
                self.limits.fuel_per_call.saturating_add(limit.saturating_mul(series as u64))
            }
        }
    }

    /// Calls `describe`. The result is not checked.
    pub(crate) fn describe(&self) -> Result<bindings::Manifest, CallError> {
        self.call_without_series(|guest, store| guest.call_describe(store))
    }

    /// Calls `check-settings` on a separate thread.
    pub(crate) fn check_settings(&self, settings: &str) -> Result<Vec<Issue>, CallError> {
        let call = || self.call_without_series(|guest, store| guest.call_check_settings(store, settings));
        let issues = run_on_thread(self.thread(), call)??;
        let plain = |text| text::single_line(text::truncated(text, self.limits.reason_bytes));
        let more = issues.len().saturating_sub(MAX_ISSUES);
        let issues = issues.into_iter().take(MAX_ISSUES);
        let mut issues: Vec<_> =
            issues.map(|issue| Issue { pointer: plain(issue.pointer), message: plain(issue.message) }).collect();
        if more > 0 {
            issues.push(Issue { pointer: String::new(), message: format!("and {more} more") });
        }
        Ok(issues)
    }

    /// Returns a thread builder with enough stack for a plugin. A stack overflow of the thread would end the process.
    pub(super) fn thread(&self) -> thread::Builder {
        thread::Builder::new().name("detector".to_owned()).stack_size(self.limits.stack_bytes + HOST_STACK_BYTES)
    }

    /// Returns the log budget of a call for a rule.
    pub(crate) fn log(&self, rule: &str) -> CallLog {
        CallLog::new(&self.limits, Arc::clone(&self.name), rule)
    }

    /// Instantiates the plugin, makes the call and discards the instance. Must run on a [`Self::thread`].
    pub(crate) fn call<T>(
        &self,
        budget: CallBudget,
        call: impl FnOnce(&Guest, &mut Store<StoreData>) -> wasmtime::Result<T>,
    ) -> FinishedCall<T> {
        let limits = &self.limits;
        let CallBudget { kind, fuel, log } = budget;
        // Declared before the store, and therefore released after it: the slot belongs to the store's instance.
        let _slot = self.slots.take();
        let data = StoreData {
            log: log.next_call(),
            reference: self.reference.clone(),
            reference_bytes_left: limits.reference_bytes_per_call,
            memory: MemoryLimiter::new(Arc::clone(limits)),
            fuel: Fuel::new(fuel),
        };
        let mut store = Store::new(self.instance.engine(), data);
        store.limiter(|data| &mut data.memory);
        store.set_epoch_deadline(call_ticks(limits));
        // wasmtime counts the bytes passed from the plugin to the host in a fuel of its own, separate from CPU fuel.
        store.set_hostcall_fuel(limits.output_bytes);
        let returned = self.instance.instantiate(&mut store).and_then(|instance| {
            let plugin = self.indices.load(&mut store, &instance)?;
            let value = call(plugin.costwarden_detector_detector(), &mut store)?;
            Ok((value, self.fuel_gauge.used(&mut store, &instance)?))
        });
        // The gauge cannot be called after a trap; the core dump gives the fuel instead.
        let (result, used) = match returned {
            Ok((value, used)) => (Ok(value), used),
            Err(error) => {
                let TrappedFuel { used, is_exhausted } = fuel_after_trap(&mut store, &error);
                let error = if is_exhausted {
                    let FuelLimit { key, units } = self.fuel_limit(kind);
                    CallError::Fuel { budget: fuel, key, limit: units }
                } else {
                    self.call_error(&error, store.data())
                };
                (Err(error), used)
            }
        };
        let StoreData { log, memory, .. } = store.into_data();
        FinishedCall { result, log, fuel: used, memory_bytes: memory.memory_bytes() }
    }

    fn call_without_series<T>(
        &self,
        call: impl FnOnce(&Guest, &mut Store<StoreData>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let kind = CallKind::Describe;
        let budget = CallBudget { kind, fuel: self.fuel(kind, 0), log: self.log("") };
        let FinishedCall { result, log, .. } = self.call(budget, call);
        log.report_dropped();
        result
    }

    fn fuel_limit(&self, kind: CallKind) -> FuelLimit {
        match kind {
            CallKind::Describe => FuelLimit { key: "describe_fuel", units: self.limits.describe_fuel },
            CallKind::Fit => FuelLimit { key: "fit_fuel_per_series", units: self.limits.fit_fuel_per_series },
            CallKind::Judge => FuelLimit { key: "judge_fuel_per_series", units: self.limits.judge_fuel_per_series },
        }
    }

    fn call_error(&self, error: &wasmtime::Error, data: &StoreData) -> CallError {
        let limits = &self.limits;
        if let Some(message) = system_error(error) {
            return CallError::Host(message);
        }
        let trap = error.downcast_ref::<Trap>();
        match trap {
            Some(Trap::StackOverflow) => return CallError::Stack(limits.stack_bytes),
            Some(Trap::Interrupt) => return CallError::Time(limits.call_seconds),
            _ => {}
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
