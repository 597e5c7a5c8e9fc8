//! The links of a notification to the pages of `costwarden serve`. A link shows a page and changes nothing: a person decides
//! on the page.

use model::incident::{IncidentState, NotificationKind};
use model::language::Language;

use crate::notification::{Content, IncidentContent, Notification};

/// A link to a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    pub(crate) label: &'static str,
    pub(crate) url: String,
}

/// The labels of a language.
struct Labels {
    /// The page of an incident, in a line of text.
    incident: &'static str,
    show: &'static str,
    accept: &'static str,
    dismiss: &'static str,
    report: &'static str,
}

const KOREAN: Labels = Labels {
    incident: "이상 보기, 결정 남기기",
    show: "이상 보기",
    accept: "새 기준으로",
    dismiss: "오탐",
    report: "비용 보고서 보기",
};

const ENGLISH: Labels = Labels {
    incident: "Show the incident and decide",
    show: "Show the incident",
    accept: "Accept as the usual cost",
    dismiss: "Dismiss as a false alarm",
    report: "Show the cost report",
};

fn labels(language: Language) -> &'static Labels {
    match language {
        Language::Korean => &KOREAN,
        Language::English => &ENGLISH,
    }
}

/// Returns the page of an incident, or the cost report, as a line of text.
pub(super) fn link(notification: &Notification<'_>) -> Option<Link> {
    let labels = labels(notification.locale.language);
    match incident(notification) {
        Some(content) => Some(Link { label: labels.incident, url: content.link?.to_owned() }),
        None => report(notification, labels),
    }
}

/// Returns the buttons: the page of an incident and the decisions about an open incident, or the cost report.
pub(super) fn buttons(notification: &Notification<'_>) -> Vec<Link> {
    let labels = labels(notification.locale.language);
    let Some(content) = incident(notification) else { return report(notification, labels).into_iter().collect() };
    let Some(url) = content.link else { return Vec::new() };
    let mut buttons = vec![Link { label: labels.show, url: url.to_owned() }];
    if is_undecided(content) {
        // The page selects the action of the query in its form.
        for (label, action) in [(labels.accept, "accept"), (labels.dismiss, "dismiss")] {
            buttons.push(Link { label, url: format!("{url}?action={action}") });
        }
    }
    buttons
}

/// Returns the incident of a notification about a single incident.
pub(super) fn incident<'n, 'a>(notification: &'n Notification<'a>) -> Option<&'n IncidentContent<'a>> {
    match &notification.content {
        Content::Incident(content) => Some(content),
        Content::Group(_)
        | Content::DailyTotal(_)
        | Content::PlannedEvent(_)
        | Content::Budget(_)
        | Content::Digest(_)
        | Content::Operational(_) => None,
    }
}

fn report(notification: &Notification<'_>, labels: &Labels) -> Option<Link> {
    Some(Link { label: labels.report, url: notification.report_link?.to_owned() })
}

/// Returns whether people still decide about the incident of a notification.
fn is_undecided(content: &IncidentContent<'_>) -> bool {
    let is_news = matches!(content.kind, NotificationKind::Opened | NotificationKind::Grown);
    is_news && content.incident.state == IncidentState::Open
}
