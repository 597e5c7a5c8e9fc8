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

const KIND: &str =
    "The kind of the source: the billing API of Kakao Cloud, a folder of raw documents, or the documents of [archive].";
const BACKOFF: &str = "The wait before the second attempt, in milliseconds. The wait doubles for each further attempt up to 60 s, with jitter.";
const RETRY: &str = "The total time of failed attempts and their waits per run, in seconds. 0: no second attempt.";
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
    let kinds = [("kakao", KindWord::Kakao), ("replay", KindWord::Replay), ("archive", KindWord::Archive)];
    match section.key("kind", KIND).variant(&kinds)? {
        KindWord::Archive => {
            section.finish();
            Some(SourceOptions::Archive)
        }
        KindWord::Replay => directory(section, "The folder with the raw documents.")
            .map(|directory| SourceOptions::Replay { directory }),
        KindWord::Kakao => {
            let options = kakao(&mut section, resolver);
            section.finish();
            options.map(SourceOptions::Kakao)
        }
    }
}

fn kakao(section: &mut Section<'_, '_>, resolver: &SecretResolver<'_>) -> Option<KakaoOptions> {
    let transport = endpoint::transport(section);
    let base_url = endpoint::endpoint(
        section.key("endpoint", "The address of the billing API.").default(KAKAO_ENDPOINT),
        KAKAO_ENDPOINT,
        transport,
    );
    let authority = endpoint::authority(section);
    section.need("credential_id", "the id of an IAM access key, like \"env:KAKAO_CREDENTIAL_ID\"");
    section.need("credential_secret", "the secret of the access key, like \"env:KAKAO_CREDENTIAL_SECRET\"");
    let credential_id =
        secret::read_or_plain(section.key("credential_id", "The id of an IAM access key, or a reference."), resolver);
    let credential_secret =
        secret::read(section.key("credential_secret", "A reference to the secret of the access key."), resolver);
    let page_size = section.key("page_size", "The number of rows per page.").whole_or(1..=10_000, 10_000);
    let max_pages = section
        .key("max_pages", "The number of pages with rows per day; more pages are an error.")
        .whole_or(1..=100_000, 1_000);
    let timeout = section.key("timeout_seconds", "The time limit of a request, in seconds.").whole_or(1..=600, 60);
    let backoff = section.key("backoff_ms", BACKOFF).whole_or(1..=60_000, 1_000);
    let retry_budget = section.key("retry_seconds", RETRY).whole_or(0..=86_400, 900);
    let retry_budget = Duration::from_secs(retry_budget as u64);
    Some(KakaoOptions {
        base_url: base_url?,
        authority: authority?,
        credential_id: credential_id?,
        credential_secret: credential_secret?,
        page_size: page_size as u32,
        max_pages: max_pages as u32,
        timeout: Duration::from_secs(timeout as u64),
        backoff: Backoff {
            base_delay: Duration::from_millis(backoff as u64),
            max_delay: Duration::from_secs(60),
            // A longer wait than the budget ends the fetch.
            max_retry_after: Duration::MAX,
        },
        retry_budget,
    })
}
