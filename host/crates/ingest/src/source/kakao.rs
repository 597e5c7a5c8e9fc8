//! The client of Kakao Cloud's billing API.
//!
//! The client requests page by page, retries transient failures, and returns a whole day or an error.

mod error;
mod page;
mod pages;
mod request_failure;
mod response;
mod retry_budget;
mod row;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use config_file::secret::Secret;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::{Map, Value};
use transport::body::{self, BodyError};
use transport::causes::causes;
use transport::http::{self, Authority};
use transport::retry::Backoff;

pub use self::error::KakaoError;
use self::pages::{Pages, Progress};
use self::request_failure::RequestFailure;
use self::response::{retry_after, server_clock};
use self::retry_budget::{FailedAttempt, RetryBudget};
pub(crate) use self::row::bill_rows;
use super::{Clocks, ProbeResult, ReachedSource, SourceError, Traffic};
use crate::document::{DocumentContent, RawDocument};

/// Options of the billing API client.
#[derive(Debug, Clone)]
pub struct KakaoOptions {
    /// Scheme and host, e.g. `https://billing-api.kakaocloud.com`.
    pub base_url: String,
    /// The only trusted certificate authority, if present.
    pub authority: Option<Authority>,
    pub credential_id: Secret,
    pub credential_secret: Secret,
    /// Rows per page, 1 to 10000.
    pub page_size: u32,
    /// Limit of pages with rows for one day. A longer sequence counts as endless.
    pub max_pages: u32,
    /// Timeout of one request, including the body.
    pub timeout: Duration,
    pub backoff: Backoff,
    /// Time budget for failed attempts and the following waits, over all pages and days. The budget is the only limit of
    /// the attempts of a fetch.
    pub retry_budget: Duration,
}

/// A client of the billing API.
#[derive(Debug)]
pub struct Kakao {
    client: Client,
    resources: Url,
    options: KakaoOptions,
    calls: AtomicU64,
    retries: AtomicU64,
    failed: AtomicU64,
    microseconds: AtomicU64,
    retry_budget: RetryBudget,
    /// Unix seconds in the last answer; 0 before the first answer.
    server_seconds: AtomicI64,
    /// Milliseconds between creation and the last answer.
    last_answer_milliseconds: AtomicU64,
    created: Instant,
}

const RESOURCES: &str = "/open/billing/public/v2/cost/resources";
/// Bytes of a refusal that are read. The rest of a longer refusal is not read.
const REFUSAL_BYTES: usize = 8 << 10;
/// Maximum length of a body in a message.
const BODY_CHARACTERS: usize = 200;
/// Attempts of a short test, as many as Kakao Cloud asks for at least. A person or a job waits for the result.
const TEST_ATTEMPTS: u32 = 5;

