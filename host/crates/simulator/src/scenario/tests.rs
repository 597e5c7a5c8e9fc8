use jiff::civil::date;

use super::*;

const END: Date = date(2026, 11, 23);

fn options(incidents: Injection) -> ScenarioOptions {
    ScenarioOptions {
        seed: 7,
        services: 40,
        catalogue: Catalogue::Plain,
        end: END,
        days: 120,
        incidents,
        more_incidents: Vec::new(),
    }
}

fn scenario(incidents: Injection) -> Scenario {
    Scenario::new(options(incidents)).unwrap()
}

fn quiet() -> Scenario {
    scenario(Injection::List(Vec::new()))
}

fn keys(scenario: &Scenario) -> Vec<SeriesKey> {
    scenario.services.iter().map(|service| service.key.clone()).collect()
}

fn key_of(scenario: &Scenario, matches: fn(&CostPattern) -> bool) -> SeriesKey {
    scenario.services.iter().find(|service| matches(&service.pattern)).unwrap().key.clone()
}

fn later(days: i32) -> DateTime {
    END.saturating_add(days.days()).at(12, 0, 0, 0)
}

#[test]
fn equal_queries_give_equal_pages_in_any_order() {
    let one = scenario(Injection::Default);
    let other = scenario(Injection::Default);
    let days: Vec<Date> = END.saturating_sub(9.days()).series(1.day()).take(10).collect();
    let forwards: Vec<_> = days.iter().map(|day| one.page(*day..=*day, later(0), 0, 10_000)).collect();
    let mut backwards: Vec<_> = days.iter().rev().map(|day| other.page(*day..=*day, later(0), 0, 10_000)).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    let reseeded = Scenario::new(ScenarioOptions { seed: 8, ..options(Injection::Default) }).unwrap();
    assert_ne!(reseeded.page(days[0]..=days[0], later(0), 0, 10_000), forwards[0]);
}

#[test]
fn a_longer_bill_begins_with_the_shorter_bill() {
    let long = ScenarioOptions { services: 400, ..options(Injection::List(Vec::new())) };
    let long = Scenario::new(long).unwrap();
    let rows = quiet().page(END..=END, later(0), 0, 10_000);
    assert_eq!(long.page(END..=END, later(0), 0, 10_000)[..rows.len()], rows);
    assert_eq!(keys(&long).iter().collect::<std::collections::BTreeSet<_>>().len(), 400);
}

#[test]
fn the_cost_of_the_current_day_only_grows() {
    let scenario = scenario(Injection::Default);
    for key in keys(&scenario) {
        let mut before = 0.0;
        for tenth in 0..144_i32 {
            let now = END.at(0, 0, 0, 0).saturating_add((10 * tenth).minutes());
            let amount = scenario.amount(&key, END, now);
            assert!(amount >= before, "{key} falls from {before} to {amount} at {now}");
            before = amount;
        }
        assert!(scenario.amount(&key, END, later(1)) >= before, "{key} falls at midnight");
    }
}

#[test]
fn a_flat_fee_is_booked_at_midnight() {
    let scenario = quiet();
    let fee = key_of(&scenario, |pattern| matches!(pattern, CostPattern::Flat));
    let at_midnight = scenario.amount(&fee, END, END.at(0, 0, 0, 0));
    assert!(at_midnight > 0.0);
    assert_eq!(at_midnight, scenario.amount(&fee, END, END.at(23, 59, 59, 0)));
    let busy = key_of(&scenario, |pattern| matches!(pattern, CostPattern::Busy { .. }));
    assert_eq!(scenario.amount(&busy, END, END.at(0, 0, 0, 0)), 0.0);
}

#[test]
fn load_follows_the_week_and_the_day() {
    let scenario = quiet();
    let busy = key_of(&scenario, |pattern| matches!(pattern, CostPattern::Busy { .. }));
    // A Sunday and the Monday after it.
    let [sunday, monday] = [date(2026, 11, 15), date(2026, 11, 16)].map(|day| scenario.amount(&busy, day, later(0)));
    assert!(sunday < 0.75 * monday, "{sunday} and {monday}");
    let by = |hour| scenario.amount(&busy, END, END.at(hour, 0, 0, 0));
    assert!(by(16) - by(12) > 1.5 * by(4), "{} and {}", by(16) - by(12), by(4));
}

#[test]
fn batch_jobs_have_rows_only_on_batch_days() {
    let scenario = quiet();
    let batch = key_of(&scenario, |pattern| matches!(pattern, CostPattern::Batch { .. }));
    let days = END.saturating_sub(14.days()).series(1.day()).take(14);
    assert_eq!(days.filter(|day| scenario.amount(&batch, *day, later(0)) > 0.0).count(), 4);
}

