use jiff::civil::date;
use model::series::SeriesKey;

use super::*;
use crate::notification::ComparedSpans;
use crate::notification::fixtures::{content, incident};

fn stopped(project: &str, service: &str) -> Incident {
    Incident {
        id: format!("{project}-{service}"),
        series: SeriesKey::new("d", project, service),
        ..incident(Direction::Down, 0.0, 100.0)
    }
}

fn groups_of(incidents: &[Incident]) -> Vec<Vec<&str>> {
    let due: Vec<DueNotification<'_>> = incidents
        .iter()
        .map(|incident| DueNotification {
            incident,
            kind: NotificationKind::Opened,
            comparison: content(incident, NotificationKind::Opened).comparison,
        })
        .collect();
    let id = |index: usize| due[index].incident.id.as_str();
    groups(&due).into_iter().map(|members| members.into_iter().map(id).collect()).collect()
}

#[test]
fn three_services_of_one_project_form_a_group() {
    let incidents = ["a", "b", "c"].map(|service| stopped("p", service));
    assert_eq!(groups_of(&incidents), [["p-a", "p-b", "p-c"]]);
    assert!(groups_of(&incidents[..2]).is_empty());
    let elsewhere = [incidents[0].clone(), incidents[1].clone(), stopped("q", "c")];
    assert!(groups_of(&elsewhere).is_empty(), "three services of two projects are no group");
}

#[test]
fn five_services_of_several_projects_form_one_group() {
    let incidents = [stopped("p", "a"), stopped("q", "a"), stopped("p", "b"), stopped("p", "c"), stopped("r", "a")];
    assert_eq!(groups_of(&incidents), [["p-a", "q-a", "p-b", "p-c", "r-a"]]);
    assert_eq!(groups_of(&incidents[..4]), [["p-a", "p-b", "p-c"]]);
}

#[test]
fn a_group_has_one_direction_one_layer_and_one_beginning() {
    let same = [stopped("p", "a"), stopped("p", "b")];
    let rise = Incident { direction: Direction::Up, ..stopped("p", "c") };
    let project = Incident { series: SeriesKey::new("d", "p", ALL), ..stopped("p", "c") };
    let earlier = Moment { date: date(2026, 11, 20), hour: None };
    let earlier = Incident { first_seen: earlier, ..stopped("p", "c") };
    for other in [rise, project, earlier] {
        let incidents = [same[0].clone(), same[1].clone(), other];
        assert!(groups_of(&incidents).is_empty(), "{:?}", incidents[2]);
    }
}

#[test]
fn a_group_sums_equal_spans_and_lists_the_largest_difference_first() {
    let [small, large] = [("a", 100.0), ("b", 250.0)].map(|(service, expected)| Incident {
        severity: if service == "a" { Severity::Critical } else { Severity::Info },
        ..Incident { expected, ..stopped("p", service) }
    });
    let entries = [&small, &large].map(|incident| content(incident, NotificationKind::Opened));
    let group = GroupContent::new(entries.to_vec());
    assert_eq!(group.first().incident.id, "p-b");
    assert_eq!(group.severity(), Severity::Critical);
    let expected = Comparison { moment: small.last_seen, observed: 0.0, expected: 350.0, spans: ComparedSpans::Day };
    assert_eq!(group.comparison(), expected);
    assert_eq!((group.account(), group.project()), (Some("우리회사"), Some("쇼핑몰")));
    let elsewhere = stopped("q", "a");
    let entries = [&small, &elsewhere].map(|incident| content(incident, NotificationKind::Opened));
    let group = GroupContent::new(entries.to_vec());
    assert_eq!((group.account(), group.project()), (Some("우리회사"), None));
}
