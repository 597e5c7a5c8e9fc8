//! The table `[secrets]`.

use std::time::Duration;

use config_file::secret::{self, SecretResolver};
use config_file::toml::Section;
use reqwest::Url;
use transport::endpoint::{self, authority};
use transport::retry::Backoff;

use super::SecretsManagerOptions;

const IAM_ENDPOINT: &str = "https://iam.kakaocloud.com";
const SECRETS_ENDPOINT: &str = "https://secrets-manager.kr-central-2.kakaocloud.com";

/// Reads the table `[secrets]`.
pub(crate) fn read(mut section: Section<'_, '_>, references: &SecretResolver<'_>) -> Option<SecretsManagerOptions> {
    section.need("credential_id", "the id of an IAM access key, like \"env:KAKAO_CREDENTIAL_ID\"");
    section.need("credential_secret", "the secret of the access key, like \"env:KAKAO_CREDENTIAL_SECRET\"");
    let transport = endpoint::transport(&mut section);
    let iam_endpoint = endpoint::endpoint(&mut section, "iam_endpoint", IAM_ENDPOINT, transport);
    let endpoint = endpoint::endpoint(&mut section, "endpoint", SECRETS_ENDPOINT, transport);
    let authority = authority(&mut section);
    // The credentials of Secrets Manager cannot be in Secrets Manager.
    let credential_id = secret::read_or_plain(&mut section, "credential_id", references);
    let credential_secret = secret::read(&mut section, "credential_secret", references);
    for key in ["credential_id", "credential_secret"] {
        if references.is_pending(&section.place(key).key) {
            section.fail(key, "the credentials of Secrets Manager cannot be stored in Secrets Manager, expected \"env:NAME\" or \"file:PATH\"");
        }
    }
    let timeout = section.whole("timeout_seconds", 1..=600);
    let attempts = section.whole("attempts", 1..=20);
    let backoff = section.whole("backoff_ms", 1..=60_000);
    section.finish();
    Some(SecretsManagerOptions {
        iam_endpoint: Url::parse(&iam_endpoint?).ok()?,
        endpoint: Url::parse(&endpoint?).ok()?,
        credential_id: credential_id?,
        credential_secret: credential_secret?,
        authority: authority?,
        timeout: Duration::from_secs(timeout.unwrap_or(15) as u64),
        attempts: attempts.unwrap_or(4) as u32,
        backoff: Backoff {
            base_delay: Duration::from_millis(backoff.unwrap_or(1_000) as u64),
            max_delay: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(30),
        },
    })
}
