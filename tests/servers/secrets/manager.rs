//! `kakao-secret:` with the simulated identity service and Secrets Manager.

use serde_json::{Value, json};

use costwarden_tests::{Simulator, Workdir, block_on};

const DAY: &str = "2026-11-22";
/// The exit code of a first day: the bill was fetched, and there is no evaluation yet.
const LEARNING: i32 = 1;

fn simulator() -> Simulator {
    Simulator::start(&["--now=2026-11-23T10:10:00+09:00", "--services=4", "--days=30", "--incidents=off"])
}

/// A working directory with the credentials of the billing API in Secrets Manager.
fn workdir(simulator: &Simulator, more: &str) -> Workdir {
    let url = &simulator.url;
    Workdir::new(&format!(
        r#"[source]
account = "suite"
kind = "kakao"
endpoint = {url:?}
credential_id = "kakao-secret:billing-id"
credential_secret = "kakao-secret:billing-secret@2"
backoff_ms = 1
[secrets]
iam_endpoint = {url:?}
endpoint = {url:?}
credential_id = "simulated-id"
credential_secret = "env:SIMULATED_SECRET"
attempts = 3
backoff_ms = 1
timeout_seconds = 20
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "embedded"
{more}"#
    ))
}

fn put(simulator: &Simulator, secrets: &Value) {
    simulator.send("PUT", "/simulate/secrets", &secrets.to_string());
}

fn good() -> Value {
    json!({ "billing-id": "simulated-id", "billing-secret": "an-older-one", "billing-secret@2": { "value": "simulated-secret" } })
}

fn backfill(workdir: &Workdir, code: i32) -> String {
    let run = workdir.run_with(&["backfill", "--from", DAY, "--to", DAY], &[Simulator::ENV]).expect(code);
    assert!(!format!("{run:?}").contains("simulated-secret"), "{run:?}");
    plain(workdir, &run.stderr)
}

/// Removes log lines and replaces varying parts.
fn plain(workdir: &Workdir, text: &str) -> String {
    let path = workdir.path().display().to_string();
    let lines = text.lines().filter(|line| !line.starts_with('{'));
    lines.map(|line| format!("{}\n", line.replace(&path, "[workdir]"))).collect()
}

