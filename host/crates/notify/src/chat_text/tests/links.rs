//! The links and the buttons of texts.

use model::incident::{IncidentState, Resolution};

use super::*;
use crate::routing::Routing;

#[test]
fn the_link_leads_to_the_page_of_the_incident() {
    let incident = lasting_incident();
    let mut routing = Routing::default();
    assert_eq!(routing.link(&incident), None);
    routing.report_url = "https://costs.example.com/team/".parse().ok();
    let url = routing.link(&incident);
    assert_eq!(url.as_deref(), Some("https://costs.example.com/team/incidents/20261112-ff2b0c1d2e3f4a5b"));
    let linked = IncidentContent { link: url.as_deref(), ..content(&incident, NotificationKind::Opened) };
    let link = ChatText::of(&Notification::of_incident(linked, ENGLISH)).link.expect("a link");
    assert_eq!((link.label, Some(link.url)), ("Show the incident and decide", url));
}

#[test]
fn the_buttons_decide_about_open_incidents_only() {
    let incident = lasting_incident();
    let mut ended = incident.clone();
    ended.state = IncidentState::Closed(Resolution::Returned);
    let labels = |incident: &Incident, kind, locale| {
        let linked = IncidentContent { link: Some("https://c.example/incidents/1"), ..content(incident, kind) };
        let buttons = ChatText::of(&Notification::of_incident(linked, locale)).buttons;
        buttons.iter().map(|button| button.label).collect::<Vec<_>>().join(", ")
    };
    let english = "Show the incident, Accept as the usual cost, Dismiss as a false alarm";
    assert_eq!(labels(&incident, NotificationKind::Opened, ENGLISH), english);
    assert_eq!(labels(&incident, NotificationKind::Grown, KOREAN), "이상 보기, 새 기준으로, 오탐");
    assert_eq!(labels(&ended, NotificationKind::Opened, ENGLISH), "Show the incident");
    assert_eq!(labels(&ended, NotificationKind::Closed, KOREAN), "이상 보기");
    let unlinked = Notification::of_incident(content(&incident, NotificationKind::Opened), ENGLISH);
    assert_eq!(ChatText::of(&unlinked).buttons, []);
}

#[test]
fn other_notifications_link_to_the_report() {
    let total = DailyTotalContent {
        date: date(2026, 11, 22),
        total: "1,000",
        refused: RefusedTotal::default(),
        comparison: None,
        budgets: &[],
    };
    let notification = |locale| Notification::of_daily_total(total, locale);
    assert_eq!(ChatText::of(&notification(ENGLISH)).link, None);
    for (locale, label) in [(ENGLISH, "Show the cost report"), (KOREAN, "비용 보고서 보기")] {
        let text = ChatText::of(&notification(locale).with_report_link(Some("https://c.example/")));
        assert_eq!(text.plain_lines(), [format!("{label}: https://c.example/")]);
        assert_eq!(text.buttons, text.link.into_iter().collect::<Vec<_>>());
    }
}
