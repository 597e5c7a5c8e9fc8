//! A real year in dollars with the default rules: the lines of the year, and the notifications of a webhook replayed.

use std::collections::BTreeMap;

use jiff::civil::date;
use serde_json::Value;

use super::endpoint::{Answer, Endpoint, Request};
use costwarden_tests::replay::after;
use costwarden_tests::{Workdir, repository, shared, write_private};

/// An end of an incident: the kind of the notification, and the state in the store.
const ENDS: [(&str, &str); 4] = [
    ("resolved", "over"),
    ("new-level", "new level"),
    ("retracted", "retracted"),
    ("not-verifiable", "not verifiable"),
];

/// The notifications about one incident, in order.
type ByIncident = BTreeMap<String, Vec<Value>>;

/// Returns the working directory after the year, with the short lines of each day.
fn year(folder: &std::path::Path, endpoint: &Endpoint) -> (Workdir, Vec<String>) {
    let rules = repository().join("rules/default");
    let workdir = Workdir::new(&format!(
        "time_zone = \"America/Los_Angeles\"\ncurrency = \"USD\"\nlanguage = \"en\"\n\
         [source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = {folder:?}\n\
         [archive]\nkind = \"directory\"\ndirectory = \"archive\"\n\
         [store]\nkind = \"embedded\"\n[rules]\ndirectory = {rules:?}\n\
         [[receiver]]\nkind = \"stdout\"\nname = \"short\"\ndaily_total = false\n\
         [[receiver]]\nkind = \"webhook\"\nname = \"hook\"\nurl = {:?}\nsecret = \"file:secret\"\ndaily_total = false\n",
        endpoint.url
    ));
    write_private(&workdir.path().join("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    workdir.run(&["backfill", "--from=2017-12-13", "--to=2018-01-31"]).expect(0);
    let mut lines = Vec::new();
    for index in 0..334 {
        let day = after(date(2018, 2, 1), index);
        let run = workdir.run(&["daily", &format!("--date={day}"), "--json"]);
        let told = run.stderr.lines().filter(|line| line.starts_with("[BILLING_"));
        lines.extend(told.map(|line| format!("{day} {line}")));
    }
    (workdir, lines)
}

fn by_incident(endpoint: &Endpoint) -> ByIncident {
    let mut by_incident = ByIncident::new();
    for document in endpoint.requests().iter().map(Request::json) {
        for incident in document["incidents"].as_array().into_iter().flatten() {
            let mut incident = incident.clone();
            incident["kind"] = document["kind"].clone();
            by_incident.entry(incident["id"].as_str().expect("an id").to_owned()).or_default().push(incident);
        }
    }
    by_incident
}

/// Checks that an incident opens once, grows any number of times, and ends at most once. An incident that continued after
/// its end may have a new level.
fn check_order(id: &str, notifications: &[Value]) {
    let kinds: Vec<&str> = notifications.iter().map(|it| it["kind"].as_str().expect("a kind")).collect();
    let is_end = |kind: &&str| ENDS.iter().any(|(end, _)| end == kind);
    let changes: Vec<&str> = kinds.iter().copied().filter(|kind| *kind != "grown").collect();
    let is_expected = match changes[..] {
        ["opened"] | ["opened", "resolved", "new-level"] => true,
        ["opened", end] => is_end(&end),
        _ => false,
    };
    let follows_end = kinds.iter().skip_while(|kind| !is_end(kind)).any(|kind| *kind == "grown");
    assert!(is_expected && !follows_end, "{id}: {kinds:?}");
}

/// Checks the stated excess: the sum of the differences of the anomalous days through the end.
fn check_excess(id: &str, notification: &Value, anomalies: &[Value]) {
    let compact = |field: &str| notification[field]["date"].as_str().map(|date| date.replace('-', ""));
    let last = compact("closedAt").or_else(|| compact("lastSeen")).expect("a date");
    let of_incident = anomalies.iter().filter(|anomaly| anomaly["incident"] == id);
    let through_end = of_incident.filter(|anomaly| anomaly["date"].as_str().expect("a date") <= last.as_str());
    let amount = |anomaly: &Value, field: &str| anomaly[field].as_f64().expect("an amount");
    let differences = through_end.map(|anomaly| amount(anomaly, "observedAmount") - amount(anomaly, "expected"));
    let excess = differences.sum::<f64>().abs();
    let stated = notification["impact"]["amount"].as_f64().expect("an amount");
    assert!((stated - excess).abs() <= 1e-9 * excess.max(1.0), "{id}: {stated} is stated, {excess} is billed");
}

#[test]
fn the_notifications_of_a_real_year_replay_to_the_incidents_of_the_store() {
    let Some(folder) = shared("real/mybinder") else { return };
    let endpoint = Endpoint::start(|_, _| Answer { status: 204, ..Answer::default() });
    let (workdir, lines) = year(&folder, &endpoint);
    insta::assert_snapshot!(lines.join("\n"));

    let notified = by_incident(&endpoint);
    let anomalies = workdir.json(&["anomalies", "list", "--json"]);
    let days = workdir.json(&["series", "show", "--series=*/*/*", "--json"]);
    let incidents = workdir.json(&["incidents", "list", "--json"]);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let stored: BTreeMap<String, &Value> =
        incidents.iter().map(|incident| (text(&incident["incident"]), incident)).collect();
    for (id, notifications) in &notified {
        check_order(id, notifications);
        let last = notifications.last().expect("a notification");
        let state = ENDS.iter().find(|(kind, _)| last["kind"] == *kind).map_or("open", |(_, state)| *state);
        assert_eq!(stored[id]["state"], state, "{id}");
        notifications.iter().for_each(|notification| check_excess(id, notification, &anomalies));
        if last["kind"] == "resolved" {
            let closed = text(&last["closedAt"]["date"]).replace('-', "");
            let is_outside = |anomaly: &&Value| anomaly["incident"] == *id && anomaly["date"] == closed.as_str();
            assert_eq!(anomalies.iter().find(is_outside), None, "{id}: the day lies inside the opening band");
            let series = &last["series"];
            let day = days.iter().find(|day| day["date"] == closed.as_str() && day["serviceId"] == series["service"]);
            if series["service"].is_string() {
                assert_eq!(day.map(|day| &day["expectAmount"]), Some(&last["resolvedAt"]), "{id}");
            }
        }
    }
    // An incident without a notification belongs to the loaded history, or its parts explain the incident.
    let unexplained = incidents.iter().filter(|incident| !notified.contains_key(&text(&incident["incident"])));
    let is_silent = |incident: &Value| incident["muted"] == true || incident["explained"] == true;
    assert_eq!(unexplained.filter(|incident| !is_silent(incident)).count(), 0);
    assert!(notified.len() > 10, "{} incidents were notified", notified.len());
}
