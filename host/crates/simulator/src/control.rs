//! The control endpoints under `/simulate`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fault::Fault;
use crate::flaw::Flaw;
use crate::incident::InjectedIncident;
use crate::response::refusal;
use crate::state::{SecretValues, Shared};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Now {
    now: Timestamp,
}

pub(crate) async fn get_now(State(shared): State<Arc<Shared>>) -> Json<Now> {
    Json(Now { now: shared.cloud().clock.now() })
}

pub(crate) async fn set_now(State(shared): State<Arc<Shared>>, Json(body): Json<Now>) -> StatusCode {
    shared.cloud().clock = Clock::At(body.now);
    StatusCode::NO_CONTENT
}

pub(crate) async fn set_fault(State(shared): State<Arc<Shared>>, Json(fault): Json<Fault>) -> StatusCode {
    shared.cloud().fault = fault;
    StatusCode::NO_CONTENT
}

pub(crate) async fn add_flaw(State(shared): State<Arc<Shared>>, Json(flaw): Json<Flaw>) -> StatusCode {
    shared.cloud().scenario.add_flaw(flaw);
    StatusCode::NO_CONTENT
}

pub(crate) async fn get_incidents(State(shared): State<Arc<Shared>>) -> Json<Vec<InjectedIncident>> {
    Json(shared.cloud().scenario.incidents().to_vec())
}

pub(crate) async fn add_incident(
    State(shared): State<Arc<Shared>>,
    Json(incident): Json<InjectedIncident>,
) -> Response {
    match shared.cloud().scenario.add_incident(incident) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

pub(crate) async fn set_secrets(State(shared): State<Arc<Shared>>, Json(secrets): Json<SecretValues>) -> StatusCode {
    shared.cloud().secrets = secrets;
    StatusCode::NO_CONTENT
}

/// Returns the number of secret requests with a valid token.
pub(crate) async fn get_secret_requests(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "read": shared.cloud().secret_requests }))
}
