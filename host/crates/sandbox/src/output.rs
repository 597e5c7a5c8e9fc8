//! Checks the output of a plugin before any use: against the contract, against the limits, and for text that is unsafe
//! in terminals and logs. Does not rank or gate verdicts.

use super::bindings::{Baseline, Verdict as Given};
use super::{Breach, Fitted, Limits, Verdict};
use model::series::Window;

/// Maximum number of figures per fit.
const FIGURES: usize = 64;
/// Maximum length of a library's error message, in bytes.
const SAID_BYTES: usize = 1024;
/// Maximum length of a figure name, in bytes.
const FIGURE_NAME_BYTES: usize = 64;

/// Returns the fit if it follows the contract.
pub(super) fn fitted(given: Baseline, limits: &Limits) -> Result<Fitted, Breach> {
    if given.state.len() > limits.state_bytes {
        return Err(Breach::StateTooLarge { bytes: given.state.len(), limit: limits.state_bytes });
    }
    if given.figures.len() > FIGURES {
        return Err(Breach::InvalidFigure(format!("{} of them, more than {FIGURES}", given.figures.len())));
    }
    for (place, (name, value)) in given.figures.iter().enumerate() {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if name.is_empty() || name.len() > FIGURE_NAME_BYTES || !is_plain {
            let name = plain(shortened(name.clone(), FIGURE_NAME_BYTES));
            return Err(Breach::InvalidFigure(format!(
                "the name `{name}` is not 1 to {FIGURE_NAME_BYTES} ASCII letters, digits, `_` and `-`"
            )));
        }
        if !value.is_finite() {
            return Err(Breach::InvalidFigure(format!("`{name}` is {value}, not finite")));
        }
        if given.figures[..place].iter().any(|(earlier, _)| earlier == name) {
            return Err(Breach::InvalidFigure(format!("`{name}` is told twice")));
        }
    }
    Ok(Fitted { state: given.state, figures: given.figures })
}

/// Returns the verdicts if all of them follow the contract. Their indices must ascend from `judge_from`.
pub(super) fn verdicts(given: Vec<Given>, window: &Window, limits: &Limits) -> Result<Vec<Verdict>, Breach> {
    let mut next = window.judge_from;
    let checked = given.into_iter().map(|verdict| {
        check(&verdict, next, window, limits)?;
        next = verdict.index + 1;
        let Given { index, score, expected, lower, upper, reason } = verdict;
        Ok(Verdict { index, score, expected, lower, upper, reason: plain(reason) })
    });
    checked.collect()
}

fn check(verdict: &Given, next: u32, window: &Window, limits: &Limits) -> Result<(), Breach> {
    let invalid = |what: String| Err(Breach::InvalidVerdict(format!("index {}: {what}", verdict.index)));
    if (verdict.index as usize) >= window.series.values.len() || verdict.index < window.judge_from {
        let (from, len) = (window.judge_from, window.series.values.len());
        return invalid(format!("outside of what is judged, {from} up to and without {len}"));
    }
    if verdict.index < next {
        return invalid("not after the one before".to_owned());
    }
    for (name, value) in [("score", verdict.score), ("expected", verdict.expected)] {
        if !value.is_finite() {
            return invalid(format!("{name} is {value}, not finite"));
        }
    }
    for (name, value) in [("lower", verdict.lower), ("upper", verdict.upper)] {
        if value.is_nan() {
            return invalid(format!("{name} is NaN"));
        }
    }
    if verdict.reason.len() > limits.reason_bytes {
        return Err(Breach::ReasonTooLong { bytes: verdict.reason.len(), limit: limits.reason_bytes });
    }
    Ok(())
}

/// Returns a single line, safe in terminals and logs. Control characters (including the escape of an ANSI sequence),
/// line and paragraph separators, and bidirectional control characters become spaces.
pub fn plain(text: String) -> String {
    // Fast path: most text is plain ASCII, and this test needs no decoding.
    let is_plain_ascii = text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    if is_plain_ascii || !text.contains(is_obeyed) { text } else { text.replace(is_obeyed, " ") }
}

/// Formats a library's error about a plugin. The length is limited, because the error may repeat long names from the
/// plugin.
pub(super) fn said(error: impl std::fmt::Display) -> String {
    // The alternate form includes all causes, if the error type supports it.
    plain(shortened(format!("{error:#}"), SAID_BYTES))
}

