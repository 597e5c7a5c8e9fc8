//! One call into a fresh instance, under the limits.
//!
//! An instance that trapped is never used again, and one that did not is thrown away too: a call cannot leave anything
//! behind for the next. Which series go into a call is the business of [`super::batch`].

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
use crate::series::{Series, Window};

/// Stack of a thread besides what WebAssembly may use of it.
pub(super) const HOST_STACK_BYTES: usize = 1024 * 1024;

/// What is told of the issues that a plugin has with settings: each is a line for people.
const ISSUES: usize = 50;

/// A compiled plugin with everything that its instances need.
pub(super) struct Program {
    pub(super) name: Arc<str>,
    pub(super) pre: InstancePre<State>,
    pub(super) indices: PluginWithReferenceIndices,
    pub(super) limits: Arc<Limits>,
    pub(super) reference: Option<Arc<Reference>>,
    pub(super) slots: Arc<Slots>,
    pub(super) gauge: Gauge,
}

/// What an instance's imports work with.
pub(super) struct State {
    pub(super) log: Log,
    pub(super) reference: Option<Arc<Reference>>,
    /// What this call may still read of it.
    pub(super) reference_bytes_left: u64,
    meter: Meter,
    pub(super) fuel: Fuel,
}

/// Which of the contract's functions is called, and so which fuel it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Describe,
    Fit,
    Judge,
}

/// What a call gave, and what it cost.
pub(super) struct Attempt<T> {
    pub(super) result: Result<T, Breach>,
    /// With what may still be logged, to be closed or given to the next.
    pub(super) log: Log,
    pub(super) fuel: u64,
    /// Of all memories of the instance together, at most.
    pub(super) memory_bytes: usize,
}

/// What the contract's functions return for each input.
pub(super) type Answers<T> = Vec<Result<T, Refusal>>;

impl Program {
    /// Fuel of a call over so many series.
    pub(super) fn fuel(&self, kind: Kind, series: usize) -> u64 {
        let (_, per_series) = self.fuel_limit(kind);
        match kind {
            Kind::Describe => per_series,
            Kind::Fit | Kind::Judge => {
                self.limits.fuel_per_call.saturating_add(per_series.saturating_mul(series as u64))
            }
        }
    }

    /// Calls `describe`, whose answer is not checked yet.
    pub(super) fn describe(&self) -> Result<bindings::costwarden::detector::types::Manifest, Breach> {
        let fuel = self.fuel(Kind::Describe, 0);
        self.attempt_one(fuel, |guest, store| guest.call_describe(store))
    }

    /// Calls `check-settings`, on a thread of its own.
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

    /// A thread whose stack holds all that a plugin may use of it: to overrun a stack ends the process.
    pub(super) fn thread(&self) -> thread::Builder {
        thread::Builder::new().name("detector".to_owned()).stack_size(self.limits.stack_bytes + HOST_STACK_BYTES)
    }

    /// A call that is about no series.
    fn attempt_one<T>(
        &self,
        fuel: u64,
        call: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Breach> {
        let Attempt { result, log, .. } = self.attempt(self.log(""), Kind::Describe, fuel, call);
        log.close();
        result
    }

    /// What a call for a rule may log.
    pub(super) fn log(&self, rule: &str) -> Log {
        Log::new(&self.limits, Arc::clone(&self.name), rule)
    }

    /// Instantiates, calls, and throws away. To be called on a [`Self::thread`].
    pub(super) fn attempt<T>(
        &self,
        log: Log,
        kind: Kind,
        fuel: u64,
        call: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Attempt<T> {
        let limits = &self.limits;
        // Let go of after the store, whose instance it is for.
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
        store.set_hostcall_fuel(limits.output_bytes);
        let answered = self.pre.instantiate(&mut store).and_then(|instance| {
            let plugin = self.indices.load(&mut store, &instance)?;
            let answer = call(plugin.costwarden_detector_detector(), &mut store)?;
            Ok((answer, self.gauge.used(&mut store, &instance)?))
        });
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
            // These two have no types of their own in wasmtime; tests pin that they are recognised.
            None if text.contains("fuel allocated for hostcalls") => Breach::OutputTooLarge(limits.output_bytes),
            None if text.contains("resource limit exceeded") => Breach::Parts(too_many(&text, limits)),
            None => Breach::Trapped { trap: output::said(text), panic: state.log.last_error() },
        }
    }
}

/// What a plugin has too many of, without what the meter puts into it; in the engine's words where those are unknown.
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

/// Runs on a thread of its own, so that neither its stack nor a panic reaches the caller.
pub(super) fn on_thread<T: Send>(thread: thread::Builder, run: impl FnOnce() -> T + Send) -> Result<T, Breach> {
    thread::scope(|scope| {
        let thread = thread
            .spawn_scoped(scope, run)
            .map_err(|error| Breach::Host(format!("no thread can be started: {error}")))?;
        thread.join().map_err(|_| Breach::Host("its thread stopped".to_owned()))
    })
}

/// Calls `fit` over one batch.
pub(super) fn fit(
    guest: &Guest,
    store: &mut Store<State>,
    call: &Call<'_>,
    history: &[Series],
) -> wasmtime::Result<Answers<Baseline>> {
    let history: Vec<_> = history.iter().map(borrowed).collect();
    guest.call_fit(store, context(call), &history)
}

/// Calls `judge` over one batch.
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
