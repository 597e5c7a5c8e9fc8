//! The conversion of answers and failures to errors. Texts of a registry are cut and safe for a terminal.

use std::error::Error;

use model::rule::image::Image;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use transport::body;
use transport::causes::causes;
use transport::http::is_untrusted_certificate;

use super::error::RegistryError;

/// The body of a refusal, by the OCI distribution specification.
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<RefusalEntry>,
}

#[derive(Deserialize)]
struct RefusalEntry {
    code: String,
    #[serde(default)]
    message: String,
}

/// Bytes of a refusal that are read. The rest of a longer refusal is not read.
const REFUSAL_BYTES: usize = 8 << 10;
/// Characters of a registry's text in a message.
const TEXT_CHARS: usize = 200;

/// Returns an answer with a status of success.
///
/// # Errors
/// Fails for any other status, with the registry's reason.
pub(super) async fn success(image: &Image, response: Response) -> Result<Response, RegistryError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(refusal(image.clone(), status, &body::read_beginning(response, REFUSAL_BYTES).await))
}

fn refusal(image: Image, status: StatusCode, body: &[u8]) -> RegistryError {
    let entries = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.errors).unwrap_or_default();
    let has = |codes: &[&str]| entries.iter().any(|entry| codes.contains(&entry.code.as_str()));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryError::Unauthorized { image },
        _ if has(&["UNAUTHORIZED", "DENIED"]) => RegistryError::Unauthorized { image },
        StatusCode::NOT_FOUND => RegistryError::NoImage { image },
        _ => {
            let text = match entries.first() {
                Some(entry) => format!("{} {}", entry.code, entry.message),
                None => String::from_utf8_lossy(body).into_owned(),
            };
            let message = Some(single_line(&text)).filter(|message| !message.is_empty());
            RegistryError::Status { image, code: status.as_u16(), message }
        }
    }
}

/// Converts a failure without a status.
pub(super) fn failure(image: &Image, error: reqwest::Error) -> RegistryError {
    let image = image.clone();
    if !error.is_connect() && !error.is_timeout() {
        return RegistryError::Interrupted { image, cause: root_cause(&error) };
    }
    let cause = single_line(&causes(&error.without_url()));
    // The TLS library reports `InvalidContentType` if the answer is not TLS.
    if cause.contains("InvalidContentType") {
        RegistryError::NotTls { image }
    } else if is_untrusted_certificate(&cause) {
        RegistryError::Distrusted { image, cause }
    } else {
        RegistryError::Unreachable { image, cause }
    }
}

/// Returns the root cause without the layers of the client.
fn root_cause(mut error: &dyn Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    single_line(&error.to_string())
}

/// Makes a registry's text safe for a single line in a terminal or log.
pub(super) fn single_line(text: &str) -> String {
    let beginning = text.chars().take(TEXT_CHARS).collect();
    sandbox::single_line(beginning).trim_end().to_owned()
}
