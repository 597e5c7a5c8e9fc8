//! A bucket on a real S3 server, and a plain client for it.

use std::os::unix::fs::PermissionsExt as _;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};

use crate::{Workdir, block_on, service};

/// A bucket of one test.
pub struct Bucket {
    /// The base URL of the server.
    pub endpoint: String,
    /// The access key id.
    pub key: String,
    /// The secret access key.
    pub secret: String,
    /// The name of the bucket.
    pub name: String,
}

/// Key, ETag and time of the last change (Unix time in nanoseconds) of an object.
pub type Listed = (String, Option<String>, Option<i64>);

impl Bucket {
    /// A new bucket on the server of `tests/services.sh`; `None` without a server.
    pub fn new(name: &str) -> Option<Self> {
        let [endpoint, key, secret] =
            ["ENDPOINT", "KEY", "SECRET"].map(|part| service(&format!("COSTWARDEN_TEST_S3_{part}")));
        Some(Self::at(endpoint?, key?, secret?, name))
    }

    /// A new bucket on a server that the test started.
    pub fn at(endpoint: String, key: String, secret: String, name: &str) -> Self {
        let bucket = Self { endpoint, key, secret, name: format!("{name}-{}", std::process::id()) };
        block_on(bucket.client().create_bucket().bucket(&bucket.name).send()).expect("a bucket");
        bucket
    }

    /// A client with the credentials of the bucket.
    pub fn client(&self) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(&self.endpoint)
            // The one in which a bucket is made without naming it.
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(&self.key, &self.secret, None, None, "suite"))
            .force_path_style(true)
            .build();
        Client::from_conf(config)
    }

    /// The `[archive]` table. The secret is a reference to the file `secret` of the working directory.
    pub fn archive(&self, endpoint: &str) -> String {
        format!(
            "[archive]\nkind = \"s3\"\nendpoint = {endpoint:?}\nbucket = {:?}\naccess_key = {:?}\nsecret_key = \"file:secret\"\n",
            self.name, self.key
        )
    }

    /// Writes the secret to the file `secret` with mode 600.
    pub fn hand_over_secret(&self, workdir: &Workdir) {
        workdir.write("secret", &self.secret);
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(workdir.path().join("secret"), owner_only).expect("permissions");
    }

    /// All objects in the order of their keys.
    pub fn list(&self) -> Vec<Listed> {
        let client = self.client();
        let reply = block_on(client.list_objects_v2().bucket(&self.name).send()).expect("a list");
        let listed = reply.contents().iter().map(|object| {
            let written = object.last_modified().map(aws_sdk_s3::primitives::DateTime::as_nanos);
            (object.key().expect("a key").to_owned(), object.e_tag().map(str::to_owned), written.map(|at| at as i64))
        });
        listed.collect()
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        self.list().into_iter().map(|(key, ..)| key).collect()
    }

    /// Content type and body of an object.
    pub fn object(&self, key: &str) -> (Option<String>, String) {
        let client = self.client();
        block_on(async {
            let object = client.get_object().bucket(&self.name).key(key).send().await.expect("an object");
            let kind = object.content_type().map(str::to_owned);
            let body = object.body.collect().await.expect("a body").to_vec();
            (kind, String::from_utf8(body).expect("UTF-8"))
        })
    }

    /// Writes an object.
    pub fn put(&self, key: &str, body: &str) {
        let put = self.client().put_object().bucket(&self.name).key(key).body(body.as_bytes().to_vec().into());
        block_on(put.send()).expect("put");
    }

    /// Removes an object.
    pub fn remove(&self, key: &str) {
        block_on(self.client().delete_object().bucket(&self.name).key(key).send()).expect("removed");
    }
}
