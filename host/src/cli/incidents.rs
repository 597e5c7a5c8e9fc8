//! The commands `incidents list`, `show` and `accept`.

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::present::{self, Form};
use crate::config::Config;
use crate::pipeline::{self, Grade};
use model::count::counted;
use model::incident::{Decision, Incident, IncidentState, Moment, Resolution};
use model::money;
use model::run_id::RunId;
use store::{Access, DateRange, Store};

#[derive(Debug, Subcommand)]
pub(super) enum IncidentsCommand {
    /// List incidents, oldest first.
    List {
        /// Open incidents only.
        #[arg(long)]
        open: bool,
    },
    /// Show an incident: the reason, the rules, the days, and the notifications sent.
    Show {
        /// Id from `incidents list` or from an anomaly.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// End a known incident: no further alerts.
    Accept(AcceptArgs),
}

#[derive(Debug, Args)]
pub(super) struct AcceptArgs {
    /// Id from `incidents list` or from an anomaly.
    #[arg(value_name = "ID")]
    id: String,
    /// Meaning of the incident.
    #[arg(long = "as", value_enum, default_value = "new-level", value_name = "WHAT")]
    what: What,
    /// Reason, for later readers.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The new normal: detectors train on the days from the start of the incident on.
    NewLevel,
    /// An exception: detectors never train on the days of the incident.
    Expected,
}

pub(super) async fn incidents(
    config: Config,
    command: IncidentsCommand,
    form: Form,
    run: RunId,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    match command {
        IncidentsCommand::List { open } => {
            let store = Store::open(&config.store, Access::Read).await?;
            let mut incidents = store.all_incidents().await?;
            incidents.retain(|incident| !open || incident.state == IncidentState::Open);
            incidents.sort_by(|one, other| (one.first_seen, &one.id).cmp(&(other.first_seen, &other.id)));
            list(&incidents, &config, form);
        }
        IncidentsCommand::Show { id } => {
            let store = Store::open(&config.store, Access::Read).await?;
            let incident = find(&store, &id).await?;
            let range = DateRange { from: incident.first_seen.date, to: incident.last_seen.date };
            let anomalies = store.anomalies(range).await?;
            let of_incident = anomalies.into_iter().filter(|record| record.incident.as_ref() == Some(&incident.id));
            show(&incident, of_incident.map(|record| record.json.into()).collect(), &config, form);
        }
        IncidentsCommand::Accept(args) => accept(&config, args, form, run, now).await?,
    }
    Ok(Grade::Done)
}

async fn accept(config: &Config, args: AcceptArgs, form: Form, run: RunId, now: Timestamp) -> anyhow::Result<()> {
    // Under the write lease: no job writes the same incident at the same time.
    let incident =
        pipeline::with_write_lease(config, run, async |store| decide(store, config, args, now).await).await??;
    match form {
        Form::Json => present::out(&json(&incident).to_string()),
        Form::Text => present::out(&format!("incident {} is closed as {}", incident.id, state(&incident))),
    }
    Ok(())
}

async fn decide(store: &Store, config: &Config, args: AcceptArgs, now: Timestamp) -> anyhow::Result<Incident> {
    let mut incident = find(store, &args.id).await?;
    if incident.state == IncidentState::Retracted {
        anyhow::bail!("incident {} was taken back, since the bill was corrected: there is nothing to accept", args.id);
    }
    let closing = match args.what {
        What::NewLevel => Resolution::NewLevel,
        What::Expected => Resolution::Expected,
    };
    incident.decide(Decision { resolution: closing, note: args.note, at: now });
    // Receivers are notified of a new level by the next run.
    let settled =
        incident.is_settled(config.receivers.iter().map(|receiver| receiver.name.as_str()), config.renotify_factor);
    store.put_incidents(&[(incident.clone(), settled)], now).await?;
    Ok(incident)
}

async fn find(store: &Store, id: &str) -> anyhow::Result<Incident> {
    let found = store.incident(id).await?;
    found.ok_or_else(|| anyhow::anyhow!("there is no incident {id}: costwarden incidents list names them"))
}

fn list(incidents: &[Incident], config: &Config, form: Form) {
    match form {
        Form::Json => incidents.iter().for_each(|incident| present::out(&json(incident).to_string())),
        Form::Text => {
            let header = ["id", "state", "since", "until", "days", "series", "way", "impact", "severity"];
            let mut table = present::table(&header, &[4, 7]);
            for incident in incidents {
                table.add_row([
                    incident.id.clone(),
                    state(incident).to_owned(),
                    moment(incident.first_seen),
                    moment(incident.last_seen),
                    incident.by_day.len().to_string(),
                    incident.series.to_string(),
                    incident.direction.as_str().to_owned(),
                    format!("{} {}", money::text(incident.impact()), config.currency),
                    incident.severity.as_str().to_owned(),
                ]);
            }
            present::out(&table.to_string());
        }
    }
}

fn show(incident: &Incident, anomalies: Vec<Value>, config: &Config, form: Form) {
    if form == Form::Json {
        let mut whole = json(incident);
        whole["anomalies"] = anomalies.into();
        return present::out(&whole.to_string());
    }
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Names come from outside: no control character may start a line or reach the terminal.
        let plain: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(text, "{name:<10} {plain}").expect("a string takes all that is written");
    };
    let names = &incident.names;
    line("incident", incident.id.clone());
    line("series", format!("{} ({}/{}/{})", incident.series, names.account, names.project, names.service));
    line("state", state(incident).to_owned());
    line("since", format!("{}, opened {}", moment(incident.first_seen), moment(incident.opened_at)));
    line("until", moment(incident.last_seen));
    if let Some(closed) = incident.closed_at {
        line("closed", moment(closed));
    }
    if let Some(decision) = &incident.decision {
        line(
            "decided",
            format!("{} {}", decision.at, decision.note.as_deref().unwrap_or_default()).trim_end().to_owned(),
        );
    }
    line("rules", incident.rules.iter().cloned().collect::<Vec<_>>().join(", "));
    line("why", incident.reason.clone());
    let amount = |amount: f64| format!("{} {}", money::text(amount), config.currency);
    line("now", format!("{}, expected {}", amount(incident.observed), amount(incident.expected)));
    line("impact", amount(incident.impact()));
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
    if incident.muted {
        line("notified", "nobody: the incident was loaded as history".to_owned());
    }
    line("anomalies", anomalies.len().to_string());
    present::out(text.trim_end());
}