/// Cuts the text at the limit and marks the cut with `…`.
pub(super) fn shortened(mut text: String, limit_bytes: usize) -> String {
    if text.len() > limit_bytes {
        text.truncate(text.floor_char_boundary(limit_bytes));
        text.push('…');
    }
    text
}

fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::series::Series;

    fn judged(given: &[Given]) -> Result<Vec<Verdict>, String> {
        let series = Series {
            id: "d/p/s".to_owned(),
            start: 0,
            utc_offset: 32_400,
            step: 86_400,
            values: vec![1.0; 10],
            excluded: Vec::new(),
        };
        let window = Window { series, state: Vec::new(), judge_from: 7 };
        verdicts(given.to_vec(), &window, &Limits { reason_bytes: 12, ..Limits::default() }).map_err(|e| e.to_string())
    }

    fn at(index: u32) -> Given {
        let reason = "as usual".to_owned();
        Given { index, score: 0.5, expected: 1.0, lower: f64::NEG_INFINITY, upper: f64::INFINITY, reason }
    }

    #[test]
    fn verdicts_lie_in_what_is_judged_and_ascend() {
        assert_eq!(judged(&[at(7), at(9)]).expect("valid").len(), 2);
        let refused = |given: &[Given]| judged(given).expect_err("invalid");
        insta::assert_snapshot!(refused(&[at(6)]), @"returned an invalid verdict: index 6: outside of what is judged, 7 up to and without 10");
        insta::assert_snapshot!(refused(&[at(10)]), @"returned an invalid verdict: index 10: outside of what is judged, 7 up to and without 10");
        insta::assert_snapshot!(refused(&[at(8), at(8)]), @"returned an invalid verdict: index 8: not after the one before");
        insta::assert_snapshot!(refused(&[at(9), at(8)]), @"returned an invalid verdict: index 8: not after the one before");
    }

    #[test]
    fn verdicts_are_numbers() {
        let refused = |given: Given| judged(&[given]).expect_err("invalid");
        insta::assert_snapshot!(refused(Given { score: f64::NAN, ..at(8) }), @"returned an invalid verdict: index 8: score is NaN, not finite");
        insta::assert_snapshot!(refused(Given { expected: f64::INFINITY, ..at(8) }), @"returned an invalid verdict: index 8: expected is inf, not finite");
        insta::assert_snapshot!(refused(Given { lower: f64::NAN, ..at(8) }), @"returned an invalid verdict: index 8: lower is NaN");
        insta::assert_snapshot!(refused(Given { upper: f64::NAN, ..at(8) }), @"returned an invalid verdict: index 8: upper is NaN");
        let reason = "a longer one than that".to_owned();
        insta::assert_snapshot!(refused(Given { reason, ..at(8) }), @"returned a reason of 22 bytes, more than 12 (plugins.limits.reason_bytes)");
    }

    #[test]
    fn reasons_are_one_harmless_line() {
        let reason = "\u{1b}[2J한\r\nb".to_owned();
        let verdicts = judged(&[Given { reason, ..at(8) }]).expect("valid");
        assert_eq!(verdicts[0].reason, " [2J한  b");
        assert_eq!(plain("a\u{202e}b\u{2028}c\u{9b}d".to_owned()), "a b c d");
    }

    #[test]
    fn figures_are_finite_and_named() {
        let refused = |figures: &[(&str, f64)]| {
            let figures = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            fitted(Baseline { state: Vec::new(), figures }, &Limits::default()).map_err(|e| e.to_string())
        };
        assert_eq!(refused(&[("mean", 1.0), ("p-95", -2.5)]).expect("valid").figures.len(), 2);
        insta::assert_snapshot!(refused(&[("mean", f64::NAN)]).expect_err("refused"), @"returned an invalid figure: `mean` is NaN, not finite");
        insta::assert_snapshot!(refused(&[("a.b", 1.0)]).expect_err("refused"), @"returned an invalid figure: the name `a.b` is not 1 to 64 ASCII letters, digits, `_` and `-`");
        insta::assert_snapshot!(refused(&[("mean", 1.0), ("mean", 1.0)]).expect_err("refused"), @"returned an invalid figure: `mean` is told twice");
        insta::assert_snapshot!(refused(&[("x", 1.0); 65]).expect_err("refused"), @"returned an invalid figure: 65 of them, more than 64");
    }

    #[test]
    fn a_cut_text_is_still_text() {
        assert_eq!(shortened("한국어".to_owned(), 4), "한…");
        assert_eq!(shortened("abc".to_owned(), 3), "abc");
    }
}
