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

const LIFECYCLE: &str = "The retention of raw documents. `archive lifecycle --apply` writes the rules to the bucket.";
const ENCRYPTION: &str =
    "The encryption at rest, sent with each write. Without the key, the setting of the bucket applies.";
const KMS_KEY: &str =
    "The id, the alias or the ARN of the key for \"aws:kms\". Without the key, the storage selects one.";
const S3_ENDPOINT: &str = "https://objectstorage.kr-central-2.kakaocloud.com";

/// Reads the table `[archive]`.
pub fn read(mut section: Section<'_, '_>, resolver: &SecretResolver<'_>) -> Option<(ArchiveOptions, Lifecycle)> {
    #[derive(Clone, Copy)]
    enum KindWord {
        Directory,
        S3,
    }
    section.need("kind", KINDS);
    let lifecycle = section.key("lifecycle", LIFECYCLE).section().map_or_else(Lifecycle::default, lifecycle);
    let archive = match section
        .key("kind", "The kind of the archive.")
        .variant(&[("directory", KindWord::Directory), ("s3", KindWord::S3)])?
    {
        KindWord::Directory => directory(section, "The folder of the raw documents.")
            .map(|directory| ArchiveOptions::Directory { directory }),
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
    let endpoint = endpoint::endpoint(
        section.key("endpoint", "The address of the S3 storage.").default(S3_ENDPOINT),
        S3_ENDPOINT,
        transport,
    );
    let authority = endpoint::authority(section);
    let region = section.key("region", "The region in the signature of requests.").text_or("kr-central-2");
    let bucket = section
        .key("bucket", "The name of the bucket.")
        .pattern("^[^/]+$")
        .parse("the name of the bucket", |name| (!name.is_empty() && !name.contains('/')).then(|| name.to_owned()));
    let prefix = section
        .key("prefix", "The prefix of every key; ends in /.")
        .default("")
        .pattern("^$|/$")
        .parse("a key prefix that ends in /, like \"billing/\"", |prefix| {
            (prefix.is_empty() || prefix.ends_with('/')).then(|| prefix.to_owned())
        });
    let access_key = secret::read_or_plain(section.key("access_key", "An S3 access key, or a reference."), resolver);
    let secret_key = secret::read(section.key("secret_key", "A reference to the secret of the access key."), resolver);
    let timeout = section.key("timeout_seconds", "The time limit of an attempt, in seconds.").whole_or(1..=600, 30);
    let encryption = encryption(section);
    Some(S3Options {
        endpoint: endpoint?,
        authority: authority?,
        region,
        bucket: bucket?,
        prefix: prefix.unwrap_or_default(),
        access_key_id: access_key?,
        secret_access_key: secret_key?,
        timeout: Duration::from_secs(timeout as u64),
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
    let algorithm = section
        .key("server_side_encryption", ENCRYPTION)
        .choice(&[("AES256", Algorithm::Aes256), ("aws:kms", Algorithm::Kms)]);
    let key_id = section.key("kms_key_id", KMS_KEY).pattern("^[!-~]+$").parse(
        "the id, the alias or the ARN of a key, in visible ASCII characters",
        |id| {
            let is_valid = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
            is_valid.then(|| id.to_owned())
        },
    );
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
    let lifecycle = Lifecycle {
        cold_after_days: section
            .key(
                "cold_after_days",
                "The age at which documents move to cold_class, in days; less than delete_after_days.",
            )
            .whole_or(1..=36_499, i64::from(default.cold_after_days)) as u16,
        delete_after_days: section
            .key("delete_after_days", "The age at which documents are deleted, in days.")
            .whole_or(minimum..=36_500, i64::from(default.delete_after_days)) as u16,
        cold_class: section
            .key(
                "cold_class",
                "The storage class of old documents. `archive verify` needs a class with immediate reads.",
            )
            .default(default.cold_class.as_str())
            .pattern("^[!-~]+$")
            .parse("the name of a storage class, like \"GLACIER_IR\"", |class| {
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