fn state(incident: &Incident) -> &'static str {
    match incident.state {
        IncidentState::Open => "open",
        IncidentState::Closed(Resolution::Returned) => "over",
        IncidentState::Closed(Resolution::NewLevel) => "new level",
        IncidentState::Closed(Resolution::Expected) => "expected",
        IncidentState::Retracted => "retracted",
    }
}

fn moment(moment: Moment) -> String {
    moment.hour.map_or_else(|| moment.date.to_string(), |hour| format!("{} {hour:02}h", moment.date))
}

fn json(incident: &Incident) -> Value {
    let at = |moment: Moment| json!({ "date": moment.date.to_string(), "hour": moment.hour });
    let days = incident.by_day.iter().map(|(date, seen)| {
        json!({ "date": date.to_string(), "impact": seen.impact(), "whole": seen.finished_day, "part": seen.partial_day.map(|(_, impact)| impact) })
    });
    let decision = incident.decision.as_ref();
    json!({
        "incident": incident.id,
        "series": incident.series.to_string(),
        "domainName": &*incident.names.account,
        "projectName": &*incident.names.project,
        "serviceName": &*incident.names.service,
        "direction": incident.direction.as_str(),
        "severity": incident.severity.as_str(),
        "state": state(incident),
        "openedAt": at(incident.opened_at),
        "firstSeen": at(incident.first_seen),
        "lastSeen": at(incident.last_seen),
        "closedAt": incident.closed_at.map(at),
        "decision": decision.map(|decision| json!({ "note": decision.note, "at": decision.at.to_string() })),
        "rules": incident.rules,
        "peakScore": incident.peak_score,
        "impact": incident.impact(),
        "days": days.collect::<Vec<_>>(),
        "observed": incident.observed,
        "expected": incident.expected,
        "reason": incident.reason,
        "muted": incident.muted,
        "deliveries": incident.deliveries.iter().map(|(receiver, delivery)| (receiver.clone(), json!({
            "notifiedImpact": delivery.notified_impact, "endTold": delivery.end_notified, "notifications": delivery.notifications,
        }))).collect::<serde_json::Map<_, _>>(),
    })
}
