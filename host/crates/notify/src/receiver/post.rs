//! HTTP requests of receivers: a JSON body, a timeout, and a few attempts.
//!
//! Only a request that the server refused for now (429, 503) or that found no connection is sent again in the same run.
//! After any other failure the server may have the notification, so the next run sends it.

use std::time::Duration;

use config_file::secret::Secret;
use config_file::toml::{Key, Section};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use transport::causes::causes;
use transport::endpoint;
use transport::http::{self, Authority};
use transport::retry::{self, Backoff};

/// The keys `timeout_seconds` and `ca_file`.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    pub timeout: Duration,
    /// `None` trusts the public authorities.
    pub authority: Option<Authority>,
}

/// The HTTP client of a receiver.
#[derive(Debug)]
pub(super) struct HttpClient {
    options: HttpOptions,
    /// Built for the first request, with the host of the request.
    client: Option<(String, Client)>,
}

/// A request with a JSON body.
pub(super) struct JsonRequest {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// A failed request. No message contains the address, because the address of a webhook is a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("{key} is no usable address, expected https://, or http:// to this machine")]
    Address { key: &'static str },
    #[error("no answer: {0}")]
    NoAnswer(String),
    #[error("the answer is {status}: {text}")]
    Refused { status: u16, text: String },
    #[error("the answer is {status} and asks for a pause of {} s", pause.as_secs())]
    LongPause { status: u16, pause: Duration },
    #[error("the answer is not understood: {0}")]
    Unexpected(String),
}

impl PostError {
    pub(super) fn unexpected(answer: &str) -> Self {
        Self::Unexpected(beginning(answer))
    }
}

/// Limit of one request over HTTP.
pub(super) const DEFAULT_SECONDS: i64 = 10;
const ATTEMPTS: u32 = 3;
const BACKOFF: Backoff =
    Backoff { base_delay: Duration::from_secs(1), max_delay: Duration::from_secs(5), max_retry_after: MAX_PAUSE };
/// Longest pause that a run makes because of Retry-After.
const MAX_PAUSE: Duration = Duration::from_secs(30);
const EXPECTED: &str = "an address with https://, or http:// to this machine";
/// Characters of an answer in an error.
const ANSWER_CHARACTERS: usize = 200;

impl HttpOptions {
    /// Reads the keys. `None` if a key is unusable.
    pub(super) fn read(section: &mut Section<'_, '_>, default_seconds: i64) -> Option<Self> {
        let seconds = section
            .key("timeout_seconds", "The time limit of one request, in seconds.")
            .whole_or(1..=120, default_seconds);
        let authority = endpoint::authority(section)?;
        Some(Self { timeout: Duration::from_secs(seconds.unsigned_abs()), authority })
    }
}

/// Reads an address that is no secret.
pub fn read_address(key: Key<'_, '_, '_>) -> Option<Url> {
    key.pattern("^https?://").parse(EXPECTED, address)
}

/// Reads the key `endpoint`, the address of a public API that a config seldom changes.
pub(super) fn read_endpoint(section: &mut Section<'_, '_>, default: &'static str) -> Option<Url> {
    if section.has("endpoint") {
        read_address(section.key("endpoint", "The address of the Web API.").default(default))
    } else {
        address(default)
    }
}

/// Checks an address that is a secret. A known address is checked when the config is read, the address of a secret in
/// Secrets Manager before the first request.
pub(super) fn checked_address(section: &Section<'_, '_>, key: &'static str, secret: Secret) -> Option<Secret> {
    if secret.known().is_some_and(|text| address(text).is_none()) {
        section.fail(key, format!("is no usable address, expected {EXPECTED}"));
        return None;
    }
    Some(secret)
}

/// Returns the address of a secret.
pub(super) fn secret_address(secret: &Secret, key: &'static str) -> Result<Url, PostError> {
    address(secret.expose()).ok_or(PostError::Address { key })
}

/// Parses an address: https, or plain http to the same machine.
fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(Url::has_host)?;
    // A password in the address would appear in messages.
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_permitted = url.scheme() == "https" || (url.scheme() == "http" && http::is_loopback(&url));
    (is_permitted && !has_user).then_some(url)
}

impl HttpClient {
    pub(super) fn new(options: &HttpOptions) -> Self {
        Self { options: options.clone(), client: None }
    }

    /// Sends a request, and returns the text of the successful answer.
    pub(super) async fn post(&mut self, request: &JsonRequest, now: Timestamp) -> Result<String, PostError> {
        let client = self.client(&request.url)?;
        let mut attempt = 1;
        loop {
            let failure = match Self::attempt(&client, request, now).await {
                Ok(text) => return Ok(text),
                Err(failure) => failure,
            };
            tokio::time::sleep(failure.pause(attempt)?).await;
            attempt += 1;
        }
    }

