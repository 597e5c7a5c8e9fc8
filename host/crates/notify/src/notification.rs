//! A notification: the typed content that every receiver gets. Each receiver writes its own text.

mod budget;
mod change;
mod comparison;
mod daily_total;
#[cfg(test)]
pub(crate) mod fixtures;
mod group;

use jiff::Timestamp;
use jiff::civil::Date;
use model::anomaly::Severity;
use model::budget::BudgetMonth;
use model::drivers::Cause;
use model::incident::{Delivery, Incident, NotificationKind};
use model::planned_event::{PlanResult, PlannedEvent};

pub use self::budget::BudgetContent;
pub(crate) use self::change::Change;
pub use self::comparison::{ComparedSpans, Comparison};
pub use self::daily_total::{CostChange, DailyTotalContent, TotalComparison};
pub use self::group::{DueNotification, GroupContent, groups};
use crate::routing::{DigestPeriod, Owner};
use crate::text::Locale;

/// A notification for one receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification<'a> {
    /// The same for every attempt to send the notification, and for no other notification of the receiver.
    pub id: String,
    pub locale: Locale<'a>,
    /// The address of the cost report; `None` without a page.
    pub report_link: Option<&'a str>,
    pub content: Content<'a>,
}

/// The content of a notification.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'a> {
    Incident(IncidentContent<'a>),
    Group(GroupContent<'a>),
    DailyTotal(DailyTotalContent<'a>),
    PlannedEvent(PlannedEventContent<'a>),
    Budget(BudgetContent<'a>),
    Digest(DigestContent<'a>),
    Operational(OperationalContent<'a>),
}

/// The notifications and the totals of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestContent<'a> {
    pub period: DigestPeriod,
    /// The last day.
    pub date: Date,
    /// The cost of the period.
    pub total: f64,
    /// The cost of the same weekday a week before, or of the week before; `None` if a day has no bill.
    pub earlier_total: Option<f64>,
    /// The budgets with their costs through the last day.
    pub budgets: &'a [BudgetMonth],
    /// The due notifications, the largest difference first.
    pub entries: Vec<IncidentContent<'a>>,
}

/// A planned event that has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedEventContent<'a> {
    pub event: &'a PlannedEvent,
    /// `None` if a day, or a day for the comparison, has no bill.
    pub result: Option<PlanResult>,
}

/// A change of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentContent<'a> {
    pub kind: NotificationKind,
    pub incident: &'a Incident,
    /// The newest anomaly of the incident.
    pub comparison: Comparison,
    /// Whether another incident has the same names, so that only the keys differ.
    pub has_same_names: bool,
    /// The billed cost of the days up to the newest finished day, oldest first; NaN for a day without a bill. Empty if
    /// not known.
    pub recent_days: &'a [DayCost],
    /// The drivers of the incident. `None` if not read, or for an incident without a day.
    pub cause: Option<&'a Cause>,
    /// The owner of the project; `None` without an owner.
    pub owner: Option<&'a Owner>,
    /// The hint of the operators about the series.
    pub hint: Option<&'a str>,
    /// The address of the page of the incident, where people decide.
    pub link: Option<&'a str>,
    /// The earlier deliveries of the incident to the receiver.
    pub delivery: Option<&'a Delivery>,
}

/// The cost of one day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayCost {
    pub date: Date,
    pub cost: f64,
}

/// A problem of costwarden itself, or the end of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationalContent<'a> {
    /// Id of the problem, for example `failing:daily`.
    pub key: &'a str,
    pub state: ProblemState,
    /// Start of the problem.
    pub since: Timestamp,
    pub level: Level,
    /// A single word in capitals.
    pub tag: &'a str,
    pub text: &'a str,
}

/// The state of a problem of costwarden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemState {
    Raised,
    Resolved,
    /// No problem: a test of the receiver.
    Test,
}

/// The priority of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Critical,
    Error,
    Info,
}

impl<'a> Notification<'a> {
    pub fn of_incident(content: IncidentContent<'a>, locale: Locale<'a>) -> Self {
        let number = content.delivery.map_or(0, |delivery| delivery.notifications) + 1;
        Self::new(content.id(content.kind, number), locale, Content::Incident(content))
    }

