//! The tables `[feed]`, `[source]`, `[archive]`, `[store]` and `[metrics]`, with a function for each table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::endpoint;
use super::secret::{self, References, Secret};
use crate::archive::{Lifecycle, S3Options};
use crate::metrics::{MetricsOptions, OtlpOptions};
use crate::source::{KakaoOptions, RetryOptions};
use crate::store::{self, MongodbOptions};
use crate::toml::Section;

/// The source of the bills.
#[derive(Debug, Clone)]
pub(crate) enum SourceConfig {
    Kakao(KakaoOptions),
    /// A folder of raw documents under archive keys.
    Replay {
        directory: PathBuf,
    },
    /// The archive of the same config.
    Archive,
}

/// The thresholds of the completeness check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeedConfig {
    /// Hour of today from which yesterday's bill is late, in billing time.
    pub(crate) expected_by_hour: u8,
    /// Hours without a change in today's total before the bill is stalled, if the totals of other days changed in the
    /// same hours.
    pub(crate) still_hours: u8,
    /// Minimum ratio to the usual number of series. A day, or a day so far, with fewer series is incomplete.
    pub(crate) least_rows_ratio: f64,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self { expected_by_hour: 12, still_hours: 6, least_rows_ratio: 0.5 }
    }
}

/// The storage of raw documents.
#[derive(Debug, Clone)]
pub(crate) enum ArchiveConfig {
    Directory { directory: PathBuf },
    S3(S3Options),
}

/// The database of stored documents.
#[derive(Debug, Clone)]
pub(crate) enum StoreConfig {
    Embedded { path: PathBuf },
    Mongodb(MongodbOptions),
}

const KAKAO_ENDPOINT: &str = "https://billing-api.kakaocloud.com";
const S3_ENDPOINT: &str = "https://objectstorage.kr-central-2.kakaocloud.com";

pub(super) fn feed(mut section: Section<'_, '_>) -> FeedConfig {
    let default = FeedConfig::default();
    let expected_by_hour = section.whole("expected_by_hour", 0..=23).map(|hour| hour as u8);
    let still_hours = section.whole("still_hours", 1..=23).map(|hours| hours as u8);
    let least_rows_ratio = section.amount("least_rows_ratio");
    if least_rows_ratio.is_some_and(|ratio| ratio > 1.0) {
        section.fail("least_rows_ratio", "expected a part of the usual, from 0 to 1");
    }
    section.finish();
    FeedConfig {
        expected_by_hour: expected_by_hour.unwrap_or(default.expected_by_hour),
        still_hours: still_hours.unwrap_or(default.still_hours),
        least_rows_ratio: least_rows_ratio.unwrap_or(default.least_rows_ratio),
    }
}

pub(super) fn source(mut section: Section<'_, '_>, references: &References<'_>) -> Option<SourceConfig> {
    #[derive(Clone, Copy)]
    enum Kind {
        Kakao,
        Replay,
        Archive,
    }
    section.need("kind", "\"kakao\", \"replay\" or \"archive\"");
    match section.choice("kind", &[("kakao", Kind::Kakao), ("replay", Kind::Replay), ("archive", Kind::Archive)])? {
        Kind::Archive => {
            section.finish();
            Some(SourceConfig::Archive)
        }
        Kind::Replay => directory(section).map(|directory| SourceConfig::Replay { directory }),
        Kind::Kakao => {
            let transport = endpoint::transport(&mut section);
            let base_url = endpoint::endpoint(&mut section, "endpoint", KAKAO_ENDPOINT, transport);
            let authority = endpoint::authority(&mut section);
            section.need("credential_id", "the id of an IAM access key, like \"env:KAKAO_CREDENTIAL_ID\"");
            section.need("credential_secret", "its secret, like \"env:KAKAO_CREDENTIAL_SECRET\"");
            let credential_id = secret::read_or_plain(&mut section, "credential_id", references);
            let credential_secret = secret::read(&mut section, "credential_secret", references);
            let page_size = section.whole("page_size", 1..=10_000);
            let max_pages = section.whole("max_pages", 1..=100_000);
            let timeout = section.whole("timeout_seconds", 1..=600);
            let attempts = section.whole("attempts", 1..=20);
            let backoff = section.whole("backoff_ms", 1..=60_000);
            let retry_budget = section.whole("retry_seconds", 0..=86_400);
            section.finish();
            Some(SourceConfig::Kakao(KakaoOptions {
                base_url: base_url?,
                authority: authority?,
                credential_id: credential_id?,
                credential_secret: credential_secret?,
                page_size: page_size.unwrap_or(10_000) as u32,
                max_pages: max_pages.unwrap_or(1_000) as u32,
                timeout: Duration::from_secs(timeout.unwrap_or(60) as u64),
                retry: RetryOptions {
                    attempts: attempts.unwrap_or(5) as u32,
                    base_delay: Duration::from_millis(backoff.unwrap_or(1_000) as u64),
                    max_delay: Duration::from_secs(30),
                    max_retry_after: Duration::from_secs(120),
                },
                retry_budget: Duration::from_secs(retry_budget.unwrap_or(900) as u64),
            }))
        }
    }
}

