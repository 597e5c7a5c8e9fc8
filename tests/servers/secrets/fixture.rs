//! A working directory with distinct secrets, and a search for secrets in everything that a run leaves behind.

use std::path::Path;
use std::process::Command;

use futures_util::TryStreamExt as _;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use serde_json::json;

use super::forms::assert_absent;
use costwarden_tests::{Run, Simulator, Workdir, block_on, plugins, repository, run, service, write_private};

/// The secrets. The simulator uses the first two.
pub(crate) const API_ID: &str = "Api-Id-9f31!x";
pub(crate) const API_SECRET: &str = "Api+Secret/77c2==";
pub(crate) const MONGO_PASSWORD: &str = "Mongo:P@ss/w0rd+5e";
pub(crate) const S3_KEY: &str = "S3AccessKey4711";
pub(crate) const S3_SECRET: &str = "S3/Secret+Key-0815";
pub(crate) const REGISTRY_PASSWORD: &str = "Registry$Pass-31b7";
/// The token of the simulated identity service.
const TOKEN: &str = "simulated-token-of-secrets-manager";
const SECRETS: [&str; 7] = [API_ID, API_SECRET, MONGO_PASSWORD, S3_KEY, S3_SECRET, REGISTRY_PASSWORD, TOKEN];

/// Log filters. The last filter names every crate that connects to servers.
pub(crate) const LOGS: [&str; 3] = [
    "",
    "trace",
    "trace,hyper=trace,hyper_util=trace,h2=trace,reqwest=trace,rustls=trace,mongodb=trace,aws_config=trace,aws_runtime=trace,\
     aws_sdk_s3=trace,aws_sigv4=trace,aws_smithy_runtime=trace,aws_smithy_runtime_api=trace,aws_smithy_http_client=trace,\
     oci_client=trace,oci_wasm=trace,tower=trace,tokio=trace,costwarden=trace",
];

/// Servers with users for the secrets.
pub(crate) struct SecretsFixture {
    pub(crate) simulator: Simulator,
    server: String,
    database: String,
    registry: String,
}

/// The values of the config; a test replaces single values by wrong ones.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) source: String,
    pub(crate) storage: String,
    pub(crate) uri: String,
    pub(crate) more: String,
    pub(crate) log: &'static str,
}

