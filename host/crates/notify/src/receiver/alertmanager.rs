//! Alertmanager, API v2: an open incident is a firing alert, and the end of the incident resolves the alert.
//!
//! An alert ends at `endsAt` unless a later run sends it again. Labels identify an alert, so no label may change while
//! an incident lasts, except the severity: a raised severity is another alert, and the alert of the lower severity is
//! resolved.

use std::collections::BTreeMap;

use config_file::secret::SecretResolver;
use config_file::toml::Section;
use jiff::{SignedDuration, Timestamp};
use model::anomaly::Severity;
use model::incident::Incident;
use model::series::ALL;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Serialize;

use super::authorization::Login;
use super::post::{DEFAULT_SECONDS, HttpClient, HttpOptions, JsonRequest, read_address};
use super::{ChannelError, Receipt};
use crate::chat_text::ChatText;
use crate::notification::{
    BudgetContent, Content, IncidentContent, Level, Notification, OperationalContent, ProblemState,
};

/// An Alertmanager.
#[derive(Debug, Clone)]
pub struct AlertmanagerOptions {
    pub endpoint: Url,
    /// Time from a run to `endsAt`. Longer than the time to the next run.
    pub expiry: SignedDuration,
    pub login: Option<Login>,
    pub http: HttpOptions,
}

#[derive(Debug)]
pub(super) struct Alertmanager {
    endpoint: Url,
    expiry: SignedDuration,
    login: Option<Login>,
    http: HttpClient,
}

/// An alert of the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
    /// Alertmanager keeps the earliest time of an alert that is sent again.
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// The content of an alert without the severity.
struct Subject {
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
    /// The severity of the firing alert; `None` after the end.
    firing: Option<Severity>,
    expiry: SignedDuration,
}

/// Lifetime of the alert of a test.
const TEST_EXPIRY: SignedDuration = SignedDuration::from_mins(5);

/// Reads the keys of a receiver of this kind.
pub(super) fn read(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<AlertmanagerOptions> {
    section.need("endpoint", "the address of an Alertmanager, like \"https://alertmanager.example.com\"");
    let endpoint = read_address(section.key("endpoint", "The address of an Alertmanager."));
    // Two days: a daily job may fail once.
    let hours = section
        .key("expire_hours", "The time from a run to endsAt, in hours; longer than the time between two runs.")
        .whole_or(1..=744, 50);
    let login = Login::read(section, references);
    let http = HttpOptions::read(section, DEFAULT_SECONDS);
    let expiry = SignedDuration::from_hours(hours);
    Some(AlertmanagerOptions { endpoint: endpoint?, expiry, login: login?, http: http? })
}

impl Alertmanager {
    pub(super) fn new(options: &AlertmanagerOptions) -> Self {
        let AlertmanagerOptions { endpoint, expiry, login, http } = options;
        Self { endpoint: endpoint.clone(), expiry: *expiry, login: login.clone(), http: HttpClient::new(http) }
    }

    pub(super) fn target(&self) -> String {
        format!("Alertmanager at {}", self.endpoint)
    }

    pub(super) async fn probe(&mut self) -> Result<bool, ChannelError> {
        self.http.get(&self.url("-/ready"), self.headers()?).await?;
        Ok(true)
    }

    pub(super) async fn send(
        &mut self,
        notification: &Notification<'_>,
        now: Timestamp,
    ) -> Result<Receipt, ChannelError> {
        let Some(subject) = subject(notification, self.expiry) else { return Ok(Receipt::default()) };
        let body = serde_json::to_string(&alerts(&subject, now)).expect("texts and times are JSON");
        let request = JsonRequest { url: self.url("api/v2/alerts"), headers: self.headers()?, body };
        self.http.post(&request, now).await?;
        Ok(Receipt::default())
    }

    fn headers(&self) -> Result<HeaderMap, ChannelError> {
        self.login.as_ref().map_or_else(|| Ok(HeaderMap::new()), Login::header)
    }

    /// Returns the address of a path below the endpoint, which may have a path prefix.
    fn url(&self, path: &str) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url
    }
}

/// Returns the content of an alert; `None` for content that is no alert.
fn subject(notification: &Notification<'_>, expiry: SignedDuration) -> Option<Subject> {
    let text = ChatText::of(notification);
    match &notification.content {
        Content::Incident(content) => Some(of_incident(content, &text, expiry)),
        Content::Operational(content) => Some(of_problem(content, &text, expiry)),
        Content::Budget(content) => Some(of_budget(content, &text, expiry)),
        Content::Group(_) | Content::DailyTotal(_) | Content::PlannedEvent(_) | Content::Digest(_) => None,
    }
}

fn of_incident(content: &IncidentContent<'_>, text: &ChatText, expiry: SignedDuration) -> Subject {
    let Incident { id, series, names, direction, severity, .. } = content.incident;
    let mut labels = BTreeMap::from([
        ("alertname", "CostIncident".to_owned()),
        ("incident", id.clone()),
        ("direction", direction.as_str().to_owned()),
    ]);
    let mut annotations = annotations(text);
    annotations.insert("rules", content.incident.rules.iter().cloned().collect::<Vec<_>>().join(", "));
    // Names may change, so names are annotations.
    for (label, annotation, id, name) in [
        ("account", "account_name", &series.account, &names.account),
        ("project", "project_name", &series.project, &names.project),
        ("service", "service_name", &series.service, &names.service),
    ] {
        if **id != *ALL {
            labels.insert(label, id.to_string());
            annotations.insert(annotation, name.to_string());
        }
    }
    Subject { labels, annotations, firing: (!content.is_end()).then_some(*severity), expiry }
}

