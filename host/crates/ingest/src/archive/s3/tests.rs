use jiff::Timestamp;
use test_services::services;

use super::super::{Archive, PutResult};
use super::*;
use crate::answers::{Answers, answer};
use crate::document::decode;
use crate::document::tests::document;

fn options(endpoint: &str, bucket: &str, key: &str, secret: &str) -> S3Options {
    S3Options {
        endpoint: endpoint.to_owned(),
        authority: None,
        region: "kr-central-2".to_owned(),
        bucket: bucket.to_owned(),
        prefix: String::new(),
        access_key_id: Secret::new(key),
        secret_access_key: Secret::new(secret),
        timeout: Duration::from_secs(10),
        attempts: 1,
        encryption: None,
    }
}

/// Returns the storage in the environment variables. Prints the reason if a variable is missing.
fn server_options() -> Option<S3Options> {
    let names = ["ENDPOINT", "BUCKET", "KEY", "SECRET"].map(|name| format!("COSTWARDEN_TEST_S3_{name}"));
    let [endpoint, bucket, key, secret] = services(names.each_ref().map(String::as_str))?;
    Some(options(&endpoint, &bucket, &key, &secret))
}

fn now() -> Timestamp {
    "2026-11-25T00:00:00Z".parse().unwrap()
}

/// Returns an unused prefix, so that a bucket may be kept between runs.
fn fresh_prefix(name: &str) -> String {
    let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
    folder.path().file_name().unwrap().to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_real_bucket_keeps_documents_and_predecessors() {
    let Some(mut options) = server_options() else { return };
    options.prefix = format!("/{}/", fresh_prefix("documents-"));
    let archive = Archive::S3(S3::new(options));
    archive.check().await.unwrap();
    let first = document(&[r#"{"이름":1}"#, "2"], "2026-11-23T00:10:00Z");
    let key = "raw/year=2026/month=11/day=22/billing_20261122.json".to_owned();
    assert_eq!(archive.put(&first, now()).await.unwrap(), PutResult::Written { key: key.clone() });
    let before = archive.read(&key).await.unwrap().unwrap();
    let reordered = document(&["2", r#"{"이름":1}"#], "2026-11-24T00:10:00Z");
    assert_eq!(archive.put(&reordered, now()).await.unwrap(), PutResult::Unchanged);
    assert_eq!(archive.read(&key).await.unwrap().unwrap(), before);
    let changed = document(&["3"], "2026-11-24T00:10:00Z");
    let PutResult::Superseded { predecessor_key, .. } = archive.put(&changed, now()).await.unwrap() else {
        panic!("the first document was not superseded")
    };
    assert_eq!(archive.read(&predecessor_key).await.unwrap().unwrap(), before);
    assert_eq!(decode(&archive.read(&key).await.unwrap().unwrap()).unwrap().rows[0].get(), "3");
    let Archive::S3(s3) = &archive else { unreachable!("made above") };
    let head = s3.client.head_object().bucket(&s3.bucket).key(s3.object_key(&key)).send().await.unwrap();
    assert_eq!(head.content_type(), Some("application/json"));
}

#[tokio::test]
async fn a_refusal_of_a_real_storage_is_explained() {
    let Some(options) = server_options() else { return };
    let missing = S3Options { bucket: "no-such-bucket".to_owned(), ..options.clone() };
    let archive = Archive::S3(S3::new(missing));
    for message in [
        archive.check().await.unwrap_err().to_string(),
        archive.put(&document(&["1"], "2026-11-23T00:10:00Z"), now()).await.unwrap_err().to_string(),
    ] {
        assert!(message.contains("bucket no-such-bucket at http"), "{message}");
        assert!(message.ends_with(HINT_BUCKET), "{message}");
    }
    let secret = "not-the-secret-of-this-key";
    let refused = S3Options { secret_access_key: Secret::new(secret), ..options };
    let archive = Archive::S3(S3::new(refused));
    let message = archive.put(&document(&["1"], "2026-11-23T00:10:00Z"), now()).await.unwrap_err().to_string();
    assert!(message.contains("billing_20261122.json") && message.ends_with(HINT_ACCESS), "{message}");
    assert!(!message.contains(secret), "{message}");
}

#[tokio::test]
async fn an_endpoint_without_a_server_is_named() {
    // The port was bound only here and is closed after the drop, so no server answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let archive = Archive::S3(S3::new(options(&endpoint, "bills", "an-access-key", "a-secret-key")));
    let message = archive.check().await.unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot reach bucket bills at {endpoint}: ")), "{message}");
    assert!(message.ends_with(HINT_NETWORK), "{message}");
    let message = archive.put(&document(&["1"], "2026-11-23T00:10:00Z"), now()).await.unwrap_err().to_string();
    assert!(message.starts_with("cannot read raw/year=2026/"), "{message}");
    assert!(!message.contains("a-secret-key") && !message.contains("an-access-key"), "{message}");
}

/// Returns the answers to a probe: the bucket, the object's write, head, read and removal.
fn probe_answers(headers: &str) -> Vec<String> {
    vec![
        answer(200, "", ""),
        answer(200, headers, ""),
        answer(200, headers, ""),
        answer(200, headers, "{}"),
        answer(204, "", ""),
    ]
}

/// Probes a storage that reports an encryption with the headers of the answers. Returns the result and the headers
/// of the request that writes the object.
async fn probed(
    encryption: Option<RequestedEncryption>,
    headers: &str,
) -> (Result<ObservedEncryption, String>, Vec<String>) {
    let server = Answers::serve(probe_answers(headers));
    let archive = Archive::S3(S3::new(S3Options { encryption, ..options(&server.url(), "bills", "key", "secret") }));
    let observed = archive.probe_encryption().await.map_err(|error| error.to_string().replace(&server.url(), "URL"));
    let requests = server.requests();
    assert!(requests[1].starts_with("put /bills/costwarden-check.json"), "{requests:?}");
    assert_eq!(requests.len(), 5, "the object is removed: {requests:?}");
    let encryption = requests[1].lines().filter(|line| line.starts_with("x-amz-server-side-encryption"));
    let mut encryption: Vec<String> = encryption.map(str::to_owned).collect();
    encryption.sort_unstable();
    (observed, encryption)
}

#[tokio::test]
async fn each_write_requests_the_encryption() {
    let (observed, sent) = probed(None, "").await;
    assert_eq!(
        (observed.unwrap().to_string().as_str(), sent.len()),
        ("the storage reports no encryption of objects", 0)
    );

    let aes = "x-amz-server-side-encryption: AES256\r\n";
    let (observed, sent) = probed(Some(RequestedEncryption::StorageKey), aes).await;
    assert_eq!(observed.unwrap().to_string(), "objects are encrypted with AES256");
    assert_eq!(sent, ["x-amz-server-side-encryption: aes256"]);

    let kms = "x-amz-server-side-encryption: aws:kms\r\nx-amz-server-side-encryption-aws-kms-key-id: arn:key/7\r\n";
    let (observed, sent) = probed(Some(RequestedEncryption::ManagedKey { key_id: Some("7".to_owned()) }), kms).await;
    assert_eq!(observed.unwrap().to_string(), "objects are encrypted with aws:kms and the key arn:key/7");
    let key = "x-amz-server-side-encryption-aws-kms-key-id: 7";
    assert_eq!(sent, [key, "x-amz-server-side-encryption: aws:kms"]);
}

#[tokio::test]
async fn a_storage_that_ignores_the_encryption_is_named() {
    let (observed, _) = probed(Some(RequestedEncryption::StorageKey), "").await;
    assert_eq!(
        observed.unwrap_err(),
        "costwarden-check.json in bucket bills at URL: expected an object that is encrypted with AES256, but the \
         storage reports no encryption of objects; enable the encryption of the bucket and remove \
         archive.server_side_encryption, or use a storage that offers the encryption"
    );
}

#[tokio::test]
async fn a_refused_encryption_names_the_keys() {
    let body = "<Error><Code>KMS.NotFoundException</Code><Message>no such key</Message></Error>";
    let server = Answers::serve(vec![answer(200, "", ""), answer(400, "", body)]);
    let encryption = Some(RequestedEncryption::ManagedKey { key_id: None });
    let archive = Archive::S3(S3::new(S3Options {
        encryption,
        ..options(&server.url(), "bills", "an-access-key", "a-secret-key")
    }));
    let message = archive.probe().await.unwrap_err().to_string();
    assert!(message.contains("it answered 400, KMS.NotFoundException, no such key"), "{message}");
    assert!(message.ends_with(HINT_ENCRYPTION), "{message}");
}

#[test]
fn debug_output_contains_no_secret() {
    let options = options("http://127.0.0.1:1", "bills", "an-access-key", "a-secret-key");
    let text = format!("{options:?} {:?}", S3::new(options.clone()));
    assert!(!text.contains("a-secret-key"), "{text}");
}