    pub fn of_group(content: GroupContent<'a>, locale: Locale<'a>) -> Self {
        let first = content.first();
        let number = first.delivery.map_or(0, |delivery| delivery.notifications) + 1;
        Self::new(format!("{}-group", first.id(first.kind, number)), locale, Content::Group(content))
    }

    pub fn of_daily_total(content: DailyTotalContent<'a>, locale: Locale<'a>) -> Self {
        Self::new(format!("total-{}", content.date), locale, Content::DailyTotal(content))
    }

    pub fn of_planned_event(content: PlannedEventContent<'a>, locale: Locale<'a>) -> Self {
        Self::new(format!("event-{}", content.event.id), locale, Content::PlannedEvent(content))
    }

    pub fn of_budget(content: BudgetContent<'a>, locale: Locale<'a>) -> Self {
        Self::new(content.id(), locale, Content::Budget(content))
    }

    pub fn of_digest(content: DigestContent<'a>, locale: Locale<'a>) -> Self {
        let id = format!("digest-{}-{}", content.period.as_str(), content.date);
        Self::new(id, locale, Content::Digest(content))
    }

    pub fn of_problem(content: OperationalContent<'a>, locale: Locale<'a>) -> Self {
        let id = format!("{}-{}-{}", content.key, content.since.as_second(), content.state.as_str());
        Self::new(id, locale, Content::Operational(content))
    }

    fn new(id: String, locale: Locale<'a>, content: Content<'a>) -> Self {
        Self { id, locale, report_link: None, content }
    }

    /// Adds the address of the cost report. The notification of an incident links to the page of the incident instead.
    #[must_use]
    pub fn with_report_link(self, report_link: Option<&'a str>) -> Self {
        Self { report_link, ..self }
    }

    /// Returns the thread of the earlier messages about the incidents.
    pub(crate) fn thread(&self) -> Option<&'a str> {
        match &self.content {
            Content::Incident(content) => content.delivery?.thread.as_deref(),
            Content::Group(content) => content.thread(),
            Content::DailyTotal(_)
            | Content::PlannedEvent(_)
            | Content::Budget(_)
            | Content::Digest(_)
            | Content::Operational(_) => None,
        }
    }

    /// Returns the priority: of an anomaly, the severity of the rule.
    pub fn level(&self) -> Level {
        match &self.content {
            Content::Incident(content) => level(content.kind, content.incident.severity),
            Content::Group(content) => level(content.first().kind, content.severity()),
            Content::Budget(content) => severity_level(content.reached.severity()),
            Content::DailyTotal(_) | Content::PlannedEvent(_) | Content::Digest(_) => Level::Info,
            Content::Operational(content) => content.level,
        }
    }
}

/// Returns the priority of a notification about an incident.
fn level(kind: NotificationKind, severity: Severity) -> Level {
    if is_end(kind) { Level::Info } else { severity_level(severity) }
}

fn severity_level(severity: Severity) -> Level {
    match severity {
        Severity::Critical => Level::Critical,
        // The priority of the replaced pipeline.
        Severity::Warning => Level::Error,
        Severity::Info => Level::Info,
    }
}

/// Returns whether a notification is about the end of an incident.
fn is_end(kind: NotificationKind) -> bool {
    !matches!(kind, NotificationKind::Opened | NotificationKind::Grown)
}

impl IncidentContent<'_> {
    /// Returns whether the notification is about the end of the incident.
    pub fn is_end(&self) -> bool {
        is_end(self.kind)
    }

    /// Returns the id of a notification of the incident. The number separates the notifications of growth.
    fn id(&self, kind: NotificationKind, number: u32) -> String {
        format!("{}-{}-{number}", self.incident.id, kind_word(kind))
    }
}

impl PlannedEventContent<'_> {
    /// Returns the planned difference over all days.
    pub(crate) fn planned(&self) -> f64 {
        self.event.plan.daily_effect * f64::from(self.event.plan.days())
    }
}

impl ProblemState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
            Self::Test => "test",
        }
    }
}

/// Returns the word for the kind of a notification in ids and documents.
pub(crate) fn kind_word(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Opened => "opened",
        NotificationKind::Grown => "grown",
        NotificationKind::Closed => "resolved",
        NotificationKind::NewLevel => "new-level",
        NotificationKind::Retracted => "retracted",
        NotificationKind::NotVerifiable => "not-verifiable",
    }
}
