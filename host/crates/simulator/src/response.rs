//! Error responses: refused requests and injected faults.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::fault::Fault;
use crate::state::Shared;

pub(crate) fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({ "error": { "message": message } }))).into_response()
}

/// Counts the request, waits for the delay of the active fault, and returns the fault.
pub(crate) async fn apply_fault(shared: &Shared) -> Fault {
    // The lock is released before the delay, so a slow fault blocks no control request.
    let fault = shared.cloud().fault.next().unwrap_or_default();
    tokio::time::sleep(fault.delay()).await;
    fault
}

/// Returns the error response of a fault with a status.
pub(crate) fn fault_response(fault: &Fault) -> Option<Response> {
    let status = StatusCode::from_u16(fault.status?).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = refusal(status, "an injected fault");
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Some(response)
}