#[test]
fn corrections_change_a_little_and_settle_on_the_third_day() {
    let scenario = quiet();
    let mut corrected = 0;
    for key in keys(&scenario) {
        let [first, second, third, fourth] = [1, 2, 3, 4].map(|days| scenario.amount(&key, END, later(days)));
        assert_eq!(third, fourth, "{key} has settled");
        assert!(first <= second && second <= third && first >= 0.98 * third - 0.01, "{key}: {first} {second} {third}");
        corrected += usize::from(first < third);
    }
    assert!((3..30).contains(&corrected), "{corrected} of 40 are corrected");
}

#[test]
fn nothing_is_billed_before_the_first_day_or_after_now() {
    let scenario = scenario(Injection::Default);
    let before = END.saturating_sub(121.days());
    assert_eq!(scenario.page(before..=before, later(0), 0, 100), Vec::<String>::new());
    let tomorrow = END.saturating_add(1.day());
    assert_eq!(scenario.page(tomorrow..=tomorrow, later(0), 0, 100), Vec::<String>::new());
}

#[test]
fn the_pages_contain_every_row_once() {
    let scenario = scenario(Injection::Default);
    let from = END.saturating_sub(1.day());
    let whole = scenario.page(from..=END, later(0), 0, 10_000);
    assert!(whole.len() > 80);
    let mut pieces = Vec::new();
    for page in 0.. {
        let piece = scenario.page(from..=END, later(0), page, 7);
        let last = piece.len() < 7;
        pieces.extend(piece);
        if last {
            break;
        }
    }
    assert_eq!(pieces, whole);
}

#[test]
fn rows_are_json_with_the_fields_of_the_api() {
    let rows = quiet().page(END..=END, later(1), 0, 10_000);
    let mut null_amounts = 0;
    let mut total = 0.0;
    for row in &rows {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        assert_eq!(row["meteringDate"], "20261123");
        for field in ["domainId", "domainName", "projectId", "projectName", "serviceId", "serviceName", "pricingType"] {
            assert!(row[field].is_string(), "{field} of {row}");
        }
        null_amounts += usize::from(row["expectAmount"].is_null());
        total += row["expectAmount"].as_f64().unwrap_or(0.0);
    }
    assert!(null_amounts > 0 && null_amounts < rows.len() / 4);
    let scenario = quiet();
    let expected: f64 = keys(&scenario).iter().map(|key| scenario.amount(key, END, later(1))).sum();
    assert!((total - expected).abs() < rows.len() as f64, "{total} is not {expected}");
}

#[test]
fn incidents_change_only_the_named_services() {
    let quiet = quiet();
    let loud = scenario(Injection::Default);
    let named: std::collections::BTreeSet<_> = loud.incidents().iter().map(|incident| &incident.service).collect();
    assert_eq!((loud.incidents().len(), named.len()), (8, 8));
    for day in END.saturating_sub(45.days()).series(1.day()).take(46) {
        for key in keys(&quiet).iter().filter(|key| !named.contains(key)) {
            assert_eq!(quiet.amount(key, day, later(0)), loud.amount(key, day, later(0)), "{key}");
        }
    }
    for incident in loud.incidents() {
        let during = incident.from.date();
        let usual = quiet.amount(&incident.service, during, later(5));
        let changed = loud.amount(&incident.service, during, later(5));
        let before = incident.from.date().saturating_sub(1.day());
        let same =
            quiet.amount(&incident.service, before, later(5)) == loud.amount(&incident.service, before, later(5));
        assert!(same, "{incident:?} shows before it begins");
        match incident.change {
            Change::Spike { .. } => assert!(changed > 4.0 * usual, "{incident:?}: {usual} became {changed}"),
            Change::Step { factor } | Change::Drop { factor } => assert!((changed / usual - factor).abs() < 1e-9),
            Change::Ramp { .. } => {
                let top = incident.until.unwrap().date();
                let ratio =
                    loud.amount(&incident.service, top, later(5)) / quiet.amount(&incident.service, top, later(5));
                assert!((ratio - 3.0).abs() < 1e-9, "{ratio}");
            }
            Change::Stop => assert_eq!(changed, 0.0),
            Change::NewService { amount_per_day } => {
                assert_eq!(usual, 0.0);
                assert!((changed / amount_per_day - 1.0).abs() < 0.2, "{changed}");
            }
            Change::Runaway { amount_per_hour } => {
                let nine = END.at(9, 0, 0, 0);
                let eleven = END.at(11, 0, 0, 0);
                let more = |now| loud.amount(&incident.service, END, now) - quiet.amount(&incident.service, END, now);
                assert_eq!(more(nine), 0.0);
                assert!((more(eleven) / (2.0 * amount_per_hour) - 1.0).abs() < 0.03, "{}", more(eleven));
            }
        }
    }
}

#[test]
fn a_short_history_contains_only_later_incidents() {
    let scenario = Scenario::new(ScenarioOptions { days: 10, ..options(Injection::Default) }).unwrap();
    assert_eq!(scenario.incidents().len(), 3);
}

