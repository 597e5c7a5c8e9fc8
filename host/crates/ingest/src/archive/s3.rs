//! An archive in a bucket of an S3-compatible object storage.
//!
//! The client uses only the configured values and reads no environment, profile or instance credentials.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use config_file::secret::Secret;
use transport::causes::causes;
use transport::http::{self, Authority};

use super::ArchiveError;
use super::encryption::{ObservedEncryption, RequestedEncryption};

/// Options of a bucket.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// Endpoint, e.g. `https://objectstorage.kr-central-2.kakaocloud.com`.
    pub endpoint: String,
    /// The only trusted certificate authority, if present.
    pub authority: Option<Authority>,
    pub region: String,
    pub bucket: String,
    /// Prefix of every key, joined with a `/`; empty for no prefix.
    pub prefix: String,
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    /// Timeout of one attempt, including the body.
    pub timeout: Duration,
    /// Total attempts, at least 1.
    pub attempts: u32,
    /// `None` leaves the encryption to the settings of the bucket.
    pub encryption: Option<RequestedEncryption>,
}

/// A bucket with path-style addresses.
#[derive(Debug)]
pub struct S3 {
    pub(super) client: Client,
    pub(super) bucket: String,
    /// Bucket and endpoint, for messages.
    location: Arc<str>,
    prefix: String,
    secrets: [Secret; 2],
    encryption: Option<RequestedEncryption>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl S3 {
    pub fn new(options: S3Options) -> Self {
        let credentials = Credentials::new(
            options.access_key_id.expose(),
            options.secret_access_key.expose(),
            // No session token and no expiry.
            None,
            None,
            "costwarden configuration",
        );
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(options.timeout))
            .operation_attempt_timeout(options.timeout)
            .build();
        let mut config = Config::builder();
        if let Some(authority) = &options.authority {
            config.set_http_client(Some(http_client(authority)));
        }
        let config = config
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(&options.endpoint)
            .region(Region::new(options.region))
            .credentials_provider(credentials)
            .force_path_style(true)
            // Kakao Cloud and similar storages refuse the checksum headers of the SDK's default.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .retry_config(RetryConfig::standard().with_max_attempts(options.attempts.max(1)))
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            location: format!("bucket {} at {}", options.bucket, options.endpoint).into(),
            bucket: options.bucket,
            prefix: options.prefix.trim_matches('/').to_owned(),
            secrets: [options.secret_access_key, options.access_key_id],
            encryption: options.encryption,
        }
    }

    pub(super) async fn check(&self) -> Result<(), ArchiveError> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let (why, hint) = self.explain(&error);
                Err(ArchiveError::Bucket { location: Arc::clone(&self.location), why, hint })
            }
        }
    }

    pub(super) async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let key = self.object_key(key);
        let reply = self.client.get_object().bucket(&self.bucket).key(&key).send().await;
        self.body_of(key, reply).await
    }

    /// Reads the body of a reply; `None` for a missing object.
    async fn body_of(
        &self,
        key: String,
        reply: Result<GetObjectOutput, SdkError<GetObjectError>>,
    ) -> Result<Option<Vec<u8>>, ArchiveError> {
        let object = match reply {
            Ok(object) => object,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(self.object_error("read", key, &error)),
        };
        match object.body.collect().await {
            Ok(body) => Ok(Some(body.to_vec())),
            Err(error) => Err(ArchiveError::Object {
                action: "read",
                key,
                location: self.location(),
                why: self.redact(&causes(&error)),
                hint: HINT_NETWORK,
            }),
        }
    }

    pub(super) async fn write(&self, key: &str, body: Vec<u8>) -> Result<(), ArchiveError> {
        let key = self.object_key(key);
        let request = self.client.put_object().bucket(&self.bucket).key(&key).content_type(content_type(&key));
        let encryption = self.encryption.as_ref();
        let request = request
            .set_server_side_encryption(encryption.map(RequestedEncryption::algorithm))
            .set_ssekms_key_id(encryption.and_then(RequestedEncryption::key_id).map(str::to_owned));
        match request.body(ByteStream::from(body)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.object_error("write", key, &error)),
        }
    }

    /// Returns the encryption of an object as the storage reports it.
    ///
    /// # Errors
    /// The object is missing, or has another encryption than the config requests.
    pub(super) async fn encryption(&self, key: &str) -> Result<ObservedEncryption, ArchiveError> {
        let key = self.object_key(key);
        let head = match self.client.head_object().bucket(&self.bucket).key(&key).send().await {
            Ok(head) => head,
            Err(error) => return Err(self.object_error("read", key, &error)),
        };
        let observed = match head.server_side_encryption() {
            None => ObservedEncryption::NotReported,
            Some(algorithm) => ObservedEncryption::Encrypted {
                algorithm: algorithm.as_str().to_owned(),
                key_id: head.ssekms_key_id().map(str::to_owned),
            },
        };
        match &self.encryption {
            Some(requested) if !requested.matches(&observed) => Err(ArchiveError::OtherEncryption {
                key,
                location: self.location(),
                expected: requested.algorithm().as_str().to_owned(),
                observed,
            }),
            _ => Ok(observed),
        }
    }

    /// Reads the last bytes of an object with a known size.
    pub(super) async fn read_end(&self, key: &str, size: u64, bytes: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        if size <= bytes {
            return self.read(key).await;
        }
        let key = self.object_key(key);
        let request = self.client.get_object().bucket(&self.bucket).key(&key).range(format!("bytes={}-", size - bytes));
        self.body_of(key, request.send().await).await
    }

    /// Lists the keys of all possible documents, with sizes in bytes.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, ArchiveError> {
        let root = self.object_key(prefix);
        // Listed keys include the prefix; costwarden's keys do not.
        let prefix_length = root.len() - prefix.len();
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(root).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let (why, hint) = self.explain(&error);
                ArchiveError::Bucket { location: self.location(), why, hint }
            })?;
            for object in page.contents() {
                let key = object.key().and_then(|key| key.get(prefix_length..)).unwrap_or_default();
                let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                keys.push((key.to_owned(), bytes));
            }
        }
        Ok(keys)
    }

    pub(super) async fn remove(&self, key: &str) -> Result<(), ArchiveError> {
        let key = self.object_key(key);
        match self.client.delete_object().bucket(&self.bucket).key(&key).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(self.object_error("remove", key, &error)),
        }
    }

    pub(super) fn location(&self) -> Arc<str> {
        Arc::clone(&self.location)
    }

    pub(super) fn object_key(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    fn object_error<E>(&self, action: &'static str, key: String, error: &SdkError<E>) -> ArchiveError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let (why, hint) = self.explain(error);
        ArchiveError::Object { action, key, location: Arc::clone(&self.location), why, hint }
    }

    /// Returns the cause of a failure and a hint for the operator.
    pub(super) fn explain<E: ProvideErrorMetadata + Error + 'static>(
        &self,
        error: &SdkError<E>,
    ) -> (String, &'static str) {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let service = error.as_service_error();
        let code = service.and_then(ProvideErrorMetadata::code);
        let hint = match (status, code) {
            (None, _) => HINT_NETWORK,
            (_, Some("NoSuchBucket")) => HINT_BUCKET,
            (_, Some("InvalidObjectState")) => HINT_COLD,
            (_, Some(code)) if self.encryption.is_some() && is_about_encryption(code) => HINT_ENCRYPTION,
            (Some(404), None | Some("NotFound")) => HINT_BUCKET,
            (Some(401 | 403), _) => HINT_ACCESS,
            _ => HINT_OTHER,
        };
        let why = match (status, service) {
            (Some(status), Some(service)) => {
                let answer = [
                    Some(format!("it answered {status}")),
                    code.map(str::to_owned),
                    service.message().map(str::to_owned),
                ];
                answer.into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
            _ => causes(error),
        };
        let hint = if http::is_untrusted_certificate(&why) { HINT_TRUST } else { hint };
        (self.redact(&why), hint)
    }

    fn redact(&self, text: &str) -> String {
        self.secrets
            .iter()
            // An empty secret would match between all characters.
            .filter(|secret| !secret.expose().is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "[redacted]"))
    }
}