fn of_problem(content: &OperationalContent<'_>, text: &ChatText, expiry: SignedDuration) -> Subject {
    let labels = BTreeMap::from([("alertname", "CostwardenProblem".to_owned()), ("problem", content.key.to_owned())]);
    let severity = match content.level {
        Level::Critical => Severity::Critical,
        Level::Error => Severity::Warning,
        Level::Info => Severity::Info,
    };
    let firing = (content.state != ProblemState::Resolved).then_some(severity);
    let expiry = if content.state == ProblemState::Test { TEST_EXPIRY } else { expiry };
    Subject { labels, annotations: annotations(text), firing, expiry }
}

/// Returns the alert of a budget. No later alert resolves it: the alert ends by itself.
fn of_budget(content: &BudgetContent<'_>, text: &ChatText, expiry: SignedDuration) -> Subject {
    let labels = BTreeMap::from([
        ("alertname", "CostBudget".to_owned()),
        ("budget", content.month.budget.name.clone()),
        ("month", content.month.state.through.strftime("%Y-%m").to_string()),
        ("measure", content.reached.measure.as_str().to_owned()),
    ]);
    Subject { labels, annotations: annotations(text), firing: Some(content.reached.severity()), expiry }
}

fn annotations(text: &ChatText) -> BTreeMap<&'static str, String> {
    let lines: Vec<&str> =
        [&text.figures].into_iter().chain(&text.lines).map(String::as_str).filter(|line| !line.is_empty()).collect();
    BTreeMap::from([("summary", text.title.clone()), ("description", lines.join("\n"))])
}

/// Returns the firing alert, and the resolved alerts of the other severities. Alertmanager ignores a resolved alert that
/// never fired.
fn alerts(subject: &Subject, now: Timestamp) -> Vec<Alert> {
    let alert = |severity: Severity| {
        let mut labels = subject.labels.clone();
        labels.insert("severity", severity.as_str().to_owned());
        let is_firing = subject.firing == Some(severity);
        let ends_at = if is_firing { now.saturating_add(subject.expiry).unwrap_or(Timestamp::MAX) } else { now };
        Alert { labels, annotations: subject.annotations.clone(), starts_at: now, ends_at }
    };
    [Severity::Info, Severity::Warning, Severity::Critical].map(alert).into()
}

#[cfg(test)]
mod tests {
    use model::incident::NotificationKind;
    use model::language::Language;
    use model::series::SeriesKey;

    use super::*;
    use crate::notification::fixtures::{content, lasting_incident};
    use crate::text::Locale;

    fn firing(incident: &Incident, kind: NotificationKind) -> (Vec<Alert>, Vec<Alert>) {
        let locale = Locale { language: Language::English, currency: "KRW" };
        let notification = Notification::of_incident(content(incident, kind), locale);
        let subject = subject(&notification, SignedDuration::from_hours(50)).expect("an alert");
        let now = Timestamp::UNIX_EPOCH;
        alerts(&subject, now).into_iter().partition(|alert| alert.ends_at > now)
    }

    #[test]
    fn an_open_incident_fires_with_one_severity() {
        let mut incident = lasting_incident();
        incident.series = SeriesKey::new("d", "p", ALL);
        let (firing_now, resolved) = firing(&incident, NotificationKind::Opened);
        insta::assert_snapshot!(serde_json::to_string_pretty(&firing_now).expect("JSON"), @r#"
        [
          {
            "labels": {
              "account": "d",
              "alertname": "CostIncident",
              "direction": "up",
              "incident": "20261112-ff2b0c1d2e3f4a5b",
              "project": "p",
              "severity": "warning"
            },
            "annotations": {
              "account_name": "example-corp",
              "description": "13 Nov (Fri): 498,473 KRW · usual 256,916 KRW · +241,557 KRW\nFrom 12 Nov (Thu) to 13 Nov (Fri): 452,429 KRW more than usual.\nIf this goes on: 4,298,076 KRW more than usual by the end of November.\nReason: 평소 하루 215,000~298,000원입니다",
              "project_name": "결제",
              "rules": "new-cost, service-daily",
              "summary": "example-corp / 결제, all services: 94% more than usual"
            },
            "startsAt": "1970-01-01T00:00:00Z",
            "endsAt": "1970-01-03T02:00:00Z"
          }
        ]
        "#);
        let severities: Vec<&str> = resolved.iter().map(|alert| alert.labels["severity"].as_str()).collect();
        assert_eq!(severities, ["info", "critical"]);
    }

    #[test]
    fn the_end_resolves_the_alert_of_each_severity() {
        let (firing_now, resolved) = firing(&lasting_incident(), NotificationKind::Closed);
        assert_eq!((firing_now.len(), resolved.len()), (0, 3));
    }
}