impl Kakao {
    /// # Errors
    /// An option is invalid. The error names the option.
    pub fn new(options: KakaoOptions) -> Result<Self, KakaoError> {
        let resources = resources_url(&options.base_url)?;
        if !(1..=10_000).contains(&options.page_size) {
            let why = format!("it is {}", options.page_size);
            return Err(KakaoError::Options { key: "page_size", expected: "1 to 10000", why });
        }
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            ("credential-id".parse().expect("a header's name"), header("credential_id", &options.credential_id)?),
            (
                "credential-secret".parse().expect("a header's name"),
                header("credential_secret", &options.credential_secret)?,
            ),
        ]);
        let client = http::client(&resources, options.authority.as_ref(), options.timeout).default_headers(headers);
        let client = client.build().map_err(|error| KakaoError::Options {
            key: "endpoint",
            expected: "a host with a usable TLS setup",
            why: causes(&error),
        })?;
        let retry_budget = RetryBudget::new(options.retry_budget);
        Ok(Self {
            client,
            resources,
            options,
            calls: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            microseconds: AtomicU64::new(0),
            retry_budget,
            server_seconds: AtomicI64::new(0),
            last_answer_milliseconds: AtomicU64::new(0),
            created: Instant::now(),
        })
    }

    pub(super) fn traffic(&self) -> Traffic {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            calls: count(&self.calls),
            retries: count(&self.retries),
            failed: count(&self.failed),
            time: Duration::from_micros(count(&self.microseconds)),
        }
    }

    /// Returns the remote time in the last answer and the local time of the answer. `created_at` is the local creation
    /// time.
    pub(super) fn clocks(&self, created_at: Timestamp) -> Option<Clocks> {
        let remote = self.server_time()?;
        let elapsed = SignedDuration::from_millis(self.last_answer_milliseconds.load(Ordering::Relaxed) as i64);
        let local = created_at.checked_add(elapsed).ok()?;
        Some(Clocks { remote, local })
    }

    /// Returns the remote time in the last answer; `None` before the first answer.
    fn server_time(&self) -> Option<Timestamp> {
        let time = Timestamp::from_second(self.server_seconds.load(Ordering::Relaxed)).ok()?;
        (time != Timestamp::UNIX_EPOCH).then_some(time)
    }

    pub(super) async fn fetch(&self, date: Date, hour: Option<u8>, now: Timestamp) -> Result<RawDocument, SourceError> {
        let size = self.options.page_size;
        let mut pages = Pages::new(size);
        // The request after the last permitted page proves the end.
        for page in 0..=self.options.max_pages {
            let request = PageRequest { date, page, size, attempts: u32::MAX };
            let progress = match self.page(request, now).await {
                // Some APIs refuse a page after the last page.
                Err(KakaoError::Rejected { .. }) if pages.is_last_page_short() => Progress::End,
                content => pages.add(content?),
            };
            match progress {
                Progress::Continue => {}
                Progress::End => return Ok(self.document(date, hour, pages, now)?),
                Progress::Repeated => return Err(KakaoError::Repeated { url: self.url(), date, page, size }.into()),
            }
        }
        Err(KakaoError::Endless { url: self.url(), date, pages: self.options.max_pages, size }.into())
    }

    fn document(&self, date: Date, hour: Option<u8>, pages: Pages, now: Timestamp) -> Result<RawDocument, KakaoError> {
        let reported = pages.reported_rows().unwrap_or(0);
        let (rows, problem) = pages.finish();
        // Without this error, the bill would look like a bill that is not published yet.
        if rows.is_empty() && reported > 0 {
            return Err(KakaoError::OnlyEmptyPages { url: self.url(), date, reported });
        }
        let day = date.strftime("%Y%m%d").to_string();
        let api_params = Map::from_iter([
            ("from".to_owned(), Value::from(day.clone())),
            ("to".to_owned(), Value::from(day)),
            ("size".to_owned(), Value::from(self.options.page_size)),
        ]);
        Ok(RawDocument { date, hour, rows, fetched_at: now, api_params, problems: Vec::from_iter(problem) })
    }

    /// Requests one row to test the credentials and to read the API's clock.
    pub(super) async fn probe(&self, date: Date, now: Timestamp) -> Result<ProbeResult, SourceError> {
        self.has_bill(date, now).await?;
        Ok(ProbeResult { reached: ReachedSource::Api(self.url()), clock: self.server_time() })
    }

    /// Requests one row and returns whether the day has a row.
    pub(super) async fn has_bill(&self, date: Date, now: Timestamp) -> Result<bool, SourceError> {
        let request = PageRequest { date, page: 0, size: 1, attempts: TEST_ATTEMPTS };
        Ok(!self.page(request, now).await?.rows.is_empty())
    }

    /// Requests one page. Retries until the time budget is spent, at most up to the attempts of the request.
    async fn page(&self, request: PageRequest, now: Timestamp) -> Result<DocumentContent, KakaoError> {
        let PageRequest { date, page, attempts, .. } = request;
        let mut attempt = 1;
        loop {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let started = Instant::now();
            let result = self.request(request, now).await;
            let took = started.elapsed();
            self.microseconds.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
            self.failed.fetch_add(result.is_err().into(), Ordering::Relaxed);
            let failure = match result {
                Ok(content) => return Ok(content),
                Err(RequestFailure::Permanent(error)) => return Err(error),
                Err(failure) => failure,
            };
            let why = failure.to_string();
            if attempt == attempts {
                return Err(failure.into_last(KakaoError::Unanswered { url: self.url(), date, attempts, why }));
            }
            let wait = match self.retry_budget.charge(self.failed_attempt(took, attempt, failure.retry_after())) {
                Ok(wait) => wait,
                Err(spent) => {
                    let Traffic { calls, failed, .. } = self.traffic();
                    return Err(failure.into_last(KakaoError::RetryBudget {
                        url: self.url(),
                        date,
                        page,
                        attempts: attempt,
                        calls,
                        failed,
                        seconds: spent.as_secs(),
                        budget: self.retry_budget.limit().as_secs(),
                        why,
                    }));
                }
            };
            tracing::warn!(%date, page, attempt, ?wait, "trying the billing API again: {why}");
            tokio::time::sleep(wait).await;
            self.retries.fetch_add(1, Ordering::Relaxed);
            attempt += 1;
        }
    }

    fn failed_attempt(&self, took: Duration, attempt: u32, retry_after: Option<Duration>) -> FailedAttempt {
        let backoff = &self.options.backoff;
        FailedAttempt {
            took,
            min_wait: retry_after.map_or(Duration::ZERO, |wait| wait.min(backoff.max_retry_after)),
            wait: backoff.delay(attempt, retry_after, fastrand::f64()),
        }
    }

    async fn request(&self, request: PageRequest, now: Timestamp) -> Result<DocumentContent, RequestFailure> {
        let PageRequest { date, page: number, size, .. } = request;
        let day = date.strftime("%Y%m%d").to_string();
        let mut url = self.resources.clone();
        url.query_pairs_mut()
            .append_pair("from", &day)
            .append_pair("to", &day)
            .append_pair("page", &number.to_string())
            .append_pair("size", &size.to_string());
        let response = self.client.get(url).send().await.map_err(|error| self.request_failure(&error))?;
        let status = response.status();
        if let Some(clock) = server_clock(&response) {
            self.server_seconds.store(clock.as_second(), Ordering::Relaxed);
            self.last_answer_milliseconds.store(self.created.elapsed().as_millis() as u64, Ordering::Relaxed);
        }
        let retry_after = retry_after(&response, now);
        let body = match status {
            StatusCode::OK => self.read(request, response).await?,
            _ => body::read_beginning(response, REFUSAL_BYTES).await,
        };
        let answered = || format!("it answered {}: {}", status.as_u16(), self.beginning(&body));
        match status {
            StatusCode::OK => page::decode(&body).map_err(|why| {
                let shape = KakaoError::Shape {
                    url: self.url(),
                    date,
                    page: number,
                    why: why.to_string(),
                    body: self.beginning(&body),
                };
                // A truncated body was lost in transit. Any complete body with a wrong shape is the API's real answer.
                if why.is_eof() { RequestFailure::Truncated(shape) } else { RequestFailure::Permanent(shape) }
            }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(RequestFailure::Permanent(KakaoError::Refused { url: self.url(), status: status.as_u16() }))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(RequestFailure::Transient { why: answered(), retry_after }),
            _ if status.is_server_error() => Err(RequestFailure::Transient { why: answered(), retry_after }),
            _ => Err(RequestFailure::Permanent(KakaoError::Rejected {
                url: self.url(),
                date,
                status: status.as_u16(),
                body: self.beginning(&body),
            })),
        }
    }

    /// Reads the body of a page.
    async fn read(&self, request: PageRequest, response: Response) -> Result<Vec<u8>, RequestFailure> {
        let PageRequest { date, page, .. } = request;
        body::read(response, page::PAGE_BYTES).await.map_err(|error| match error {
            BodyError::TooLarge(limit) => {
                RequestFailure::Permanent(KakaoError::TooLarge { url: self.url(), date, page, limit })
            }
            BodyError::Interrupted(error) => self.request_failure(&error),
        })
    }

    fn request_failure(&self, error: &reqwest::Error) -> RequestFailure {
        if error.is_timeout() {
            let why = format!("no complete answer within {:?}", self.options.timeout);
            return RequestFailure::Transient { why, retry_after: None };
        }
        let why = self.redact(&causes(error));
        if http::is_untrusted_certificate(&why) {
            return RequestFailure::Permanent(KakaoError::Distrusted { url: self.url(), why });
        }
        RequestFailure::Transient { why, retry_after: None }
    }

    fn url(&self) -> String {
        self.resources.to_string()
    }

    /// Returns the first characters of a body on one line, without the credentials.
    fn beginning(&self, body: &[u8]) -> String {
        if body.is_empty() {
            return "(an empty body)".to_owned();
        }
        // Redacts before the cut, so that no half of a credential remains at the cut.
        let text = self.redact(&String::from_utf8_lossy(body));
        text.chars().take(BODY_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    fn redact(&self, text: &str) -> String {
        [&self.options.credential_secret, &self.options.credential_id]
            .into_iter()
            // An empty secret would match between all characters.
            .filter(|secret| !secret.expose().is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "[redacted]"))
    }
}

/// The request of one page, repeated after transient failures.
#[derive(Debug, Clone, Copy)]
struct PageRequest {
    date: Date,
    page: u32,
    /// Requested rows.
    size: u32,
    /// Limit of the attempts, in addition to the time budget.
    attempts: u32,
}

fn resources_url(base_url: &str) -> Result<Url, KakaoError> {
    let expected = "an http or https URL such as https://billing-api.kakaocloud.com";
    let options = |why| KakaoError::Options { key: "endpoint", expected, why };
    let url = Url::parse(&format!("{}{RESOURCES}", base_url.trim_end_matches('/')))
        .map_err(|error| options(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(options(format!("its scheme is {other}"))),
    }
}

fn header(key: &'static str, secret: &Secret) -> Result<HeaderValue, KakaoError> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| KakaoError::Options {
        key,
        expected: "visible ASCII characters",
        why: "the value contains other characters, perhaps a line break".to_owned(),
    })?;
    // Hides the credential in debug output.
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
