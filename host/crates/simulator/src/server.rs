//! The routes of the simulated services, and the billing API.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, DATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use ingest::document;
use jiff::civil::Date;
use serde::Deserialize;

use crate::fault::{BadBody, Fault};
use crate::response::{apply_fault, fault_response, refusal};
use crate::state::Shared;
use crate::{control, secrets_manager};

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/open/billing/public/v2/cost/resources", get(resources))
        .route("/identity/v3/auth/tokens", post(secrets_manager::token))
        .route("/api/v1/secrets/{id}/versions/value", get(secrets_manager::value))
        .route("/simulate/secrets", get(control::get_secret_requests).put(control::set_secrets))
        .route("/simulate/now", get(control::get_now).put(control::set_now))
        .route("/simulate/faults", put(control::set_fault))
        .route("/simulate/flaws", post(control::add_flaw))
        .route("/simulate/incidents", get(control::get_incidents).post(control::add_incident))
        .with_state(shared)
}

#[derive(Deserialize)]
struct ResourcesQuery {
    from: String,
    to: String,
    page: u32,
    size: u32,
}

async fn resources(State(shared): State<Arc<Shared>>, headers: HeaderMap, query: Query<ResourcesQuery>) -> Response {
    let fault = apply_fault(&shared).await;
    if let Some(response) = fault_response(&fault) {
        return response;
    }
    if let Some(response) = refused_headers(&shared, &headers) {
        return response;
    }
    let parse = |text: &str| Date::strptime("%Y%m%d", text).ok();
    let refused_date = || refusal(StatusCode::BAD_REQUEST, "from and to: expected YYYYMMDD");
    let Some(from) = parse(&query.from) else { return refused_date() };
    let Some(to) = parse(&query.to) else { return refused_date() };
    if !(1..=10_000).contains(&query.size) {
        return refusal(StatusCode::BAD_REQUEST, "size: expected 1 to 10000");
    }
    let date_header = shared.cloud().clock.date_header();
    let (rows, total) = {
        let cloud = shared.cloud();
        let now = cloud.clock.now().to_zoned(shared.zone.clone()).datetime();
        let page = |page, size| cloud.scenario.page(from..=to, now, page, size);
        match fault.body {
            Some(BadBody::Endless) => (endless(query.page, query.size), None),
            Some(BadBody::Repeated) => (endless(0, query.size), None),
            Some(BadBody::Overlap) => (overlapping(page(0, u32::MAX), query.page, query.size), None),
            Some(BadBody::ShortPages) => (page(query.page, query.size.div_ceil(2)), None),
            Some(BadBody::WrongTotal) => (page(query.page, query.size), Some(page(0, u32::MAX).len() + 1)),
            Some(BadBody::RepeatedRow) => (first_row_twice(page(query.page, query.size), query.page), None),
            _ => (page(query.page, query.size), None),
        }
    };
    let mut body = String::new();
    document::write_content(&mut body, rows.iter().map(String::as_str));
    if let Some(total) = total {
        // The body ends with the braces of the result and of the answer.
        body.insert_str(body.len() - 2, &format!(",\"totalElements\":{total}"));
    }
    let mut response = page_response(&shared, &fault, body);
    if let Some(date) = date_header.and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// Returns the response to a request with wrong credentials or a wrong content type.
fn refused_headers(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("credential-id") != shared.credential_id.expose()
        || header("credential-secret") != shared.credential_secret.expose()
    {
        return Some(refusal(StatusCode::UNAUTHORIZED, "unknown credential"));
    }
    if header(CONTENT_TYPE.as_str()) != "application/json" {
        return Some(refusal(StatusCode::BAD_REQUEST, "Content-Type: expected application/json"));
    }
    None
}

/// Returns the response with a page, or with the defective body of a fault.
fn page_response(shared: &Shared, fault: &Fault, mut body: String) -> Response {
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
        _ => body,
    };
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// Returns a page that begins with the last row of the previous page.
fn overlapping(rows: Vec<String>, page: u32, size: u32) -> Vec<String> {
    let new_rows_per_page = size.saturating_sub(1).max(1) as usize;
    rows.into_iter().skip(page as usize * new_rows_per_page).take(size as usize).collect()
}

fn first_row_twice(mut rows: Vec<String>, page: u32) -> Vec<String> {
    if let Some(first) = rows.first().filter(|_| page == 0) {
        rows.insert(0, first.clone());
    }
    rows
}

fn endless(page: u32, size: u32) -> Vec<String> {
    (0..size).map(|row| format!("{{\"resourceId\":\"endless-{page}-{row}\"}}")).collect()
}
