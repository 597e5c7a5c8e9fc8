//! The simulated identity service and Secrets Manager. Credentials give a token, and the token gives secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::server::{Shared, refusal, struck};

/// The value at `data` of each secret. The key is `ID` or `ID@VERSION`.
pub(super) type Secrets = BTreeMap<String, Value>;

const TOKEN: &str = "simulated-token-of-secrets-manager";

pub(super) async fn token(State(shared): State<Arc<Shared>>, Json(asked): Json<Value>) -> Response {
    if let Some(response) = struck(&shared).await {
        return response;
    }
    let identity = &asked["auth"]["identity"];
    let credential = &identity["application_credential"];
    let known = identity["methods"] == json!(["application_credential"])
        && credential["id"] == shared.credential_id.expose()
        && credential["secret"] == shared.credential_secret.expose();
    if !known {
        return refusal(StatusCode::UNAUTHORIZED, "unknown credential");
    }
    let mut response =
        (StatusCode::CREATED, Json(json!({ "token": { "methods": identity["methods"] } }))).into_response();
    response.headers_mut().insert("x-subject-token", HeaderValue::from_static(TOKEN));
    response
}

#[derive(Deserialize)]
pub(super) struct Version {
    version: Option<String>,
}

pub(super) async fn value(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    version: Query<Version>,
    headers: HeaderMap,
) -> Response {
    if let Some(response) = struck(&shared).await {
        return response;
    }
    if headers.get("x-auth-token").is_none_or(|token| token != TOKEN) {
        return refusal(StatusCode::UNAUTHORIZED, "unknown token");
    }
    let key = version.0.version.map_or_else(|| id.clone(), |version| format!("{id}@{version}"));
    let mut world = shared.world();
    world.secrets_read += 1;
    match world.secrets.get(&key) {
        Some(data) => {
            Json(json!({ "code": 200, "message": "OK", "data": data, "requestId": "simulated" })).into_response()
        }
        None => refusal(StatusCode::NOT_FOUND, "no such secret"),
    }
}

pub(super) async fn put(State(shared): State<Arc<Shared>>, Json(secrets): Json<Secrets>) -> StatusCode {
    shared.world().secrets = secrets;
    StatusCode::NO_CONTENT
}

/// Returns the number of secret requests with a valid token.
pub(super) async fn read(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "read": shared.world().secrets_read }))
}
