//! Spend that appears where there was none, and spend that stops.
//!
//! A point spends when it is above `minAmount`. A run of spending points after at least `quietDays` without is new;
//! a run without spend after weeks that nearly always had some is a stop. Either alerts for `alertDays`: after that
//! it is how things are. Amounts are the business of other detectors.
//!
//! A service that comes and goes (a monthly fee, say) is not new each time: a pause that is hardly longer than an
//! earlier one, and an amount that is of the size seen before, are its habit.
//!
//! Excluded points count here like any other: what is asked is whether there was spend, not how much is usual.

use costwarden_sdk::{Baseline, Context, Detector, Issue, Language, Refusal, Series, Verdict, Window, stats};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DAY: u32 = 86_400;
/// The weeks that show whether a service is steady.
const STEADY_DAYS: u32 = 28;
/// The part of these points that must have had spend.
const STEADY: f64 = 0.9;
/// A pause up to this many times as long as the longest before it is nothing new.
const USUAL_PAUSE: f64 = 1.25;
/// An amount up to this many times the largest before it is nothing new.
const USUAL_AMOUNT: f64 = 2.0;

/// The detector.
pub struct Newcomer;

costwarden_sdk::export!(Newcomer);

/// When spend counts as new or as stopped.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// Days without spend after which spend is new, and days of history that a judgement needs; 2 to 365.
    #[schemars(range(min = 2, max = 365))]
    quiet_days: u32,
    /// Money up to which a point does not count as spend; at least 0.
    #[schemars(range(min = 0.0))]
    min_amount: f64,
    /// Days for which a new state alerts; 1 to 31.
    #[schemars(range(min = 1, max = 31))]
    alert_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { quiet_days: 14, min_amount: 0.0, alert_days: 3 }
    }
}

/// The run of points that goes on, and what was before it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whether the run has spend.
    spends: bool,
    /// Points of the run.
    run: u32,
    /// Points without spend before a run with spend.
    pause: u32,
    /// Whether that pause and the amount of the first point after it were new.
    new: bool,
    /// The longest pause between two runs with spend.
    longest_pause: u32,
    /// The largest amount.
    largest: f64,
    /// The usual amount of a steady service; none of others.
    usual: Option<f64>,
}

impl Detector for Newcomer {
    type Settings = Settings;
    type State = State;

    const NAME: &'static str = "newcomer";
    const SUMMARY: &'static str = "spend that appears where there was none, and steady spend that stops";
    const MIN_POINTS: u32 = 2;

    fn check(settings: &Settings) -> Vec<Issue> {
        [
            Issue::unless((2..=365).contains(&settings.quiet_days), "/quietDays", "must be 2 to 365"),
            Issue::unless(settings.min_amount >= 0.0, "/minAmount", "must be at least 0"),
            Issue::unless((1..=31).contains(&settings.alert_days), "/alertDays", "must be 1 to 31"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn fit(_: &Context, settings: &Settings, history: &Series) -> Result<Baseline<State>, Refusal> {
        let values = history.known_values();
        let needed = points(settings.quiet_days, history.step);
        if values.len() < needed as usize {
            return Err(Refusal::learning(values.len(), needed as usize));
        }
        let mut state = State::default();
        for value in &values {
            state.take(settings, history.step, *value);
        }
        let before_run = &values[..values.len() - if state.spends { 0 } else { state.run as usize }];
        state.usual = usual(settings, before_run, history.step);
        let (run, spends) = (f64::from(state.run), f64::from(u8::from(state.spends)));
        Ok(Baseline::new(state).figure("spends", spends).figure("run", run))
    }

    fn judge(
        context: &Context,
        settings: &Settings,
        window: &Window,
        mut state: State,
    ) -> Result<Vec<Verdict>, Refusal> {
        let mut verdicts = Vec::new();
        for (i, observed) in window.series.known() {
            let before = state.clone();
            state.take(settings, window.series.step, observed);
            if i >= window.judge_from {
                verdicts.push(verdict(context, settings, window.series.step, i, observed, &before, &state));
            }
        }
        Ok(verdicts)
    }
}

impl State {
    fn take(&mut self, settings: &Settings, step: u32, value: f64) {
        if (value > settings.min_amount) == self.spends {
            self.run += 1;
        } else if self.spends {
            (self.spends, self.run) = (false, 1);
        } else {
            let had_spend = self.largest > 0.0;
            let unusual = !had_spend
                || f64::from(self.run) > f64::from(self.longest_pause) * USUAL_PAUSE
                || value > self.largest * USUAL_AMOUNT;
            self.new = unusual && self.run >= points(settings.quiet_days, step);
            if had_spend {
                self.longest_pause = self.longest_pause.max(self.run);
            }
            self.pause = self.run;
            (self.spends, self.run) = (true, 1);
        }
        // `f64::max`, which minds NaN, is a call in WebAssembly.
        if self.spends && value > self.largest {
            self.largest = value;
        }
    }
}

fn verdict(
    context: &Context,
    settings: &Settings,
    step: u32,
    i: usize,
    observed: f64,
    before: &State,
    after: &State,
) -> Verdict {
    let recent = after.run <= points(settings.alert_days, step);
    if after.spends && after.new && recent {
        let score = f64::from(after.pause) / f64::from(points(settings.quiet_days, step));
        return Verdict {
            upper: settings.min_amount,
            reason: appeared(context, step, observed, after),
            ..Verdict::new(i, score.max(1.0), 0.0)
        };
    }
    match before.usual {
        Some(usual) if !after.spends && recent => Verdict {
            lower: settings.min_amount,
            reason: stopped(context, observed, usual),
            ..Verdict::new(i, 1.0, usual)
        },
        Some(usual) if after.spends => Verdict { lower: settings.min_amount, ..Verdict::new(i, 0.0, usual) },
        _ if !after.spends && before.run + 1 > points(settings.quiet_days, step) && before.largest == 0.0 => {
            Verdict { upper: settings.min_amount, ..Verdict::new(i, 0.0, 0.0) }
        }
        _ => Verdict::new(i, 0.0, observed),
    }
}

/// The median amount of a service that nearly always had spend in the last weeks.
fn usual(settings: &Settings, values: &[f64], step: u32) -> Option<f64> {
    let weeks = points(STEADY_DAYS, step) as usize;
    let least = points(settings.quiet_days, step) as usize;
    let mut newest = values[values.len().saturating_sub(weeks)..].to_vec();
    let spending = newest.iter().filter(|value| **value > settings.min_amount).count();
    let steady = newest.len() >= least && spending as f64 >= STEADY * newest.len() as f64;
    if steady { stats::median(&mut newest) } else { None }
}

/// Days in points of this step.
fn points(days: u32, step: u32) -> u32 {
    (days * DAY).div_ceil(step.max(1)).max(1)
}

fn appeared(context: &Context, step: u32, observed: f64, state: &State) -> String {
    let amount = context.amount(observed);
    let days = u64::from(state.pause) * u64::from(step) / u64::from(DAY);
    match context.language() {
        Language::Korean => format!("{days}일 동안 비용이 없던 곳에서 {amount}이 발생했습니다"),
        Language::English => format!("{amount} after {days} days without spend"),
    }
}

fn stopped(context: &Context, observed: f64, usual: f64) -> String {
    let (amount, usual) = (context.amount(observed), context.amount(usual));
    match context.language() {
        Language::Korean => format!("꾸준히 {usual}이던 비용이 {amount}으로 멈췄습니다"),
        Language::English => format!("steady spend of {usual} stopped: {amount}"),
    }
}

#[cfg(test)]
mod tests;
