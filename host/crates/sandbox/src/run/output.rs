//! Checks the output of a plugin before any use: against the contract, against the limits, and for text that is unsafe
//! in terminals and logs. Does not rank or gate verdicts.

use model::series::Window;

use crate::call::{Fitted, Verdict};
use crate::failure::CallError;
use crate::limits::Limits;
use crate::text::{single_line, truncated};

/// Maximum number of figures per fit.
const MAX_FIGURES: usize = 64;
/// Maximum length of a figure name, in bytes.
const FIGURE_NAME_BYTES: usize = 64;

/// Returns the fit if the baseline follows the contract.
pub(crate) fn check_baseline(baseline: Fitted, limits: &Limits) -> Result<Fitted, CallError> {
    let Fitted { state, figures } = &baseline;
    if state.len() > limits.state_bytes {
        return Err(CallError::StateTooLarge { bytes: state.len(), limit: limits.state_bytes });
    }
    if figures.len() > MAX_FIGURES {
        return Err(CallError::InvalidFigures(format!("{} figures, more than {MAX_FIGURES}", figures.len())));
    }
    for (index, (name, value)) in figures.iter().enumerate() {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if name.is_empty() || name.len() > FIGURE_NAME_BYTES || !is_plain {
            let name = single_line(truncated(name.clone(), FIGURE_NAME_BYTES));
            return Err(CallError::InvalidFigures(format!(
                "the name `{name}` is not 1 to {FIGURE_NAME_BYTES} ASCII letters, digits, `_` and `-`"
            )));
        }
        if !value.is_finite() {
            return Err(CallError::InvalidFigures(format!("`{name}` is {value}, not finite")));
        }
        if figures[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(CallError::InvalidFigures(format!("the name `{name}` appears twice")));
        }
    }
    Ok(baseline)
}

/// Returns the verdicts if all of them follow the contract. Their indices must ascend from `judge_from`.
pub(crate) fn check_verdicts(
    verdicts: Vec<Verdict>,
    window: &Window,
    limits: &Limits,
) -> Result<Vec<Verdict>, CallError> {
    let mut next = window.judge_from;
    let checked = verdicts.into_iter().map(|verdict| {
        check_index(verdict.index, next, window)?;
        check_values(&verdict, limits)?;
        next = verdict.index + 1;
        Ok(Verdict { reason: single_line(verdict.reason), ..verdict })
    });
    checked.collect()
}

fn check_index(index: u32, next: u32, window: &Window) -> Result<(), CallError> {
    let points = window.series.values.len();
    if (index as usize) >= points || index < window.judge_from {
        let from = window.judge_from;
        return Err(invalid_verdict(index, &format!("outside the judged points, from {from} to below {points}")));
    }
    if index < next { Err(invalid_verdict(index, "not above the previous index")) } else { Ok(()) }
}

fn check_values(verdict: &Verdict, limits: &Limits) -> Result<(), CallError> {
    for (name, value) in [("score", verdict.score), ("expected", verdict.expected)] {
        if !value.is_finite() {
            return Err(invalid_verdict(verdict.index, &format!("{name} is {value}, not finite")));
        }
    }
    for (name, value) in [("lower", verdict.lower), ("upper", verdict.upper)] {
        if value.is_nan() {
            return Err(invalid_verdict(verdict.index, &format!("{name} is NaN")));
        }
    }
    if verdict.lower > verdict.upper {
        let fault = format!("lower ({}) is above upper ({})", verdict.lower, verdict.upper);
        return Err(invalid_verdict(verdict.index, &fault));
    }
    let bytes = verdict.reason.len();
    let limit = limits.reason_bytes;
    if bytes > limit { Err(CallError::ReasonTooLong { bytes, limit }) } else { Ok(()) }
}

fn invalid_verdict(index: u32, fault: &str) -> CallError {
    CallError::InvalidVerdict(format!("index {index}: {fault}"))
}

#[cfg(test)]
mod tests {
    use model::series::Series;

    use super::*;

