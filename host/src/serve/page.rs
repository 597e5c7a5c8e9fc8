//! The answers that read the store: the page, the report as JSON, and the page of an incident.

use std::sync::Arc;

use ::report::{EntryAction, EntryForm, Format, IncidentPage, PartState};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::incident::{Incident, IncidentState};
use model::language::Language;
use notify::Locale;
use serde::Deserialize;
use store::{Access, Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::SemaphorePermit;
use tokio::task::block_in_place;

use super::Server;
use super::router::{refused, typed};
use super::supplements::{Snapshot, Supplements};
use crate::report::{self, DAYS, Reported};

/// The addresses of the pages of incidents, relative to the report.
const INCIDENT_PAGES: &str = "incidents/";

/// The language of a page, by default `language` of the config, and the selected action of a form.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    language: Option<String>,
    /// The text of an [`EntryAction`]. A link selects an action; the person records the action with the form.
    action: Option<String>,
}

impl PageQuery {
    fn action(&self) -> EntryAction {
        let action = self.action.as_deref().unwrap_or_default();
        serde_json::from_value(serde_json::Value::from(action)).unwrap_or_default()
    }
}

pub(super) async fn report_page(State(server): State<Arc<Server>>, Query(query): Query<PageQuery>) -> Response {
    server.report(Format::Html, server.language(&query)).await
}

pub(super) async fn report_json(State(server): State<Arc<Server>>, Query(query): Query<PageQuery>) -> Response {
    server.report(Format::Json, server.language(&query)).await
}

pub(super) async fn incident_page(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Response {
    let shown = ShownForm { language: server.language(&query), action: query.action(), status: StatusCode::OK };
    server.incident_answer(&id, shown).await
}

/// The form on the page of an incident.
pub(super) struct ShownForm {
    pub(super) language: Language,
    /// The selected action.
    pub(super) action: EntryAction,
    pub(super) status: StatusCode,
}

/// The parts of the store for a report.
struct ReportRead {
    reported: Reported,
    snapshot: Snapshot,
}

/// The parts of the store for the page of an incident.
struct IncidentRead {
    incident: Incident,
    /// `None` for a store without a day.
    snapshot: Option<Snapshot>,
}

impl Server {
    pub(super) fn language(&self, query: &PageQuery) -> Language {
        match query.language.as_deref() {
            Some("ko") => Language::Korean,
            Some("en") => Language::English,
            _ => self.options.config.language,
        }
    }

    /// Returns the page of an incident, with a form for an entry if people have tokens.
    pub(super) async fn incident_answer(&self, id: &str, shown: ShownForm) -> Response {
        let ShownForm { language, action, status } = shown;
        let IncidentRead { incident, snapshot } = match self.read(|| self.read_incident(id)).await {
            Ok(Some(read)) => read,
            Ok(None) => return no_incident(),
            Err(error) => return unavailable(&error),
        };
        let locale = Locale { language, currency: &self.options.config.currency };
        let (mut cause, mut cause_state) = (None, PartState::Complete);
        if let Some(snapshot) = snapshot.filter(|_| incident.state == IncidentState::Open) {
            let supplements = self.supplements.get(snapshot).await;
            cause_state = supplements.as_ref().map_or(PartState::Pending, |supplements| supplements.causes_state);
            cause = supplements.and_then(|supplements| cause_sentence(&supplements, &incident, locale));
        }
        let form = if self.options.tokens.is_empty() {
            EntryForm::Hidden
        } else if status == StatusCode::FORBIDDEN {
            EntryForm::WrongToken
        } else {
            EntryForm::Shown
        };
        let page = IncidentPage { incident: &incident, locale, cause: cause.as_deref(), cause_state, form, action };
        (status, typed(HTML, page.html())).into_response()
    }

    async fn report(&self, format: Format, language: Language) -> Response {
        let ReportRead { mut reported, snapshot } = match self.read(|| self.read_report()).await {
            Ok(Some(read)) => read,
            Ok(None) => return refused(StatusCode::NOT_FOUND, "the ledger holds no day yet"),
            Err(error) => return unavailable(&error),
        };
        let config = &self.options.config;
        let locale = Locale { language, currency: &config.currency };
        let supplements = self.supplements.get(snapshot).await;
        reported.incident_pages = Some(INCIDENT_PAGES.to_owned());
        supplement(&mut reported, supplements.as_deref(), locale);
        let _reader = self.reader().await;
        // The report of many services takes a second of computation, so another thread serves the other connections.
        let text = block_in_place(|| format.text(&reported.report(config, locale, (self.options.now)())));
        typed(if format == Format::Html { HTML } else { "application/json" }, text)
    }

    /// Reads the store on a place among the readers.
    async fn read<T, F>(&self, read: impl FnOnce() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let _reader = self.reader().await;
        block_in_place(|| Handle::current().block_on(read()))
    }

    async fn read_report(&self) -> Result<Option<ReportRead>, StoreError> {
        let store = Store::open(&self.options.config.store, Access::Read).await?;
        let Some(range) = report::newest_days(&store, DAYS).await? else { return Ok(None) };
        let reported = report::read(&store, range).await?;
        Ok(Snapshot::read(&store).await?.map(|snapshot| ReportRead { reported, snapshot }))
    }

    /// Reads an incident by its whole id, and the state of the store.
    async fn read_incident(&self, id: &str) -> Result<Option<IncidentRead>, StoreError> {
        let store = Store::open(&self.options.config.store, Access::Read).await?;
        let Some(incident) = store.incident(id).await? else { return Ok(None) };
        Ok(Some(IncidentRead { incident, snapshot: Snapshot::read(&store).await? }))
    }

    /// Waits for a free place among the readers of the store.
    pub(super) async fn reader(&self) -> SemaphorePermit<'_> {
        self.readers.acquire().await.expect("the semaphore is never closed")
    }
}

/// Adds the causes and the trials to a report.
fn supplement(reported: &mut Reported, supplements: Option<&Supplements>, locale: Locale<'_>) {
    let Some(supplements) = supplements else {
        [reported.causes_state, reported.trials_state] = [PartState::Pending; 2];
        return;
    };
    let sentence = |incident: &Incident| Some((incident.id.clone(), cause_sentence(supplements, incident, locale)?));
    reported.causes = reported.incidents().iter().filter_map(sentence).collect();
    reported.causes_state = supplements.causes_state;
    reported.trials = Arc::clone(&supplements.trials);
    reported.trials_state = supplements.trials_state;
}

fn cause_sentence(supplements: &Supplements, incident: &Incident, locale: Locale<'_>) -> Option<String> {
    Some(notify::cause_sentence(incident, supplements.causes.get(&incident.id)?, locale))
}

const HTML: &str = "text/html; charset=utf-8";

pub(super) fn no_incident() -> Response {
    refused(
        StatusCode::NOT_FOUND,
        "there is no such incident: expected the whole id, as `costwarden incidents show` prints the id",
    )
}

/// Returns the refusal of a store that cannot be used now. The cause is for the log: a message may name a server.
pub(super) fn unavailable(error: &dyn std::error::Error) -> Response {
    tracing::warn!(%error, "a request has no answer");
    refused(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be used now: try again later")
}
