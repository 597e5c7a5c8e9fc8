use super::*;
use crate::figure::samples;

#[test]
fn a_year_with_a_band_anomalies_and_labels() {
    insta::assert_snapshot!(terminal(&samples::year(), 80));
}

#[test]
fn values_alone_with_a_gap() {
    insta::assert_snapshot!(terminal(&samples::gap(), 60));
}

#[test]
fn a_figure_without_points() {
    let figure = Figure {
        language: model::language::Language::English,
        title: "empty".to_owned(),
        unit: "KRW".to_owned(),
        points: Vec::new(),
    };
    insta::assert_snapshot!(terminal(&figure, 10));
}

/// A title may be the name of a file.
#[test]
fn control_characters_do_not_reach_the_terminal() {
    let figure = Figure { title: "\u{1b}[2J".to_owned(), ..samples::gap() };
    assert!(!terminal(&figure, 60).contains('\u{1b}'));
}
