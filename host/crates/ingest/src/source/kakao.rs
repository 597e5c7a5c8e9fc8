//! The client of Kakao Cloud's billing API.
//!
//! The client requests page by page, retries transient failures, and returns a whole day or an error.

mod row;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub(crate) use row::read_all;

use super::{Clocks, Probed, RawDocument, SourceError, Traffic};
use crate::archive;
use config_file::secret::Secret;
use transport::causes::causes;
use transport::http::{self, Authority};
use transport::retry::{self, RetryOptions};

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
    /// Limit of full pages for one day. A sequence without a shorter page counts as endless.
    pub max_pages: u32,
    /// Timeout of one request, including the body.
    pub timeout: Duration,
    pub retry: RetryOptions,
    /// Time budget for failed attempts and the following waits, over all pages and days.
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
    /// Duration of failed attempts and of the following waits.
    lost_microseconds: AtomicU64,
    /// Unix seconds in the last answer; 0 before the first answer.
    clock: AtomicI64,
    /// Milliseconds between creation and the last answer.
    clock_after: AtomicU64,
    made: Instant,
}

const RESOURCES: &str = "/open/billing/public/v2/cost/resources";
/// Maximum length of a body in a message.
const SHOWN_CHARACTERS: usize = 200;

impl Kakao {
    /// # Errors
    /// An option is invalid. The error names the option.
    pub fn new(options: KakaoOptions) -> Result<Self, SourceError> {
        let resources = resources_url(&options.base_url)?;
        if !(1..=10_000).contains(&options.page_size) {
            let why = format!("it is {}", options.page_size);
            return Err(SourceError::Options { key: "page_size", expected: "1 to 10000", why });
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
        let client = client.build().map_err(|error| SourceError::Options {
            key: "endpoint",
            expected: "a host that TLS can be set up for",
            why: causes(&error),
        })?;
        let none = AtomicU64::default;
        Ok(Self {
            client,
            resources,
            options,
            calls: none(),
            retries: none(),
            failed: none(),
            microseconds: none(),
            lost_microseconds: none(),
            clock: AtomicI64::new(0),
            clock_after: none(),
            made: Instant::now(),
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

    /// Returns the remote time in the last answer and the local time of the answer. `began` is the local creation time.
    pub(super) fn clocks(&self, began: Timestamp) -> Option<Clocks> {
        let theirs = Timestamp::from_second(self.clock.load(Ordering::Relaxed)).ok()?;
        let after = SignedDuration::from_millis(self.clock_after.load(Ordering::Relaxed) as i64);
        let ours = began.checked_add(after).ok()?;
        (theirs != Timestamp::UNIX_EPOCH).then_some(Clocks { theirs, ours })
    }

    pub(super) async fn fetch(&self, date: Date, hour: Option<u8>, now: Timestamp) -> Result<RawDocument, SourceError> {
        let size = self.options.page_size;
        let day = date.strftime("%Y%m%d").to_string();
        let mut rows: Vec<Box<RawValue>> = Vec::new();
        for page in 0..self.options.max_pages {
            let mut got = self.page(date, page, now).await?;
            // A page with fewer rows is the last page.
            if got.len() < size as usize {
                rows.append(&mut got);
                let api_params = Map::from_iter([
                    ("from".to_owned(), Value::from(day.clone())),
                    ("to".to_owned(), Value::from(day)),
                    ("size".to_owned(), Value::from(size)),
                ]);
                return Ok(RawDocument { date, hour, rows, fetched_at: now, api_params });
            }
            // The previous page is at the end of `rows`.
            let before = rows.len().checked_sub(got.len()).map(|start| &rows[start..]);
            if before.is_some_and(|before| same_rows(before, &got)) {
                return Err(SourceError::Repeated { url: self.url(), date, page, size });
            }
            rows.append(&mut got);
        }
        Err(SourceError::Endless { url: self.url(), date, pages: self.options.max_pages, size })
    }

    /// Requests one row to test the credentials and to read the API's clock.
    pub(super) async fn probe(&self, date: Date, now: Timestamp) -> Result<Probed, SourceError> {
        let probe = Self::new(KakaoOptions { page_size: 1, ..self.options.clone() })?;
        probe.page(date, 0, now).await?;
        let clock = Timestamp::from_second(probe.clock.load(Ordering::Relaxed)).ok();
        Ok(Probed {
            message: format!("the billing API at {} takes the credentials", self.url()),
            clock: clock.filter(|clock| *clock != Timestamp::UNIX_EPOCH),
        })
    }

    /// Requests one page. Retries up to the configured attempts, within the time budget.
    async fn page(&self, date: Date, page: u32, now: Timestamp) -> Result<Vec<Box<RawValue>>, SourceError> {
        let attempts = self.options.retry.attempts.max(1);
        let mut attempt = 1;
        loop {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let started = Instant::now();
            let answer = self.ask(date, page, now).await;
            let took = started.elapsed();
            self.microseconds.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
            self.failed.fetch_add(answer.is_err().into(), Ordering::Relaxed);
            let (why, retry_after, last_word) = match answer {
                Ok(rows) => return Ok(rows),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Transient { why, retry_after }) => (why, retry_after, None),
                Err(Failure::CutOff(error)) => (error.to_string(), None, Some(error)),
            };
            if attempt == attempts {
                let exhausted = SourceError::Exhausted { url: self.url(), date, page, attempts, why };
                return Err(last_word.unwrap_or(exhausted));
            }
            let delay = self.options.retry.delay(attempt, retry_after, fastrand::f64());
            self.spend(took, delay).map_err(|spent| self.spent(spent, date, page, attempt, &why))?;
            tracing::warn!(%date, page, attempt, ?delay, "trying the billing API again: {why}");
            tokio::time::sleep(delay).await;
            self.retries.fetch_add(1, Ordering::Relaxed);
            attempt += 1;
        }
    }

    /// Charges an attempt and the following wait to the budget. The error is the time spent before the wait.
    fn spend(&self, took: Duration, delay: Duration) -> Result<(), Duration> {
        let micros = |span: Duration| span.as_micros() as u64;
        let spent = Duration::from_micros(self.lost_microseconds.fetch_add(micros(took), Ordering::Relaxed)) + took;
        if spent + delay > self.options.retry_budget {
            return Err(spent);
        }
        // A wait beyond the budget does not take place and does not count.
        self.lost_microseconds.fetch_add(micros(delay), Ordering::Relaxed);
        Ok(())
    }

    fn spent(&self, spent: Duration, date: Date, page: u32, attempts: u32, why: &str) -> SourceError {
        let Traffic { calls, failed, .. } = self.traffic();
        SourceError::Spent {
            url: self.url(),
            date,
            page,
            attempts,
            calls,
            failed,
            seconds: spent.as_secs(),
            budget: self.options.retry_budget.as_secs(),
            why: why.to_owned(),
        }
    }

    async fn ask(&self, date: Date, page: u32, now: Timestamp) -> Result<Vec<Box<RawValue>>, Failure> {
        let day = date.strftime("%Y%m%d").to_string();
        let mut url = self.resources.clone();
        url.query_pairs_mut()
            .append_pair("from", &day)
            .append_pair("to", &day)
            .append_pair("page", &page.to_string())
            .append_pair("size", &self.options.page_size.to_string());
        let response = self.client.get(url).send().await.map_err(|error| self.transient(&error))?;
        let status = response.status();
        if let Some(clock) = clock(&response) {
            self.clock.store(clock.as_second(), Ordering::Relaxed);
            self.clock_after.store(self.made.elapsed().as_millis() as u64, Ordering::Relaxed);
        }
        let retry_after = retry_after(&response, now);
        let body = response.bytes().await.map_err(|error| self.transient(&error))?;
        let answered = || format!("it answered {}: {}", status.as_u16(), self.beginning(&body));
        match status {
            StatusCode::OK => archive::decode(&body).map(|contents| contents.rows).map_err(|why| {
                let shape = SourceError::Shape {
                    url: self.url(),
                    date,
                    page,
                    why: why.to_string(),
                    body: self.beginning(&body),
                };
                // A truncated body was lost in transit. Any complete body with a wrong shape is the API's real answer.
                if why.is_eof() { Failure::CutOff(shape) } else { Failure::Final(shape) }
            }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failure::Final(SourceError::Refused { url: self.url(), status: status.as_u16() }))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::Transient { why: answered(), retry_after }),
            _ if status.is_server_error() => Err(Failure::Transient { why: answered(), retry_after }),
            _ => Err(Failure::Final(SourceError::Rejected {
                url: self.url(),
                date,
                status: status.as_u16(),
                body: self.beginning(&body),
            })),
        }
    }

    fn transient(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            let why = format!("no whole answer within {:?}", self.options.timeout);
            return Failure::Transient { why, retry_after: None };
        }
        let why = self.redact(&causes(error));
        if http::is_distrust(&why) {
            return Failure::Final(SourceError::Distrusted { url: self.url(), why });
        }
        Failure::Transient { why, retry_after: None }
    }

    fn url(&self) -> String {
        self.resources.to_string()
    }

    /// Returns the first characters of a body on one line, without the credentials.
    fn beginning(&self, body: &[u8]) -> String {
        // Redacts before the cut, so that no half of a credential remains at the cut.
        let text = self.redact(&String::from_utf8_lossy(body));
        text.chars().take(SHOWN_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    fn redact(&self, text: &str) -> String {
        [&self.options.credential_secret, &self.options.credential_id]
            .into_iter()
            // An empty secret would match between all characters.
            .filter(|secret| !secret.expose().is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "[redacted]"))
    }
}

/// The reason for an attempt without rows.
enum Failure {
    Final(SourceError),
    Transient {
        why: String,
        retry_after: Option<Duration>,
    },
    /// A transient failure with a more specific error than the end of attempts.
    CutOff(SourceError),
}

fn resources_url(base_url: &str) -> Result<Url, SourceError> {
    let expected = "an http or https URL such as https://billing-api.kakaocloud.com";
    let options = |why| SourceError::Options { key: "endpoint", expected, why };
    let url = Url::parse(&format!("{}{RESOURCES}", base_url.trim_end_matches('/')))
        .map_err(|error| options(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(options(format!("its scheme is {other}"))),
    }
}

fn header(key: &'static str, secret: &Secret) -> Result<HeaderValue, SourceError> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| SourceError::Options {
        key,
        expected: "visible ASCII characters",
        why: "it holds others, perhaps a line break".to_owned(),
    })?;
    // Hides the credential in debug output.
    value.set_sensitive(true);
    Ok(value)
}

/// Returns the wait of the `Retry-After` header, relative to the server's clock if present.
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let asked_at = clock(response).unwrap_or(now);
    retry::parse_retry_after(text(response, RETRY_AFTER)?, asked_at)
}

/// Returns the server's clock.
fn clock(response: &Response) -> Option<Timestamp> {
    text(response, DATE).and_then(retry::parse_http_date)
}

fn text(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

fn same_rows(a: &[Box<RawValue>], b: &[Box<RawValue>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.get() == b.get())
}

#[cfg(test)]
mod tests;
