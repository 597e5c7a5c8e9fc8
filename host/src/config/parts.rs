//! The tables of the config file, one function each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::secret::{self, References, Secret};
use super::{endpoint, trust};
use crate::archive::{Lifecycle, S3Options};
use crate::detector::{Grants, Limits};
use crate::metrics::{MetricsOptions, OtlpOptions};
use crate::plugin::{LockFile, RegistryOptions, TrustedKey};
use crate::source::{KakaoOptions, RetryOptions};
use crate::store::{self, MongodbOptions};
use crate::toml::Section;

/// Where billing rows come from.
#[derive(Debug, Clone)]
pub(crate) enum SourceConfig {
    Kakao(KakaoOptions),
    /// A tree of raw documents under the archive's keys.
    Replay {
        directory: PathBuf,
    },
    /// The archive of this config.
    Archive,
}

/// When what the provider gives is not taken for the whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeedConfig {
    /// Yesterday's bill is late from this hour of today on, in billing time.
    pub(crate) expected_by_hour: u8,
    /// Today's total stands still when it has been the same for so many hours in which other days' moved.
    pub(crate) still_hours: u8,
    /// A day, or a day so far, with fewer series than this part of what is usual is no whole one.
    pub(crate) least_rows_ratio: f64,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self { expected_by_hour: 12, still_hours: 6, least_rows_ratio: 0.5 }
    }
}

/// Where raw documents are kept.
#[derive(Debug, Clone)]
pub(crate) enum ArchiveConfig {
    Directory { directory: PathBuf },
    S3(S3Options),
}

/// Where documents are remembered.
#[derive(Debug, Clone)]
pub(crate) enum StoreConfig {
    Embedded { path: PathBuf },
    Mongodb(MongodbOptions),
}

/// Where detectors are, and what they may do.
#[derive(Debug, Clone)]
pub(crate) struct PluginsConfig {
    pub(crate) directory: PathBuf,
    pub(crate) limits: Limits,
    /// By plugin name.
    pub(crate) grants: BTreeMap<String, Grants>,
    pub(crate) lock: LockFile,
    /// Where there is one, every plugin must be signed.
    pub(crate) keys: Vec<TrustedKey>,
    pub(crate) registries: Vec<RegistryOptions>,
}

impl PluginsConfig {
    /// How the registry of a host is talked to.
    pub(crate) fn registry(&self, host: &str) -> RegistryOptions {
        let known = self.registries.iter().find(|registry| registry.host == host);
        known.cloned().unwrap_or_else(|| RegistryOptions::of(host))
    }
}

/// Who is told.
#[derive(Debug, Clone)]
pub(crate) struct SinkConfig {
    /// What deliveries are remembered under.
    pub(crate) name: String,
    pub(crate) kind: SinkKind,
}

/// By which way people are told.
#[derive(Debug, Clone)]
pub(crate) enum SinkKind {
    Stdout,
    Syslog(SyslogConfig),
}

/// The system's log.
#[derive(Debug, Clone)]
pub(crate) struct SyslogConfig {
    pub(crate) transport: SyslogTransport,
    /// `APP-NAME` or tag.
    pub(crate) app_name: String,
}

