//! Incidents and notifications of unit tests.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::date;
use model::anomaly::{Direction, Severity};
use model::incident::{DayImpact, FinishedDayImpact, Incident, IncidentState, NotificationKind};
use model::moment::Moment;
use model::series::{Names, SeriesKey};

use super::{ComparedSpans, Comparison, DayCost, IncidentContent};

/// Returns an open incident of one finished day. The names contain control characters.
pub(crate) fn incident(direction: Direction, observed: f64, expected: f64) -> Incident {
    let moment = Moment { date: date(2026, 11, 22), hour: None };
    let day = FinishedDayImpact { impact: 1_234.5, observed, expected };
    Incident {
        id: String::new(),
        series: SeriesKey::new("d", "p", "s"),
        names: Names {
            account: "우리회사".into(),
            project: "쇼핑몰".into(),
            service: "Virtual\nMachine\u{1b}[31m".into(),
        },
        direction,
        severity: Severity::Warning,
        state: IncidentState::Open,
        opened_at: moment,
        first_seen: moment,
        last_seen: moment,
        closed_at: None,
        accepted_impact: None,
        history: Vec::new(),
        rules: BTreeSet::new(),
        peak_score: 1.0,
        bands: BTreeMap::new(),
        by_day: BTreeMap::from([(moment.date, DayImpact { finished_day: Some(day), partial_day: None })]),
        observed,
        expected,
        reason: String::new(),
        resolved_by: None,
        muted: false,
        is_explained: false,
        suppressed_by: None,
        deliveries: BTreeMap::new(),
        failures: BTreeMap::new(),
    }
}

/// Returns an incident of two days with the rules and the reason of a detector.
pub(crate) fn lasting_incident() -> Incident {
    let mut incident = incident(Direction::Up, 498_473.4, 256_916.0);
    incident.id = "20261112-ff2b0c1d2e3f4a5b".to_owned();
    incident.names = Names { account: "example-corp".into(), project: "결제".into(), service: "MySQL".into() };
    incident.rules = ["new-cost", "service-daily"].map(str::to_owned).into();
    incident.reason = "평소 하루 215,000~298,000원입니다.".to_owned();
    let day = |impact, observed| DayImpact {
        finished_day: Some(FinishedDayImpact { impact, observed, expected: 256_916.0 }),
        partial_day: None,
    };
    incident.by_day =
        [(date(2026, 11, 12), day(210_871.6, 467_787.6)), (date(2026, 11, 13), day(241_557.4, 498_473.4))].into();
    incident.opened_at = Moment { date: date(2026, 11, 12), hour: Some(18) };
    incident.first_seen = incident.opened_at;
    incident.last_seen = Moment { date: date(2026, 11, 13), hour: None };
    incident
}

/// Returns an incident of three days of twice the cost, with no cost on the seven days after.
pub(crate) fn reversed_incident() -> Incident {
    let mut incident = lasting_incident();
    let day = |number: i8| {
        let (impact, observed) = if number < 15 { (256_916.0, 513_832.0) } else { (0.0, 0.0) };
        let finished_day = Some(FinishedDayImpact { impact, observed, expected: 256_916.0 });
        (date(2026, 11, number), DayImpact { finished_day, partial_day: None })
    };
    incident.by_day = (12..=21).map(day).collect();
    incident.last_seen = Moment { date: date(2026, 11, 14), hour: None };
    incident
}

/// Returns sixteen days that end with the lasting incident.
pub(crate) fn recent_days() -> Vec<DayCost> {
    let usual = [251.0, 262.0, 259.0, 255.0, 249.0, 257.0, 263.0];
    let costs = usual.iter().chain(&usual).copied().chain([467.8, 498.5]);
    (0..)
        .zip(costs)
        .map(|(index, cost)| DayCost { date: date(2026, 10, 29) + index.days(), cost: cost * 1e3 })
        .collect()
}

/// Returns the content of a notification about the newest finished day.
pub(crate) fn content(incident: &Incident, kind: NotificationKind) -> IncidentContent<'_> {
    let Incident { last_seen: moment, observed, expected, .. } = *incident;
    IncidentContent {
        kind,
        incident,
        comparison: Comparison { moment, observed, expected, spans: ComparedSpans::Day },
        has_same_names: false,
        recent_days: &[],
        owner: None,
        hint: None,
        link: None,
        cause: None,
        delivery: None,
    }
}
