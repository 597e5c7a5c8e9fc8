use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use model::anomaly::{Direction, Severity};
use model::budget::Budget;
use model::history::{DayMarks, History, HistoryRow, Measure};
use model::incident::{Incident, IncidentState};
use model::language::Language;
use model::moment::Moment;
use model::scope::{Pattern, Scope};
use model::series::{Names, SeriesKey};
use notify::Locale;

use super::*;

const FIRST: Date = date(2026, 8, 1);
const LAST: Date = date(2026, 11, 10);
const HOSTILE: &str = "</script><script>alert(1)</script>\"'&|`=1+1\u{202e}";

/// Adds a service with a cost on each day.
fn add(history: &mut History, [project, service]: [&str; 2], cost: impl Fn(Date) -> f64) {
    let names = Names { account: "Shop".into(), project: project.into(), service: service.into() };
    let row = HistoryRow {
        names,
        values: [(Measure::BilledCost, history.days.iter().map(|day| cost(*day)).collect())].into(),
        marks: vec![DayMarks::default(); history.days.len()],
        pricing_categories: Vec::new(),
    };
    history.rows.insert(SeriesKey::new("a", project, service), row);
}

fn history() -> History {
    let days = FIRST.series(1.day()).take_while(|day| *day <= LAST).collect();
    let mut history = History { days, ..History::default() };
    add(&mut history, ["web", "Virtual Machine"], |day| if day.month() < 11 { 1_000.0 } else { 1_500.0 });
    add(&mut history, ["web", HOSTILE], |_| 10.0);
    add(&mut history, ["data", "=SUM(A1)"], |day| if day < LAST { 20.0 } else { f64::NAN });
    history
}

/// A budget of the total, a budget of a hostile service, and a budget without a service.
fn budgets() -> [Budget; 3] {
    let budget = |name: &str, service: Option<&str>| Budget {
        name: name.to_owned(),
        scope: Scope { service: service.map(|glob| Pattern::parse(glob).expect("a glob")), ..Scope::default() },
        amount: 20_000.0,
        at: vec![1.0],
        forecast_at: vec![1.0],
    };
    [budget("all", None), budget(HOSTILE, Some("=SUM*")), budget("none", Some("disk"))]
}

fn text(history: &History, format: Format, language: Language) -> String {
    report_of(history, language, &Trials::default(), |report| format.text(report))
}

/// The trials of a page.
#[derive(Default)]
struct Trials {
    trials: Vec<Trial>,
    detectors: BTreeMap<String, TrialDetector>,
    state: PartState,
}

