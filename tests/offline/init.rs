//! `init`: from an empty folder to the first anomaly on the simulated API, by flags and by questions.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use costwarden_tests::{Run, Simulator, binary, plugins, run};

fn init(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    command.arg("init").arg(folder).arg("--plugins").arg(plugins()).current_dir(folder);
    command.env_remove("COSTWARDEN_CONFIG").envs([Simulator::ENV]).stdin(Stdio::null());
    command
}

fn by_flags(folder: &Path, url: &str, more: &[&str]) -> Run {
    let mut command = init(folder);
    command.args(["--endpoint", url, "--credential-id", "simulated-id"]).args(more);
    run(command.args(["--credential-secret", "env:SIMULATED_SECRET"]))
}

/// Runs `init --ask` with lines on standard input.
fn by_questions(folder: &Path, lines: &[&str]) -> Run {
    let mut command = init(folder);
    command.arg("--ask").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(lines.join("\n").as_bytes()).and_then(|()| stdin.write_all(b"\n")).expect("read");
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn costwarden(folder: &Path, args: &[&str]) -> Run {
    run(Command::new(binary()).args(args).current_dir(folder).env_remove("COSTWARDEN_CONFIG").envs([Simulator::ENV]))
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

#[test]
fn three_commands_lead_to_the_first_anomaly() {
    let simulator = Simulator::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let made = by_flags(folder.path(), &simulator.url, &["--language", "en", "--backfill", "90"]).expect(0);
    assert!(made.stdout.contains("ok       source") && made.stdout.contains("backfill"), "{made:?}");
    let anomalies = costwarden(folder.path(), &["anomalies", "list", "--json"]).expect(0).json();
    assert!(!anomalies.is_empty(), "{made:?}");
    let check = costwarden(folder.path(), &["check"]).expect(0);
    assert!(check.stdout.contains("5 rules can run, 0 errors"), "{check:?}");
    for schema in ["config", "rules"] {
        let written = std::fs::read_to_string(folder.path().join(format!("schema/{schema}.json"))).expect("a schema");
        assert_eq!(written, costwarden(folder.path(), &["schema", schema]).stdout);
    }
}

#[test]
fn nothing_is_written_if_a_trial_fails() {
    let simulator = Simulator::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = init(folder.path());
    command.args([
        "--endpoint",
        &simulator.url,
        "--credential-id",
        "wrong",
        "--credential-secret",
        "env:SIMULATED_SECRET",
    ]);
    let refused = run(&mut command).expect(2);
    assert!(refused.stderr.contains("source: ") && refused.stderr.contains("401"), "{refused:?}");
    assert_eq!(files(folder.path()), [] as [&str; 0]);
}

#[test]
fn a_wrong_value_is_named_without_a_file() {
    let simulator = Simulator::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let refused = by_flags(folder.path(), &simulator.url, &["--currency", "ZZZ"]).expect(2);
    insta::assert_snapshot!(refused.stderr, @r#"failed: nothing was written, because a value is wrong: currency: expected an ISO 4217 code like "KRW", found "ZZZ""#);
    assert_eq!(files(folder.path()), [] as [&str; 0]);
}

#[test]
fn nothing_is_overwritten() {
    let simulator = Simulator::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rules")).expect("a folder");
    std::fs::write(folder.path().join("rules/default.toml"), "mine").expect("written");
    let refused = by_flags(folder.path(), &simulator.url, &[]).expect(2);
    assert!(refused.stderr.contains("rules/default.toml exists, and init overwrites nothing"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("rules/default.toml")).expect("kept"), "mine");
    assert_eq!(files(folder.path()), ["rules"]);
}

#[test]
fn a_wrong_answer_is_asked_again() {
    let simulator = Simulator::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let bill = |id| ["en", "acme", "", simulator.url.as_str(), id, "env:SIMULATED_SECRET"];
    let rest = ["", "", "-", "0", "perhaps", "no"];
    let made = by_questions(folder.path(), &[&bill("wrong")[..], &bill("simulated-id"), &rest].concat()).expect(0);
    assert!(made.stderr.contains("401") && made.stdout.contains("expected yes or no"), "{made:?}");
    let config = std::fs::read_to_string(folder.path().join("costwarden.toml")).expect("a config");
    let simulated = config.replace(&simulator.url, "URL").replace(&plugins().display().to_string(), "PLUGINS");
    insta::assert_snapshot!(simulated, @r#"
    #:schema schema/config.json

    # The config of costwarden. Paths are relative to this file. Check with: costwarden check --online

    # The currency of the bill, and the language of notifications and of the command line.
    currency = "KRW"
    language = "en"

    # The source of the bills.
    [source]
    kind = "kakao"
    account = "acme"  # the database and the schedule belong to one account
    endpoint = "URL"
    credential_id = "simulated-id"
    credential_secret = "env:SIMULATED_SECRET"

    # The archive of raw documents. A run archives a document before anything is computed.
    [archive]
    kind = "directory"
    directory = "archive"

    # The store of days, fits, anomalies, incidents and run records.
    [store]
    kind = "embedded"  # one file in state_dir

    # The detectors, and the rules that use them.
    [plugins]
    directory = "PLUGINS"

    [rules]
    directory = "rules"

    # The receivers of notifications; docs/receivers describes all kinds.
    [[receiver]]
    kind = "stdout"
    "#);
    costwarden(folder.path(), &["check"]).expect(0);
}

#[test]
fn the_end_of_the_answers_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = by_questions(folder.path(), &["acme"]).expect(2);
    assert!(ended.stderr.contains("standard input ended before the question"), "{ended:?}");
    assert_eq!(files(folder.path()), [] as [&str; 0]);
}
