use super::*;

/// Labels and scores of daily rows: a digit is a label; `!` in the second text is an anomalous row, `?` has no verdict.
fn rows(labels: &str, scores: &str) -> LabelledRows {
    let label = |digit: char| i64::from(digit.to_digit(10).expect("a digit"));
    let score = |mark: char| match mark {
        '!' => Some(1.5),
        '?' => None,
        _ => Some(0.25),
    };
    LabelledRows {
        labels: labels.chars().map(label).collect(),
        scores: scores.chars().map(score).collect(),
        times: (0..labels.len() as i64).map(|day| day * 86_400).collect(),
    }
}

fn check(labels: &str, scores: &str, expect: [usize; 5]) {
    let counts = Scoring::default().add(&rows(labels, scores));
    let ScoreCounts { events, touched, inside, alerts, true_alerts } = counts;
    assert_eq!([events, touched, inside, alerts, true_alerts], expect, "{labels} {scores}");
}

#[test]
fn an_alert_touches_an_event_within_one_row() {
    check("000000001100", "........!...", [1, 1, 1, 1, 1]);
    check("000000001100", ".......!....", [1, 1, 0, 1, 1]);
    check("000000001100", "......!.....", [1, 0, 0, 1, 0]);
    check("000000001100", "..........!.", [1, 1, 0, 1, 1]);
    check("000000001122", ".........!..", [2, 2, 1, 1, 1]);
}

#[test]
fn anomalous_rows_with_gaps_of_three_rows_are_one_alert() {
    check("000000000000", "...!..!..!..", [0, 0, 0, 1, 0]);
    check("000000000000", "...!...!...!", [0, 0, 0, 3, 0]);
}

#[test]
fn the_first_quarter_does_not_count() {
    check("110000000000", "!!..........", [0, 0, 0, 0, 0]);
    check("001100000000", "..!.........", [1, 0, 0, 0, 0]);
    check("001100000000", "?..!........", [1, 1, 1, 1, 1]);
}

#[test]
fn figures_of_several_series() {
    let mut scoring = Scoring::default();
    scoring.add(&rows("0000000000111100", "...........!...."));
    scoring.add(&rows("0000000000110000", ".....!...!......"));
    scoring.add(&rows("0000000011000000", "................"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&scoring.figures()).expect("JSON"), @r#"
    {
      "series": 3,
      "events": 3,
      "touched": 2,
      "inside": 1,
      "alerts": 3,
      "true_alerts": 2,
      "recall": 0.6667,
      "precision": 0.6667,
      "f1": 0.6667,
      "f1_inside": 0.4444,
      "false_per_30d": 0.909,
      "delay": 1.0,
      "nab_at_1": 29.116484796667674,
      "nab_best": 38.42490183643769
    }
    "#);
}

#[test]
fn series_without_events_have_no_scores_of_the_benchmark() {
    let mut scoring = Scoring::default();
    scoring.add(&rows("0000", "...."));
    let ScoreFigures { recall, precision, f1, delay, nab_at_1, nab_best, .. } = scoring.figures();
    assert_eq!(([recall, precision, f1], delay, nab_at_1, nab_best), ([0.0; 3], None, None, None));
}
