//! The commands `incidents ...`: list and explain incidents, and record the actions of people.

mod explain;
mod history;
mod show;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

pub(super) use self::explain::explain;
pub(super) use self::show::reason_without_notification;
use self::show::{Shown, show};
use super::args::{Invocation, Row, SelectionArgs};
use super::present::{self, Form};
use crate::config::StoreConfig;
use crate::pipeline::Grade;
use model::anomaly::Direction;
use model::incident::{Incident, IncidentState, Resolution, Suppression};
use model::language::Language;
use model::moment::Moment;
use model::money;
use notify::Locale;
use store::{Access, DateRange, Store};

/// Number of characters of an id in a list.
const SHORT_ID: usize = 13;

#[derive(Debug, Subcommand)]
pub(super) enum IncidentsCommand {
    /// List incidents, oldest first.
    List(ListArgs),
    /// Show an incident: the reason, the rules, the days, and the notifications sent.
    Show {
        /// Id from `incidents list` or from an anomaly; the first characters suffice.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Name the cause of an incident from the archived bills, and evaluate the opening day again. Nothing is written.
    ///
    /// The drivers compare the days of the incident with the same weekdays before the incident, by service, region and
    /// pricing type. The effects of price and quantity, and the new and the ended charges, equal the difference exactly.
    Explain(explain::ExplainArgs),
    /// Accept a change: no further alerts about the incident.
    ///
    /// The new cost is the usual cost, and detectors train on the days from the start of the incident on.
    Accept(history::AcceptArgs),
    /// Call an incident a false alarm: no further alerts about the incident.
    ///
    /// Detectors train on the days of the incident.
    Dismiss(history::DecisionArgs),
    /// Add a comment to the history of an incident.
    Comment(history::CommentArgs),
    /// Name the person or team that takes care of an incident. Later notifications of the incident show the name.
    Assign(history::AssignArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// State of the incident.
    #[arg(long, value_enum)]
    state: Option<StateWord>,
    /// Open incidents only: the same as --state open.
    #[arg(long, conflicts_with = "state")]
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateWord {
    Open,
    Over,
    NewLevel,
    Expected,
    Dismissed,
    Retracted,
    NotVerifiable,
}

pub(super) async fn incidents(
    config: StoreConfig,
    command: IncidentsCommand,
    invocation: Invocation,
) -> anyhow::Result<Grade> {
    let Invocation { form, .. } = invocation;
    match command {
        IncidentsCommand::List(args) => {
            let DateRange { from, to } = args.selection.span.range()?;
            let store = Store::open(&config.store, Access::Read).await?;
            let mut incidents = store.all_incidents().await?;
            let wanted = args.state.or(args.open.then_some(StateWord::Open));
            incidents.retain(|incident| {
                let is_in_range = incident.first_seen.date <= to && incident.last_seen.date >= from;
                is_in_range && wanted.is_none_or(|word| word == state_word(incident))
            });
            incidents.sort_by(|one, other| (one.first_seen, &one.id).cmp(&(other.first_seen, &other.id)));
            list(&args.selection.select(incidents, row), config.locale(), form);
        }
        IncidentsCommand::Show { id } => {
            let store = Store::open(&config.store, Access::Read).await?;
            let incident = find(&store, &id).await?;
            let range = DateRange { from: incident.first_seen.date, to: incident.last_seen.date };
            let anomalies = store.anomalies(range).await?;
            let of_incident = anomalies.into_iter().filter(|record| record.incident.as_ref() == Some(&incident.id));
            let newest = store.newest_day().await?.unwrap_or(incident.last_seen.date);
            let shown = Shown {
                incident: &incident,
                newest,
                anomalies: of_incident.map(|record| record.json.into()).collect(),
            };
            show(shown, &config, form);
        }
        IncidentsCommand::Explain(_) => unreachable!("explain needs the whole config"),
        IncidentsCommand::Accept(args) => history::add(&config, args.request(), invocation).await?,
        IncidentsCommand::Dismiss(args) => history::add(&config, args.dismiss(), invocation).await?,
        IncidentsCommand::Comment(args) => history::add(&config, args.request(), invocation).await?,
        IncidentsCommand::Assign(args) => history::add(&config, args.request(), invocation).await?,
    }
    Ok(Grade::Done)
}

/// Finds an incident by the id, or by the first characters of the id.
pub(super) async fn find(store: &Store, id: &str) -> anyhow::Result<Incident> {
    if let Some(incident) = store.incident(id).await? {
        return Ok(incident);
    }
    let mut matching = store.all_incidents().await?;
    matching.retain(|incident| !id.is_empty() && incident.id.starts_with(id));
    match matching.len() {
        0 => anyhow::bail!("there is no incident {id}: costwarden incidents list names all incidents"),
        1 => Ok(matching.remove(0)),
        number => {
            let ids: Vec<&str> = matching.iter().map(|incident| incident.id.as_str()).collect();
            anyhow::bail!("{number} incidents begin with {id}: {}; give more characters of the id", ids.join(", "))
        }
    }
}

fn row(incident: &Incident) -> Row<'_> {
    let Incident { series, names, .. } = incident;
    Row {
        project: [&series.project, &names.project],
        service: [&series.service, &names.service],
        rules: incident.rules.iter().map(String::as_str).collect(),
        severity: incident.severity.as_str(),
    }
}

fn list(incidents: &[Incident], locale: Locale<'_>, form: Form) {
    match form {
        Form::Json => incidents.iter().for_each(|incident| present::out(&json(incident).to_string())),
        Form::Text => {
            let language = locale.language;
            let impact = present::with_unit(language.choose("차액", "impact"), locale);
            let header = language.choose(
                ["ID", "시작", "상태", "심각도", &impact, "시리즈"],
                ["id", "since", "state", "severity", &impact, "series"],
            );
            let mut table = present::table(&header, &[4]);
            (1..4).for_each(|column| table.keep_whole(column));
            for incident in incidents {
                let names = &incident.names;
                let sign = if incident.direction == Direction::Up { 1.0 } else { -1.0 };
                table.add_row([
                    short_id(&incident.id).to_owned(),
                    incident.first_seen.date.to_string(),
                    incident.state.text(language).to_owned(),
                    incident.severity.text(language).to_owned(),
                    money::signed_amount(sign * incident.impact(), locale.currency),
                    present::series_label([&names.account, &names.project, &names.service]),
                ]);
            }
            present::out(&table.to_string());
        }
    }
}

fn state_word(incident: &Incident) -> StateWord {
    match incident.state {
        IncidentState::Open => StateWord::Open,
        IncidentState::Closed(Resolution::Returned) => StateWord::Over,
        IncidentState::Closed(Resolution::NewLevel) => StateWord::NewLevel,
        IncidentState::Closed(Resolution::Expected) => StateWord::Expected,
        IncidentState::Closed(Resolution::Dismissed) => StateWord::Dismissed,
        IncidentState::Closed(Resolution::NotVerifiable) => StateWord::NotVerifiable,
        IncidentState::Retracted => StateWord::Retracted,
    }
}

/// Returns the first characters of an id: the date and four digits.
fn short_id(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

pub(super) fn json(incident: &Incident) -> Value {
    let at = |moment: Moment| json!({ "date": moment.date.to_string(), "hour": moment.hour });
    let days = incident.by_day.iter().map(|(date, seen)| {
        json!({ "date": date.to_string(), "impact": seen.impact(), "whole": seen.finished_day.map(|day| day.impact), "observed": seen.finished_day.map(|day| day.observed), "expected": seen.finished_day.map(|day| day.expected), "part": seen.partial_day.map(|part| part.impact) })
    });
    json!({
        "incident": incident.id,
        "series": incident.series.to_string(),
        "domainName": &*incident.names.account,
        "projectName": &*incident.names.project,
        "serviceName": &*incident.names.service,
        "direction": incident.direction.as_str(),
        "severity": incident.severity.as_str(),
        "state": incident.state.text(Language::English),
        "openedAt": at(incident.opened_at),
        "firstSeen": at(incident.first_seen),
        "lastSeen": at(incident.last_seen),
        "closedAt": incident.closed_at.map(at),
        "resolvedBy": incident.resolved_by.map(|day| json!({ "observed": day.observed, "expected": day.expected })),
        "assignee": incident.assignee(),
        "history": incident.history.iter().map(history::json).collect::<Vec<_>>(),
        "rules": incident.rules,
        "peakScore": incident.peak_score,
        "impact": incident.impact(),
        "days": days.collect::<Vec<_>>(),
        "observed": incident.observed,
        "expected": incident.expected,
        "reason": incident.reason,
        "muted": incident.muted,
        "explained": incident.is_explained,
        "suppressedBy": incident.suppressed_by.as_ref().map(|suppression| match suppression {
            Suppression::Silence(id) => json!({ "silence": id }),
            Suppression::PlannedEvent(id) => json!({ "event": id }),
        }),
        "failures": incident.failures.iter().map(|(receiver, failure)| (receiver.clone(), json!({
            "at": failure.at.to_string(), "cause": failure.cause,
        }))).collect::<serde_json::Map<_, _>>(),
        "deliveries": incident.deliveries.iter().map(|(receiver, delivery)| (receiver.clone(), json!({
            "notifiedImpact": delivery.notified_impact, "endNotified": delivery.end_notified, "notifications": delivery.notifications,
        }))).collect::<serde_json::Map<_, _>>(),
    })
}
