//! The command `routes test`: the receivers of an incident.

use clap::Subcommand;
use jiff::Timestamp;
use jiff::civil::Time;
use model::incident::{Incident, IncidentState};
use notify::routing::{Dispatch, Owner, Routing};
use serde_json::{Value, json};
use store::{Access, Store};

use super::incidents::{find, reason_without_notification, state};
use super::present::{self, Form};
use crate::config::StoreConfig;
use crate::pipeline::Grade;

#[derive(Debug, Subcommand)]
pub(super) enum RoutesCommand {
    /// Show the receivers of an incident by the present routes. Nothing is sent.
    Test {
        /// Id from `incidents list` or from an anomaly; the first characters suffice.
        #[arg(value_name = "INCIDENT")]
        id: String,
    },
}

/// The treatment of an incident at a receiver.
struct Row<'c> {
    receiver: &'c str,
    /// Line of the route in the config; `None` without a matching route.
    route: Option<usize>,
    dispatch: Dispatch,
}

pub(super) async fn routes(
    config: StoreConfig,
    command: RoutesCommand,
    form: Form,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    let RoutesCommand::Test { id } = command;
    let store = Store::open(&config.store, Access::Read).await?;
    let incident = find(&store, &id).await?;
    let time = now.to_zoned(config.zone.clone()).time();
    let names = config.receivers.iter().map(|receiver| receiver.name.as_str());
    let rows: Vec<Row<'_>> = names.map(|receiver| row(&config.routing, receiver, &incident, time)).collect();
    match form {
        Form::Json => rows.iter().for_each(|row| present::out(&json(row, &incident).to_string())),
        Form::Text => text(&rows, &incident, &config.routing),
    }
    Ok(Grade::Done)
}

fn row<'c>(routing: &Routing, receiver: &'c str, incident: &Incident, time: Time) -> Row<'c> {
    let route = routing.route(receiver, incident).map(|route| route.line);
    Row { receiver, route, dispatch: routing.dispatch(receiver, incident, time) }
}

fn text(rows: &[Row<'_>], incident: &Incident, routing: &Routing) {
    let owner = routing.owner(incident).map_or_else(|| "no owner".to_owned(), Owner::label);
    present::out(&format!("incident {}: {owner}", incident.id));
    if let Some(reason) = reason_without_notification(incident) {
        present::out(&format!("notified: {reason}"));
    }
    if let Some(end) = end(incident) {
        present::out(&end);
    }
    let mut table = present::table(&["receiver", "route", "notification"], &[]);
    for Row { receiver, route, dispatch } in rows {
        let line = route.map(|line| format!("line {line}")).unwrap_or_default();
        table.add_row([(*receiver).to_owned(), line, words(*dispatch)]);
    }
    present::out(&table.to_string());
}

/// Returns the sentence about the end of an incident; `None` for an open incident.
fn end(incident: &Incident) -> Option<String> {
    if incident.state == IncidentState::Open {
        return None;
    }
    let decision = incident.decision().map(|decision| format!(" by {}", decision.author)).unwrap_or_default();
    Some(format!("the incident is closed as {}{decision}: receivers get at most the end", state(incident)))
}

fn words(dispatch: Dispatch) -> String {
    match dispatch {
        Dispatch::Send => "at once".to_owned(),
        Dispatch::Quiet => "after the quiet hours".to_owned(),
        Dispatch::Digest(period) => format!("{} digest", period.as_str()),
        Dispatch::NotRouted => "none: no route matches".to_owned(),
    }
}

fn json(row: &Row<'_>, incident: &Incident) -> Value {
    let notification = match row.dispatch {
        Dispatch::Send => "immediate",
        Dispatch::Quiet => "after-quiet-hours",
        Dispatch::Digest(period) => period.as_str(),
        Dispatch::NotRouted => "none",
    };
    json!({
        "receiver": row.receiver,
        "routeLine": row.route,
        "notification": notification,
        "withoutNotification": reason_without_notification(incident),
    })
}
