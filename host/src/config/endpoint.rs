//! The keys `endpoint`, `transport` and `ca_file` of several tables: HTTP addresses and certificate authorities.

use std::time::Duration;

use reqwest::Url;

use super::secret::{self, References};
use crate::http::{self, Authority};
use crate::source::RetryOptions;
use crate::toml::Section;
use crate::vault::VaultOptions;

const IAM_ENDPOINT: &str = "https://iam.kakaocloud.com";
const SECRETS_ENDPOINT: &str = "https://secrets-manager.kr-central-2.kakaocloud.com";

/// The permission to send credentials without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Https,
    InsecureHttp,
}

/// Reads the key `transport`. The default is https; plain http to the same machine is always accepted.
pub(super) fn transport(section: &mut Section<'_, '_>) -> Transport {
    const CHOICES: [(&str, Transport); 2] = [("https", Transport::Https), ("insecure-http", Transport::InsecureHttp)];
    section.choice("transport", &CHOICES).unwrap_or(Transport::Https)
}

/// Reads an address, without a trailing `/`.
pub(super) fn endpoint(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: &str,
    transport: Transport,
) -> Option<String> {
    if !section.has(key) {
        return Some(default.to_owned());
    }
    let url = section.parse(key, "an http:// or https:// address", |text| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
        // A password in the address would appear in messages.
        (url.username().is_empty() && url.password().is_none()).then(|| (url, text.trim_end_matches('/').to_owned()))
    });
    let (url, text) = url?;
    if url.scheme() == "http" && transport == Transport::Https && !http::is_loopback(&url) {
        section.fail(
            key,
            "plain http to another machine shows requests and credentials to the network, expected https://, or \
             transport = \"insecure-http\" where that is meant",
        );
        return None;
    }
    Some(text)
}

/// Reads the key `ca_file`. `None` if the file is unusable, `Some(None)` if the key is missing.
#[expect(clippy::option_option, reason = "outside: usable; inside: given")]
pub(super) fn authority(section: &mut Section<'_, '_>) -> Option<Option<Authority>> {
    if !section.has("ca_file") {
        return Some(None);
    }
    match Authority::read(&section.path("ca_file")?) {
        Ok(authority) => Some(Some(authority)),
        Err(message) => {
            section.fail("ca_file", message);
            None
        }
    }
}

/// Reads the table `[secrets]`.
pub(super) fn vault(mut section: Section<'_, '_>, references: &References<'_>) -> Option<VaultOptions> {
    section.need("credential_id", "the id of an IAM access key, like \"env:KAKAO_CREDENTIAL_ID\"");
    section.need("credential_secret", "its secret, like \"env:KAKAO_CREDENTIAL_SECRET\"");
    let transport = transport(&mut section);
    let iam_endpoint = endpoint(&mut section, "iam_endpoint", IAM_ENDPOINT, transport);
    let endpoint = endpoint(&mut section, "endpoint", SECRETS_ENDPOINT, transport);
    let authority = authority(&mut section);
    // The credentials of Secrets Manager cannot be in Secrets Manager.
    let credential_id = secret::read_or_plain(&mut section, "credential_id", references);
    let credential_secret = secret::read(&mut section, "credential_secret", references);
    for (key, secret) in [("credential_id", &credential_id), ("credential_secret", &credential_secret)] {
        if secret.as_ref().is_some_and(|secret| secret.known().is_none()) {
            section.fail(key, "what opens Secrets Manager cannot lie in it, expected \"env:NAME\" or \"file:PATH\"");
        }
    }
    let timeout = section.whole("timeout_seconds", 1..=600);
    let attempts = section.whole("attempts", 1..=20);
    let backoff = section.whole("backoff_ms", 1..=60_000);
    section.finish();
    Some(VaultOptions {
        iam_endpoint: Url::parse(&iam_endpoint?).ok()?,
        endpoint: Url::parse(&endpoint?).ok()?,
        credential_id: credential_id?,
        credential_secret: credential_secret?,
        authority: authority?,
        timeout: Duration::from_secs(timeout.unwrap_or(15) as u64),
        retry: RetryOptions {
            attempts: attempts.unwrap_or(4) as u32,
            base_delay: Duration::from_millis(backoff.unwrap_or(1_000) as u64),
            max_delay: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(30),
        },
    })
}
