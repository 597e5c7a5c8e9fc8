//! Errors in the config: all errors appear at once, with lines.

use std::os::unix::fs::PermissionsExt as _;

use costwarden_tests::Workdir;
use costwarden_tests::three_services::{MINIMAL, check, plain, workdir};

/// Returns the output of `check` for a config.
#[track_caller]
fn refused(config: &str) -> String {
    let workdir = Workdir::new(MINIMAL);
    workdir.write("costwarden.toml", config);
    let (code, text) = check(&workdir);
    assert_eq!(code, 2, "{text}");
    text
}

#[test]
fn a_file_that_is_not_there() {
    let workdir = Workdir::new(MINIMAL);
    for command in
        [&["check"][..], &["daily"], &["hourly"], &["anomalies", "list"], &["backfill", "--from", "20261101"]]
    {
        let run = workdir.run(&[command, &["--config", "missing.toml"]].concat()).expect(2);
        assert!(
            run.stderr.contains("missing.toml: cannot be read (No such file or directory (os error 2)), "),
            "{run:?}"
        );
        assert!(run.stderr.contains("name one with --config FILE or COSTWARDEN_CONFIG"), "{run:?}");
    }
}

#[test]
fn a_text_that_is_not_toml() {
    insta::assert_snapshot!(refused("state_dir = \"a\"\n[source\nkind = \"replay\"\n"), @"
    error: [workdir]/costwarden.toml:2: invalid TOML: expected a right bracket, found a newline
    [workdir]/costwarden.toml: the rules were not read, 1 error
    ");
    insta::assert_snapshot!(refused("state_dir = a\n"), @"
    error: [workdir]/costwarden.toml:1: a string must be in quotes
    [workdir]/costwarden.toml: the rules were not read, 1 error
    ");
    insta::assert_snapshot!(refused("state_dir = \"a\n"), @"
    error: [workdir]/costwarden.toml:1: invalid TOML: invalid-char-in-string
    [workdir]/costwarden.toml: the rules were not read, 1 error
    ");
    insta::assert_snapshot!(refused("state_dir = \"a\"\nstate_dir = \"b\"\n"), @"
    error: [workdir]/costwarden.toml:2: state_dir is set twice
    [workdir]/costwarden.toml: the rules were not read, 1 error
    ");
}

#[test]
fn an_empty_config_is_refused() {
    insta::assert_snapshot!(refused(""), @r#"
    error: [workdir]/costwarden.toml:1: source: is missing, expected a table [source] with kind = "kakao", "replay" or "archive"
    error: [workdir]/costwarden.toml:1: archive: is missing, expected a table [archive] with kind = "directory" or "s3"
    error: [workdir]/costwarden.toml:1: store: is missing, expected a table [store] with kind = "embedded" or "mongodb"
    error: [workdir]/costwarden.toml:1: plugins: is missing, expected a table [plugins] with directory = "..."
    error: [workdir]/costwarden.toml:1: rules: is missing, expected a table [rules] with directory = "..."
    [workdir]/costwarden.toml: the rules were not read, 5 errors
    "#);
}

#[test]
fn wrong_kinds() {
    let config = MINIMAL.replace("\"replay\"", "\"aws\"").replace("\"directory\"", "\"tape\"");
    insta::assert_snapshot!(refused(&config.replace("\"embedded\"", "\"sqlite\"")), @r#"
    error: [workdir]/costwarden.toml:3: source.kind: expected "kakao" or "replay" or "archive", found "aws"
    error: [workdir]/costwarden.toml:6: archive.kind: expected "directory" or "s3", found "tape"
    error: [workdir]/costwarden.toml:9: store.kind: expected "embedded" or "mongodb", found "sqlite"
    [workdir]/costwarden.toml: the rules were not read, 3 errors
    "#);
    insta::assert_snapshot!(refused(&MINIMAL.replace("kind = \"replay\"\n", "")), @r#"
    error: [workdir]/costwarden.toml:2: source.kind: is missing, expected "kakao", "replay" or "archive"
    [workdir]/costwarden.toml: the rules were not read, 1 error
    "#);
}

#[test]
fn wrong_types_and_ranges() {
    let minimal = MINIMAL.replace("language = \"en\"\n", "");
    let config = format!(
        r#"time_zone = "Seoul"
currency = "won"
language = "kr"
state_dir = 5
baseline_days = 0
accept_after_days = "14"
renotify_factor = 1
{minimal}[plugins.limits]
memory_bytes = "1 GiB"
stack_bytes = 4194304
[plugins.grants.daily-level]
reference = true
[[receiver]]
kind = "syslog"
transport = "tcp"
[[receiver]]
kind = "syslog"
transport = "udp"
address = "localhost"
"#
    );
    insta::assert_snapshot!(refused(&config), @r#"
    error: [workdir]/costwarden.toml:1: time_zone: expected an IANA time zone like "Asia/Seoul", found "Seoul"
    error: [workdir]/costwarden.toml:2: currency: expected an ISO 4217 code like "KRW", found "won"
    error: [workdir]/costwarden.toml:3: language: expected "ko" or "en", found "kr"
    error: [workdir]/costwarden.toml:4: state_dir: expected a path in quotes, found 5
    error: [workdir]/costwarden.toml:5: baseline_days: expected a whole number from 1 to 3660, found 0
    error: [workdir]/costwarden.toml:6: accept_after_days: expected a whole number from 1 to 3660, found "14"
    error: [workdir]/costwarden.toml:7: renotify_factor: expected a factor above 1, like 2, found 1
    error: [workdir]/costwarden.toml:21: plugins.limits.memory_bytes: expected a whole number from 1 to 4294967296, found "1 GiB"
    error: [workdir]/costwarden.toml:22: plugins.limits.stack_bytes: expected a whole number from 16384 to 2097152, found 4194304
    error: [workdir]/costwarden.toml:24: plugins.grants.daily-level.reference: expected a path in quotes, found true
    error: [workdir]/costwarden.toml:25: receiver.address: is missing, expected "HOST:PORT"
    error: [workdir]/costwarden.toml:28: receiver.name: "syslog" is the name of another receiver, expected a unique name
    error: [workdir]/costwarden.toml:31: receiver.address: expected "HOST:PORT", found "localhost"
    [workdir]/costwarden.toml: the rules were not read, 13 errors
    "#);
}

#[test]
fn unknown_keys() {
    let config = format!("tongue = \"en\"\n{MINIMAL}folder = \"x\"\n[plugins.limits]\nfuel = 1\n[[receiver]]\n");
    insta::assert_snapshot!(refused(&config), @r#"
    error: [workdir]/costwarden.toml:1: tongue: unknown key, expected one of env_file, state_dir, time_zone, currency, language, renotify_factor, baseline_days, accept_after_days, restate_days, catch_up_days, completeness, source, archive, store, lease, plugins, rules, receiver, ownership, report_url, route, budget, metrics, secrets, health
    error: [workdir]/costwarden.toml:15: rules.folder: unknown key, expected one of directory, max_notifications_per_month
    error: [workdir]/costwarden.toml:17: plugins.limits.fuel: unknown key, expected one of fuel_per_call, fit_fuel_per_series, judge_fuel_per_series, describe_fuel, call_seconds, memory_bytes, table_elements, instances, memories, tables, stack_bytes, module_bytes, compile_seconds, compile_memory_bytes, state_bytes, output_bytes, reason_bytes, log_lines, log_bytes, reference_bytes, reference_bytes_per_call
    error: [workdir]/costwarden.toml:18: receiver.kind: is missing, expected "stdout" or "syslog" or "slack" or "webhook" or "email" or "alertmanager" or "teams" or "kakaowork"
    [workdir]/costwarden.toml: the rules were not read, 4 errors
    "#);
}

const SERVERS: &str = r#"language = "en"
[source]
kind = "kakao"
credential_id = "env:UNSET_ID"
credential_secret = "SECRET-IN-PLAIN"
page_size = 20000
[archive]
kind = "s3"
bucket = "a/b"
access_key = "id"
secret_key = "file:key"
[store]
kind = "mongodb"
uri = "env:UNSET_URI"
[plugins]
directory = "plugins"
[rules]
directory = "rules"
"#;

/// The message does not repeat the secret.
#[test]
fn secrets_in_plain_unset_and_open_to_others() {
    let workdir = Workdir::new(SERVERS);
    workdir.write("key", "SECRET-IN-A-FILE");
    std::fs::set_permissions(workdir.path().join("key"), std::fs::Permissions::from_mode(0o644)).expect("set");
    let (code, text) = check(&workdir);
    assert!(!text.contains("SECRET-IN"), "{text}");
    insta::assert_snapshot!(text, @r#"
    error: [workdir]/costwarden.toml:2: source: account is missing, expected account = "NAME", the name of the billing account
    error: [workdir]/costwarden.toml:4: source.credential_id: the environment variable UNSET_ID is not set
    error: [workdir]/costwarden.toml:5: source.credential_secret: expected a reference such as "env:NAME", "file:PATH" or "kakao-secret:ID", not the secret itself
    error: [workdir]/costwarden.toml:6: source.page_size: expected a whole number from 1 to 10000, found 20000
    error: [workdir]/costwarden.toml:9: archive.bucket: expected the name of the bucket, found "a/b"
    error: [workdir]/costwarden.toml:11: archive.secret_key: [workdir]/key is accessible to other users (mode 644), expected mode 600: run chmod 600 [workdir]/key
    error: [workdir]/costwarden.toml:14: store.uri: the environment variable UNSET_URI is not set
    [workdir]/costwarden.toml: the rules were not read, 7 errors
    "#);
    assert_eq!(code, 2);

    // Every command says the same.
    let run = workdir.run(&["daily"]).expect(2);
    assert!(run.stdout.is_empty() && run.stderr.lines().count() == 7, "{run:?}");
    assert!(plain(&workdir, &run.stderr).starts_with("failed: [workdir]/costwarden.toml:2: "), "{run:?}");

    workdir.write("costwarden.toml", &SERVERS.replace("env:UNSET_ID", "env:"));
    let run = workdir.run_with(&["check"], &[("UNSET_URI", "")]).expect(2);
    let text = plain(&workdir, &run.stderr);
    assert!(
        text.contains("4: source.credential_id: expected \"env:NAME\", the name of an environment variable"),
        "{text}"
    );
    assert!(text.contains("14: store.uri: the environment variable UNSET_URI is empty"), "{text}");

    workdir.write("costwarden.toml", SERVERS);
    std::fs::remove_file(workdir.path().join("key")).expect("removed");
    let (_, text) = check(&workdir);
    assert!(
        text.contains("source") && text.contains("[workdir]/key cannot be read: No such file or directory"),
        "{text}"
    );
}

#[test]
fn json_is_one_object_an_error() {
    let workdir = workdir();
    workdir.write("costwarden.toml", &MINIMAL.replace("\"replay\"", "\"aws\"").replace("\"embedded\"", "\"sqlite\""));
    let run = workdir.run(&["check", "--json"]).expect(2);
    assert_eq!(run.stderr, "");
    insta::assert_snapshot!(plain(&workdir, &run.stdout), @r#"
    {"level":"error","file":"[workdir]/costwarden.toml","line":3,"key":"source.kind","message":"expected \"kakao\" or \"replay\" or \"archive\", found \"aws\""}
    {"level":"error","file":"[workdir]/costwarden.toml","line":9,"key":"store.kind","message":"expected \"embedded\" or \"mongodb\", found \"sqlite\""}
    "#);
    workdir.write("costwarden.toml", &format!("{MINIMAL}[[receiver]]\nkind = \"syslog\"\n"));
    assert_eq!(workdir.run(&["check", "--json"]).expect(0).stdout, "");
}

#[test]
fn all_is_well() {
    let (code, text) = check(&workdir());
    insta::assert_snapshot!(text, @r#"
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 0 errors
    "#);
    assert_eq!(code, 0);
}
