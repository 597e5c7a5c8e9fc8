//! Makes a single call in a fresh instance, under the limits.
//!
//! Every instance is discarded after its call, with or without a trap, so a call cannot affect the next call.
//! [`super::batch`] chooses the series of a call.

use std::sync::Arc;
use std::thread;

use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap};

use super::bindings::{self, Baseline, Context, Guest, PluginWithReferenceIndices, Refusal};
use super::fuel::{self, Burnt, Fuel, Gauge, OWN_INSTANCES};
use super::log::Log;
use super::meter::{Denied, Meter};
use super::reference::Reference;
use super::slots::Slots;
use super::{Breach, Call, Issue, Limits, output};
use model::series::{Series, Window};

/// Stack of a thread in addition to the WebAssembly stack, in bytes.
pub(super) const HOST_STACK_BYTES: usize = 1024 * 1024;

/// Maximum number of reported issues with settings. Each issue is a line for people.
const ISSUES: usize = 50;

/// A compiled plugin with the shared resources of its instances.
pub(super) struct Program {
    pub(super) name: Arc<str>,
    pub(super) pre: InstancePre<State>,
    pub(super) indices: PluginWithReferenceIndices,
    pub(super) limits: Arc<Limits>,
    pub(super) reference: Option<Arc<Reference>>,
    pub(super) slots: Arc<Slots>,
    pub(super) gauge: Gauge,
}

/// The data behind an instance's imports.
pub(super) struct State {
    pub(super) log: Log,
    pub(super) reference: Option<Arc<Reference>>,
    /// Bytes of reference data that this call may still read.
    pub(super) reference_bytes_left: u64,
    meter: Meter,
    pub(super) fuel: Fuel,
}

/// The called function of the contract, which determines the fuel. `check-settings` has the fuel of `describe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Describe,
    Fit,
    Judge,
}

/// The result and the cost of a call.
pub(super) struct Attempt<T> {
    pub(super) result: Result<T, Breach>,
    /// The remaining log budget, to close or to pass to the next call.
    pub(super) log: Log,
    pub(super) fuel: u64,
    /// Peak total of the instance's memories, in bytes.
    pub(super) memory_bytes: usize,
}

/// The answers of `fit` or `judge`, an answer per input.
pub(super) type Answers<T> = Vec<Result<T, Refusal>>;

impl Program {
    /// Returns the fuel of a call over the given number of series.
    pub(super) fn fuel(&self, kind: Kind, series: usize) -> u64 {
        let (_, per_series) = self.fuel_limit(kind);
        match kind {
            Kind::Describe => per_series,
            Kind::Fit | Kind::Judge => {
                self.limits.fuel_per_call.saturating_add(per_series.saturating_mul(series as u64))
            }
        }
    }

    /// Calls `describe`. The answer is not checked.
    pub(super) fn describe(&self) -> Result<bindings::costwarden::detector::types::Manifest, Breach> {
        let fuel = self.fuel(Kind::Describe, 0);
        self.attempt_one(fuel, |guest, store| guest.call_describe(store))
    }

    /// Calls `check-settings` on a separate thread.
    pub(super) fn check_settings(&self, settings: &str) -> Result<Vec<Issue>, Breach> {
        let fuel = self.fuel(Kind::Describe, 0);
        let call = || self.attempt_one(fuel, |guest, store| guest.call_check_settings(store, settings));
        let issues = on_thread(self.thread(), call)??;
        let plain = |text| output::plain(output::shortened(text, self.limits.reason_bytes));
        let more = issues.len().saturating_sub(ISSUES);
        let told = issues.into_iter().take(ISSUES);
        let mut told: Vec<_> = told.map(|i| Issue { pointer: plain(i.pointer), message: plain(i.message) }).collect();
        if more > 0 {
            told.push(Issue { pointer: String::new(), message: format!("and {more} more") });
        }
        Ok(told)
    }

    /// Returns a thread builder with enough stack for a plugin. A stack overflow of the thread would end the process.
    pub(super) fn thread(&self) -> thread::Builder {
        thread::Builder::new().name("detector".to_owned()).stack_size(self.limits.stack_bytes + HOST_STACK_BYTES)
    }

