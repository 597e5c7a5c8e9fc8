//! The client of Kakao Cloud's Secrets Manager. Resolves the secrets referenced by id in a config.
//!
//! One run requests one token and each secret once, and reports all failures together. Nothing is written to disk.

pub(crate) mod options;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};

use config_file::secret::{PendingSecret, Secret, SecretReference};
use config_file::toml::Diagnostic;
use model::count::counted;
use transport::body::{self, BodyError};
use transport::causes::causes;
use transport::http::{self, Authority};
use transport::retry::Backoff;

/// Endpoints and credentials for tokens and secrets.
#[derive(Debug, Clone)]
pub(crate) struct SecretsManagerOptions {
    pub(crate) iam_endpoint: Url,
    pub(crate) endpoint: Url,
    pub(crate) credential_id: Secret,
    pub(crate) credential_secret: Secret,
    pub(crate) authority: Option<Authority>,
    /// Timeout of one request.
    pub(crate) timeout: Duration,
    /// Total attempts per request, including the first.
    pub(crate) attempts: u32,
    pub(crate) backoff: Backoff,
}

const TOKEN: &str = "X-Subject-Token";
/// Limit of an answer: a token's description, or a secret.
const ANSWER_BYTES: u64 = 1 << 20;

/// Returns the config with every secret resolved.
///
/// # Errors
/// Every unresolved secret, with the location of the reference in the file.
pub(crate) async fn resolve(
    pending: Vec<PendingSecret>,
    options: Option<SecretsManagerOptions>,
) -> Result<(), Vec<Diagnostic>> {
    if pending.is_empty() {
        return Ok(());
    }
    let opened = match options {
        None => Err("expected a table [secrets] with credential_id and credential_secret".to_owned()),
        Some(options) => SecretsManager::open(options).await.map_err(|error| error.to_string()),
    };
    let secrets_manager = match opened {
        Ok(opened) => opened,
        Err(message) => return Err(pending.iter().map(|pending| pending.fail(&message)).collect()),
    };
    let mut fetched: BTreeMap<SecretReference, Result<String, String>> = BTreeMap::new();
    let mut errors = Vec::new();
    for pending in pending {
        let reference = &pending.reference;
        // SecretResolver to the same secret share one request.
        if !fetched.contains_key(reference) {
            let value = secrets_manager.fetch(reference).await.map_err(|error| error.to_string());
            fetched.insert(reference.clone(), value);
        }
        match &fetched[reference] {
            Ok(text) => pending.fill(text.clone()),
            Err(message) => errors.push(pending.fail(message)),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// An open session with the Secrets Manager.
struct SecretsManager {
    options: SecretsManagerOptions,
    client: Client,
    token: HeaderValue,
}

impl SecretsManager {
    async fn open(options: SecretsManagerOptions) -> Result<Self, SecretsManagerError> {
        let url = below(&options.iam_endpoint, &["identity", "v3", "auth", "tokens"]);
        let credential = json!({
            "id": options.credential_id.expose(),
            "secret": options.credential_secret.expose(),
        });
        let identity = json!({ "methods": ["application_credential"], "application_credential": credential });
        let body = json!({ "auth": { "identity": identity } });
        let client = options.client(&options.iam_endpoint)?;
        let answer = options.ask(&url, &|| client.post(url.clone()).json(&body)).await?;
        if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(SecretsManagerError::Credentials { url: url.into(), status: answer.status.as_u16() });
        }
        let mut token =
            answer.token.ok_or(SecretsManagerError::NoToken { url: url.into(), status: answer.status.as_u16() })?;
        // Hides the token in debug output.
        token.set_sensitive(true);
        Ok(Self { client: options.client(&options.endpoint)?, options, token })
    }

    async fn fetch(&self, reference: &SecretReference) -> Result<String, SecretsManagerError> {
        let mut url = below(&self.options.endpoint, &["api", "v1", "secrets", &reference.id, "versions", "value"]);
        if let Some(version) = &reference.version {
            url.query_pairs_mut().append_pair("version", version);
        }
        let request = || self.client.get(url.clone()).header("X-Auth-Token", self.token.clone());
        let Answer { status, body, .. } = self.options.ask(&url, &request).await?;
        match status {
            StatusCode::OK => value(&body).map_err(|why| SecretsManagerError::Shape { url: url.into(), why }),
            StatusCode::NOT_FOUND => {
                Err(SecretsManagerError::NotThere { url: url.into(), reference: reference.clone() })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(SecretsManagerError::NotAllowed {
                url: url.into(),
                reference: reference.clone(),
                status: status.as_u16(),
            }),
            _ => Err(SecretsManagerError::Status { url: url.into(), status: status.as_u16() }),
        }
    }
}

/// The answer of a server with any status.
struct Answer {
    status: StatusCode,
    token: Option<HeaderValue>,
    body: Vec<u8>,
}

impl SecretsManagerOptions {
    fn client(&self, url: &Url) -> Result<Client, SecretsManagerError> {
        let client = http::client(url, self.authority.as_ref(), self.timeout).build();
        client.map_err(|error| SecretsManagerError::Unreachable {
            url: url.to_string(),
            attempts: 0,
            why: causes(&error),
        })
    }

    /// Sends a request until the answer is final. Transient failures are retried.
    async fn ask(&self, url: &Url, request: &dyn Fn() -> RequestBuilder) -> Result<Answer, SecretsManagerError> {
        let mut attempt = 1;
        loop {
            // Kakao Cloud requires the header on every request.
            let sent = request().header(CONTENT_TYPE, "application/json").send().await;
            let why = match read(sent).await {
                Ok(Answer { status, .. }) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                    format!("it answered {}", status.as_u16())
                }
                Ok(answer) => return Ok(answer),
                Err(BodyError::TooLarge(limit)) => format!("it answered with more than {limit} bytes"),
                Err(BodyError::Interrupted(error)) if error.is_timeout() => {
                    format!("no whole answer within {:?}", self.timeout)
                }
                // The error message already has the URL.
                Err(BodyError::Interrupted(error)) => causes(&error.without_url()),
            };
            if http::is_untrusted_certificate(&why) {
                return Err(SecretsManagerError::Distrusted { url: url.to_string(), why });
            }
            if attempt >= self.attempts {
                return Err(SecretsManagerError::Unreachable { url: url.to_string(), attempts: attempt, why });
            }
            let delay = self.backoff.delay(attempt, None, fastrand::f64());
            tracing::warn!(%url, attempt, ?delay, "trying again to fetch secrets: {why}");
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }
}

async fn read(sent: Result<reqwest::Response, reqwest::Error>) -> Result<Answer, BodyError> {
    let response = sent?;
    let (status, token) = (response.status(), response.headers().get(TOKEN).cloned());
    Ok(Answer { status, token, body: body::read(response, ANSWER_BYTES).await? })
}

fn below(endpoint: &Url, segments: &[&str]) -> Url {
    let mut url = endpoint.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        // Segments are percent-encoded, so an id cannot change the path.
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Returns the secret in `{"code", "message", "data", "requestId"}`. The shape of `data` is undocumented. Valid shapes
/// are a text, an object with the text `value`, and an object with exactly one text.
fn value(body: &[u8]) -> Result<String, String> {
    const EXPECTED: &str =
        "expected JSON with a text at data, or an object there with the text value or one text alone";
    let refused = |found: &str| Err(format!("{EXPECTED}, found {found}"));
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return refused("something that is not JSON") };
    let found = match body.get("data") {
        Some(Value::String(text)) => Some(text),
        Some(Value::Object(object)) => match object.get("value") {
            Some(Value::String(text)) => Some(text),
            Some(other) => return refused(&format!("data.value as {}", kind(other))),
            None => {
                let texts: Vec<&String> = object
                    .values()
                    .filter_map(|value| if let Value::String(text) = value { Some(text) } else { None })
                    .collect();
                let [text] = texts[..] else {
                    // Shows the names of the fields, never the values.
                    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
                    return refused(&format!("an object with {} texts: {}", texts.len(), keys.join(", ")));
                };
                Some(text)
            }
        },
        Some(other) => return refused(&format!("data as {}", kind(other))),
        None => return refused("no data"),
    };
    match found.filter(|text| !text.is_empty()) {
        Some(text) => Ok(text.clone()),
        None => refused("an empty text"),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A failure to read a secret. Messages show no body, because the body may contain a secret.
#[derive(Debug, thiserror::Error)]
enum SecretsManagerError {
    #[error(
        "{url} gave no answer in {}; the last attempt: {why}; try again later, or check the endpoints of [secrets]",
        counted(*attempts, "attempt")
    )]
    Unreachable { url: String, attempts: u32, why: String },
    #[error("{url} is not trusted: {why}; check secrets.ca_file and the host in the endpoint")]
    Distrusted { url: String, why: String },
    #[error("{url} refused the credentials with {status}: check secrets.credential_id and secrets.credential_secret")]
    Credentials { url: String, status: u16 },
    #[error("{url} answered {status} without the header {TOKEN}: check secrets.iam_endpoint")]
    NoToken { url: String, status: u16 },
    #[error("{url} has no {reference}: check the id and the version")]
    NotThere { url: String, reference: SecretReference },
    #[error("{url} denies {reference} ({status}): grant the owner of secrets.credential_id read access")]
    NotAllowed { url: String, reference: SecretReference, status: u16 },
    #[error("{url} answered {status}: check secrets.endpoint")]
    Status { url: String, status: u16 },
    #[error("{url} sent an unexpected answer: {why}")]
    Shape { url: String, why: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Result<&str, &str>) {
        match (value(body.as_bytes()), expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected, "{body}"),
            (Err(why), Err(expected)) => assert!(why.ends_with(expected) && !why.contains("hunter2"), "{body}: {why}"),
            (found, expected) => panic!("{body}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_secret_is_found_in_each_shape_that_it_may_have() {
        check(r#"{"code":200,"message":"OK","data":"hunter2","requestId":"r"}"#, Ok("hunter2"));
        check(r#"{"data":{"value":"hunter2","version":"3"}}"#, Ok("hunter2"));
        check(r#"{"data":{"secretString":"hunter2","version":3}}"#, Ok("hunter2"));
    }

    #[test]
    fn another_shape_is_named_and_never_shown() {
        check(r#"{"data":{"a":"hunter2","b":"hunter2"}}"#, Err("found an object with 2 texts: a, b"));
        check(r#"{"data":{"value":["hunter2"]}}"#, Err("found data.value as a list"));
        check(r#"{"data":["hunter2"]}"#, Err("found data as a list"));
        check(r#"{"data":""}"#, Err("found an empty text"));
        check(r#"{"secret":"hunter2"}"#, Err("found no data"));
        check("hunter2", Err("found something that is not JSON"));
    }

    #[test]
    fn addresses_hold_ids_as_they_are() {
        let endpoint = Url::parse("https://secrets.example/").expect("a URL");
        let url = below(&endpoint, &["secrets", "a b/c"]);
        assert_eq!(url.as_str(), "https://secrets.example/secrets/a%20b%2Fc");
    }
}
