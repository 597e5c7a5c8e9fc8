//! A detector that fails according to its settings, for the test suites of the sandbox.
//!
//! Apart from the configured failure, the fit learns the last value and every point scores 0.5.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use costwarden_sdk::{Baseline, Context, Detector, Issue, Refusal, Series, Verdict, Window, log, reference};
use schemars::JsonSchema;
use serde::Deserialize;

struct Misbehaving;

/// The number of series fitted by this instance.
static SERIES: AtomicU32 = AtomicU32::new(0);

costwarden_sdk::export!(Misbehaving);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The kind of failure.
    mode: Mode,
    /// The call that fails.
    #[serde(default)]
    phase: Phase,
    /// Bytes of an oversized state or reason, entries of an oversized output, lines of a log flood.
    #[serde(default = "million")]
    size: u32,
    /// The name of the reference data to read.
    #[serde(default)]
    name: String,
}

fn million() -> u32 {
    1_000_000
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    Fit,
    #[default]
    Judge,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Ok,
    Panic,
    EndlessLoop,
    MemoryGrowth,
    DeepRecursion,
    LogFlood,
    /// A state of `size` bytes; fit only.
    OversizedState,
    /// A fit with `size` figures, or a window with `size` verdicts.
    OversizedOutput,
    /// A reason of `size` bytes; judge only.
    OversizedReason,
    NanScore,
    InfiniteScore,
    NanExpected,
    NanBound,
    /// An index one past the last point.
    IndexOutOfRange,
    /// An index before `judge-from`; without context points, an index past the end.
    IndexInContext,
    DuplicateIndex,
    TooFewResults,
    TooManyResults,
    Learning,
    Failed,
    /// Panics for a series with "poison" in its id.
    Poison,
    /// Reads `name` and logs the number of bytes.
    Reference,
    /// A figure with the number of earlier series of the same call; fit only.
    BatchPosition,
}

impl Detector for Misbehaving {
    type Settings = Settings;
    type State = (f64, Vec<u8>);

    const NAME: &'static str = "misbehaving";
    const SUMMARY: &'static str = "goes wrong as its settings say";
    const MIN_POINTS: u32 = 1;

    fn check(settings: &Settings) -> Vec<Issue> {
        Issue::unless(settings.size > 0, "/size", "must be above 0").into_iter().collect()
    }

    fn fit(_: &Context, settings: &Settings, history: &Series) -> Result<Baseline<Self::State>, Refusal> {
        let last = history.learnable().last().map_or(0.0, |(_, value)| value);
        let mut baseline = Baseline::new((last, Vec::new())).figure("last", last);
        if settings.phase == Phase::Fit {
            misbehave(settings, history)?;
            let size = settings.size as usize;
            match settings.mode {
                Mode::OversizedState => baseline.state.1 = vec![7; size],
                Mode::OversizedOutput => baseline.figures = vec![("figure".to_owned(), 1.0); size],
                Mode::BatchPosition => {
                    let earlier = f64::from(SERIES.fetch_add(1, Ordering::Relaxed));
                    baseline = baseline.figure("earlier", earlier);
                }
                Mode::NanScore => baseline = baseline.figure("nan", f64::NAN),
                Mode::InfiniteScore => baseline = baseline.figure("infinite", f64::INFINITY),
                _ => {}
            }
        }
        Ok(baseline)
    }

    fn judge(
        _: &Context,
        settings: &Settings,
        window: &Window,
        (last, _): Self::State,
    ) -> Result<Vec<Verdict>, Refusal> {
        let mut verdicts: Vec<_> = window.to_judge().map(|(i, _)| Verdict::new(i, 0.5, last)).collect();
        if settings.phase == Phase::Judge {
            misbehave(settings, &window.series)?;
            if let Some(newest) = verdicts.last_mut() {
                spoil(newest, settings, window);
            }
            match settings.mode {
                Mode::OversizedOutput => verdicts = vec![Verdict::new(0, 0.5, last); settings.size as usize],
                Mode::DuplicateIndex => verdicts.extend(verdicts.last().cloned()),
                _ => {}
            }
        }
        Ok(verdicts)
    }

    fn fit_all(
        context: &Context,
        settings: &Settings,
        history: &[Series],
    ) -> Vec<Result<Baseline<Self::State>, Refusal>> {
        let results = history.iter().map(|series| Self::fit(context, settings, series)).collect();
        if settings.phase == Phase::Fit { miscount(settings.mode, results) } else { results }
    }

    fn judge_all(
        context: &Context,
        settings: &Settings,
        windows: Vec<(Window, Self::State)>,
    ) -> Vec<Result<Vec<Verdict>, Refusal>> {
        let results =
            windows.into_iter().map(|(window, state)| Self::judge(context, settings, &window, state)).collect();
        if settings.phase == Phase::Judge { miscount(settings.mode, results) } else { results }
    }
}

