//! What comes out of a plugin is checked before anybody else sees it: against the contract, the limits, and as text
//! that terminals and logs show.

use super::bindings::{Baseline, Verdict as Given};
use super::{Breach, Fitted, Limits, Verdict};
use crate::series::Window;

/// Figures that one fit may tell.
const FIGURES: usize = 64;
/// Bytes that are told of an error, which is one line for people.
const SAID_BYTES: usize = 1024;
/// Bytes of a figure's name.
const FIGURE_NAME_BYTES: usize = 64;

/// A fit that keeps the contract.
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

/// Verdicts that keep the contract.
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

/// One line without anything that a terminal or a log would obey: control characters (so also the escape that begins
/// ANSI sequences), line and paragraph separators, and marks that turn the direction of writing become spaces.
pub(crate) fn plain(text: String) -> String {
    // Most text is plain ASCII, which is seen without decoding it.
    let is_plain_ascii = text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    if is_plain_ascii || !text.contains(is_obeyed) { text } else { text.replace(is_obeyed, " ") }
}

/// What a library says of a plugin, which may repeat names of any length that stand in it.
pub(super) fn said(error: impl std::fmt::Display) -> String {
    // All causes, where it tells them so.
    plain(shortened(format!("{error:#}"), SAID_BYTES))
}

/// Cut at the limit, and marked as cut.
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
    use crate::series::Series;

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
