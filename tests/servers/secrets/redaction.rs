//! Runs that fail near credentials: output, logs, files and documents contain no secret at any log level.

use super::fixture::{Config, LOGS, SecretsFixture, storage};
use costwarden_tests::{Run, Workdir};

const DAY: [&str; 3] = ["backfill", "--from=2026-11-22", "--to=2026-11-22"];

/// Runs the same command under each log filter, as text and as JSON.
fn every_way(fixture: &SecretsFixture, config: &Config, mut look: impl FnMut(&Workdir, &Run)) {
    for (log, json) in LOGS.into_iter().zip([&[][..], &["--json"], &[]]) {
        let config = Config { log, ..config.clone() };
        let workdir = fixture.workdir(&config);
        look(&workdir, &fixture.run(&workdir, &config, &[&DAY, json].concat()));
    }
}

fn said(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

#[track_caller]
fn expect(run: &Run, code: i32, message: &str) {
    assert!(run.code == code && said(run).contains(message), "expected {code} and {message:?}: {run:?}");
}

#[test]
fn a_storage_that_refuses_the_key() {
    let Some(fixture) = SecretsFixture::new("storage") else { return };
    let config = fixture.config();
    every_way(&fixture, &config, |workdir, run| {
        expect(run, 1, "check archive.access_key, archive.secret_key and archive.region");
        assert!(workdir.path().join("state/spool").is_dir());
    });
    // A failed run is remembered with its problems.
    assert!(fixture.documents("a run without a storage") > 0);
}

#[test]
fn a_storage_that_is_not_there_or_speaks_no_tls() {
    let Some(fixture) = SecretsFixture::new("unreachable") else { return };
    let mut config = fixture.config();
    let there = std::env::var("COSTWARDEN_TEST_S3_ENDPOINT").expect("checked before");
    config.storage = config.storage.replace("http://", "https://");
    every_way(&fixture, &config, |_, run| expect(run, 1, "check archive.endpoint"));
    config.storage = storage("env:SUITE_S3_KEY", "env:SUITE_S3_SECRET").replace(&there, "http://127.0.0.1:1");
    every_way(&fixture, &config, |_, run| expect(run, 1, "check archive.endpoint"));
}

#[test]
fn an_api_that_refuses_repeats_or_garbles() {
    let Some(fixture) = SecretsFixture::new("api") else { return };
    let config = fixture.config();
    for (fault, message) in [
        (r#"{"status":401,"times":9999}"#, "refused the credentials with 401"),
        (r#"{"status":500}"#, "gave no answer in 2 attempts"),
        (r#"{"body":"echo"}"#, "is not the expected shape"),
        (r#"{"body":"truncated"}"#, "the body begins with"),
    ] {
        for log in LOGS {
            let config = Config { log, ..config.clone() };
            let workdir = fixture.workdir(&config);
            fixture.simulator.send("PUT", "/simulate/faults", fault);
            let run = fixture.run(&workdir, &config, &DAY);
            expect(&run, 2, message);
            fixture.simulator.send("PUT", "/simulate/faults", "{}");
        }
    }
    let mut config = config;
    config.source = config.source.replace("http://", "https://");
    every_way(&fixture, &config, |_, run| expect(run, 2, "the billing API at https://"));
}

#[test]
fn a_database_that_refuses_the_password_or_is_not_there() {
    let Some(fixture) = SecretsFixture::new("database") else { return };
    let right = fixture.config();
    let wrong = Config { uri: right.uri.replace("keeper", "nobody"), ..right.clone() };
    every_way(&fixture, &wrong, |_, run| expect(run, 2, "refused the credentials"));
    let (user, _) = right.uri.split_once('@').expect("credentials");
    let gone = Config { uri: format!("{user}@127.0.0.1:1/?serverSelectionTimeoutMS=300"), ..right.clone() };
    every_way(&fixture, &gone, |_, run| expect(run, 2, "no MongoDB server answered at 127.0.0.1:1"));
    // As somebody writes it who does not know that it must be encoded.
    let plain = Config { uri: fixture.uri("Mongo:P@ss/w0rd+5e"), ..right.clone() };
    every_way(&fixture, &plain, |_, run| expect(run, 2, "is not a MongoDB connection string"));
    let careless = Config { uri: format!("{}&tls=true&tlsInsecure=true", right.uri), ..right };
    every_way(&fixture, &careless, |_, run| {
        expect(run, 2, "tlsInsecure turns off the check of the server's certificate");
    });
}

#[test]
fn a_registry_that_refuses_the_password() {
    let Some(fixture) = SecretsFixture::new("registry") else { return };
    let registry = std::env::var("COSTWARDEN_TEST_REGISTRY").expect("checked before");
    let image = format!("{registry}/suite/none:1");
    for log in LOGS {
        let config = Config { log, ..fixture.config() };
        let workdir = fixture.workdir(&config);
        let run = fixture.run(&workdir, &config, &["plugin", "pull", &image]);
        assert!(
            run.code == 2 && run.stderr.contains("refuses access: set a valid `username` and `password`"),
            "{run:?}"
        );
    }
}

#[test]
fn runs_that_succeed_and_commands_that_only_look() {
    let Some(fixture) = SecretsFixture::new("success") else { return };
    let mut config = fixture.config();
    config.storage = "[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n".to_owned();
    config.more = "[[receiver]]\nkind = \"syslog\"\npath = \"no-such-socket\"\n".to_owned();
    for log in LOGS {
        config.log = log;
        let workdir = fixture.workdir(&config);
        let first = fixture.run(&workdir, &config, &["backfill", "--from=2026-10-25", "--to=2026-11-21"]);
        assert!(first.code < 2, "{first:?}");
        for args in [
            &["daily", "--date=2026-11-22"][..],
            &["hourly", "--at=2026-11-23T10:10", "--json"],
            &["check"],
            &["anomalies", "list"],
            &["rules", "list"],
            &["series", "show", "--series=dom-01/prj-01/mysql", "--from=2026-11-01"],
        ] {
            let run = fixture.run(&workdir, &config, args);
            assert!(run.code < 2, "{args:?}: {run:?}");
        }
        let online = fixture.run(&workdir, &config, &["check", "--online", "--json"]);
        assert!(online.code == 2 && online.stdout.contains("cannot reach the socket"), "{online:?}");
        assert!(workdir.path().join("archive/raw").is_dir());
    }
    assert!(fixture.documents("all of them") > 100);
}