/// Failures that are the same in fit and judge.
fn misbehave(settings: &Settings, series: &Series) -> Result<(), Refusal> {
    match settings.mode {
        Mode::Panic => panic!("misbehaving on purpose"),
        Mode::Poison if series.id.contains("poison") => panic!("poisoned by {}", series.id),
        Mode::EndlessLoop => {
            let mut turns = 0_u64;
            loop {
                // Without a visible effect, the compiler could remove the loop.
                turns = black_box(turns.wrapping_add(1));
            }
        }
        Mode::MemoryGrowth => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        Mode::DeepRecursion => log::info(deeper(black_box(1)).to_string()),
        Mode::LogFlood => {
            let line = "flood ".repeat(200);
            for _ in 0..settings.size {
                log::info(&line);
            }
        }
        Mode::Learning => return Err(Refusal::Learning(3)),
        Mode::Failed => return Err(Refusal::Failed("failed on purpose".to_owned())),
        Mode::Reference => match reference::read(&settings.name) {
            Ok(bytes) => log::info(format!("{}: {} bytes", settings.name, bytes.len())),
            Err(why) => return Err(Refusal::Failed(why)),
        },
        _ => {}
    }
    Ok(())
}

/// Makes one verdict invalid for every host.
fn spoil(verdict: &mut Verdict, settings: &Settings, window: &Window) {
    let past_the_end = u32::try_from(window.series.len()).expect("a window is short");
    match settings.mode {
        Mode::NanScore => verdict.score = f64::NAN,
        Mode::InfiniteScore => verdict.score = f64::INFINITY,
        Mode::NanExpected => verdict.expected = f64::NAN,
        Mode::NanBound => verdict.upper = f64::NAN,
        Mode::IndexOutOfRange => verdict.index = past_the_end,
        Mode::IndexInContext => verdict.index = if window.judge_from > 0 { 0 } else { past_the_end },
        Mode::OversizedReason => verdict.reason = "x".repeat(settings.size as usize),
        _ => {}
    }
}

fn miscount<T>(mode: Mode, mut results: Vec<Result<T, Refusal>>) -> Vec<Result<T, Refusal>> {
    match mode {
        Mode::TooFewResults => drop(results.pop()),
        Mode::TooManyResults => results.push(Err(Refusal::Failed("one too many".to_owned()))),
        _ => {}
    }
    results
}

/// Recurses without end. The frame must stay alive below the call; otherwise the compiler turns the recursion into a
/// loop.
fn deeper(level: u64) -> u64 {
    let mark = black_box(level);
    if level == 0 { 0 } else { black_box(deeper(black_box(level + 1))) ^ mark }
}

#[cfg(test)]
mod tests {
    use super::*;
    use costwarden_sdk::native::{self, fit_then_judge};

    fn judged(mode: &str) -> Result<Vec<Verdict>, Refusal> {
        let history = Series::daily("2026-01-01", [1.0, 2.0]);
        fit_then_judge::<Misbehaving>(&format!(r#"{{ "mode": "{mode}", "size": 1000 }}"#), &history, &[3.0, 4.0])
    }

    #[test]
    fn it_behaves_when_told_to() {
        assert_eq!(judged("ok"), Ok(vec![Verdict::new(0, 0.5, 2.0), Verdict::new(1, 0.5, 2.0)]));
    }

    #[test]
    fn it_spoils_what_it_is_told_to() {
        let newest = |mode| judged(mode).expect("verdicts").pop().expect("a verdict");
        assert!(newest("nan-score").score.is_nan());
        assert_eq!(newest("infinite-score").score, f64::INFINITY);
        assert_eq!(newest("index-out-of-range").index, 2);
        assert_eq!(newest("oversized-reason").reason.len(), 1000);
        assert_eq!(judged("oversized-output").expect("verdicts").len(), 1000);
        assert_eq!(judged("duplicate-index").expect("verdicts").len(), 3);
        assert_eq!(judged("learning"), Err(Refusal::Learning(3)));
        assert_eq!(judged("failed"), Err(Refusal::Failed("failed on purpose".to_owned())));
    }

    #[test]
    fn it_reads_what_it_was_granted() {
        let settings = r#"{ "mode": "reference", "name": "list", "phase": "fit" }"#;
        let series = Series::daily("2026-01-01", [1.0]);
        let fit = || native::fit::<Misbehaving>(&native::context(settings), &series);
        assert_eq!(fit(), Err(Refusal::Failed("`list` is not granted".to_owned())));
        native::grant("list", *b"abc");
        assert!(fit().is_ok());
    }

    #[test]
    fn an_unknown_mode_is_an_issue() {
        let issues = native::check::<Misbehaving>(r#"{ "mode": "good" }"#);
        assert_eq!(issues[0].pointer, "/mode");
    }
}
