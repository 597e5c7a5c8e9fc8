//! The routes, and the checks of every request: the host, the rate, the time and the headers of the answer.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::time::timeout;

use super::{Server, history, page};

/// Time for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Largest body of a request, in bytes.
const BODY_BYTES: usize = 8 * 1024;
/// The description of the API.
const OPENAPI: &str = include_str!("openapi.json");

/// The headers of every answer. The page of the report has a stricter policy of its own.
const HEADERS: [(HeaderName, &str); 7] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "frame-ancestors 'none'; form-action 'self'; base-uri 'none'"),
    // Without a referrer at all, a browser hides the origin of a form.
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/", get(page::report_page))
        .route("/incidents/{id}", get(page::incident_page).post(history::add_in_page))
        .route("/api/report", get(page::report_json))
        .route("/api/incidents/{id}/history", post(history::add))
        .route("/api/openapi.json", get(async || typed("application/json", OPENAPI.to_owned())))
        .fallback(async || refused(StatusCode::NOT_FOUND, "no such path: expected a path of /api/openapi.json"))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&server), checked))
        .with_state(server)
}

/// Checks a request, limits the time of its answer, and adds the headers.
async fn checked(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let mut response = match server.refusal(request.method(), request.headers()) {
        Some(refusal) => refusal,
        None => timeout(ANSWER_TIME, next.run(request))
            .await
            .unwrap_or_else(|_| refused(StatusCode::GATEWAY_TIMEOUT, "the answer took too long: try again later")),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Server {
    fn refusal(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if !self.rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now()) {
            let mut response = refused(StatusCode::TOO_MANY_REQUESTS, "too many requests: try again in a second");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return Some(response);
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        // A page of another site may resolve its own name to this address.
        if !self.is_own_host(host) {
            return Some(refused(StatusCode::MISDIRECTED_REQUEST, "unknown host: name the host with --host"));
        }
        let is_foreign = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            origin.is_none_or(|(_, origin)| origin != host)
        };
        if *method != Method::GET && headers.get(ORIGIN).is_some_and(is_foreign) {
            return Some(refused(StatusCode::FORBIDDEN, "the request comes from another site"));
        }
        None
    }

    fn is_own_host(&self, host: &str) -> bool {
        let name = host
            .rsplit_once(':')
            .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let is_local = |address: IpAddr| address == self.local.ip() || address.is_loopback();
        name.eq_ignore_ascii_case("localhost")
            || address.is_some_and(is_local)
            || self.options.hosts.iter().any(|own| name.eq_ignore_ascii_case(own))
    }
}

/// Returns a body with a media type.
pub(super) fn typed(media_type: &'static str, body: String) -> Response {
    ([(CONTENT_TYPE, media_type)], body).into_response()
}

/// Returns a refusal as JSON.
pub(super) fn refused(status: StatusCode, message: &str) -> Response {
    let body = serde_json::json!({ "error": message }).to_string();
    (status, typed("application/json", body)).into_response()
}
