//! The tables `[archive]` and `[archive.lifecycle]`.

use std::path::PathBuf;
use std::time::Duration;

use config_file::secret::{self, SecretResolver};
use config_file::toml::{Section, directory};
use transport::endpoint;

use super::{Lifecycle, RequestedEncryption, S3Options};

/// The storage of raw documents.
#[derive(Debug, Clone)]
pub enum ArchiveOptions {
    Directory { directory: PathBuf },
    S3(S3Options),
}

/// The words for the kinds in a config.
pub const KINDS: &str = "\"directory\" or \"s3\"";

const S3_ENDPOINT: &str = "https://objectstorage.kr-central-2.kakaocloud.com";

/// Reads the table `[archive]`.
pub fn read(mut section: Section<'_, '_>, resolver: &SecretResolver<'_>) -> Option<(ArchiveOptions, Lifecycle)> {
    #[derive(Clone, Copy)]
    enum KindWord {
        Directory,
        S3,
    }
    section.need("kind", KINDS);
    let lifecycle = section.section("lifecycle").map_or_else(Lifecycle::default, lifecycle);
    let archive = match section.choice("kind", &[("directory", KindWord::Directory), ("s3", KindWord::S3)])? {
        KindWord::Directory => directory(section).map(|directory| ArchiveOptions::Directory { directory }),
        KindWord::S3 => {
            let options = s3(&mut section, resolver);
            section.finish();
            options.map(ArchiveOptions::S3)
        }
    };
    Some((archive?, lifecycle))
}

fn s3(section: &mut Section<'_, '_>, resolver: &SecretResolver<'_>) -> Option<S3Options> {
    section.need("bucket", "the name of the bucket");
    section.need("access_key", "an S3 access key, like \"env:S3_ACCESS_KEY\"");
    section.need("secret_key", "the secret of the access key, like \"env:S3_SECRET_KEY\"");
    let transport = endpoint::transport(section);
    let endpoint = endpoint::endpoint(section, "endpoint", S3_ENDPOINT, transport);
    let authority = endpoint::authority(section);
    let region = section.text("region");
    let bucket = section.parse("bucket", "the name of the bucket", |name| {
        (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
    });
    let prefix = section.parse("prefix", "a key prefix that ends in /, like \"billing/\"", |prefix| {
        (prefix.is_empty() || prefix.ends_with('/')).then(|| prefix.to_owned())
    });
    let access_key = secret::read_or_plain(section, "access_key", resolver);
    let secret_key = secret::read(section, "secret_key", resolver);
    let timeout = section.whole("timeout_seconds", 1..=600);
    let encryption = encryption(section);
    Some(S3Options {
        endpoint: endpoint?,
        authority: authority?,
        region: region.unwrap_or_else(|| "kr-central-2".to_owned()),
        bucket: bucket?,
        prefix: prefix.unwrap_or_default(),
        access_key_id: access_key?,
        secret_access_key: secret_key?,
        timeout: Duration::from_secs(timeout.unwrap_or(30) as u64),
        attempts: 3,
        encryption,
    })
}

/// Reads the keys `server_side_encryption` and `kms_key_id`. An invalid combination is recorded as an error.
fn encryption(section: &mut Section<'_, '_>) -> Option<RequestedEncryption> {
    #[derive(Clone, Copy)]
    enum Algorithm {
        Aes256,
        Kms,
    }
    let algorithm =
        section.choice("server_side_encryption", &[("AES256", Algorithm::Aes256), ("aws:kms", Algorithm::Kms)]);
    let key_id =
        section.parse("kms_key_id", "the id, the alias or the ARN of a key, in visible ASCII characters", |id| {
            let is_valid = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
            is_valid.then(|| id.to_owned())
        });
    match (algorithm, key_id) {
        (Some(Algorithm::Kms), key_id) => Some(RequestedEncryption::ManagedKey { key_id }),
        (algorithm, None) => algorithm.map(|_| RequestedEncryption::StorageKey),
        (_, Some(_)) => {
            section.fail("kms_key_id", "requires server_side_encryption = \"aws:kms\"");
            None
        }
    }
}

/// Reads the retention of raw documents. The defaults are the values of the replaced pipeline.
fn lifecycle(mut section: Section<'_, '_>) -> Lifecycle {
    let default = Lifecycle::default();
    let minimum = i64::from(Lifecycle::KEPT_DAYS) + 1;
    let days = |days: Option<i64>, default: u16| days.map_or(default, |days| days as u16);
    let lifecycle = Lifecycle {
        cold_after_days: days(section.whole("cold_after_days", 1..=36_499), default.cold_after_days),
        delete_after_days: days(section.whole("delete_after_days", minimum..=36_500), default.delete_after_days),
        cold_class: section
            .parse("cold_class", "the name of a storage class, like \"GLACIER_IR\"", |class| {
                let is_valid = !class.is_empty() && class.bytes().all(|byte| byte.is_ascii_graphic());
                is_valid.then(|| class.to_owned())
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