/// RFC 3164 on the local socket, RFC 5424 on the network.
#[derive(Debug, Clone)]
pub(crate) enum SyslogTransport {
    Unix(PathBuf),
    Udp(String),
    Tcp(String),
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

/// How long raw documents are kept. Its own default is the replaced pipeline's.
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

pub(super) fn plugins(mut section: Section<'_, '_>, references: &References<'_>) -> Option<PluginsConfig> {
    section.need("directory", "the folder of the plugins' .wasm files");
    let directory = section.path("directory");
    let file = section.path("lock").unwrap_or_else(|| section.folder().join("plugins.lock"));
    let required = section.flag("lock_required").unwrap_or(false);
    let registries = trust::registries(section.sections("registry"), references);
    let (limits, keys) = limits_and_keys(&mut section);
    let mut grants = BTreeMap::new();
    for (name, mut section) in section.named_sections("grants") {
        grants.insert(name, Grants { reference: section.path("reference") });
        section.finish();
    }
    section.finish();
    let lock = LockFile { path: file, required };
    Some(PluginsConfig { directory: directory?, limits, grants, lock, keys, registries })
}

/// The part of the table that plugins are tried out under.
pub(super) fn tried_out(mut section: Section<'_, '_>) -> (Limits, Vec<TrustedKey>) {
    limits_and_keys(&mut section)
}

fn limits_and_keys(section: &mut Section<'_, '_>) -> (Limits, Vec<TrustedKey>) {
    let limits = section.section("limits").map(limits).unwrap_or_default();
    (limits, section.section("signing").map(trust::keys).unwrap_or_default())
}

/// Keys are the fields of [`Limits`], defaults its own.
fn limits(mut section: Section<'_, '_>) -> Limits {
    let default = Limits::default();
    let fuel = 1..=1_000_000_000_000_i64;
    let bytes = 1..=4_294_967_296_i64;
    let count = 1..=1_000_000_i64;
    let mut whole = |key, range: &std::ops::RangeInclusive<i64>, default: u64| {
        section.whole(key, range.clone()).map_or(default, |number| number as u64)
    };
    let limits = Limits {
        fuel_per_call: whole("fuel_per_call", &fuel, default.fuel_per_call),
        fit_fuel_per_series: whole("fit_fuel_per_series", &fuel, default.fit_fuel_per_series),
        judge_fuel_per_series: whole("judge_fuel_per_series", &fuel, default.judge_fuel_per_series),
        describe_fuel: whole("describe_fuel", &fuel, default.describe_fuel),
        memory_bytes: whole("memory_bytes", &bytes, default.memory_bytes as u64) as usize,
        table_elements: whole("table_elements", &count, default.table_elements as u64) as usize,
        instances: whole("instances", &(1..=1_000), default.instances as u64) as usize,
        memories: whole("memories", &(1..=100), default.memories as u64) as usize,
        tables: whole("tables", &(1..=100), default.tables as u64) as usize,
        stack_bytes: whole("stack_bytes", &(16_384..=2_097_152), default.stack_bytes as u64) as usize,
        module_bytes: whole("module_bytes", &bytes, default.module_bytes),
        compile_seconds: whole("compile_seconds", &(1..=3_600), default.compile_seconds),
        compile_memory_bytes: whole(
            "compile_memory_bytes",
            &(134_217_728..=68_719_476_736),
            default.compile_memory_bytes,
        ),
        state_bytes: whole("state_bytes", &bytes, default.state_bytes as u64) as usize,
        output_bytes: whole("output_bytes", &bytes, default.output_bytes as u64) as usize,
        reason_bytes: whole("reason_bytes", &bytes, default.reason_bytes as u64) as usize,
        log_lines: whole("log_lines", &(0..=1_000_000), default.log_lines as u64) as usize,
        log_bytes: whole("log_bytes", &(0..=4_294_967_296), default.log_bytes as u64) as usize,
        reference_bytes: whole("reference_bytes", &bytes, default.reference_bytes),
        reference_bytes_per_call: whole("reference_bytes_per_call", &bytes, default.reference_bytes_per_call),
    };
    section.finish();
    limits
}

/// A table with nothing but a folder in it.
pub(super) fn directory(mut section: Section<'_, '_>) -> Option<PathBuf> {
    section.need("directory", "a folder, like \"some/folder\"");
    let directory = section.path("directory");
    section.finish();
    directory
}

/// Where figures go.
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
    (textfile.is_some() || !has_textfile).then_some(MetricsOptions { textfile, otlp })
}

/// The sinks that are told; the terminal where none is written down.
pub(super) fn sinks(sections: Vec<Section<'_, '_>>) -> Vec<SinkConfig> {
    if sections.is_empty() {
        return vec![SinkConfig { name: "stdout".to_owned(), kind: SinkKind::Stdout }];
    }
    let mut taken = BTreeSet::new();
    sections.into_iter().filter_map(|section| sink(section, &mut taken)).collect()
}

fn sink(mut section: Section<'_, '_>, taken: &mut BTreeSet<String>) -> Option<SinkConfig> {
    #[derive(Clone, Copy)]
    enum Transport {
        Unix,
        Udp,
        Tcp,
    }
    section.need("kind", "\"stdout\" or \"syslog\"");
    let is_syslog = section.choice("kind", &[("stdout", false), ("syslog", true)]);
    let is_key = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let name = section.parse("name", "letters, digits and -", |name| is_key(name).then(|| name.to_owned()));
    let kind = if is_syslog? {
        let transport = section
            .choice("transport", &[("unix", Transport::Unix), ("udp", Transport::Udp), ("tcp", Transport::Tcp)])
            .unwrap_or(Transport::Unix);
        let app_name = section.parse("app_name", "1 to 48 printable ASCII characters without a space", |name| {
            let printable = name.bytes().all(|byte| byte.is_ascii_graphic());
            ((1..=48).contains(&name.len()) && printable).then(|| name.to_owned())
        });
        let transport = match transport {
            Transport::Unix => {
                Some(SyslogTransport::Unix(section.path("path").unwrap_or_else(|| PathBuf::from("/dev/log"))))
            }
            Transport::Udp => address(&mut section).map(SyslogTransport::Udp),
            Transport::Tcp => address(&mut section).map(SyslogTransport::Tcp),
        };
        let app_name = app_name.unwrap_or_else(|| "costwarden".to_owned());
        transport.map(|transport| SinkKind::Syslog(SyslogConfig { transport, app_name }))
    } else {
        Some(SinkKind::Stdout)
    };
    let name = name.unwrap_or_else(|| if is_syslog == Some(true) { "syslog" } else { "stdout" }.to_owned());
    if !taken.insert(name.clone()) {
        section.fail("name", format!("{name:?} is taken, expected a name of its own for each sink"));
    }
    section.finish();
    Some(SinkConfig { name, kind: kind? })
}

fn address(section: &mut Section<'_, '_>) -> Option<String> {
    const EXPECTED: &str = "\"HOST:PORT\"";
    section.need("address", EXPECTED);
    section.parse("address", EXPECTED, |text| {
        let (host, port) = text.rsplit_once(':')?;
        (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
    })
}

/// A certificate and its key in one file, which is a secret. None where it is there and cannot be used.
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
