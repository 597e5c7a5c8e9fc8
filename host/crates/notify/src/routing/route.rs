//! A route: a selection of incidents, their receivers, and the time of their notifications.

use std::collections::BTreeSet;

use config_file::toml::{Key, Section};
use jiff::civil::Time;
use model::anomaly::{Direction, Severity};
use model::incident::Incident;
use model::scope::{Pattern, Scope};

use super::{Dispatch, Owner, QuietHours, receiver_names};

/// A route of a config.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Line in the config file.
    pub line: usize,
    /// The names of the receivers; `None` for the receivers of the owner.
    pub receivers: Option<Vec<String>>,
    /// Globs over account, project and service.
    pub scope: Scope,
    /// A rule of the incident must match.
    pub rule: Option<Pattern>,
    /// The name of the owner must match.
    pub owner: Option<Pattern>,
    /// The least severity.
    pub severity: Severity,
    pub direction: Option<Direction>,
    /// The least difference of a day, in the currency of the bill.
    pub min_impact: f64,
    pub schedule: Schedule,
    /// Hold back notifications below critical.
    pub quiet_hours: Option<QuietHours>,
    /// Whether the receivers get the total of each finished day.
    pub daily_total: bool,
}

/// The time of the notifications of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    Immediate,
    Digest(DigestPeriod),
}

/// The period of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestPeriod {
    /// Each finished day.
    Daily,
    /// The week that ends on Sunday.
    Weekly,
}

impl DigestPeriod {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }
}

impl Route {
    pub(super) fn matches(&self, incident: &Incident, owner: Option<&Owner>) -> bool {
        let is_rule = |pattern: &Pattern| incident.rules.iter().any(|rule| pattern.matches(&[rule]));
        let is_owner = |pattern: &Pattern| owner.is_some_and(|owner| pattern.matches(&[&owner.name]));
        incident.severity >= self.severity
            && self.direction.is_none_or(|direction| direction == incident.direction)
            && incident.largest_daily_impact().unwrap_or(0.0) >= self.min_impact
            && self.rule.as_ref().is_none_or(is_rule)
            && self.owner.as_ref().is_none_or(is_owner)
            && self.scope.contains(&incident.series, &incident.names)
    }

    pub(super) fn dispatch(&self, severity: Severity, time: Time) -> Dispatch {
        let is_quiet = self.quiet_hours.is_some_and(|hours| hours.contain(time));
        match self.schedule {
            Schedule::Digest(period) => Dispatch::Digest(period),
            Schedule::Immediate if is_quiet && severity < Severity::Critical => Dispatch::Quiet,
            Schedule::Immediate => Dispatch::Send,
        }
    }
}

/// Reads the tables `[[route]]`. `receivers` are the names of the receivers.
pub fn read_routes(sections: Vec<Section<'_, '_>>, receivers: &BTreeSet<&str>) -> Vec<Route> {
    sections.into_iter().map(|section| route(section, receivers)).collect()
}

fn route(mut section: Section<'_, '_>, receivers: &BTreeSet<&str>) -> Route {
    let receivers = receiver_names(&mut section, receivers);
    let scope = Scope {
        account: pattern(section.key("account", "A glob against the id and the name of the account.")),
        project: pattern(section.key("project", "A glob against the id and the name of the project.")),
        service: pattern(section.key("service", "A glob against the id and the name of the service.")),
        rule: None,
    };
    let severities = [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];
    let schedules = [
        ("immediate", Schedule::Immediate),
        ("daily", Schedule::Digest(DigestPeriod::Daily)),
        ("weekly", Schedule::Digest(DigestPeriod::Weekly)),
    ];
    let route = Route {
        line: section.line(),
        receivers,
        scope,
        rule: pattern(section.key("rule", "A glob against the rules of the incident.")),
        owner: pattern(section.key("owner", "A glob against the name of the owner in the ownership file.")),
        severity: section.key("severity", "The least severity.").choice_or(&severities, "info"),
        direction: section
            .key("direction", "The direction. Without the key: both.")
            .choice(&[("up", Direction::Up), ("down", Direction::Down)]),
        min_impact: section
            .key("min_impact", "The least difference of a day, in the currency of the bill.")
            .amount_or(0.0),
        schedule: section.key("send", "At once, or in a digest.").choice_or(&schedules, "immediate"),
        quiet_hours: section
            .key("quiet_hours", "Hours in time_zone that hold back notifications below critical.")
            .pattern("^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$")
            .parse("hours like \"22:00-07:00\"", QuietHours::parse),
        daily_total: section
            .key("daily_total", "Whether the receivers get the total of each finished day.")
            .flag_or(false),
    };
    section.finish();
    route
}

pub(super) fn pattern(key: Key<'_, '_, '_>) -> Option<Pattern> {
    key.parse("a name or a glob like \"shop-*\"", |text| Pattern::parse(text).ok())
}
