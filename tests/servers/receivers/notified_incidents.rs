//! The notifications of a webhook, replayed: the messages about incidents agree with the store and with the bill.

use std::collections::BTreeMap;

use serde_json::Value;

use super::endpoint::{Endpoint, Request};
use costwarden_tests::Workdir;

/// An end of an incident: the kind of the notification, and the state in the store.
const ENDS: [(&str, &str); 4] = [
    ("resolved", "over"),
    ("new-level", "new level"),
    ("retracted", "retracted"),
    ("not-verifiable", "not verifiable"),
];

/// The notifications about each incident, in order.
pub(super) struct NotifiedIncidents {
    by_incident: BTreeMap<String, Vec<Value>>,
}

/// The anomalies, the days and the incidents of a store.
struct Stored {
    anomalies: Vec<Value>,
    days: Vec<Value>,
    incidents: Vec<Value>,
}

impl NotifiedIncidents {
    /// The notifications that the endpoint accepted, from a number of requests on.
    pub(super) fn since(endpoint: &Endpoint, requests: usize) -> Self {
        let mut by_incident: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for document in endpoint.requests().iter().skip(requests).map(Request::json) {
            for incident in document["incidents"].as_array().into_iter().flatten() {
                let mut incident = incident.clone();
                incident["kind"] = document["kind"].clone();
                by_incident.entry(text(&incident["id"]).to_owned()).or_default().push(incident);
            }
        }
        Self { by_incident }
    }

    pub(super) fn len(&self) -> usize {
        self.by_incident.len()
    }

    /// Returns the kinds of the last notifications with the number of incidents.
    pub(super) fn ends(&self) -> BTreeMap<&str, usize> {
        let mut ends = BTreeMap::new();
        for notifications in self.by_incident.values() {
            *ends.entry(text(&last(notifications)["kind"])).or_insert(0) += 1;
        }
        ends
    }

    /// Checks the stated excess of each notification. A later correction of the bill changes the anomalies in silence.
    pub(super) fn check_excess(&self, workdir: &Workdir) {
        let anomalies = workdir.json(&["anomalies", "list", "--json"]);
        for (id, notifications) in &self.by_incident {
            let has_excess = |notification: &&Value| notification["kind"] != "retracted";
            notifications.iter().filter(has_excess).for_each(|notification| check_excess(id, notification, &anomalies));
        }
    }

    /// Checks the notifications against the store: the order, the state after the last notification, and the day that
    /// resolved an incident. An incident without a notification belongs to the loaded history, or its parts explain the
    /// incident.
    pub(super) fn check(&self, workdir: &Workdir) {
        let stored = Stored {
            anomalies: workdir.json(&["anomalies", "list", "--json"]),
            days: workdir.json(&["series", "show", "--series=*/*/*", "--json"]),
            incidents: workdir.json(&["incidents", "list", "--json"]),
        };
        for (id, notifications) in &self.by_incident {
            check_order(id, notifications);
            let last = last(notifications);
            let state = ENDS.iter().find(|(kind, _)| last["kind"] == *kind).map_or("open", |(_, state)| *state);
            let incident = stored.incidents.iter().find(|incident| incident["incident"] == id.as_str());
            assert_eq!(incident.expect("a stored incident")["state"], state, "{id}");
            if last["kind"] == "resolved" {
                stored.check_resolved_day(id, last);
            }
        }
        let silent =
            stored.incidents.iter().filter(|incident| !self.by_incident.contains_key(text(&incident["incident"])));
        let is_silent = |incident: &&Value| incident["muted"] == true || incident["explained"] == true;
        assert_eq!(silent.filter(|incident| !is_silent(incident)).collect::<Vec<_>>(), Vec::<&Value>::new());
    }
}

impl Stored {
    /// Checks that the resolved day has no anomaly and the stated cost: the day lies inside the opening band.
    fn check_resolved_day(&self, id: &str, notification: &Value) {
        let closed = text(&notification["closedAt"]["date"]).replace('-', "");
        let is_outside = |anomaly: &&Value| anomaly["incident"] == id && anomaly["date"] == closed.as_str();
        assert_eq!(self.anomalies.iter().find(is_outside), None, "{id}");
        let series = &notification["series"];
        let is_series = |day: &&Value| {
            let ids = ["account", "project", "service"].map(|dimension| &series[dimension]);
            ids == ["domainId", "projectId", "serviceId"].map(|field| &day[field])
        };
        let cost = self.days.iter().filter(|day| day["date"] == closed.as_str()).find(is_series);
        if series["service"].is_string() {
            // A service without a row has no cost.
            let cost = cost.map_or(0.0, |day| amount(&day["expectAmount"]));
            assert_eq!(cost, amount(&notification["resolvedBy"]["observed"]), "{id}");
        }
    }
}

/// Checks the stated excess: the sum of the differences of the anomalous days through the end.
fn check_excess(id: &str, notification: &Value, anomalies: &[Value]) {
    let compact = |field: &str| notification[field]["date"].as_str().map(|date| date.replace('-', ""));
    let last = compact("closedAt").or_else(|| compact("lastSeen")).expect("a date");
    let of_incident = anomalies.iter().filter(|anomaly| anomaly["incident"] == id);
    let through_end = of_incident.filter(|anomaly| text(&anomaly["date"]) <= last.as_str());
    // The rule with the largest difference describes a day.
    let mut by_day: BTreeMap<&str, f64> = BTreeMap::new();
    for anomaly in through_end {
        let difference = (amount(&anomaly["observedAmount"]) - amount(&anomaly["expected"])).abs();
        let day = by_day.entry(text(&anomaly["date"])).or_insert(0.0);
        *day = day.max(difference);
    }
    let excess = by_day.values().sum::<f64>();
    let stated = amount(&notification["impact"]["amount"]);
    assert!((stated - excess).abs() <= 1e-9 * excess.max(1.0), "{id}: {stated} is stated, {excess} is billed");
}

/// Checks that an incident opens once, grows any number of times, and ends at most once. An incident that continued after
/// its end may have a new level, and a corrected bill may open a retracted incident again.
fn check_order(id: &str, notifications: &[Value]) {
    let kinds: Vec<&str> = notifications.iter().map(|notification| text(&notification["kind"])).collect();
    assert_eq!(kinds[0], "opened", "{id}: {kinds:?}");
    for pair in kinds.windows(2) {
        let is_expected = match (pair[0], pair[1]) {
            ("opened" | "grown", "grown") | ("resolved", "new-level") | ("retracted", "opened") => true,
            ("opened" | "grown", end) => ENDS.iter().any(|(kind, _)| *kind == end),
            _ => false,
        };
        assert!(is_expected, "{id}: {kinds:?}");
    }
}

fn last(notifications: &[Value]) -> &Value {
    notifications.last().expect("a notification")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn amount(value: &Value) -> f64 {
    value.as_f64().expect("an amount")
}
