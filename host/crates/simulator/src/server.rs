//! The simulated services over HTTP, and the control endpoints under `/simulate`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::fault::{BadBody, Fault};
use super::flaw::Flaw;
use super::incident::InjectedIncident;
use super::scenario::Scenario;
use super::secrets_manager::{self, Secrets};
use config_file::secret::Secret;
use ingest::archive;

/// State shared between the requests and the owner of a simulation.
pub(super) struct Shared {
    pub(super) zone: TimeZone,
    pub(super) credential_id: Secret,
    pub(super) credential_secret: Secret,
    world: Mutex<World>,
}

/// The mutable state of a running simulation.
pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) clock: Clock,
    pub(super) fault: Fault,
    pub(super) secrets: Secrets,
    pub(super) secrets_read: u64,
}

impl World {
    pub(super) fn new(scenario: Scenario, clock: Clock) -> Self {
        Self { scenario, clock, fault: Fault::default(), secrets: Secrets::new(), secrets_read: 0 }
    }
}

impl Shared {
    pub(super) fn new(zone: TimeZone, credential_id: Secret, credential_secret: Secret, world: World) -> Self {
        Self { zone, credential_id, credential_secret, world: Mutex::new(world) }
    }

    /// Locks the mutable state. A poisoned lock stays valid: every change is a single assignment or push.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/open/billing/public/v2/cost/resources", get(resources))
        .route("/identity/v3/auth/tokens", post(secrets_manager::token))
        .route("/api/v1/secrets/{id}/versions/value", get(secrets_manager::value))
        .route("/simulate/secrets", get(secrets_manager::read).put(secrets_manager::put))
        .route("/simulate/now", get(tell_now).put(set_now))
        .route("/simulate/faults", put(set_fault))
        .route("/simulate/flaws", post(add_flaw))
        .route("/simulate/incidents", get(tell_incidents).post(add_incident))
        .with_state(shared)
}

#[derive(Deserialize)]
struct Asked {
    from: String,
    to: String,
    page: u32,
    size: u32,
}

async fn resources(State(shared): State<Arc<Shared>>, headers: HeaderMap, query: Query<Asked>) -> Response {
    // The lock is released before the delay, so a slow fault blocks no control request.
    let fault = shared.world().fault.strike().unwrap_or_default();
    tokio::time::sleep(fault.delay()).await;
    if let Some(response) = refused(&fault) {
        return response;
    }
    let sent = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if sent("credential-id") != shared.credential_id.expose()
        || sent("credential-secret") != shared.credential_secret.expose()
    {
        return refusal(StatusCode::UNAUTHORIZED, "unknown credential");
    }
    if sent(CONTENT_TYPE.as_str()) != "application/json" {
        return refusal(StatusCode::BAD_REQUEST, "Content-Type: expected application/json");
    }
    let parse = |text: &str| Date::strptime("%Y%m%d", text).ok();
    let (Some(from), Some(to)) = (parse(&query.from), parse(&query.to)) else {
        return refusal(StatusCode::BAD_REQUEST, "from and to: expected YYYYMMDD");
    };
    if !(1..=10_000).contains(&query.size) {
        return refusal(StatusCode::BAD_REQUEST, "size: expected 1 to 10000");
    }
    let told = shared.world().clock.told();
    let rows = {
        let world = shared.world();
        let now = world.clock.now().to_zoned(shared.zone.clone()).datetime();
        match fault.body {
            Some(BadBody::Endless) => endless(query.page, query.size),
            Some(BadBody::Repeated) => endless(0, query.size),
            _ => world.scenario.page(from, to, now, query.page, query.size),
        }
    };
    let mut body = String::new();
    archive::write_content(&mut body, rows.iter().map(String::as_str));
    let body = match fault.body {
        Some(BadBody::Truncated) => {
            // Bodies contain Korean names, and a cut inside a character would panic.
            body.truncate(body.floor_char_boundary(body.len() / 2));
            body
        }
        Some(BadBody::Html) => {
            return ([(CONTENT_TYPE, "text/html")], "<html><body>점검 중입니다</body></html>").into_response();
        }
        Some(BadBody::OtherShape) => r#"{"result":{"content":"none today"}}"#.to_owned(),
        Some(BadBody::Echo) => serde_json::json!({
            "you": [shared.credential_id.expose(), shared.credential_secret.expose()],
        })
        .to_string(),
        Some(BadBody::Endless | BadBody::Repeated) | None => body,
    };
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(told) = told.and_then(|told| HeaderValue::from_str(&told).ok()) {
        response.headers_mut().insert(DATE, told);
    }
    response
}

/// Applies the active fault: waits for the delay, and returns the error response of a fault with a status.
pub(super) async fn struck(shared: &Shared) -> Option<Response> {
    let fault = shared.world().fault.strike().unwrap_or_default();
    tokio::time::sleep(fault.delay()).await;
    refused(&fault)
}

fn refused(fault: &Fault) -> Option<Response> {
    let status = StatusCode::from_u16(fault.status?).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = refusal(status, "a fault that was asked for");
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Some(response)
}

pub(super) fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({ "error": { "message": message } }))).into_response()
}

fn endless(page: u32, size: u32) -> Vec<String> {
    (0..size).map(|row| format!("{{\"resourceId\":\"endless-{page}-{row}\"}}")).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Now {
    now: Timestamp,
}

async fn tell_now(State(shared): State<Arc<Shared>>) -> Json<Now> {
    Json(Now { now: shared.world().clock.now() })
}

async fn set_now(State(shared): State<Arc<Shared>>, Json(wanted): Json<Now>) -> StatusCode {
    shared.world().clock = Clock::At(wanted.now);
    StatusCode::NO_CONTENT
}

async fn set_fault(State(shared): State<Arc<Shared>>, Json(fault): Json<Fault>) -> StatusCode {
    shared.world().fault = fault;
    StatusCode::NO_CONTENT
}

async fn add_flaw(State(shared): State<Arc<Shared>>, Json(flaw): Json<Flaw>) -> StatusCode {
    shared.world().scenario.spoil(flaw);
    StatusCode::NO_CONTENT
}

async fn tell_incidents(State(shared): State<Arc<Shared>>) -> Json<Vec<InjectedIncident>> {
    Json(shared.world().scenario.incidents().to_vec())
}

async fn add_incident(State(shared): State<Arc<Shared>>, Json(incident): Json<InjectedIncident>) -> Response {
    match shared.world().scenario.add(incident) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}
