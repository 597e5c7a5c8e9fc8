//! Texts of groups.

use jiff::civil::date;
use model::anomaly::Direction;
use model::incident::{Incident, NormalDay, NotificationKind};
use model::moment::Moment;
use model::series::{Names, SeriesKey};

use super::{ChatText, DayCost, ENGLISH, KOREAN, plain};
use crate::line::{TextStyle, line};
use crate::notification::fixtures::{content, incident, lasting_incident};
use crate::notification::{GroupContent, IncidentContent, Notification};
use crate::text::Locale;

/// Returns incidents of the services of a deleted project.
fn deleted_project() -> Vec<Incident> {
    let services =
        [("MySQL", 90_000.0), ("VM", 250_000.0), ("LB", 12_000.0), ("CDN", 900.0), ("Logs", 4_000.0), ("S3", 700.0)];
    let stopped = |(service, expected): (&str, f64)| Incident {
        id: format!("20261122-{service}"),
        series: SeriesKey::new("d", "p", service),
        names: Names { account: "example-corp".into(), project: "결제".into(), service: service.into() },
        rules: ["service-daily".to_owned()].into(),
        ..incident(Direction::Down, 0.0, expected)
    };
    services.map(stopped).into()
}

/// Returns the text of each kind of notification about a group.
fn kinds(locale: Locale<'_>) -> String {
    let mut deleted = deleted_project();
    let text = |incidents: &[Incident], kind| {
        let entries = incidents.iter().map(|incident| content(incident, kind)).collect();
        plain(&Notification::of_group(GroupContent::new(entries), locale))
    };
    let mut texts = vec![text(&deleted, NotificationKind::Opened)];
    deleted[0].series = SeriesKey::new("d", "q", "MySQL");
    deleted[0].observed = 10_000.0;
    texts.push(text(&deleted, NotificationKind::Opened));
    for incident in &mut deleted {
        incident.resolved_by = Some(NormalDay { observed: incident.expected, expected: Some(incident.expected) });
        incident.closed_at = Some(Moment::finished_day(date(2026, 11, 23)));
    }
    texts.extend(
        [
            NotificationKind::Closed,
            NotificationKind::NewLevel,
            NotificationKind::Retracted,
            NotificationKind::NotVerifiable,
            NotificationKind::Grown,
        ]
        .map(|kind| text(&deleted[..3], kind)),
    );
    let rise = lasting_incident();
    texts.push(text(&[rise.clone(), rise], NotificationKind::Opened));
    texts.join("\n\n")
}

#[test]
fn the_chart_of_a_group_is_the_sum_of_its_series() {
    let deleted = deleted_project();
    let day = |costs: [f64; 8]| -> Vec<DayCost> {
        (20..).zip(costs).map(|(day, cost)| DayCost { date: date(2026, 11, day), cost }).collect()
    };
    let days = [day([4.0, 4.0, 0.0, 4.0, 4.0, 4.0, 4.0, 4.0]), day([4.0, 0.0, 0.0, 4.0, 4.0, f64::NAN, 4.0, 4.0])];
    let chart = |days: [&[DayCost]; 2]| {
        let entry =
            |(incident, recent_days)| IncidentContent { recent_days, ..content(incident, NotificationKind::Opened) };
        let entries = deleted.iter().zip(days).map(entry).collect();
        let chart = ChatText::of(&Notification::of_group(GroupContent::new(entries), ENGLISH)).chart?;
        Some(format!("{} {}", chart.line(), chart.label))
    };
    let expected = "█▄▁██·██ sum of the costs per day, 20 Nov–27 Nov";
    assert_eq!(chart([&days[0], &days[1]]).as_deref(), Some(expected));
    assert_eq!(chart([&days[0], &days[1][..7]]), None, "other days cannot be added");
}

#[test]
fn english_texts_of_groups_are_fixed() {
    insta::assert_snapshot!(kinds(ENGLISH));
}

#[test]
fn korean_texts_of_groups_are_fixed() {
    insta::assert_snapshot!(kinds(KOREAN));
}

#[test]
fn a_full_line_of_a_group_has_the_tag_of_its_kind() {
    let deleted = deleted_project();
    let entries: Vec<IncidentContent<'_>> =
        deleted[..3].iter().map(|incident| content(incident, NotificationKind::Opened)).collect();
    let notification = Notification::of_group(GroupContent::new(entries), KOREAN);
    insta::assert_snapshot!(line(&notification, TextStyle::Full));
}