pub(super) fn archive(mut section: Section<'_, '_>, references: &References<'_>) -> Option<(ArchiveConfig, Lifecycle)> {
    #[derive(Clone, Copy)]
    enum Kind {
        Directory,
        S3,
    }
    section.need("kind", "\"directory\" or \"s3\"");
    let lifecycle = section.section("lifecycle").map_or_else(Lifecycle::default, lifecycle);
    let archive = match section.choice("kind", &[("directory", Kind::Directory), ("s3", Kind::S3)])? {
        Kind::Directory => directory(section).map(|directory| ArchiveConfig::Directory { directory }),
        Kind::S3 => {
            section.need("bucket", "the name of the bucket");
            section.need("access_key", "an S3 access key, like \"env:S3_ACCESS_KEY\"");
            section.need("secret_key", "its secret, like \"env:S3_SECRET_KEY\"");
            let transport = endpoint::transport(&mut section);
            let endpoint = endpoint::endpoint(&mut section, "endpoint", S3_ENDPOINT, transport);
            let authority = endpoint::authority(&mut section);
            let region = section.text("region");
            let bucket = section.parse("bucket", "the name of the bucket", |name| {
                (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
            });
            let prefix = section.parse("prefix", "a key prefix that ends in /, like \"billing/\"", |prefix| {
                (prefix.is_empty() || prefix.ends_with('/')).then(|| prefix.to_owned())
            });
            let access_key = secret::read_or_plain(&mut section, "access_key", references);
            let secret_key = secret::read(&mut section, "secret_key", references);
            let timeout = section.whole("timeout_seconds", 1..=600);
            section.finish();
            Some(ArchiveConfig::S3(S3Options {
                endpoint: endpoint?,
                authority: authority?,
                region: region.unwrap_or_else(|| "kr-central-2".to_owned()),
                bucket: bucket?,
                prefix: prefix.unwrap_or_default(),
                access_key_id: access_key?,
                secret_access_key: secret_key?,
                timeout: Duration::from_secs(timeout.unwrap_or(30) as u64),
                attempts: 3,
            }))
        }
    };
    Some((archive?, lifecycle))
}

/// Reads the retention of raw documents. The defaults are the values of the replaced pipeline.
fn lifecycle(mut section: Section<'_, '_>) -> Lifecycle {
    let default = Lifecycle::default();
    let least = i64::from(Lifecycle::KEPT_DAYS) + 1;
    let days = |days: Option<i64>, default: u16| days.map_or(default, |days| days as u16);
    let lifecycle = Lifecycle {
        cold_after_days: days(section.whole("cold_after_days", 1..=36_499), default.cold_after_days),
        delete_after_days: days(section.whole("delete_after_days", least..=36_500), default.delete_after_days),
        cold_class: section
            .parse("cold_class", "the name of a storage class, like \"GLACIER_IR\"", |class| {
                let known = !class.is_empty() && class.bytes().all(|byte| byte.is_ascii_graphic());
                known.then(|| class.to_owned())
            })
            .unwrap_or(default.cold_class),
    };
    if lifecycle.cold_after_days >= lifecycle.delete_after_days {
        let Lifecycle { cold_after_days, delete_after_days, .. } = lifecycle;
        section.fail(
            "cold_after_days",
            format!("expected less than delete_after_days, which is {delete_after_days}, found {cold_after_days}"),
        );
    }
    section.finish();
    lifecycle
}

pub(super) fn store(
    mut section: Section<'_, '_>,
    state_dir: &Path,
    references: &References<'_>,
) -> Option<StoreConfig> {
    #[derive(Clone, Copy)]
    enum Kind {
        Embedded,
        Mongodb,
    }
    section.need("kind", "\"embedded\" or \"mongodb\"");
    match section.choice("kind", &[("embedded", Kind::Embedded), ("mongodb", Kind::Mongodb)])? {
        Kind::Embedded => {
            let path = section.path("path").unwrap_or_else(|| state_dir.join("costwarden.redb"));
            section.finish();
            Some(StoreConfig::Embedded { path })
        }
        Kind::Mongodb => {
            section.need("uri", "a connection string, like \"env:MONGODB_URI\" or \"mongodb://127.0.0.1:27017\"");
            let uri = secret::read_or_plain(&mut section, "uri", references);
            if let Some(option) = uri.as_ref().and_then(Secret::known).and_then(store::careless_option) {
                let message = format!(
                    "{option} takes any server for the right one: remove it, and name the authority in ca_file"
                );
                section.fail("uri", message);
            }
            let authority = endpoint::authority(&mut section);
            let client_certificate = client_certificate(&mut section);
            let database = section.parse("database", "the name of a database", |name| {
                // Characters that MongoDB forbids in the name of a database.
                (!name.is_empty() && !name.contains(['/', '\\', '.', ' ', '"', '$'])).then(|| name.to_owned())
            });
            let timeout = section.whole("timeout_seconds", 1..=3_600);
            section.finish();
            Some(StoreConfig::Mongodb(MongodbOptions {
                uri: uri?,
                authority: authority?,
                client_certificate: client_certificate?,
                database: database.unwrap_or_else(|| "billing".to_owned()),
                connect_timeout: Duration::from_secs(10),
                selection_timeout: Duration::from_secs(15),
                timeout: Duration::from_secs(timeout.unwrap_or(60) as u64),
            }))
        }
    }
}

/// Reads a table with the single key `directory`.
pub(super) fn directory(mut section: Section<'_, '_>) -> Option<PathBuf> {
    section.need("directory", "a folder, like \"some/folder\"");
    let directory = section.path("directory");
    section.finish();
    directory
}

/// Reads the table `[metrics]`.
pub(super) fn metrics(mut section: Section<'_, '_>) -> Option<MetricsOptions> {
    let has_textfile = section.has("textfile");
    let textfile = section.path("textfile");
    if textfile.as_ref().is_some_and(|path| path.extension() != Some("prom".as_ref())) {
        section.fail("textfile", "expected a name that ends in .prom: the node exporter reads no other");
    }
    let transport = endpoint::transport(&mut section);
    let authority = endpoint::authority(&mut section);
    let timeout = section.whole("otlp_timeout_seconds", 1..=60);
    let has_otlp = section.has("otlp_endpoint");
    let url = endpoint::endpoint(&mut section, "otlp_endpoint", "", transport);
    section.finish();
    let otlp = if has_otlp {
        let timeout = Duration::from_secs(timeout.unwrap_or(5) as u64);
        Some(OtlpOptions { endpoint: Url::parse(&url?).ok()?, authority: authority?, timeout })
    } else {
        None
    };
    // An unusable textfile is an error, not a missing key.
    (textfile.is_some() || !has_textfile).then_some(MetricsOptions { textfile, otlp })
}

/// Reads the file with a client certificate and the private key, a secret. `None` if the file is unusable, `Some(None)`
/// if the key is missing.
#[expect(clippy::option_option, reason = "outside: usable; inside: given")]
fn client_certificate(section: &mut Section<'_, '_>) -> Option<Option<PathBuf>> {
    if !section.has("client_certificate_file") {
        return Some(None);
    }
    let path = section.path("client_certificate_file")?;
    match secret::read_file(&path) {
        Ok(pem) if pem.contains("BEGIN CERTIFICATE") && pem.contains("PRIVATE KEY") => Some(Some(path)),
        Ok(_) => {
            let message =
                format!("{} is no certificate with its key, expected both in PEM in one file", path.display());
            section.fail("client_certificate_file", message);
            None
        }
        Err(message) => {
            section.fail("client_certificate_file", message);
            None
        }
    }
}
