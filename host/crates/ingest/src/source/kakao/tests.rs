//! Tests against the simulated API on a real port.

mod pages;

use std::net::SocketAddr;

use jiff::civil::date;
use jiff::tz::TimeZone;
use simulator::{BadBody, Clock, Fault, Injection, ScenarioOptions, SimulateOptions, Simulation};

use super::*;
use crate::answers::{Answers, answer};
use crate::document::DocumentProblem;
use crate::source::Source;

const DAY: Date = date(2026, 11, 22);

fn options(simulation: &Simulation) -> KakaoOptions {
    KakaoOptions {
        base_url: simulation.url().to_owned(),
        authority: None,
        credential_id: Secret::new("the-credential-id"),
        credential_secret: Secret::new("the-credential-secret"),
        page_size: 7,
        max_pages: 50,
        timeout: Duration::from_secs(10),
        backoff: Backoff {
            base_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(5),
            max_retry_after: Duration::from_millis(5),
        },
        retry_budget: Duration::from_secs(60),
    }
}

async fn start() -> Simulation {
    let scenario = ScenarioOptions {
        seed: 7,
        services: 40,
        catalogue: simulator::Catalogue::Plain,
        end: date(2026, 11, 23),
        days: 30,
        incidents: Injection::Default,
        more_incidents: Vec::new(),
    };
    let options = SimulateOptions {
        scenario,
        flaws: Vec::new(),
        clock: Clock::At(now()),
        zone: TimeZone::get("Asia/Seoul").unwrap(),
        credential_id: Secret::new("the-credential-id"),
        credential_secret: Secret::new("the-credential-secret"),
    };
    Simulation::start(options, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()
}

fn source(options: KakaoOptions) -> Source {
    Source::Kakao(Box::new(Kakao::new(options).unwrap()))
}

fn now() -> Timestamp {
    "2026-11-23T10:10:00+09:00".parse().unwrap()
}

/// Returns the error of a fetch under a fault, and the traffic.
async fn failure(fault: Fault) -> (String, Traffic) {
    let simulation = start().await;
    simulation.set_fault(fault);
    let timeout = Duration::from_millis(250);
    let source = source(KakaoOptions { timeout, retry_budget: Duration::from_millis(200), ..options(&simulation) });
    let message = source.fetch(DAY, None, now()).await.unwrap_err().to_string();
    for secret in ["the-credential-id", "the-credential-secret"] {
        assert!(!message.contains(secret), "{message}");
    }
    (message.replace(simulation.url(), "URL"), source.traffic())
}

fn body(body: BadBody) -> Fault {
    Fault { body: Some(body), ..Fault::default() }
}

/// Returns the number of calls and of retries.
fn calls_and_retries(traffic: Traffic) -> (u64, u64) {
    assert!(traffic.failed <= traffic.calls && traffic.failed >= traffic.retries, "{traffic:?}");
    assert!(traffic.calls == 0 || traffic.time > Duration::ZERO, "{traffic:?}");
    (traffic.calls, traffic.retries)
}

fn texts(document: &RawDocument) -> Vec<&str> {
    document.rows.iter().map(|row| row.get()).collect()
}

#[tokio::test]
async fn too_many_requests_and_server_errors_are_retried() {
    for status in [429, 500, 503] {
        let simulation = start().await;
        simulation.set_fault(Fault { status: Some(status), retry_after: Some(1), times: Some(2), ..Fault::default() });
        let source = source(KakaoOptions { page_size: 10_000, ..options(&simulation) });
        source.fetch(DAY, None, now()).await.unwrap();
        assert_eq!(calls_and_retries(source.traffic()), (4, 2));
    }
}

#[tokio::test]
async fn attempts_continue_until_the_budget_is_spent() {
    let (message, traffic) = failure(Fault { status: Some(429), ..Fault::default() }).await;
    let (calls, retries) = calls_and_retries(traffic);
    // Waits of at most 5 ms in a budget of 200 ms.
    assert!(calls > 5 && retries == calls - 1, "{traffic:?}");
    assert_eq!(
        message,
        format!(
            "the billing API at URL/open/billing/public/v2/cost/resources returned no page 0 of 2026-11-22 in {calls} \
             attempts, and the time for retries is used up: {calls} of {calls} requests failed and took 0 s of \
             source.retry_seconds = 0; the last attempt: it answered 429: {{\"error\":{{\"message\":\"an injected \
             fault\"}}}}; run the job again when the API answers, or raise source.retry_seconds"
        )
    );
}

/// A person or a job waits for the result of a test.
#[tokio::test]
async fn a_test_ends_after_five_attempts() {
    let simulation = start().await;
    let source = source(options(&simulation));
    simulation.set_fault(Fault { status: Some(503), times: Some(4), ..Fault::default() });
    assert!(source.has_bill(DAY, now()).await.unwrap());
    simulation.set_fault(Fault { status: Some(503), ..Fault::default() });
    for message in [
        source.has_bill(DAY, now()).await.unwrap_err().to_string(),
        source.probe(DAY, now()).await.unwrap_err().to_string(),
    ] {
        assert_eq!(
            message.replace(simulation.url(), "URL"),
            "the billing API at URL/open/billing/public/v2/cost/resources returned no row of 2026-11-22 in 5 attempts; \
             the last attempt: it answered 503: {\"error\":{\"message\":\"an injected fault\"}}; try again when the API \
             answers"
        );
    }
    assert_eq!(calls_and_retries(source.traffic()), (15, 12));
}

#[tokio::test]
async fn a_bill_exists_if_the_day_has_a_row() {
    let simulation = start().await;
    let source = source(options(&simulation));
    assert!(source.has_bill(DAY, now()).await.unwrap());
    assert!(!source.has_bill(date(2026, 11, 24), now()).await.unwrap(), "a future day");
    assert_eq!(calls_and_retries(source.traffic()), (2, 0));
}

/// The API names the earliest time of the next request.
#[tokio::test]
async fn a_required_wait_beyond_the_budget_ends_the_fetch() {
    let simulation = start().await;
    simulation.set_fault(Fault { status: Some(429), retry_after: Some(3_600), ..Fault::default() });
    let backoff = Backoff { max_retry_after: Duration::MAX, ..options(&simulation).backoff };
    let source = source(KakaoOptions { backoff, ..options(&simulation) });
    let error = source.fetch(DAY, None, now()).await.unwrap_err();
    assert!(matches!(error, SourceError::Kakao(KakaoError::RetryBudget { attempts: 1, budget: 60, .. })), "{error}");
}

/// Every page succeeds at the second attempt, so only the shared budget can end the fetch.
#[tokio::test]
async fn all_pages_share_the_retry_budget() {
    let simulation = start().await;
    let every = std::num::NonZeroU32::new(2);
    let storm = Fault { status: Some(429), retry_after: Some(1), every, ..Fault::default() };
    let fetch = async |seconds| {
        simulation.set_fault(storm.clone());
        let backoff = Backoff { max_retry_after: Duration::from_secs(1), ..options(&simulation).backoff };
        let retry_budget = Duration::from_secs(seconds);
        let source = source(KakaoOptions { page_size: 30, backoff, retry_budget, ..options(&simulation) });
        (source.fetch(DAY, None, now()).await, source)
    };
    let (spent, source) = fetch(2).await;
    // The second wait would end after two seconds plus the time of two requests.
    assert_eq!(
        spent.unwrap_err().to_string().replace(simulation.url(), "URL"),
        "the billing API at URL/open/billing/public/v2/cost/resources returned no page 1 of 2026-11-22 in 1 attempt, and \
         the time for retries is used up: 2 of 3 requests failed and took 1 s of source.retry_seconds = 2; the last \
         attempt: it answered 429: {\"error\":{\"message\":\"an injected fault\"}}; run the job again when the API \
         answers, or raise source.retry_seconds"
    );
    assert_eq!(calls_and_retries(source.traffic()), (3, 1));
    simulation.set_fault(Fault { status: Some(500), ..storm.clone() });
    let repeated = source.fetch(DAY, None, now()).await.unwrap_err();
    assert!(matches!(repeated, SourceError::Kakao(KakaoError::RetryBudget { page: 0, attempts: 1, .. })), "{repeated}");
    let (whole, source) = fetch(60).await;
    let pages = whole.unwrap().rows.len().div_ceil(30) as u64 + 1;
    assert_eq!(calls_and_retries(source.traffic()), (2 * pages, pages));
}

#[tokio::test]
async fn refused_credentials_are_not_retried() {
    for status in [401, 403] {
        let (message, traffic) = failure(Fault { status: Some(status), ..Fault::default() }).await;
        assert_eq!(
            message,
            format!(
                "the billing API at URL/open/billing/public/v2/cost/resources refused the credentials with {status}: \
                 check source.credential_id and source.credential_secret"
            )
        );
        assert_eq!(calls_and_retries(traffic), (1, 0));
    }
    let simulation = start().await;
    let wrong = source(KakaoOptions { credential_secret: Secret::new("wrong"), ..options(&simulation) });
    assert!(matches!(
        wrong.fetch(DAY, None, now()).await,
        Err(SourceError::Kakao(KakaoError::Refused { status: 401, .. }))
    ));
}

#[tokio::test]
async fn other_refusals_are_not_retried() {
    let (message, traffic) = failure(Fault { status: Some(404), ..Fault::default() }).await;
    assert!(message.contains("answered 404 for 2026-11-22, and a retry does not help: {\"error\""), "{message}");
    assert_eq!(calls_and_retries(traffic), (1, 0));
}

#[tokio::test]
async fn the_beginning_of_a_web_page_is_shown() {
    let (message, traffic) = failure(body(BadBody::Html)).await;
    assert_eq!(
        message,
        "page 0 of 2026-11-22 from URL/open/billing/public/v2/cost/resources is not the expected shape: expected an \
         array at result.content: expected value at line 1 column 1; the body begins with: <html><body>점검 \
         중입니다</body></html>"
    );
    assert_eq!(calls_and_retries(traffic), (1, 0));
}

#[tokio::test]
async fn an_unexpected_shape_is_shown() {
    let (message, traffic) = failure(body(BadBody::OtherShape)).await;
    assert!(message.contains("invalid type: string \"none today\", expected a sequence"), "{message}");
    assert!(message.ends_with("the body begins with: {\"result\":{\"content\":\"none today\"}}"), "{message}");
    assert_eq!(traffic.calls, 1);
}

#[tokio::test]
async fn credentials_in_a_body_are_not_shown() {
    let (message, _) = failure(body(BadBody::Echo)).await;
    assert!(message.ends_with("the body begins with: {\"you\":[\"[redacted]\",\"[redacted]\"]}"), "{message}");
}

#[tokio::test]
async fn a_truncated_body_is_retried_and_then_shown() {
    let (message, traffic) = failure(body(BadBody::Truncated)).await;
    assert!(message.contains("page 0 of 2026-11-22"), "{message}");
    assert!(message.contains("EOF while parsing"), "{message}");
    let (_, shown) = message.split_once("the body begins with: ").unwrap();
    assert_eq!(shown.chars().count(), BODY_CHARACTERS);
    assert!(shown.starts_with("{\"result\":{\"content\":[{\"meteringDate\":\"20261122\""), "{shown}");
    assert!(calls_and_retries(traffic).1 > 0, "{traffic:?}");
}

#[tokio::test]
async fn a_slow_answer_times_out() {
    let (message, traffic) = failure(Fault { slow_ms: Some(60_000), ..Fault::default() }).await;
    assert!(message.contains("the last attempt: no complete answer within 250ms; run the job again"), "{message}");
    // One attempt takes longer than the budget.
    assert_eq!(calls_and_retries(traffic), (1, 0));
}

#[tokio::test]
async fn a_refused_connection_is_retried() {
    let simulation = start().await;
    let source = source(KakaoOptions { retry_budget: Duration::from_millis(200), ..options(&simulation) });
    simulation.shutdown().await.unwrap();
    let message = source.fetch(DAY, None, now()).await.unwrap_err().to_string();
    assert!(message.contains("; the last attempt: error sending request"), "{message}");
    assert!(source.traffic().retries > 0, "{message}");
    assert!(message.contains("refused"), "{message}");
}

#[tokio::test]
async fn unusable_options_are_named() {
    let simulation = start().await;
    for (options, expected) in [
        (KakaoOptions { base_url: "billing".to_owned(), ..options(&simulation) }, "source.endpoint: expected an http"),
        (KakaoOptions { base_url: "ftp://host".to_owned(), ..options(&simulation) }, "its scheme is ftp"),
        (KakaoOptions { page_size: 10_001, ..options(&simulation) }, "source.page_size: expected 1 to 10000"),
        (
            KakaoOptions { credential_secret: Secret::new("line\nbreak"), ..options(&simulation) },
            "source.credential_secret: expected visible ASCII",
        ),
    ] {
        let message = Kakao::new(options).unwrap_err().to_string();
        assert!(message.contains(expected) && !message.contains("line\nbreak"), "{message}");
    }
}

#[tokio::test]
async fn debug_output_contains_no_credential() {
    let simulation = start().await;
    let text = format!("{:?}", source(options(&simulation)));
    assert!(!text.contains("the-credential"), "{text}");
}
