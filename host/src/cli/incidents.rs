//! The commands `incidents list`, `show` and `accept`.

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::present::{self, Form};
use crate::config::Config;
use model::count::counted;
use model::incident::{Closing, Decision, Episode, Moment, State};
use crate::pipeline::{self, Grade};
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
            let mut episodes = store.every_episode().await?;
            episodes.retain(|episode| !open || episode.state == State::Open);
            episodes.sort_by(|one, other| (one.first_seen, &one.id).cmp(&(other.first_seen, &other.id)));
            list(&episodes, &config, form);
        }
        IncidentsCommand::Show { id } => {
            let store = Store::open(&config.store, Access::Read).await?;
            let episode = find(&store, &id).await?;
            let range = DateRange { from: episode.first_seen.date, to: episode.last_seen.date };
            let findings = store.findings(range).await?;
            let of_incident = findings.into_iter().filter(|record| record.incident.as_ref() == Some(&episode.id));
            show(&episode, of_incident.map(|record| record.json.into()).collect(), &config, form);
        }
        IncidentsCommand::Accept(args) => accept(&config, args, form, run, now).await?,
    }
    Ok(Grade::Done)
}

async fn accept(config: &Config, args: AcceptArgs, form: Form, run: RunId, now: Timestamp) -> anyhow::Result<()> {
    // Under the write lease: no job writes the same incident at the same time.
    let episode = pipeline::alone(config, run, async |store| decide(store, config, args, now).await).await??;
    match form {
        Form::Json => present::out(&json(&episode).to_string()),
        Form::Text => present::out(&format!("incident {} is closed as {}", episode.id, state(&episode))),
    }
    Ok(())
}

async fn decide(store: &Store, config: &Config, args: AcceptArgs, now: Timestamp) -> anyhow::Result<Episode> {
    let mut episode = find(store, &args.id).await?;
    if episode.state == State::Retracted {
        anyhow::bail!("incident {} was taken back, since the bill was corrected: there is nothing to accept", args.id);
    }
    let closing = match args.what {
        What::NewLevel => Closing::NewLevel,
        What::Expected => Closing::Expected,
    };
    episode.decide(Decision { closing, note: args.note, at: now });
    // Receivers are notified of a new level by the next run.
    let settled = episode.settled(config.receivers.iter().map(|sink| sink.name.as_str()), config.renotify_factor);
    store.put_episodes(&[(episode.clone(), settled)], now).await?;
    Ok(episode)
}

async fn find(store: &Store, id: &str) -> anyhow::Result<Episode> {
    let found = store.episode(id).await?;
    found.ok_or_else(|| anyhow::anyhow!("there is no incident {id}: costwarden incidents list names them"))
}

fn list(episodes: &[Episode], config: &Config, form: Form) {
    match form {
        Form::Json => episodes.iter().for_each(|episode| present::out(&json(episode).to_string())),
        Form::Text => {
            let header = ["id", "state", "since", "until", "days", "series", "way", "impact", "severity"];
            let mut table = present::table(&header, &[4, 7]);
            for episode in episodes {
                table.add_row([
                    episode.id.clone(),
                    state(episode).to_owned(),
                    moment(episode.first_seen),
                    moment(episode.last_seen),
                    episode.by_day.len().to_string(),
                    episode.series.to_string(),
                    episode.direction.as_str().to_owned(),
                    format!("{} {}", money::text(episode.impact()), config.currency),
                    episode.severity.as_str().to_owned(),
                ]);
            }
            present::out(&table.to_string());
        }
    }
}

fn show(episode: &Episode, findings: Vec<Value>, config: &Config, form: Form) {
    if form == Form::Json {
        let mut whole = json(episode);
        whole["findings"] = findings.into();
        return present::out(&whole.to_string());
    }
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Names come from outside: no control character may start a line or reach the terminal.
        let plain: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(text, "{name:<10} {plain}").expect("a string takes all that is written");
    };
    let names = &episode.names;
    line("incident", episode.id.clone());
    line("series", format!("{} ({}/{}/{})", episode.series, names.domain, names.project, names.service));
    line("state", state(episode).to_owned());
    line("since", format!("{}, opened {}", moment(episode.first_seen), moment(episode.opened_at)));
    line("until", moment(episode.last_seen));
    if let Some(closed) = episode.closed_at {
        line("closed", moment(closed));
    }
    if let Some(decision) = &episode.decision {
        line(
            "decided",
            format!("{} {}", decision.at, decision.note.as_deref().unwrap_or_default()).trim_end().to_owned(),
        );
    }
    line("rules", episode.rules.iter().cloned().collect::<Vec<_>>().join(", "));
    line("why", episode.reason.clone());
    let amount = |amount: f64| format!("{} {}", money::text(amount), config.currency);
    line("now", format!("{}, expected {}", amount(episode.observed), amount(episode.expected)));
    line("impact", amount(episode.impact()));
    for (date, seen) in &episode.by_day {
        line("", format!("{date} {}{}", amount(seen.impact()), if seen.whole.is_none() { " so far" } else { "" }));
    }
    for (sink, delivery) in &episode.deliveries {
        let end = if delivery.closed { ", its end too" } else { "" };
        let times = counted(delivery.notices, "time");
        line("told", format!("{sink} {times}, last at {}{end}", amount(delivery.told_impact)));
    }
    if episode.muted {
        line("told", "nobody: it was loaded as history".to_owned());
    }
    line("findings", findings.len().to_string());
    present::out(text.trim_end());
}

fn state(episode: &Episode) -> &'static str {
    match episode.state {
        State::Open => "open",
        State::Closed(Closing::Over) => "over",
        State::Closed(Closing::NewLevel) => "new level",
        State::Closed(Closing::Expected) => "expected",
        State::Retracted => "retracted",
    }
}

fn moment(moment: Moment) -> String {
    moment.hour.map_or_else(|| moment.date.to_string(), |hour| format!("{} {hour:02}h", moment.date))
}

fn json(episode: &Episode) -> Value {
    let at = |moment: Moment| json!({ "date": moment.date.to_string(), "hour": moment.hour });
    let days = episode.by_day.iter().map(|(date, seen)| {
        json!({ "date": date.to_string(), "impact": seen.impact(), "whole": seen.whole, "part": seen.part.map(|(_, impact)| impact) })
    });
    let decision = episode.decision.as_ref();
    json!({
        "episode": episode.id,
        "series": episode.series.to_string(),
        "domainName": &*episode.names.domain,
        "projectName": &*episode.names.project,
        "serviceName": &*episode.names.service,
        "direction": episode.direction.as_str(),
        "severity": episode.severity.as_str(),
        "state": state(episode),
        "openedAt": at(episode.opened_at),
        "firstSeen": at(episode.first_seen),
        "lastSeen": at(episode.last_seen),
        "closedAt": episode.closed_at.map(at),
        "decision": decision.map(|decision| json!({ "note": decision.note, "at": decision.at.to_string() })),
        "rules": episode.rules,
        "peakScore": episode.peak_score,
        "impact": episode.impact(),
        "days": days.collect::<Vec<_>>(),
        "observed": episode.observed,
        "expected": episode.expected,
        "reason": episode.reason,
        "muted": episode.muted,
        "deliveries": episode.deliveries.iter().map(|(sink, delivery)| (sink.clone(), json!({
            "toldImpact": delivery.told_impact, "endTold": delivery.closed, "notices": delivery.notices,
        }))).collect::<serde_json::Map<_, _>>(),
    })
}
