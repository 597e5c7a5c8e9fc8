//! The answers that read the store: the page, the report as JSON, and the page of an incident.

use std::sync::Arc;

use ::report::Format;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::incident::Incident;
use model::language::Language;
use notify::Locale;
use serde::Deserialize;
use store::{Access, Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::SemaphorePermit;
use tokio::task::block_in_place;

use super::Server;
use super::router::{refused, typed};
use crate::report::{self, DAYS};

/// The language of a page. Default: `language` of the config.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    language: Option<String>,
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
    let language = server.language(&query);
    match server.incident(&id).await {
        Ok(incident) => server.incident_answer(&incident, language, StatusCode::OK),
        Err(refusal) => refusal,
    }
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
    pub(super) fn incident_answer(&self, incident: &Incident, language: Language, status: StatusCode) -> Response {
        let locale = Locale { language, currency: &self.options.config.currency };
        let form = if self.options.tokens.is_empty() {
            ::report::EntryForm::Hidden
        } else if status == StatusCode::FORBIDDEN {
            ::report::EntryForm::WrongToken
        } else {
            ::report::EntryForm::Shown
        };
        (status, typed(HTML, ::report::incident_page(incident, locale, form))).into_response()
    }

    async fn report(&self, format: Format, language: Language) -> Response {
        let _reader = self.reader().await;
        // The report of many services takes a second of computation, so another thread serves the other connections.
        match block_in_place(|| Handle::current().block_on(self.report_text(format, language))) {
            Ok(Some(text)) => typed(if format == Format::Html { HTML } else { "application/json" }, text),
            Ok(None) => refused(StatusCode::NOT_FOUND, "the ledger holds no day yet"),
            Err(error) => unavailable(&error),
        }
    }

    async fn report_text(&self, format: Format, language: Language) -> Result<Option<String>, StoreError> {
        let config = &self.options.config;
        let store = Store::open(&config.store, Access::Read).await?;
        let Some(range) = report::newest_days(&store, DAYS).await? else { return Ok(None) };
        let reported = report::read(&store, range).await?;
        let now = (self.options.now)();
        let locale = Locale { language, currency: &config.currency };
        Ok(Some(format.text(&reported.report(config, locale, now))))
    }

    /// Reads an incident by its whole id.
    pub(super) async fn incident(&self, id: &str) -> Result<Incident, Response> {
        let _reader = self.reader().await;
        let store = Store::open(&self.options.config.store, Access::Read).await.map_err(|error| unavailable(&error))?;
        let incident = store.incident(id).await.map_err(|error| unavailable(&error))?;
        incident.ok_or_else(no_incident)
    }

    /// Waits for a free place among the readers of the store.
    pub(super) async fn reader(&self) -> SemaphorePermit<'_> {
        self.readers.acquire().await.expect("the semaphore is never closed")
    }
}

const HTML: &str = "text/html; charset=utf-8";

pub(super) fn no_incident() -> Response {
    refused(StatusCode::NOT_FOUND, "there is no such incident: expected the whole id of `costwarden incidents list`")
}

/// Returns the refusal of a store that cannot be used now. The cause is for the log: a message may name a server.
pub(super) fn unavailable(error: &dyn std::error::Error) -> Response {
    tracing::warn!(%error, "a request has no answer");
    refused(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be used now: try again later")
}
