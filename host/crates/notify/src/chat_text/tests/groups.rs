//! Texts of groups.

use jiff::civil::date;
use model::anomaly::Direction;
use model::incident::{Incident, NormalDay, NotificationKind};
use model::moment::Moment;
use model::series::{Names, SeriesKey};

use super::{ENGLISH, KOREAN, plain};
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