#[test]
fn an_unknown_service_is_named() {
    let incident = InjectedIncident {
        service: SeriesKey::new("d", "p", "s"),
        change: Change::Stop,
        from: END.at(0, 0, 0, 0),
        until: None,
    };
    let options = options(Injection::List(vec![incident]));
    assert_eq!(
        Scenario::new(options).unwrap_err().to_string(),
        "no service d/p/s in the simulated bill: expected domainId/projectId/serviceId of a row"
    );
}

#[test]
fn ten_thousand_services_are_a_few_pages() {
    let scenario = Scenario::new(ScenarioOptions { services: 10_000, ..options(Injection::Default) }).unwrap();
    let rows: usize = (0..4).map(|page| scenario.page(END..=END, later(0), page, 10_000).len()).sum();
    assert!((20_000..40_000).contains(&rows), "{rows}");
}

/// The amounts of the first service with this id in an irregular bill, by day, long after the days.
fn irregular(service: &str, from: Date, days: usize) -> Vec<f64> {
    let options =
        ScenarioOptions { catalogue: Catalogue::Irregular, days: 400, ..options(Injection::List(Vec::new())) };
    let scenario = Scenario::new(options).unwrap();
    let key = keys(&scenario).into_iter().find(|key| &*key.service == service).unwrap();
    from.series(1.day()).take(days).map(|day| scenario.amount(&key, day, later(30))).collect()
}

/// Indices of the days with a cost.
fn paid(amounts: &[f64]) -> Vec<usize> {
    (0..amounts.len()).filter(|i| amounts[*i] != 0.0).collect()
}

#[test]
fn fees_are_booked_on_their_days() {
    let january = date(2026, 1, 1);
    assert_eq!(paid(&irregular("support-fee", january, 90)), [0, 31, 59]);
    assert_eq!(paid(&irregular("licence", january, 90)), [30, 58, 89], "the last day of each month");
    let weekly = paid(&irregular("weekly-report", january, 60));
    assert!(weekly.len() > 7 && weekly.windows(2).all(|pair| pair[1] - pair[0] == 7), "{weekly:?}");
    let fortnightly = paid(&irregular("payroll-batch", january, 60));
    assert!(fortnightly.len() > 3 && fortnightly.windows(2).all(|pair| pair[1] - pair[0] == 14), "{fortnightly:?}");
    let sparse = paid(&irregular("render-farm", january, 300)).len();
    assert!((30..80).contains(&sparse), "{sparse} of 300 days");
    assert!(irregular("committed-use", january, 30).iter().all(|amount| *amount < 0.0));
}

#[test]
fn growth_and_bursts_have_their_size() {
    let first = END.saturating_sub(200.days());
    let scaling = irregular("inference", first, 200);
    let times = scaling[199] / scaling[10];
    assert!((80.0..120.0).contains(&times), "{times}");
    assert_eq!(paid(&irregular("experiment", first, 200))[0], 50, "150 days before the end");
    let bursts = irregular("model-training", first, 200);
    let usual = bursts.iter().copied().fold(f64::INFINITY, f64::min);
    let large: Vec<f64> = bursts.iter().map(|amount| amount / usual).filter(|times| *times > 2.0).collect();
    assert!((3..20).contains(&large.len()) && large.iter().all(|times| (9.0..40.0).contains(times)), "{large:?}");
}

#[test]
fn holidays_cost_as_much_as_sundays() {
    // A Wednesday, a holiday, a Friday and a weekend.
    let amounts = irregular("virtual-desktop", date(2025, 12, 24), 5);
    let [wednesday, holiday, .., sunday] = amounts[..] else { panic!("five days: {amounts:?}") };
    assert!(wednesday > 5.0 * holiday && (holiday / sunday - 1.0).abs() < 0.3, "{amounts:?}");
}

#[test]
fn one_bill_in_ten_is_restated_by_little() {
    let flaws = flaw::restatements(7, date(2026, 1, 1)..=date(2026, 12, 31));
    assert_eq!(flaws, flaw::restatements(7, date(2026, 1, 1)..=date(2026, 12, 31)));
    assert!((20..60).contains(&flaws.len()), "{}", flaws.len());
    for flaw in flaws {
        let Flaw::Corrected { date, from, factor } = flaw else { panic!("{flaw:?}") };
        assert!((0.98..=1.02).contains(&factor) && from.date() > date, "{date} {from} {factor}");
    }
}

#[test]
fn a_credit_is_a_row_with_a_negative_amount() {
    let options = ScenarioOptions { catalogue: Catalogue::Irregular, ..options(Injection::List(Vec::new())) };
    let rows = Scenario::new(options).unwrap().page(END..=END, later(5), 0, 10_000);
    let credits: Vec<_> =
        rows.iter().filter(|row| row.contains("committed-use") && row.contains("ON_DEMAND")).collect();
    assert!(!credits.is_empty() && credits.iter().all(|row| row.contains(r#""expectAmount":-"#)), "{credits:?}");
}
