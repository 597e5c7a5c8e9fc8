//! A webhook: JSON with a signature in the form of Standard Webhooks (HMAC-SHA256 over id, time and body).
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

mod payload;

use config_file::secret::{self, Secret, SecretResolver};
use config_file::toml::Section;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook as Signer};

pub use self::payload::cause_document;
use super::post::{DEFAULT_SECONDS, HttpClient, HttpOptions, JsonRequest, checked_address, secret_address};
use super::{ChannelError, Receipt};
use crate::notification::Notification;

/// A webhook.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// The address may contain a token.
    pub url: Secret,
    /// The key of the signatures in base64.
    pub secret: Secret,
    pub http: HttpOptions,
}

#[derive(Debug)]
pub(super) struct Webhook {
    url: Secret,
    secret: Secret,
    http: HttpClient,
}

const SECRET: &str = "24 to 64 random bytes in base64, like the output of: openssl rand -base64 32";

/// Reads the keys of a receiver of this kind.
pub(super) fn read(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<WebhookOptions> {
    section.need("url", "an address with https://, or a reference such as \"env:WEBHOOK_URL\"");
    section.need("secret", "a reference such as \"env:WEBHOOK_SECRET\"");
    let url = secret::read_or_plain(
        section
            .key("url", "The address, or a reference if the address contains a token.")
            .pattern("^(https?://|env:.|file:|kakao-secret:)"),
        references,
    );
    let url = url.and_then(|address| checked_address(section, "url", address));
    let secret = secret::read(
        section.key("secret", "A reference to the key of the signatures: 24 to 64 bytes in base64."),
        references,
    );
    if secret.as_ref().and_then(Secret::known).is_some_and(|text| !is_signing_key(text)) {
        section.fail("secret", format!("is no usable key, expected {SECRET}"));
    }
    let http = HttpOptions::read(section, DEFAULT_SECONDS);
    Some(WebhookOptions { url: url?, secret: secret?, http: http? })
}

/// Returns whether a key has a length that base64 of 24 to 64 bytes can have, and can be decoded.
fn is_signing_key(text: &str) -> bool {
    (32..=88).contains(&text.trim_start_matches("whsec_").len()) && Signer::new(text).is_ok()
}

impl Webhook {
    pub(super) fn new(options: &WebhookOptions) -> Self {
        let WebhookOptions { url, secret, http } = options.clone();
        Self { url, secret, http: HttpClient::new(&http) }
    }

    pub(super) fn target(&self) -> String {
        "the webhook".to_owned()
    }

    pub(super) async fn send(
        &mut self,
        notification: &Notification<'_>,
        now: Timestamp,
    ) -> Result<Receipt, ChannelError> {
        let url = secret_address(&self.url, "url")?;
        let body = payload::payload(notification).to_string();
        let headers = self.headers(&notification.id, now, &body)?;
        self.http.post(&JsonRequest { url, headers, body }, now).await?;
        Ok(Receipt::default())
    }

    /// Returns the headers of Standard Webhooks.
    fn headers(&self, id: &str, now: Timestamp, body: &str) -> Result<HeaderMap, ChannelError> {
        let unusable = || ChannelError::Answer(format!("secret is no usable key, expected {SECRET}"));
        let secret = self.secret.expose();
        let signer = Signer::new(secret).ok().filter(|_| is_signing_key(secret)).ok_or_else(unusable)?;
        let seconds = now.as_second();
        let signature = signer.sign(id, seconds, body.as_bytes()).map_err(|_| unusable())?;
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (HEADER_WEBHOOK_ID, id.to_owned()),
            (HEADER_WEBHOOK_TIMESTAMP, seconds.to_string()),
            (HEADER_WEBHOOK_SIGNATURE, signature),
        ] {
            let value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signing_key_has_at_least_24_bytes() {
        let check = |text: &str, expect: bool| assert_eq!(is_signing_key(text), expect, "{text}");
        check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true);
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true);
        check("c2hvcnQ=", false);
        check("a text that is long enough, but no base64", false);
    }
}
