//! The output of `incidents show`.

use std::fmt::Write as _;

use jiff::civil::Date;
use model::anomaly::Direction;
use model::count::counted;
use model::incident::{DeliveryFailure, Incident, IncidentState, NormalDay, Suppression};
use model::money;
use serde_json::Value;

use super::super::present::{self, Form, moment};
use super::{history, json, state};
use crate::config::StoreConfig;

/// An incident with the anomalies in the store.
pub(super) struct Shown<'i> {
    pub(super) incident: &'i Incident,
    pub(super) today: Date,
    pub(super) anomalies: Vec<Value>,
}

impl Shown<'_> {
    /// Returns the last day of the present month and the impact until then; `None` for an ended incident.
    fn until_month_end(&self) -> Option<(Date, f64)> {
        let last = self.today.max(self.incident.last_seen.date).last_of_month();
        (self.incident.state == IncidentState::Open).then(|| (last, self.incident.impact_until(last)))
    }
}

/// Prints an incident.
pub(super) fn show(shown: Shown<'_>, config: &StoreConfig, form: Form) {
    let until_month_end = shown.until_month_end();
    let Shown { incident, anomalies, .. } = shown;
    if form == Form::Json {
        let mut whole = json(incident);
        whole["impactUntilMonthEnd"] = until_month_end.map(|(_, impact)| impact).into();
        whole["anomalies"] = anomalies.into();
        return present::out(&whole.to_string());
    }
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Names come from outside: no control character may start a line or reach the terminal.
        let plain: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(text, "{name:<10} {plain}").expect("a string takes all that is written");
    };
    let amount = |amount: f64| format!("{} {}", money::amount(amount, &config.currency), config.currency);
    let names = &incident.names;
    line("incident", incident.id.clone());
    line("series", format!("{} ({}/{}/{})", incident.series, names.account, names.project, names.service));
    line("state", state(incident).to_owned());
    line("since", format!("{}, opened {}", moment(incident.first_seen), moment(incident.opened_at)));
    line("last seen", format!("{}, the newest anomaly", moment(incident.last_seen)));
    if let Some(closed) = incident.closed_at {
        let day = incident.resolved_by.map(|NormalDay { observed, expected }| {
            let expected = expected.map(|expected| format!(", expected {}", amount(expected))).unwrap_or_default();
            format!(": {}{expected}", amount(observed))
        });
        line("closed", format!("{} as {}{}", moment(closed), state(incident), day.unwrap_or_default()));
    }
    for entry in &incident.history {
        line(entry.action.as_str(), history::text(entry));
    }
    line("rules", incident.rules.iter().cloned().collect::<Vec<_>>().join(", "));
    line("why", incident.reason.clone());
    line("now", format!("{}, expected {}", amount(incident.observed), amount(incident.expected)));
    line("impact", impact(incident, &config.currency));
    if let Some((last, impact)) = until_month_end {
        line("", format!("{} until {last}, if each later day is like the last three", amount(impact)));
    }
    for (date, seen) in &incident.by_day {
        line(
            "",
            format!("{date} {}{}", amount(seen.impact()), if seen.finished_day.is_none() { " so far" } else { "" }),
        );
    }
    for (receiver, delivery) in &incident.deliveries {
        let end = if delivery.end_notified { ", including the end" } else { "" };
        let times = counted(delivery.notifications, "time");
        line("notified", format!("{receiver} {times}, last at {}{end}", amount(delivery.notified_impact)));
    }
    for (receiver, DeliveryFailure { at, cause }) in &incident.failures {
        line("failed", format!("{receiver} at {at}: {cause}"));
    }
    if let Some(reason) = reason_without_notification(incident) {
        line("notified", reason);
    }
    line("anomalies", anomalies.len().to_string());
    present::out(text.trim_end());
}

/// Returns the sum of the differences from the expected cost, with the number of days.
fn impact(incident: &Incident, currency: &str) -> String {
    let amount = money::amount(incident.impact(), currency);
    let direction = if incident.direction == Direction::Up { "more" } else { "less" };
    let days = counted(incident.by_day.len() as u64, "anomalous day");
    format!("{amount} {currency} {direction} than expected on {days}:")
}

/// Returns the reason why nobody is notified of an incident; `None` if receivers are notified.
pub(in crate::cli) fn reason_without_notification(incident: &Incident) -> Option<String> {
    match &incident.suppressed_by {
        _ if incident.muted => Some("nobody: the incident was loaded as history".to_owned()),
        _ if incident.is_explained => Some("nobody: incidents of finer series explain the incident".to_owned()),
        Some(Suppression::Silence(id)) => Some(format!("nobody at present: silence {id}")),
        Some(Suppression::PlannedEvent(id)) => Some(format!("nobody at present: planned event {id}")),
        None => None,
    }
}
