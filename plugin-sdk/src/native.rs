//! Native runs of a detector without a sandbox, for tests and benchmarks. Settings and state are packed exactly like in
//! the sandbox.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::bindings::costwarden::detector::types;
use crate::{Context, Detector, Issue, Manifest, Refusal, Series, Verdict, glue};

/// The packed result of one fit, in the form that the host stores.
pub type Packed = types::Baseline;

thread_local! {
    static GRANTED: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
}

/// A context in English and KRW; the fields are public for changes.
#[must_use]
pub fn context(settings_json: &str) -> Context {
    Context { settings: settings_json.to_owned(), unit: "KRW".to_owned(), locale: "en".to_owned() }
}

/// The manifest of the detector.
#[must_use]
pub fn describe<D: Detector>() -> Manifest {
    glue::describe::<D>(env!("CARGO_PKG_VERSION"))
}

/// Checks settings and returns their issues.
#[must_use]
pub fn check<D: Detector>(settings_json: &str) -> Vec<Issue> {
    glue::check_settings::<D>(settings_json)
}

/// Fits one series.
///
/// # Errors
/// Any refusal of the detector; [`Refusal::Failed`] for settings that do not parse.
///
/// # Panics
/// If the detector returns no result.
pub fn fit<D: Detector>(context: &Context, history: &Series) -> Result<Packed, Refusal> {
    glue::fit::<D>(context, vec![history.clone()]).pop().expect("one result for one series")
}

/// Judges the points of `series` from `judge_from` on; `series` begins at the end of the fitted history.
///
/// # Errors
/// The same as for [`fit`].
///
/// # Panics
/// If the detector returns no result.
pub fn judge<D: Detector>(
    context: &Context,
    fitted: &Packed,
    series: Series,
    judge_from: u32,
) -> Result<Vec<Verdict>, Refusal> {
    let window = types::Window { series, state: fitted.state.clone(), judge_from };
    glue::judge::<D>(context, vec![window]).pop().expect("one result for one window")
}

/// Fits the history and judges the values that follow, in English and KRW.
///
/// # Errors
/// The same as for [`fit`].
pub fn fit_then_judge<D: Detector>(
    settings_json: &str,
    history: &Series,
    new_values: &[f64],
) -> Result<Vec<Verdict>, Refusal> {
    let context = context(settings_json);
    let fitted = fit::<D>(&context, history)?;
    judge::<D>(&context, &fitted, history.slice(history.len(), new_values), 0)
}

/// Parameters of [`walk`].
#[derive(Debug, Clone, Copy)]
pub struct Walk {
    /// The maximum number of points in a fit.
    pub history: usize,
    /// The number of points to judge between two fits.
    pub refit_every: usize,
    /// Whether points that alerted are excluded from later fits, like known incidents on the host.
    pub exclude_alerts: bool,
}

/// Walks a series like production: fit the past, judge the new points, fit again. Returns one entry per point; `None`
/// during learning and for points without a verdict.
///
/// # Panics
/// If the detector fails for a reason other than learning.
#[must_use]
pub fn walk<D: Detector>(context: &Context, series: &Series, how: Walk) -> Vec<Option<Verdict>> {
    let mut found = vec![None; series.len()];
    let mut excluded: Vec<usize> = series.excluded.iter().map(|i| *i as usize).collect();
    for now in (0..series.len()).step_by(how.refit_every.max(1)) {
        let from = now.saturating_sub(how.history);
        let mut history = series.slice(from, &series.values[from..now]);
        // Excluded indices are relative to the start of the fitted slice.
        history.excluded.extend(excluded.iter().filter(|i| (from..now).contains(*i)).map(|i| (i - from) as u32));
        let next = (now + how.refit_every.max(1)).min(series.len());
        let verdicts = fit::<D>(context, &history)
            .and_then(|fitted| judge::<D>(context, &fitted, series.slice(now, &series.values[now..next]), 0));
        match verdicts {
            Ok(verdicts) => {
                for verdict in verdicts {
                    let place = now + verdict.index as usize;
                    if how.exclude_alerts && verdict.score >= 1.0 {
                        excluded.push(place);
                    }
                    found[place] = Some(verdict);
                }
            }
            Err(Refusal::Learning(_)) => {}
            Err(Refusal::Failed(why)) => panic!("the detector failed at point {now}: {why}"),
        }
    }
    found
}