fn report_of(history: &History, language: Language, trials: &Trials, text: impl Fn(&Report<'_>) -> String) -> String {
    let budgets = budgets();
    let causes = BTreeMap::new();
    let report = Report::new(Facts {
        locale: Locale { language, currency: "KRW" },
        zone: TimeZone::UTC,
        now: "2026-11-11T01:00:00Z".parse::<Timestamp>().expect("a time"),
        from: date(2026, 11, 1),
        to: LAST,
        history,
        incidents: &[],
        silences: &[],
        planned_events: &[],
        budgets: &budgets,
        causes: &causes,
        causes_state: PartState::Complete,
        trials: &trials.trials,
        detectors: &trials.detectors,
        trials_state: trials.state,
        incident_pages: None,
        last_run: Some(LastRun {
            day: Some(LAST),
            outcome: "degraded".to_owned(),
            counts: [("series".to_owned(), 3), ("insufficient_history".to_owned(), 1), ("fuel".to_owned(), 9)].into(),
        }),
    });
    text(&report)
}

/// Returns the page without the style, the library and the script.
fn markup(page: &str) -> String {
    let mut markup = page.to_owned();
    for (start, end) in [("<style>", "</style>"), ("<script>", "</script>"), ("<script>", "</script>")] {
        let from = markup.find(start).expect("an element");
        let to = from + markup[from..].find(end).expect("its end") + end.len();
        markup.replace_range(from..to, "");
    }
    markup
}

#[test]
fn a_hostile_name_is_a_text_in_every_format() {
    let history = history();
    let page = markup(&text(&history, Format::Html, Language::English));
    assert!(!page.contains("<script>") && !page.contains("alert(1)<"), "{page}");
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(!page.contains('\u{202e}'), "a name reverses the text");
    let document = text(&history, Format::Markdown, Language::English);
    assert!(document.contains("\\<\\/script\\>") || document.contains("\\</script\\>"), "{document}");
    let csv = text(&history, Format::Csv, Language::English);
    assert!(csv.lines().any(|line| line.contains(",'=SUM(A1),")), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&text(&history, Format::Json, Language::English)).expect("JSON");
    assert!(json["costs"].as_array().expect("rows").iter().any(|row| row["serviceName"] == HOSTILE));
}

#[test]
fn the_page_requests_nothing() {
    let page = text(&history(), Format::Html, Language::Korean);
    let markup = markup(&page);
    for attribute in ["src=", "href=\"http", "href=\"//", "@import", "url("] {
        assert!(!markup.contains(attribute), "{attribute}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("MIT License"), "the licence of the chart library");
}

#[test]
fn a_sum_without_one_bill_is_unknown_on_that_day() {
    let json: serde_json::Value =
        serde_json::from_str(&text(&history(), Format::Json, Language::English)).expect("JSON");
    let newest = json["days"].as_array().and_then(|days| days.last()).expect("days");
    assert_eq!((newest["date"].as_str(), newest["cost"].as_f64()), (Some("2026-11-10"), Some(1_510.0)));
}

#[test]
fn days_outside_the_ledger_are_not_compared() {
    let mut history = history();
    history.remove_before(date(2026, 10, 2));
    let json: serde_json::Value = serde_json::from_str(&text(&history, Format::Json, Language::English)).expect("JSON");
    assert!(json["total"]["sameDaysBefore"].is_null(), "{}", json["total"]);
    let page = text(&history, Format::Html, Language::English);
    assert!(page.contains("The store has not every one of the same days last month."));
}

#[test]
fn of_the_markdown_in_both_languages() {
    insta::assert_snapshot!("english", text(&history(), Format::Markdown, Language::English));
    insta::assert_snapshot!("korean", text(&history(), Format::Markdown, Language::Korean));
}

#[test]
fn of_the_page() {
    insta::assert_snapshot!("page", markup(&text(&history(), Format::Html, Language::Korean)).replace("><", ">\n<"));
}

#[test]
fn a_thousand_services_are_below_two_megabytes() {
    let mut history = history();
    for number in 0..1_000 {
        let names = [format!("project-{}", number % 40), format!("service-{number}")];
        add(&mut history, [&names[0], &names[1]], |day| f64::from(number) + f64::from(day.day()));
    }
    let page = text(&history, Format::Html, Language::Korean);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("service-999"));
}

/// A trial with a hostile name and setting, and a detector with the given module.
fn trials(module: Result<Vec<u8>, String>) -> Trials {
    let verdict = TrialVerdict {
        score: 0.1 + 0.2,
        expected: -0.0,
        lower: f64::NEG_INFINITY,
        upper: 1.0 / 3.0,
        reason: HOSTILE.to_owned(),
    };
    let trial = Trial {
        rule: "daily".to_owned(),
        key: SeriesKey::new("a", "web", HOSTILE),
        names: Names { account: "Shop".into(), project: "web".into(), service: HOSTILE.into() },
        detector: "d1".to_owned(),
        settings: "{\"sensitivity\":3.0}".to_owned(),
        history_days: 28,
        accept_after_days: 7,
        first: FIRST,
        start: 1_785_510_000,
        utc_offset: 32_400,
        values: vec![0.1, f64::NAN],
        verdicts: vec![Some(verdict), None],
    };
    let detector = TrialDetector {
        name: "daily-level".to_owned(),
        version: "1.0.0".to_owned(),
        settings_schema: "{\"properties\":{\"sensitivity\":{\"type\":\"number\"}}}".to_owned(),
        module,
    };
    Trials { trials: vec![trial], detectors: [("d1".to_owned(), detector)].into(), ..Trials::default() }
}

#[test]
fn a_trial_carries_every_digit_and_no_markup() {
    let page = |trials: &Trials| report_of(&history(), Language::English, trials, |report| Format::Html.text(report));
    let with_module = page(&trials(Ok(b"\0asm".to_vec())));
    let data =
        with_module.split_once("id=\"trials\">").expect("the data").1.split_once("</script>").expect("its end").0;
    assert!(!data.contains('<'), "{data}");
    let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
    let trial = &data["trials"][0];
    assert_eq!(trial["verdicts"][0]["score"].as_f64().map(f64::to_bits), Some((0.1_f64 + 0.2).to_bits()));
    assert_eq!(trial["verdicts"][0]["expected"].as_f64().map(f64::to_bits), Some((-0.0_f64).to_bits()));
    assert!(trial["verdicts"][0]["lower"].is_null() && trial["values"][1].is_null(), "{trial}");
    assert_eq!(trial["settings"], "{\"sensitivity\":3.0}");
    assert_eq!(data["detectors"]["d1"]["module"], "AGFzbQ==");
    assert!(with_module.contains("'wasm-unsafe-eval'"));

    let without_module = page(&trials(Err("the plugin imports reference data".to_owned())));
    assert!(without_module.contains("This detector does not run in the page: the plugin imports reference data"));
    assert!(!without_module.contains("<form") && !without_module.contains("wasm-unsafe-eval"));

    let without_trial = page(&Trials::default());
    assert!(!without_trial.contains("wasm-unsafe-eval") && !without_trial.contains("costwardenDetector"));
    assert!(!without_trial.contains("Try settings"));
    let pending = page(&Trials { state: PartState::Pending, ..Trials::default() });
    assert!(
        pending.contains("Try settings") && pending.contains("The trials of the open incidents are being computed.")
    );
}

#[test]
fn the_page_of_an_incident_has_no_script() {
    let moment = Moment::finished_day(LAST);
    let incident = Incident {
        id: "20261110-1".to_owned(),
        series: SeriesKey::new("a", "web", HOSTILE),
        names: Names { account: "Shop".into(), project: HOSTILE.into(), service: HOSTILE.into() },
        direction: Direction::Up,
        severity: Severity::Warning,
        state: IncidentState::Open,
        opened_at: moment,
        first_seen: moment,
        last_seen: moment,
        closed_at: None,
        accepted_impact: None,
        history: Vec::new(),
        rules: BTreeSet::new(),
        bands: BTreeMap::new(),
        peak_score: 2.0,
        by_day: BTreeMap::new(),
        observed: 20.0,
        expected: 10.0,
        reason: HOSTILE.to_owned(),
        resolved_by: None,
        muted: false,
        is_explained: false,
        suppressed_by: None,
        deliveries: BTreeMap::new(),
        failures: BTreeMap::new(),
    };
    let page = |form, action, cause_state| {
        let locale = Locale { language: Language::English, currency: "KRW" };
        IncidentPage { incident: &incident, locale, cause: None, cause_state, form, action }.html()
    };
    let shown = page(EntryForm::Shown, EntryAction::Dismiss, PartState::Pending);
    assert!(!shown.contains("<script") && shown.contains("&lt;/script&gt;"), "{shown}");
    assert!(shown.contains("<form method=\"post\">") && shown.contains("type=\"password\" name=\"token\""), "{shown}");
    assert!(
        shown.contains("value=\"dismiss\" required checked") && !shown.contains("value=\"accept\" required checked")
    );
    assert!(shown.contains("The causes of the open incidents are being read"), "{shown}");
    let hidden = page(EntryForm::Hidden, EntryAction::Accept, PartState::Complete);
    assert!(!hidden.contains("<form") && !hidden.contains("Cause"), "{hidden}");
}
