//! New spend after a pause, and the stop of steady spend.
//!
//! A point spends if its amount is above `minAmount`. A run of spending points after at least `quietDays` without spend
//! is new. A run without spend after weeks of nearly constant spend is a stop. Both alert for `alertDays`; afterwards
//! the state is usual. Other detectors judge the amounts.
//!
//! A recurring service (e.g. a monthly fee) is not new each time: a pause slightly longer than an earlier pause is
//! usual, and so is an amount similar to earlier amounts.
//!
//! Excluded points count like all points: the question is the presence of spend, not the usual amount.

use costwarden_sdk::{Baseline, Context, Detector, Issue, Language, Refusal, Series, Verdict, Window, stats};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DAY: u32 = 86_400;
/// Number of newest days that show whether a service is steady.
const STEADY_DAYS: u32 = 28;
/// Minimum part of the newest days with spend for a steady service.
const STEADY: f64 = 0.9;
/// Maximum length of a usual pause, as a multiple of the longest earlier pause.
const USUAL_PAUSE: f64 = 1.25;
/// Maximum usual amount after a pause, as a multiple of the largest earlier amount.
const USUAL_AMOUNT: f64 = 2.0;

/// The detector.
pub struct Newcomer;

costwarden_sdk::export!(Newcomer);

/// Thresholds for new and stopped spend.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// Days without spend before spend counts as new, and the minimum history in days; 2 to 365.
    #[schemars(range(min = 2, max = 365))]
    quiet_days: u32,
    /// Maximum amount of a point that does not count as spend; at least 0.
    #[schemars(range(min = 0.0))]
    min_amount: f64,
    /// Number of days with alerts after a change; 1 to 31.
    #[schemars(range(min = 1, max = 31))]
    alert_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { quiet_days: 14, min_amount: 0.0, alert_days: 3 }
    }
}

/// The current run of points, and a summary of earlier points.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whether the run has spend.
    spends: bool,
    /// Number of points in the run.
    run: u32,
    /// Number of points without spend before the run with spend.
    pause: u32,
    /// Whether the pause and the first amount after the pause were unusual.
    new: bool,
    /// The longest pause between two runs with spend, in points.
    longest_pause: u32,
    /// The largest amount so far.
    largest: f64,
    /// The usual amount of a steady service; `None` for all other services.
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
        // A quiet run says nothing about the earlier usual amount: leave the run out.
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
        // Context points also advance the state; only later points get verdicts.
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
        // `f64::max` handles NaN and compiles to a call in WebAssembly.
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

/// The median amount of a service with spend on nearly all of the newest days.
fn usual(settings: &Settings, values: &[f64], step: u32) -> Option<f64> {
    let weeks = points(STEADY_DAYS, step) as usize;
    let least = points(settings.quiet_days, step) as usize;
    let mut newest = values[values.len().saturating_sub(weeks)..].to_vec();
    let spending = newest.iter().filter(|value| **value > settings.min_amount).count();
    let steady = newest.len() >= least && spending as f64 >= STEADY * newest.len() as f64;
    if steady { stats::median(&mut newest) } else { None }
}

/// Converts days to points of the given step.
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