    fn check(verdicts: &[Verdict]) -> Result<Vec<Verdict>, String> {
        let series = Series {
            id: "d/p/s".to_owned(),
            start: 0,
            utc_offset: 32_400,
            step: 86_400,
            values: vec![1.0; 10],
            excluded: Vec::new(),
        };
        let window = Window { series, state: Vec::new(), judge_from: 7 };
        let limits = Limits { reason_bytes: 12, ..Limits::default() };
        check_verdicts(verdicts.to_vec(), &window, &limits).map_err(|error| error.to_string())
    }

    fn verdict(index: u32) -> Verdict {
        let reason = "as usual".to_owned();
        Verdict { index, score: 0.5, expected: 1.0, lower: f64::NEG_INFINITY, upper: f64::INFINITY, reason }
    }

    #[test]
    fn indices_of_verdicts_ascend_within_the_judged_points() {
        assert_eq!(check(&[verdict(7), verdict(9)]).expect("valid").len(), 2);
        let refused = |verdicts: &[Verdict]| check(verdicts).expect_err("invalid");
        insta::assert_snapshot!(refused(&[verdict(6)]), @"returned an invalid verdict: index 6: outside the judged points, from 7 to below 10");
        insta::assert_snapshot!(refused(&[verdict(10)]), @"returned an invalid verdict: index 10: outside the judged points, from 7 to below 10");
        insta::assert_snapshot!(refused(&[verdict(8), verdict(8)]), @"returned an invalid verdict: index 8: not above the previous index");
        insta::assert_snapshot!(refused(&[verdict(9), verdict(8)]), @"returned an invalid verdict: index 8: not above the previous index");
    }

    #[test]
    fn scores_expected_values_and_bounds_are_numbers() {
        let refused = |verdict: Verdict| check(&[verdict]).expect_err("invalid");
        insta::assert_snapshot!(refused(Verdict { score: f64::NAN, ..verdict(8) }), @"returned an invalid verdict: index 8: score is NaN, not finite");
        insta::assert_snapshot!(refused(Verdict { expected: f64::INFINITY, ..verdict(8) }), @"returned an invalid verdict: index 8: expected is inf, not finite");
        insta::assert_snapshot!(refused(Verdict { lower: f64::NAN, ..verdict(8) }), @"returned an invalid verdict: index 8: lower is NaN");
        insta::assert_snapshot!(refused(Verdict { upper: f64::NAN, ..verdict(8) }), @"returned an invalid verdict: index 8: upper is NaN");
        insta::assert_snapshot!(refused(Verdict { lower: 2.0, upper: 1.5, ..verdict(8) }), @"returned an invalid verdict: index 8: lower (2) is above upper (1.5)");
        let reason = "a longer one than that".to_owned();
        insta::assert_snapshot!(refused(Verdict { reason, ..verdict(8) }), @"returned a reason of 22 bytes, more than 12 (plugins.limits.reason_bytes)");
    }

    #[test]
    fn a_reason_is_a_single_safe_line() {
        let reason = "\u{1b}[2J한\r\nb".to_owned();
        let verdicts = check(&[Verdict { reason, ..verdict(8) }]).expect("valid");
        assert_eq!(verdicts[0].reason, " [2J한  b");
    }

    #[test]
    fn figures_are_finite_and_have_unique_names() {
        let check = |figures: &[(&str, f64)]| {
            let figures = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            check_baseline(Fitted { state: Vec::new(), figures }, &Limits::default()).map_err(|error| error.to_string())
        };
        assert_eq!(check(&[("mean", 1.0), ("p-95", -2.5)]).expect("valid").figures.len(), 2);
        insta::assert_snapshot!(check(&[("mean", f64::NAN)]).expect_err("refused"), @"returned invalid figures: `mean` is NaN, not finite");
        insta::assert_snapshot!(check(&[("a.b", 1.0)]).expect_err("refused"), @"returned invalid figures: the name `a.b` is not 1 to 64 ASCII letters, digits, `_` and `-`");
        insta::assert_snapshot!(check(&[("mean", 1.0), ("mean", 1.0)]).expect_err("refused"), @"returned invalid figures: the name `mean` appears twice");
        insta::assert_snapshot!(check(&[("x", 1.0); 65]).expect_err("refused"), @"returned invalid figures: 65 figures, more than 64");
    }
}