    /// Makes a call without series.
    fn attempt_one<T>(
        &self,
        fuel: u64,
        call: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Breach> {
        let Attempt { result, log, .. } = self.attempt(self.log(""), Kind::Describe, fuel, call);
        log.close();
        result
    }

    /// Returns the log budget of a call for a rule.
    pub(super) fn log(&self, rule: &str) -> Log {
        Log::new(&self.limits, Arc::clone(&self.name), rule)
    }

    /// Instantiates the plugin, makes the call and discards the instance. Must run on a [`Self::thread`].
    pub(super) fn attempt<T>(
        &self,
        log: Log,
        kind: Kind,
        fuel: u64,
        call: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Attempt<T> {
        let limits = &self.limits;
        // Declared before the store, and therefore released after it: the slot belongs to the store's instance.
        let _slot = self.slots.take();
        let state = State {
            log: log.next_call(),
            reference: self.reference.clone(),
            reference_bytes_left: limits.reference_bytes_per_call,
            meter: Meter::new(Arc::clone(limits)),
            fuel: Fuel::new(fuel),
        };
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.meter);
        // wasmtime counts the bytes passed from the plugin to the host in a fuel of its own, separate from CPU fuel.
        store.set_hostcall_fuel(limits.output_bytes);
        let answered = self.pre.instantiate(&mut store).and_then(|instance| {
            let plugin = self.indices.load(&mut store, &instance)?;
            let answer = call(plugin.costwarden_detector_detector(), &mut store)?;
            Ok((answer, self.gauge.used(&mut store, &instance)?))
        });
        // The gauge cannot be called after a trap; the core dump gives the fuel instead.
        let (result, used) = match answered {
            Ok((answer, used)) => (Ok(answer), used),
            Err(error) => {
                let Burnt { fuel: used, is_dry } = fuel::burnt(&mut store, &error);
                let breach = if is_dry { self.is_dry(kind, fuel) } else { self.breach(&error, store.data()) };
                (Err(breach), used)
            }
        };
        let State { log, meter, .. } = store.into_data();
        Attempt { result, log, fuel: used, memory_bytes: meter.memory_bytes() }
    }

    fn is_dry(&self, kind: Kind, budget: u64) -> Breach {
        let (key, limit) = self.fuel_limit(kind);
        Breach::Fuel { budget, key, limit }
    }

    fn fuel_limit(&self, kind: Kind) -> (&'static str, u64) {
        match kind {
            Kind::Describe => ("describe_fuel", self.limits.describe_fuel),
            Kind::Fit => ("fit_fuel_per_series", self.limits.fit_fuel_per_series),
            Kind::Judge => ("judge_fuel_per_series", self.limits.judge_fuel_per_series),
        }
    }

    fn breach(&self, error: &wasmtime::Error, state: &State) -> Breach {
        let limits = &self.limits;
        let trap = error.downcast_ref::<Trap>();
        if matches!(trap, Some(Trap::StackOverflow)) {
            return Breach::Stack(limits.stack_bytes);
        }
        let text = format!("{:#}", error.root_cause());
        match state.meter.denied() {
            Some(Denied::Memory) => return Breach::Memory(limits.memory_bytes),
            Some(Denied::Table) => return Breach::Table(limits.table_elements),
            None => {}
        }
        match trap {
            Some(trap) => {
                let trap = trap.to_string();
                let trap = trap.strip_prefix("wasm trap: ").unwrap_or(&trap).to_owned();
                Breach::Trapped { trap, panic: state.log.last_error() }
            }
            // wasmtime has no types for these two errors. Tests pin the recognised texts.
            None if text.contains("fuel allocated for hostcalls") => Breach::OutputTooLarge(limits.output_bytes),
            None if text.contains("resource limit exceeded") => Breach::Parts(too_many(&text, limits)),
            None => Breach::Trapped { trap: output::said(text), panic: state.log.last_error() },
        }
    }
}

/// Returns the exceeded count of instances, memories or tables, without the meter's additions. An unknown error keeps
/// the engine's text.
fn too_many(text: &str, limits: &Limits) -> String {
    let counted = text.rsplit_once(" count too high at ").and_then(|(before, count)| {
        let count: usize = count.parse().ok()?;
        match before.rsplit(' ').next()? {
            "instance" => Some((count.saturating_sub(OWN_INSTANCES), "instances", limits.instances)),
            "memory" => Some((count, "memories", limits.memories)),
            "table" => Some((count, "tables", limits.tables)),
            _ => None,
        }
    });
    match counted {
        Some((count, kind, limit)) => format!("{count} {kind}, more than {limit} (plugins.limits.{kind})"),
        None => format!("{} (plugins.limits.instances, .memories, .tables)", output::said(text)),
    }
}

/// Runs a closure on a separate thread. A panic becomes a [`Breach::Host`], and the caller's stack is not used.
pub(super) fn on_thread<T: Send>(thread: thread::Builder, run: impl FnOnce() -> T + Send) -> Result<T, Breach> {
    thread::scope(|scope| {
        let thread = thread
            .spawn_scoped(scope, run)
            .map_err(|error| Breach::Host(format!("no thread can be started: {error}")))?;
        thread.join().map_err(|_| Breach::Host("its thread stopped".to_owned()))
    })
}

/// Calls `fit` for a batch.
pub(super) fn fit(
    guest: &Guest,
    store: &mut Store<State>,
    call: &Call<'_>,
    history: &[Series],
) -> wasmtime::Result<Answers<Baseline>> {
    let history: Vec<_> = history.iter().map(borrowed).collect();
    guest.call_fit(store, context(call), &history)
}

/// Calls `judge` for a batch.
pub(super) fn judge(
    guest: &Guest,
    store: &mut Store<State>,
    call: &Call<'_>,
    windows: &[Window],
) -> wasmtime::Result<Answers<Vec<bindings::Verdict>>> {
    let windows: Vec<_> = windows
        .iter()
        .map(|w| bindings::Window { series: borrowed(&w.series), state: &w.state, judge_from: w.judge_from })
        .collect();
    guest.call_judge(store, context(call), &windows)
}

fn context<'a>(call: &Call<'a>) -> Context<'a> {
    Context { settings: call.settings, unit: call.unit, locale: call.locale }
}

fn borrowed(series: &Series) -> bindings::Series<'_> {
    bindings::Series {
        id: &series.id,
        start: series.start,
        utc_offset: series.utc_offset,
        step: series.step,
        values: &series.values,
        excluded: &series.excluded,
    }
}
