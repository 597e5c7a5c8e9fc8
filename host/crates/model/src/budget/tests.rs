use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::*;
use crate::history::{DayMarks, History, HistoryRow, Measure};
use crate::scope::Pattern;
use crate::series::{Names, SeriesKey};

const FIRST: Date = date(2026, 9, 1);

fn budget(scope: Scope) -> Budget {
    Budget { name: "shop".to_owned(), scope, amount: 3_000.0, at: vec![0.5, 0.8, 1.0], forecast_at: vec![0.8, 1.0] }
}

/// Returns 91 days from [`FIRST`] with two services: 60 and 40 a day.
fn history() -> History {
    let days: Vec<Date> = FIRST.series(1.day()).take(91).collect();
    let row = |name: &str, cost: f64| {
        let names = Names { account: "company".into(), project: name.into(), service: "VM".into() };
        let row = HistoryRow {
            names,
            values: [(Measure::BilledCost, vec![cost; days.len()])].into(),
            marks: vec![DayMarks::default(); days.len()],
            ..HistoryRow::default()
        };
        (SeriesKey::new("d", name, "vm"), row)
    };
    History { rows: [row("shop", 60.0), row("log", 40.0)].into(), days }
}

fn state(history: &History, through: Date) -> BudgetState {
    let budget = budget(Scope::default());
    BudgetCosts::of(&budget, history, date(2026, 11, 30)).state(through)
}

#[test]
fn a_scope_is_summed_by_id_or_name() {
    let project = Pattern::parse("sho*").ok();
    let costs = BudgetCosts::of(&budget(Scope { project, ..Scope::default() }), &history(), date(2026, 11, 30));
    let ten_days = costs.state(date(2026, 11, 10));
    assert_eq!((ten_days.spent, ten_days.unknown_days, costs.series.len()), (600.0, 0, 1));
    let forecast = ten_days.forecast.expect("a forecast");
    assert!((forecast.month_end - 1_800.0).abs() < 1.0, "{forecast:?}");
}

#[test]
fn a_day_that_is_not_known_adds_nothing() {
    let mut history = history();
    let index = |day: Date| usize::try_from((day - FIRST).get_days()).unwrap();
    // A refused row on one day, and no bill on another.
    let row = history.rows.values_mut().next().unwrap();
    row.marks[index(date(2026, 11, 3))].is_incomplete = true;
    let missing = index(date(2026, 11, 4));
    history.days.remove(missing);
    for row in history.rows.values_mut() {
        row.marks.remove(missing);
        for values in row.values.values_mut() {
            values.remove(missing);
        }
    }
    let state = state(&history, date(2026, 11, 10));
    assert_eq!((state.spent, state.unknown_days), (800.0, 2));
}

#[test]
fn a_state_reads_no_later_day() {
    let mut changed = history();
    for row in changed.rows.values_mut() {
        row.values.get_mut(&Measure::BilledCost).unwrap()[80..].fill(9_000.0);
    }
    let day = date(2026, 11, 15);
    assert_eq!(state(&changed, day), state(&history(), day));
}

/// Returns the due notifications after earlier notifications, as text.
fn due(spent: f64, month_end: Option<f64>, notified: NotifiedParts) -> String {
    let through = date(2026, 11, 10);
    let forecast = |month_end| MonthForecast { through, so_far: spent, month_end, range: None, open_days: 20 };
    let state = BudgetState { through, spent, unknown_days: 0, forecast: month_end.map(forecast) };
    let due = budget(Scope::default()).due(&state, notified);
    due.iter().map(|reached| format!("{:?} {}", reached.measure, reached.part)).collect::<Vec<_>>().join(", ")
}

#[test]
fn each_part_is_due_once_for_each_measure() {
    let none = NotifiedParts::default();
    assert_eq!(due(1_499.0, Some(1_499.0), none), "");
    assert_eq!(due(1_500.0, None, none), "Spent 0.5");
    assert_eq!(due(1_000.0, Some(3_100.0), none), "Forecast 1");
    assert_eq!(due(2_500.0, Some(3_100.0), none), "Spent 0.8, Forecast 1");
    assert_eq!(due(2_500.0, Some(2_600.0), none), "Spent 0.8", "the forecast of a spent part");
    let half = NotifiedParts { spent: 0.5, forecast: 1.0 };
    assert_eq!(due(2_000.0, Some(3_100.0), half), "");
    assert_eq!(due(2_400.0, Some(3_100.0), half), "Spent 0.8");
}

#[test]
fn a_restatement_repeats_nothing() {
    let whole = NotifiedParts { spent: 1.0, forecast: 0.0 };
    assert_eq!(due(2_900.0, Some(3_500.0), whole), "", "smaller than before");
    assert_eq!(due(3_000.0, Some(3_500.0), whole), "", "as large as before");
}

#[test]
fn a_record_keeps_the_highest_part_of_each_receiver() {
    let budget = budget(Scope::default());
    let mut record = BudgetRecord::new(&budget, date(2026, 11, 10));
    for (measure, part) in [(BudgetMeasure::Spent, 0.8), (BudgetMeasure::Spent, 0.5), (BudgetMeasure::Forecast, 1.0)] {
        record.record_delivery("slack", ReachedPart { measure, part });
    }
    assert_eq!(record.notified("slack"), NotifiedParts { spent: 0.8, forecast: 1.0 });
    assert_eq!((record.notified("mail"), record.month), (NotifiedParts::default(), date(2026, 11, 1)));
    assert!(record.is_of(&budget) && !record.is_of(&Budget { amount: 4_000.0, ..budget.clone() }));
}