    /// Sends a GET request, and returns whether the answer is successful.
    pub(super) async fn get(&mut self, url: &Url, headers: HeaderMap) -> Result<(), PostError> {
        let response = self.client(url)?.get(url.clone()).headers(headers).send().await.map_err(no_answer)?;
        refusal(response).await
    }

    fn client(&mut self, url: &Url) -> Result<Client, PostError> {
        let host = url.host_str().unwrap_or_default();
        if let Some((known, client)) = &self.client
            && known == host
        {
            return Ok(client.clone());
        }
        let built = http::client(url, self.options.authority.as_ref(), self.options.timeout).build();
        let client = built.map_err(no_answer)?;
        self.client = Some((host.to_owned(), client.clone()));
        Ok(client)
    }

    async fn attempt(client: &Client, request: &JsonRequest, now: Timestamp) -> Result<String, FailedAttempt> {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let post = client.post(request.url.clone()).headers(request.headers.clone()).header(CONTENT_TYPE, json);
        let response = post.body(request.body.clone()).send().await.map_err(|error| FailedAttempt {
            is_retryable: error.is_connect(),
            retry_after: None,
            error: no_answer(error),
        })?;
        let status = response.status();
        if status.is_success() {
            // The server has the notification, whatever follows.
            return Ok(response.text().await.unwrap_or_default());
        }
        let retry_after = retry_after(&response, now);
        let is_retryable = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let error = match refusal(response).await {
            Err(error) => error,
            Ok(()) => PostError::Refused { status: status.as_u16(), text: String::new() },
        };
        Err(FailedAttempt { is_retryable, retry_after, error })
    }
}

/// A failed attempt.
struct FailedAttempt {
    is_retryable: bool,
    /// The pause that the server asks for.
    retry_after: Option<Duration>,
    error: PostError,
}

impl FailedAttempt {
    /// Returns the pause before the next attempt. `attempt` is counted from 1.
    ///
    /// # Errors
    /// No further attempt in this run.
    fn pause(self, attempt: u32) -> Result<Duration, PostError> {
        if !self.is_retryable || attempt >= ATTEMPTS {
            return Err(self.error);
        }
        match (self.retry_after, self.error) {
            (Some(pause), PostError::Refused { status, .. }) if pause > MAX_PAUSE => {
                Err(PostError::LongPause { status, pause })
            }
            (retry_after, _) => Ok(BACKOFF.delay(attempt, retry_after, fastrand::f64())),
        }
    }
}

/// Returns the pause of the header `Retry-After`, by the clock of the server if the answer has a date.
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    let answered_at = header(DATE).and_then(retry::parse_http_date).unwrap_or(now);
    retry::parse_retry_after(header(RETRY_AFTER)?, answered_at)
}

/// Returns an error for an answer without success, with the beginning of the answer.
async fn refusal(response: Response) -> Result<(), PostError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let answer = response.text().await.unwrap_or_default();
    Err(PostError::Refused { status: status.as_u16(), text: beginning(&answer) })
}

/// Returns the beginning of an answer. The answer comes from outside, so it is escaped for the log.
fn beginning(answer: &str) -> String {
    let beginning: String = answer.chars().take(ANSWER_CHARACTERS).collect();
    beginning.escape_debug().to_string()
}

fn no_answer(error: reqwest::Error) -> PostError {
    PostError::NoAnswer(causes(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_reaches_this_machine_only() {
        let check = |text: &str, expect: bool| assert_eq!(address(text).is_some(), expect, "{text}");
        check("https://hooks.example.com/services/T0/B0/x", true);
        check("http://127.0.0.1:8080/hook", true);
        check("http://localhost/hook", true);
        check("http://hooks.example.com/x", false);
        check("http://10.0.0.1/x", false);
        check("https://user:password@example.com/x", false);
        check("ftp://example.com/x", false);
        check("hooks.example.com", false);
    }

    fn failed(is_retryable: bool, retry_after: Option<u64>) -> FailedAttempt {
        let error = PostError::Refused { status: 429, text: "slow down".to_owned() };
        FailedAttempt { is_retryable, retry_after: retry_after.map(Duration::from_secs), error }
    }

    #[test]
    fn attempts_are_bounded_and_respect_the_server() {
        assert!(failed(true, None).pause(1).is_ok_and(|pause| pause <= BACKOFF.base_delay));
        assert!(failed(true, Some(7)).pause(2).is_ok_and(|pause| pause == Duration::from_secs(7)));
        let errors =
            [failed(false, None).pause(1), failed(true, Some(7)).pause(ATTEMPTS), failed(true, Some(31)).pause(1)];
        insta::assert_snapshot!(errors.map(|error| error.expect_err("no retry").to_string()).join("\n"), @"
        the answer is 429: slow down
        the answer is 429: slow down
        the answer is 429 and asks for a pause of 31 s
        ");
    }
}