/// Grants reference data to the detectors of this thread.
pub fn grant(name: &str, bytes: impl Into<Vec<u8>>) {
    GRANTED.with_borrow_mut(|granted| granted.insert(name.to_owned(), bytes.into()));
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn granted(name: &str) -> Option<Vec<u8>> {
    GRANTED.with_borrow(|granted| granted.get(name).cloned())
}

impl Series {
    /// New values at the step of this series; the first value belongs to point `from`. No point is excluded.
    fn slice(&self, from: usize, values: &[f64]) -> Self {
        Self {
            id: self.id.clone(),
            start: self.start + from as i64 * i64::from(self.step),
            utc_offset: self.utc_offset,
            step: self.step,
            values: values.to_vec(),
            excluded: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Baseline, Scope, Window, reference};

    /// Expects the last known value again.
    struct Last;

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        /// Times the last value that alerts.
        times: f64,
        limits: Vec<u8>,
    }

    impl Default for Settings {
        fn default() -> Self {
            Self { times: 2.0, limits: Vec::new() }
        }
    }

    impl Detector for Last {
        type Settings = Settings;
        type State = f64;
        const NAME: &'static str = "last";
        const SUMMARY: &'static str = "expects the last value again";
        const MIN_POINTS: u32 = 1;
        const SCOPE: Scope = Scope::Group;

        fn check(settings: &Settings) -> Vec<Issue> {
            Issue::unless(settings.times > 1.0, "/times", "must be above 1").into_iter().collect()
        }

        fn fit(_: &Context, _: &Settings, history: &Series) -> Result<Baseline<f64>, Refusal> {
            let (_, last) = history.learnable().last().ok_or(Refusal::learning(0, 1))?;
            Ok(Baseline::new(last).figure("last", last))
        }

        fn judge(_: &Context, settings: &Settings, window: &Window, last: f64) -> Result<Vec<Verdict>, Refusal> {
            Ok(window.to_judge().map(|(i, value)| Verdict::new(i, value / last / settings.times, last)).collect())
        }
    }

    fn issue(settings: &str, pointer: &str, message: &str) {
        let issues = check::<Last>(settings);
        assert_eq!(issues.len(), 1, "{settings}: {issues:?}");
        assert_eq!(issues[0].pointer, pointer, "{settings}: {issues:?}");
        assert!(issues[0].message.contains(message), "{settings}: {issues:?}");
    }

    #[test]
    fn every_issue_points_to_its_setting() {
        assert_eq!(check::<Last>("{}"), []);
        issue(r#"{ "times": 1 }"#, "/times", "above 1");
        issue(r#"{ "times": "a" }"#, "/times", "expected a number");
        issue(r#"{ "limits": [1, 300] }"#, "/limits/1", "expected a whole number from 0 to 255");
        issue(r#"{ "limits": 1 }"#, "/limits", "expected a list");
        issue(r#"{ "time": 3 }"#, "/time", "unknown field `time`");
        issue("[] []", "", "");
        issue("{} x", "", "trailing characters");
        issue("", "", "EOF");
    }

    #[test]
    fn the_manifest_tells_settings_with_defaults_and_descriptions() {
        let manifest = describe::<Last>();
        assert_eq!((manifest.name.as_str(), manifest.min_points, manifest.scope), ("last", 1, Scope::Group));
        let schema: serde_json::Value = serde_json::from_str(&manifest.settings_schema).expect("JSON");
        assert_eq!(schema["properties"]["times"]["default"], 2.0);
        assert_eq!(schema["properties"]["times"]["description"], "Times the last value that alerts.");
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn what_was_fitted_is_judged_by() {
        let history = Series::daily("2026-01-01", [9.0, 4.0, 5.0]).excluding([2]);
        let verdicts = fit_then_judge::<Last>("{}", &history, &[4.0, f64::NAN, 16.0]).expect("fitted");
        let scores: Vec<_> = verdicts.iter().map(|verdict| (verdict.index, verdict.score)).collect();
        assert_eq!(scores, [(0, 0.5), (2, 2.0)]);
    }

    #[test]
    fn settings_that_do_not_parse_fail_each_series() {
        let history = Series::daily("2026-01-01", [1.0]);
        let refusal = fit::<Last>(&context(r#"{ "times": null }"#), &history).expect_err("null is no number");
        assert!(matches!(refusal, Refusal::Failed(why) if why.starts_with("settings /times: invalid type: null")));
    }

    #[test]
    fn a_state_that_cannot_be_read_fails_its_series_alone() {
        let window = |state: &[u8]| types::Window {
            series: Series::daily("2026-01-02", [1.0]),
            state: state.to_vec(),
            judge_from: 0,
        };
        let good = 1.0_f64.to_le_bytes();
        let judged = glue::judge::<Last>(&context("{}"), vec![window(&good), window(b"x"), window(&good)]);
        assert!(judged[0].is_ok() && judged[2].is_ok() && judged.len() == 3);
        assert!(matches!(&judged[1], Err(Refusal::Failed(why)) if why.starts_with("state cannot be read")));
    }

    #[test]
    fn a_walk_fits_on_the_past_alone() {
        let series = Series::daily("2026-01-01", [f64::NAN, 1.0, 1.0, 8.0, 8.0]);
        let how = Walk { history: 2, refit_every: 1, exclude_alerts: false };
        let scores = |how| -> Vec<_> {
            walk::<Last>(&context("{}"), &series, how).iter().map(|verdict| verdict.as_ref().map(|v| v.score)).collect()
        };
        assert_eq!(scores(how), [None, None, Some(0.5), Some(4.0), Some(0.5)]);
        assert_eq!(scores(Walk { exclude_alerts: true, ..how }), [None, None, Some(0.5), Some(4.0), Some(4.0)]);
    }

    #[test]
    fn reference_data_is_read_where_it_was_granted() {
        assert_eq!(reference::read("holidays"), Err("`holidays` is not granted".to_owned()));
        grant("holidays", *b"2026-01-01");
        assert_eq!(reference::read("holidays").as_deref(), Ok(b"2026-01-01".as_slice()));
    }
}
