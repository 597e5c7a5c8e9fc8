//! The commands `incidents accept`, `dismiss`, `comment` and `assign`: entries in the history of an incident.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use model::incident::{Action, HistoryEntry, Incident, IncidentState, Resolution};
use model::language::Language;
use serde_json::{Value, json};
use store::Store;

use super::super::args::{self, Invocation};
use super::super::present::{self, Form};
use super::find;
use crate::config::StoreConfig;
use crate::{incident_history, pipeline};

#[derive(Debug, Args)]
pub(in super::super) struct AcceptArgs {
    #[command(flatten)]
    decision: DecisionArgs,
    /// The change does not last, e.g. a load test: detectors never train on the days of the incident.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
pub(in super::super) struct DecisionArgs {
    #[command(flatten)]
    entry: EntryArgs,
    /// Reason, for later readers.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Debug, Args)]
pub(in super::super) struct CommentArgs {
    #[command(flatten)]
    entry: EntryArgs,
    #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    text: String,
}

#[derive(Debug, Args)]
pub(in super::super) struct AssignArgs {
    #[command(flatten)]
    entry: EntryArgs,
    /// Name of the person or team, e.g. kim or team-payments.
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    assignee: String,
    /// Reason, for later readers.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Debug, Args)]
struct EntryArgs {
    /// Id from `incidents list` or from an anomaly; the first characters suffice.
    #[arg(value_name = "ID")]
    id: String,
    /// Author of the entry. Default: the user of the system.
    #[arg(long = "as", value_name = "NAME")]
    author: Option<String>,
}

/// An entry to add.
pub(super) struct EntryRequest {
    target: EntryArgs,
    action: Action,
    note: Option<String>,
}

impl AcceptArgs {
    pub(super) fn request(self) -> EntryRequest {
        let resolution = if self.once { Resolution::Expected } else { Resolution::NewLevel };
        self.decision.request(resolution)
    }
}

impl DecisionArgs {
    pub(super) fn dismiss(self) -> EntryRequest {
        self.request(Resolution::Dismissed)
    }

    fn request(self, resolution: Resolution) -> EntryRequest {
        EntryRequest { target: self.entry, action: Action::Decision(resolution), note: self.note }
    }
}

impl CommentArgs {
    pub(super) fn request(self) -> EntryRequest {
        EntryRequest { target: self.entry, action: Action::Comment, note: Some(self.text) }
    }
}

impl AssignArgs {
    pub(super) fn request(self) -> EntryRequest {
        EntryRequest { target: self.entry, action: Action::Assignment(self.assignee), note: self.note }
    }
}

/// Adds an entry, and prints the result.
pub(super) async fn add(config: &StoreConfig, request: EntryRequest, invocation: Invocation) -> anyhow::Result<()> {
    // Under the write lease: no job writes the same incident at the same time.
    let added = pipeline::with_write_lease(config, invocation.run_id, async |store| {
        add_entry(store, config, request, invocation).await
    });
    let incident = added.await??;
    match invocation.form {
        Form::Json => present::out(&super::json(&incident).to_string()),
        Form::Text => present::out(&result(&incident, config.language)),
    }
    Ok(())
}

async fn add_entry(
    store: &Store,
    config: &StoreConfig,
    request: EntryRequest,
    invocation: Invocation,
) -> anyhow::Result<Incident> {
    let EntryRequest { target: EntryArgs { id, author }, action, note } = request;
    let incident = find(store, &id).await?;
    let author = author.unwrap_or_else(args::system_user);
    let entry = HistoryEntry { action, author, note, at: invocation.now, is_archived: false };
    Ok(incident_history::add(store, config, incident, entry).await?)
}

/// Returns the sentence about the newest entry.
fn result(incident: &Incident, language: Language) -> String {
    let id = &incident.id;
    let state = incident.state.text(language);
    match (language, incident.history.last().map(|entry| &entry.action)) {
        (Language::Korean, Some(Action::Assignment(assignee))) => format!("이상 {id}: 처리자 {assignee}"),
        (Language::English, Some(Action::Assignment(assignee))) => {
            format!("incident {id} is assigned to {assignee}")
        }
        (Language::Korean, Some(Action::Comment)) => format!("이상 {id}: 메모를 남겼습니다"),
        (Language::English, Some(Action::Comment)) => format!("incident {id} has a new comment"),
        (Language::Korean, Some(Action::Decision(_)) | None) => format!("이상 {id}: 끝냈습니다({state})"),
        (Language::English, Some(Action::Decision(_)) | None) => format!("incident {id} is closed as {state}"),
    }
}

/// Returns the label of an entry.
pub(super) fn label(action: &Action, language: Language) -> &'static str {
    match action {
        Action::Decision(_) => language.choose("결정", action.as_str()),
        Action::Assignment(_) => language.choose("처리자", action.as_str()),
        Action::Comment => language.choose("메모", action.as_str()),
    }
}

/// Returns an entry as text: time, author, action and note.
pub(super) fn text(entry: &HistoryEntry, language: Language) -> String {
    let HistoryEntry { action, author, note, at, .. } = entry;
    let action = match (language, action) {
        (Language::Korean, Action::Decision(resolution)) => {
            format!(": {}", IncidentState::Closed(*resolution).text(language))
        }
        (Language::English, Action::Decision(resolution)) => format!(": {}", resolution.as_str()),
        (Language::Korean, Action::Assignment(assignee)) => format!(": {assignee}"),
        (Language::English, Action::Assignment(assignee)) => format!(": assigned to {assignee}"),
        (_, Action::Comment) => String::new(),
    };
    let note = note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("{at} {}{author}{action}{note}", language.choose("", "by "))
}

pub(super) fn json(entry: &HistoryEntry) -> Value {
    let HistoryEntry { action, author, note, at, .. } = entry;
    let mut value = json!({ "action": action.as_str(), "author": author, "note": note, "at": at.to_string() });
    match action {
        Action::Decision(resolution) => value["resolution"] = resolution.as_str().into(),
        Action::Assignment(assignee) => value["assignee"] = assignee.as_str().into(),
        Action::Comment => {}
    }
    value
}
