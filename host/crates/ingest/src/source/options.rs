//! The table `[source]`.

use std::path::PathBuf;
use std::time::Duration;

use config_file::secret::{self, SecretResolver};
use config_file::toml::{Section, directory};
use transport::endpoint;
use transport::retry::Backoff;

use super::KakaoOptions;

/// The source of the bills.
#[derive(Debug, Clone)]
pub enum SourceOptions {
    Kakao(KakaoOptions),
    /// A folder of raw documents under archive keys.
    Replay {
        directory: PathBuf,
    },
    /// The archive of the same config.
    Archive,
}

/// The words for the kinds in a config.
pub const KINDS: &str = "\"kakao\", \"replay\" or \"archive\"";

const KAKAO_ENDPOINT: &str = "https://billing-api.kakaocloud.com";

/// Reads the table `[source]`.
pub fn read(mut section: Section<'_, '_>, resolver: &SecretResolver<'_>) -> Option<SourceOptions> {
    #[derive(Clone, Copy)]
    enum KindWord {
        Kakao,
        Replay,
        Archive,
    }
    section.need("kind", KINDS);
    match section
        .choice("kind", &[("kakao", KindWord::Kakao), ("replay", KindWord::Replay), ("archive", KindWord::Archive)])?
    {
        KindWord::Archive => {
            section.finish();
            Some(SourceOptions::Archive)
        }
        KindWord::Replay => directory(section).map(|directory| SourceOptions::Replay { directory }),
        KindWord::Kakao => {
            let options = kakao(&mut section, resolver);
            section.finish();
            options.map(SourceOptions::Kakao)
        }
    }
}

fn kakao(section: &mut Section<'_, '_>, resolver: &SecretResolver<'_>) -> Option<KakaoOptions> {
    let transport = endpoint::transport(section);
    let base_url = endpoint::endpoint(section, "endpoint", KAKAO_ENDPOINT, transport);
    let authority = endpoint::authority(section);
    section.need("credential_id", "the id of an IAM access key, like \"env:KAKAO_CREDENTIAL_ID\"");
    section.need("credential_secret", "the secret of the access key, like \"env:KAKAO_CREDENTIAL_SECRET\"");
    let credential_id = secret::read_or_plain(section, "credential_id", resolver);
    let credential_secret = secret::read(section, "credential_secret", resolver);
    let page_size = section.whole("page_size", 1..=10_000);
    let max_pages = section.whole("max_pages", 1..=100_000);
    let timeout = section.whole("timeout_seconds", 1..=600);
    let backoff = section.whole("backoff_ms", 1..=60_000);
    let retry_budget = section.whole("retry_seconds", 0..=86_400);
    let retry_budget = Duration::from_secs(retry_budget.unwrap_or(900) as u64);
    Some(KakaoOptions {
        base_url: base_url?,
        authority: authority?,
        credential_id: credential_id?,
        credential_secret: credential_secret?,
        page_size: page_size.unwrap_or(10_000) as u32,
        max_pages: max_pages.unwrap_or(1_000) as u32,
        timeout: Duration::from_secs(timeout.unwrap_or(60) as u64),
        backoff: Backoff {
            base_delay: Duration::from_millis(backoff.unwrap_or(1_000) as u64),
            max_delay: Duration::from_secs(60),
            // A longer wait than the budget ends the fetch.
            max_retry_after: Duration::MAX,
        },
        retry_budget,
    })
}
