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

const BACKOFF: &str =
    "The wait before the second attempt, in milliseconds. The wait doubles for each further attempt, with jitter.";

/// Reads the table `[secrets]`.
pub(crate) fn read(mut section: Section<'_, '_>, references: &SecretResolver<'_>) -> Option<SecretsManagerOptions> {
    section.need("credential_id", "the id of an IAM access key, like \"env:KAKAO_CREDENTIAL_ID\"");
    section.need("credential_secret", "the secret of the access key, like \"env:KAKAO_CREDENTIAL_SECRET\"");
    let transport = endpoint::transport(&mut section);
    let iam_endpoint = endpoint::endpoint(
        section.key("iam_endpoint", "The address of the service that issues tokens.").default(IAM_ENDPOINT),
        IAM_ENDPOINT,
        transport,
    );
    let endpoint = endpoint::endpoint(
        section.key("endpoint", "The address of Secrets Manager.").default(SECRETS_ENDPOINT),
        SECRETS_ENDPOINT,
        transport,
    );
    let authority = authority(&mut section);
    // The credentials of Secrets Manager cannot be in Secrets Manager.
    let credential_id = secret::read_or_plain(
        section.key("credential_id", "The id of an IAM access key that may read the secrets, or a reference."),
        references,
    );
    let credential_secret = secret::read(
        section
            .key("credential_secret", "A reference to the secret of the access key; not a secret of Secrets Manager."),
        references,
    );
    for key in ["credential_id", "credential_secret"] {
        if references.is_pending(&section.place(key).key) {
            section.fail(key, "the credentials of Secrets Manager cannot be stored in Secrets Manager, expected \"env:NAME\" or \"file:PATH\"");
        }
    }
    let timeout = section.key("timeout_seconds", "The time limit of a request, in seconds.").whole_or(1..=600, 15);
    let attempts =
        section.key("attempts", "The number of attempts per request, including the first.").whole_or(1..=20, 4);
    let backoff = section.key("backoff_ms", BACKOFF).whole_or(1..=60_000, 1_000);
    section.finish();
    Some(SecretsManagerOptions {
        iam_endpoint: Url::parse(&iam_endpoint?).ok()?,
        endpoint: Url::parse(&endpoint?).ok()?,
        credential_id: credential_id?,
        credential_secret: credential_secret?,
        authority: authority?,
        timeout: Duration::from_secs(timeout as u64),
        attempts: attempts as u32,
        backoff: Backoff {
            base_delay: Duration::from_millis(backoff as u64),
            max_delay: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(30),
        },
    })
}