fn failed(workdir: &Workdir, simulator: &Simulator) -> String {
    let told = backfill(workdir, 2).replace(&simulator.url, "[url]");
    // What is tried again is logged, with how long that is waited for.
    told.lines().filter(|line| !line.trim_start().starts_with("WARN ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_fetches_each_secret_once() {
    let simulator = simulator();
    put(&simulator, &good());
    // Of a registry that no rule uses, and the same secret as another.
    let workdir = workdir(
        &simulator,
        &format!(
            "[plugins]\ndirectory = {:?}\n[[plugins.registry]]\nhost = \"registry.example\"\nusername = \"u\"\npassword = \"kakao-secret:billing-secret@2\"\n",
            costwarden_tests::plugins()
        ),
    );
    backfill(&workdir, LEARNING);
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
        .get(format!("{}/simulate/secrets", simulator.url));
    let told: Value = block_on(async { request.send().await.expect("an answer").json().await.expect("JSON") });
    assert_eq!(told, json!({ "read": 2 }));
}

#[test]
fn temporary_failures_are_retried() {
    let simulator = simulator();
    put(&simulator, &good());
    let workdir = workdir(&simulator, "");
    simulator.send("PUT", "/simulate/faults", r#"{"status":503,"times":2}"#);
    backfill(&workdir, LEARNING);
}

#[test]
fn every_secret_that_is_not_had_is_told_at_once_with_its_place() {
    let simulator = simulator();
    put(&simulator, &json!({ "billing-id": ["simulated-secret"] }));
    insta::assert_snapshot!(failed(&workdir(&simulator, ""), &simulator), @"
    failed: [workdir]/costwarden.toml:6: source.credential_id: [url]/api/v1/secrets/billing-id/versions/value sent an unexpected answer: expected JSON with a text at data, or an object there with the text value or one text alone, found data as a list
    [workdir]/costwarden.toml:7: source.credential_secret: [url]/api/v1/secrets/billing-secret/versions/value?version=2 has no kakao-secret:billing-secret@2: check the id and the version
    ");
}

#[test]
fn wrong_credentials_are_told() {
    let simulator = simulator();
    put(&simulator, &good());
    let workdir = workdir(&simulator, "");
    let run = workdir.run_with(&["daily"], &[("SIMULATED_SECRET", "another-secret")]).expect(2);
    assert!(!format!("{run:?}").contains("another-secret"), "{run:?}");
    insta::assert_snapshot!(plain(&workdir, &run.stderr).replace(&simulator.url, "[url]"), @"
    failed: [workdir]/costwarden.toml:6: source.credential_id: [url]/identity/v3/auth/tokens refused the credentials with 401: check secrets.credential_id and secrets.credential_secret
    [workdir]/costwarden.toml:7: source.credential_secret: [url]/identity/v3/auth/tokens refused the credentials with 401: check secrets.credential_id and secrets.credential_secret
    ");
}

#[test]
fn a_manager_that_does_not_answer_is_given_up() {
    let simulator = simulator();
    let workdir = workdir(&simulator, "");
    simulator.send("PUT", "/simulate/faults", r#"{"status":500}"#);
    insta::assert_snapshot!(failed(&workdir, &simulator), @"
    failed: [workdir]/costwarden.toml:6: source.credential_id: [url]/identity/v3/auth/tokens gave no answer in 3 attempts; the last attempt: it answered 500; try again later, or check the endpoints of [secrets]
    [workdir]/costwarden.toml:7: source.credential_secret: [url]/identity/v3/auth/tokens gave no answer in 3 attempts; the last attempt: it answered 500; try again later, or check the endpoints of [secrets]
    ");
}

#[test]
fn a_check_fetches_nothing_unless_it_is_online() {
    let simulator = simulator();
    let workdir = workdir(&simulator, "");
    simulator.send("PUT", "/simulate/faults", r#"{"status":500}"#);
    let run = workdir.run_with(&["check"], &[Simulator::ENV]).expect(0);
    insta::assert_snapshot!(plain(&workdir, &run.stderr), @r#"
    warning: [workdir]/costwarden.toml:6: source.credential_id: kakao-secret:billing-id: --online fetches the secret
    warning: [workdir]/costwarden.toml:7: source.credential_secret: kakao-secret:billing-secret@2: --online fetches the secret
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    "#);
    let run = workdir.run_with(&["check", "--online"], &[Simulator::ENV]).expect(2);
    assert!(run.stderr.contains("gave no answer in 3 attempts; the last attempt: it answered 500"), "{run:?}");
}

#[test]
fn a_manager_needs_a_table_and_its_own_credentials_elsewhere() {
    let workdir = Workdir::new(
        r#"[source]
account = "suite"
kind = "kakao"
credential_id = "id"
credential_secret = "kakao-secret:a/b"
[secrets]
endpoint = "http://secrets.example.com"
credential_id = "kakao-secret:one"
credential_secret = "plain"
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "mongodb"
uri = "kakao-secret:mongodb"
"#,
    );
    let run = workdir.run(&["check"]).expect(2);
    let without = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("a config");
    let (before, after) = without.split_once("[secrets]").expect("the table");
    let after = &after[after.find("[archive]").expect("the next one")..];
    workdir.write("costwarden.toml", &format!("{before}{after}").replace("kakao-secret:a/b", "kakao-secret:a"));
    let without = workdir.run(&["daily"]).expect(2);
    let text = run.stderr + &without.stderr;
    insta::assert_snapshot!(plain(&workdir, &text), @r#"
    error: [workdir]/costwarden.toml:6: source.credential_secret: expected "kakao-secret:ID" or "kakao-secret:ID@VERSION" of letters, digits, -, _ and .
    error: [workdir]/costwarden.toml:8: secrets.endpoint: plain http sends requests and credentials over the network without encryption, expected https://; to permit plain http, set transport = "insecure-http"
    error: [workdir]/costwarden.toml:9: secrets.credential_id: the credentials of Secrets Manager cannot be stored in Secrets Manager, expected "env:NAME" or "file:PATH"
    error: [workdir]/costwarden.toml:10: secrets.credential_secret: expected a reference such as "env:NAME", "file:PATH" or "kakao-secret:ID", not the secret itself
    failed: [workdir]/costwarden.toml:6: source.credential_secret: expected a table [secrets] with credential_id and credential_secret
    [workdir]/costwarden.toml:12: store.uri: expected a table [secrets] with credential_id and credential_secret
    "#);
}