impl SecretsFixture {
    /// The servers; `None` if absent.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let server = service("COSTWARDEN_TEST_MONGODB")?.trim_start_matches("mongodb://").to_owned();
        let registry = service("COSTWARDEN_TEST_REGISTRY")?;
        let database = format!("secrets-{name}-{}", std::process::id());
        let simulator = Simulator::start(&[
            "--now=2026-11-23T10:10:00+09:00",
            "--services=6",
            "--days=30",
            "--credential-id",
            API_ID,
            "--credential-secret",
            API_SECRET,
        ]);
        simulator.send("PUT", "/simulate/secrets", &json!({ "s3": S3_SECRET }).to_string());
        let fixture = Self { simulator, server, database, registry };
        let user = doc! { "createUser": "keeper", "pwd": MONGO_PASSWORD, "roles": ["readWrite"] };
        block_on(async { fixture.client().await.database(&fixture.database).run_command(user).await }).expect("a user");
        Some(fixture)
    }

    async fn client(&self) -> Client {
        Client::with_uri_str(format!("mongodb://{}", self.server)).await.expect("a client")
    }

    /// Correct values.
    pub(crate) fn config(&self) -> Config {
        Config {
            source: self.simulator.url.clone(),
            storage: storage(S3_KEY, "kakao-secret:s3"),
            uri: self.uri("Mongo%3AP%40ss%2Fw0rd%2B5e"),
            more: String::new(),
            log: "",
        }
    }

    pub(crate) fn uri(&self, password: &str) -> String {
        format!(
            "mongodb://keeper:{password}@{}/{db}?authSource={db}&serverSelectionTimeoutMS=2000",
            self.server,
            db = self.database
        )
    }

    pub(crate) fn workdir(&self, config: &Config) -> Workdir {
        let url = &self.simulator.url;
        let Config { source, storage, more, .. } = config;
        let workdir = Workdir::new(&format!(
            r#"[source]
account = "suite"
kind = "kakao"
endpoint = {source:?}
credential_id = "env:SUITE_API_ID"
credential_secret = "file:api-secret"
retry_seconds = 0
backoff_ms = 1
{storage}[store]
kind = "mongodb"
uri = "env:SUITE_MONGO_URI"
database = {database:?}
[secrets]
iam_endpoint = {url:?}
endpoint = {url:?}
credential_id = "env:SUITE_API_ID"
credential_secret = "file:api-secret"
attempts = 2
backoff_ms = 1
[plugins]
directory = {plugins:?}
[[plugins.registry]]
host = {registry:?}
username = "costwarden"
password = "env:SUITE_REGISTRY"
transport = "http"
[rules]
directory = {rules:?}
[[receiver]]
kind = "stdout"
{more}"#,
            database = self.database,
            plugins = plugins(),
            registry = self.registry,
            rules = repository().join("rules/default"),
        ));
        write_private(&workdir.path().join("api-secret"), API_SECRET);
        workdir
    }

    /// Runs the binary and searches output, files and documents for every secret.
    pub(crate) fn run(&self, workdir: &Workdir, config: &Config, args: &[&str]) -> Run {
        let env = [
            ("SUITE_API_ID", API_ID),
            ("SUITE_MONGO_URI", config.uri.as_str()),
            ("SUITE_REGISTRY", REGISTRY_PASSWORD),
            ("SUITE_S3_KEY", S3_KEY),
            ("SUITE_S3_SECRET", S3_SECRET),
        ];
        let mut command = workdir.command(args, &env);
        if !config.log.is_empty() {
            command.env("COSTWARDEN_LOG", config.log);
        }
        let run = run(Command::env(&mut command, "RUST_BACKTRACE", "1"));
        let place = format!("{args:?} under {config:?}");
        assert_absent(&format!("standard output of {place}"), &run.stdout, &SECRETS);
        assert_absent(&format!("standard error of {place}"), &run.stderr, &SECRETS);
        for file in files(workdir.path()) {
            if file.file_name().is_some_and(|name| name != "api-secret" && name != "costwarden.toml") {
                let bytes = std::fs::read(&file).expect("a file that the run left");
                assert_absent(&format!("{} of {place}", file.display()), &String::from_utf8_lossy(&bytes), &SECRETS);
            }
        }
        self.documents(&place);
        run
    }

    /// Searches all documents for secrets and returns their number.
    pub(crate) fn documents(&self, place: &str) -> usize {
        block_on(async {
            let database = self.client().await.database(&self.database);
            let mut count = 0;
            for name in database.list_collection_names().await.expect("collections") {
                let found = database.collection::<Document>(&name).find(doc! {}).await.expect("found");
                let documents: Vec<Document> = found.try_collect().await.expect("read");
                count += documents.len();
                for document in documents {
                    assert_absent(&format!("{name} after {place}"), &document.to_string(), &SECRETS);
                    // What is in there as bytes.
                    let bytes = mongodb::bson::to_vec(&document).expect("BSON");
                    assert_absent(&format!("{name} after {place}"), &String::from_utf8_lossy(&bytes), &SECRETS);
                }
            }
            count
        })
    }
}

impl Drop for SecretsFixture {
    fn drop(&mut self) {
        let dropped = block_on(async {
            let database = self.client().await.database(&self.database);
            database.run_command(doc! { "dropUser": "keeper" }).await?;
            database.drop().await
        });
        if !std::thread::panicking() {
            dropped.expect("the database is dropped");
        }
    }
}

/// The `[archive]` table for the real storage, with key and secret as references or texts.
pub(crate) fn storage(key: &str, secret: &str) -> String {
    let endpoint = std::env::var("COSTWARDEN_TEST_S3_ENDPOINT").unwrap_or_default();
    let bucket = std::env::var("COSTWARDEN_TEST_S3_BUCKET").unwrap_or_default();
    format!(
        "[archive]\nkind = \"s3\"\nendpoint = {endpoint:?}\nbucket = {bucket:?}\naccess_key = {key:?}\nsecret_key = {secret:?}\n\
         timeout_seconds = 5\n"
    )
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
