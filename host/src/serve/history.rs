//! The entries of people: decisions and comments. Each needs a token in its request, in the header or in the form. No
//! cookie exists, so another site cannot write with the rights of a reader.

use std::sync::Arc;

use ::report::EntryAction;
use axum::Form;
use axum::extract::{Json, Path, Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::incident::{Action, HistoryEntry, Incident, Resolution};
use model::run_id::RunId;
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::Server;
use super::page::{PageQuery, ShownForm, no_incident, unavailable};
use super::router::{refused, typed};
use crate::incident_history::{self, EntryError};
use crate::pipeline::with_write_lease;

/// Largest note, in characters.
const NOTE_CHARACTERS: usize = 1_000;

/// An entry through the API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryBody {
    action: EntryAction,
    note: Option<String>,
}

/// An entry in the form of the page.
#[derive(Deserialize)]
pub(super) struct EntryFields {
    token: String,
    action: EntryAction,
    note: Option<String>,
}

pub(super) async fn add(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<EntryBody>,
) -> Response {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(author) = token.and_then(|token| server.options.tokens.person(token)) else {
        return refused(StatusCode::FORBIDDEN, "unknown token: expected the header `Authorization: Bearer TOKEN`");
    };
    match server.record(&id, body, author).await {
        Ok(incident) => typed("application/json", json!({ "incident": incident.id, "author": author }).to_string()),
        Err(refusal) => refusal,
    }
}

pub(super) async fn add_in_page(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
    Form(fields): Form<EntryFields>,
) -> Response {
    let language = server.language(&query);
    let EntryFields { token, action, note } = fields;
    let answer = |status| server.incident_answer(&id, ShownForm { language, action, status });
    let Some(author) = server.options.tokens.person(token.trim()) else {
        return answer(StatusCode::FORBIDDEN).await;
    };
    match server.record(&id, EntryBody { action, note }, author).await {
        Ok(_) => answer(StatusCode::OK).await,
        Err(refusal) => refusal,
    }
}

fn action(action: EntryAction) -> Action {
    match action {
        EntryAction::Accept => Action::Decision(Resolution::NewLevel),
        EntryAction::AcceptOnce => Action::Decision(Resolution::Expected),
        EntryAction::Dismiss => Action::Decision(Resolution::Dismissed),
        EntryAction::Comment => Action::Comment,
    }
}

impl Server {
    /// Adds an entry under the write lease.
    async fn record(&self, id: &str, body: EntryBody, author: &str) -> Result<Incident, Response> {
        let note = body.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
        if note.as_ref().is_some_and(|note| note.chars().count() > NOTE_CHARACTERS) {
            let message = format!("the note is too long: expected at most {NOTE_CHARACTERS} characters");
            return Err(refused(StatusCode::UNPROCESSABLE_ENTITY, &message));
        }
        let at = (self.options.now)();
        let action = action(body.action);
        if action == Action::Comment && note.is_none() {
            return Err(refused(StatusCode::UNPROCESSABLE_ENTITY, "the comment is empty: expected a text in `note`"));
        }
        let entry = HistoryEntry { action, author: author.to_owned(), note, at, is_archived: false };
        let _reader = self.reader().await;
        let config = &self.options.config;
        let added = with_write_lease(config, RunId::new(at), async |store| {
            let Some(incident) = store.incident(id).await? else { return Ok(None) };
            incident_history::add(store, config, incident, entry).await.map(Some)
        });
        // Not cancelled by the limit of the answer: an entry is recorded as a whole, or not at all.
        match block_in_place(|| Handle::current().block_on(added)) {
            Ok(Ok(Some(incident))) => Ok(incident),
            Ok(Ok(None)) => Err(no_incident()),
            Ok(Err(error @ EntryError::Retracted(_))) => Err(refused(StatusCode::CONFLICT, &error.to_string())),
            Ok(Err(EntryError::Store(error))) => Err(unavailable(&error)),
            Err(error) => Err(unavailable(&error)),
        }
    }
}
