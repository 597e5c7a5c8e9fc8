//! The simulated identity service and Secrets Manager. Credentials give a token, and the token gives secrets.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::response::{apply_fault, fault_response, refusal};
use crate::state::Shared;

const TOKEN: &str = "simulated-token-of-secrets-manager";

pub(super) async fn token(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Response {
    if let Some(response) = fault_response(&apply_fault(&shared).await) {
        return response;
    }
    let identity = &body["auth"]["identity"];
    let credential = &identity["application_credential"];
    let is_known = identity["methods"] == json!(["application_credential"])
        && credential["id"] == shared.credential_id.expose()
        && credential["secret"] == shared.credential_secret.expose();
    if !is_known {
        return refusal(StatusCode::UNAUTHORIZED, "unknown credential");
    }
    let mut response =
        (StatusCode::CREATED, Json(json!({ "token": { "methods": identity["methods"] } }))).into_response();
    response.headers_mut().insert("x-subject-token", HeaderValue::from_static(TOKEN));
    response
}

#[derive(Deserialize)]
pub(super) struct VersionQuery {
    version: Option<String>,
}

pub(super) async fn value(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query<VersionQuery>,
    headers: HeaderMap,
) -> Response {
    if let Some(response) = fault_response(&apply_fault(&shared).await) {
        return response;
    }
    if headers.get("x-auth-token").is_none_or(|token| token != TOKEN) {
        return refusal(StatusCode::UNAUTHORIZED, "unknown token");
    }
    let key = query.0.version.map_or_else(|| id.clone(), |version| format!("{id}@{version}"));
    let mut cloud = shared.cloud();
    cloud.secret_requests += 1;
    match cloud.secrets.get(&key) {
        Some(data) => {
            Json(json!({ "code": 200, "message": "OK", "data": data, "requestId": "simulated" })).into_response()
        }
        None => refusal(StatusCode::NOT_FOUND, "no such secret"),
    }
}