const HINT_NETWORK: &str = "check archive.endpoint, and that this host can reach the endpoint";
const HINT_TRUST: &str = "check archive.ca_file and the host in archive.endpoint";
const HINT_BUCKET: &str = "create the bucket or correct archive.bucket";
const HINT_ACCESS: &str =
    "check archive.access_key, archive.secret_key and archive.region, and that the key may use the bucket";
const HINT_COLD: &str = "the storage class of the object has no immediate access: restore the object, or set archive.lifecycle.cold_class to \
     a class with immediate access";
const HINT_ENCRYPTION: &str = "check archive.server_side_encryption and archive.kms_key_id, and that the storage offers the encryption and the \
     access key may use the key";
const HINT_OTHER: &str = "check archive.endpoint, archive.region and the status of the storage";

/// Builds the SDK's standard client with `authority` as the only trusted certificate authority.
fn http_client(authority: &Authority) -> SharedHttpClient {
    let store = TrustStore::empty().with_pem_certificate(authority.pem());
    let context = TlsContext::builder().with_trust_store(store).build();
    let context = context.expect("a context without parsed certificates is valid");
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_https()
}

/// Returns whether a refusal can have the encryption as the cause.
fn is_about_encryption(code: &str) -> bool {
    matches!(code, "NotImplemented" | "InvalidArgument" | "InvalidEncryptionAlgorithmError") || code.starts_with("KMS.")
}

/// Returns whether an object is missing. A missing bucket is an error instead.
fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    status == Some(404) && error.as_service_error().is_some_and(|error| error.code() != Some("NoSuchBucket"))
}

/// Returns the media type of an object. A browser shows a report instead of saving the file.
fn content_type(key: &str) -> &'static str {
    match key.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "md")) => "text/markdown; charset=utf-8",
        Some((_, "csv")) => "text/csv; charset=utf-8",
        _ => "application/json",
    }
}

#[cfg(test)]
mod tests;
