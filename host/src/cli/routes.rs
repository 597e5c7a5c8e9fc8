//! The command `routes test`: the receivers of an incident.

use clap::Subcommand;
use jiff::Timestamp;
use jiff::civil::Time;
use model::incident::{Incident, IncidentState};
use model::language::Language;
use notify::routing::{DigestPeriod, Dispatch, Owner, Routing};
use serde_json::{Value, json};
use store::{Access, Store};

use super::incidents::{find, reason_without_notification};
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
        Form::Text => text(&rows, &incident, &config),
    }
    Ok(Grade::Done)
}

fn row<'c>(routing: &Routing, receiver: &'c str, incident: &Incident, time: Time) -> Row<'c> {
    let route = routing.route(receiver, incident).map(|route| route.line);
    Row { receiver, route, dispatch: routing.dispatch(receiver, incident, time) }
}

fn text(rows: &[Row<'_>], incident: &Incident, config: &StoreConfig) {
    let language = config.language;
    let id = &incident.id;
    let owner = config.routing.owner(incident).map(Owner::label);
    present::out(&match language {
        Language::Korean => {
            format!("이상 {id}: {}", owner.map_or("담당 없음".to_owned(), |owner| format!("담당 {owner}")))
        }
        Language::English => format!("incident {id}: {}", owner.unwrap_or_else(|| "no owner".to_owned())),
    });
    if let Some(reason) = reason_without_notification(incident, language) {
        present::out(&format!("{}: {reason}", language.choose("알림", "notified")));
    }
    if let Some(end) = end(incident, language) {
        present::out(&end);
    }
    let header = language.choose(["받는 곳", "라우팅", "알림"], ["receiver", "route", "notification"]);
    let mut table = present::table(&header, &[]);
    for Row { receiver, route, dispatch } in rows {
        let line = |line| match language {
            Language::Korean => format!("{line}번째 줄"),
            Language::English => format!("line {line}"),
        };
        table.add_row([
            (*receiver).to_owned(),
            route.map(line).unwrap_or_default(),
            words(*dispatch, language).to_owned(),
        ]);
    }
    present::out(&table.to_string());
}

/// Returns the sentence about the end of an incident; `None` for an open incident.
fn end(incident: &Incident, language: Language) -> Option<String> {
    if incident.state == IncidentState::Open {
        return None;
    }
    let state = incident.state.text(language);
    let author = incident.decision().map(|decision| &decision.author);
    Some(match language {
        Language::Korean => {
            let decision = author.map(|author| format!(", 결정한 사람 {author}")).unwrap_or_default();
            format!("이미 끝난 이상입니다({state}{decision}). 받는 곳에는 종료 알림만 갈 수 있습니다")
        }
        Language::English => {
            let decision = author.map(|author| format!(" by {author}")).unwrap_or_default();
            format!("the incident is closed as {state}{decision}: receivers get at most the end")
        }
    })
}

fn words(dispatch: Dispatch, language: Language) -> &'static str {
    match dispatch {
        Dispatch::Send => language.choose("바로", "at once"),
        Dispatch::Quiet => language.choose("조용한 시간 뒤", "after the quiet hours"),
        Dispatch::Digest(DigestPeriod::Daily) => language.choose("하루치 모아 보내기", "daily digest"),
        Dispatch::Digest(DigestPeriod::Weekly) => language.choose("한 주치 모아 보내기", "weekly digest"),
        Dispatch::NotRouted => language.choose("없음: 맞는 라우팅이 없습니다", "none: no route matches"),
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
        "withoutNotification": reason_without_notification(incident, Language::English),
    })
}
