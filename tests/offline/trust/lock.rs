//! `plugins.lock`: the run accepts locked plugins only.

use costwarden_tests::Workdir;
use costwarden_tests::plugin_files::{configure, rebuild, said, steady};
use costwarden_tests::three_services::{HEALTHY, check, daily, workdir, workdir_with_history};

fn locked(workdir: &Workdir) -> String {
    steady(&std::fs::read_to_string(workdir.path().join("plugins.lock")).expect("a lock"))
}

#[test]
fn lock_writes_the_plugins_of_the_rules() {
    let workdir = workdir();
    workdir.write("rules/new.toml", &HEALTHY.replace("healthy", "new").replace("tutorial", "daily-level"));
    insta::assert_snapshot!(said(&workdir, &["plugin", "lock"]).1, @"
    added daily-level: version 0.1.0, digest sha256:[1]
    added tutorial: version 0.1.0, digest sha256:[2]
    [workdir]/plugins.lock: 2 plugins written, 2 changed
    ");
    insta::assert_snapshot!(locked(&workdir), @r#"
    # The plugins of the rules, written by `costwarden plugin lock`. A run refuses all other plugins. Do not edit.
    version = 1

    [[plugin]]
    name = "daily-level"
    version = "0.1.0"
    digest = "sha256:[1]"

    [[plugin]]
    name = "tutorial"
    version = "0.1.0"
    digest = "sha256:[2]"
    "#);
    insta::assert_snapshot!(said(&workdir, &["plugin", "lock"]).1, @"[workdir]/plugins.lock: 2 plugins, all approved");
    let run = workdir.run(&["plugin", "lock", "--check"]).expect(0);
    assert_eq!(run.stderr, "");
    assert_eq!(check(&workdir).0, 0);
}

/// A rule set that is applied later names a plugin that the live rules do not name.
#[test]
fn the_plugins_of_another_rule_set_are_locked_too() {
    let workdir = workdir();
    workdir.run(&["plugin", "lock"]).expect(0);
    workdir.write("next/new.toml", &HEALTHY.replace("healthy", "new").replace("tutorial", "daily-level"));
    insta::assert_snapshot!(said(&workdir, &["plugin", "lock", "--with", "next"]).1, @"
    added daily-level: version 0.1.0, digest sha256:[1]
    [workdir]/plugins.lock: 2 plugins written, 1 changed
    ");
    assert_eq!(check(&workdir).0, 0, "the lock approves more than the live rules use");
    workdir.run(&["plugin", "lock", "--check", "--with", "next"]).expect(0);
    let (code, text) = said(&workdir, &["plugin", "lock", "--with", "absent"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(text, @"failed: --with: absent is not a folder, expected a folder with rules");
}

#[test]
fn a_difference_is_told_and_written_only_when_that_is_asked_for() {
    let workdir = workdir();
    workdir.write("rules/new.toml", &HEALTHY.replace("healthy", "new").replace("tutorial", "daily-level"));
    workdir.run(&["plugin", "lock"]).expect(0);
    let before = locked(&workdir);
    rebuild(&workdir, "tutorial", 1);
    workdir.write(
        "rules/new.toml",
        &HEALTHY.replace("healthy", "new").replace("tutorial", "hourly-level").replace("\"daily\"", "\"hourly\""),
    );
    let (code, text) = said(&workdir, &["plugin", "lock", "--check"]);
    insta::assert_snapshot!(text, @"
    failed: [workdir]/plugins.lock: 3 plugins differ: approve the present plugins with `costwarden plugin lock`
    removed daily-level: version 0.1.0, digest sha256:[1]
    added hourly-level: version 0.1.0, digest sha256:[2]
    changed tutorial: digest sha256:[3] -> sha256:[4]
    ");
    assert_eq!((code, locked(&workdir)), (2, before));
    let json = workdir.run(&["plugin", "lock", "--check", "--json"]).expect(2).json();
    assert_eq!(json.len(), 3);
    assert_eq!((&json[0]["plugin"], &json[0]["after"]), (&"daily-level".into(), &serde_json::Value::Null));
    assert_eq!(json[2]["before"]["version"], json[2]["after"]["version"]);
    workdir.run(&["plugin", "lock"]).expect(0);
    assert_eq!(said(&workdir, &["plugin", "lock", "--check"]).0, 0);
}

#[test]
fn a_run_takes_no_other_plugin_and_does_the_rest() {
    let workdir = workdir_with_history();
    workdir.write("rules/new.toml", &HEALTHY.replace("healthy", "new").replace("tutorial", "daily-level"));
    workdir.run(&["plugin", "lock"]).expect(0);
    assert_eq!(daily(&workdir).0, 0);
    rebuild(&workdir, "daily-level", 1);
    workdir.write(
        "rules/more.toml",
        &HEALTHY.replace("healthy", "more").replace("tutorial", "hourly-level").replace("\"daily\"", "\"hourly\""),
    );
    let (code, report, problems) = daily(&workdir);
    insta::assert_snapshot!(steady(&problems), @"
    [workdir]/rules/more.toml:5: rule more: detector: `hourly-level` (sha256:[1]) is not in [workdir]/plugins.lock: approve the plugin with `costwarden plugin lock`
    [workdir]/rules/new.toml:5: rule new: detector: `daily-level` is sha256:[2], but [workdir]/plugins.lock:4 has sha256:[3]: restore the locked plugin, or approve the new plugin with `costwarden plugin lock`
    ");
    assert_eq!((code, report["anomalies"].as_array().map(Vec::len)), (1, Some(1)));
    let (code, text) = check(&workdir);
    assert_eq!((code, text.lines().filter(|line| line.starts_with("error: ")).count()), (2, 2), "{text}");
}

#[test]
fn another_signer_is_another_plugin() {
    let workdir = workdir();
    workdir.run(&["plugin", "lock"]).expect(0);
    for key in ["acme", "internal"] {
        workdir.run(&["plugin", "keygen", &format!("{key}.key")]).expect(0);
        configure(
            &workdir,
            &format!(
                "[[plugins.signing.key]]\nname = {key:?}\npublic_key = \"file:{key}.key.pub\"\nplugins = [\"*\"]\n"
            ),
        );
    }
    let sign = |key: &str| workdir.run(&["plugin", "sign", "plugins/tutorial.wasm", "--key", key]).expect(0);
    sign("acme.key");
    insta::assert_snapshot!(check(&workdir).1.lines().next().expect("a line"), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: `tutorial` is signed by `acme`, but [workdir]/plugins.lock:4 has no key: approve the new signer with `costwarden plugin lock`");
    workdir.run(&["plugin", "lock"]).expect(0);
    assert_eq!(check(&workdir).0, 0);
    sign("internal.key");
    insta::assert_snapshot!(check(&workdir).1.lines().next().expect("a line"), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: `tutorial` is signed by `internal`, but [workdir]/plugins.lock:4 has `acme`: approve the new signer with `costwarden plugin lock`");
}

/// A missing required lock is an error; otherwise anyone with write access could remove the file and run any plugin.
#[test]
fn a_lock_that_is_required_cannot_be_done_without() {
    let workdir = workdir_with_history();
    let text = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("a config");
    workdir.write("costwarden.toml", &text.replace("[plugins]\n", "[plugins]\nlock_required = true\n"));
    let (code, report, problems) = daily(&workdir);
    insta::assert_snapshot!(problems, @"
    [workdir]/plugins.lock: is absent, but [plugins] has lock_required = true, and no rule runs without the file: restore the file, or approve the present plugins with `costwarden plugin lock`
    no rule in [workdir]/rules is usable: nothing is evaluated
    ");
    assert_eq!(
        (code, &report["outcome"], report["anomalies"].as_array().map(Vec::len)),
        (1, &"degraded".into(), Some(0))
    );
    workdir.run(&["plugin", "lock"]).expect(0);
    assert_eq!(daily(&workdir).0, 0);
    std::fs::remove_file(workdir.path().join("plugins.lock")).expect("removed");
    assert_eq!(check(&workdir).0, 2);
}

/// Without `required` as well, a run refuses after the loss of a lock.
#[test]
fn a_lock_that_is_gone_is_missed() {
    let workdir = workdir_with_history();
    assert_eq!(daily(&workdir).0, 0, "there never was one");
    workdir.run(&["plugin", "lock"]).expect(0);
    let lock = workdir.path().join("plugins.lock");
    std::fs::remove_file(&lock).expect("removed");
    assert_eq!(check(&workdir).0, 0, "no run was held to it");
    workdir.run(&["plugin", "lock"]).expect(0);
    workdir.run(&["daily", "--date", "2026-11-22", "--dry-run"]).expect(0);
    assert!(!workdir.path().join("state/plugins-were-locked").exists(), "a dry run leaves no trace");
    let (code, held, _) = daily(&workdir);
    assert_eq!(code, 0);
    std::fs::remove_file(&lock).expect("removed");
    for _ in 0..2 {
        let (code, report, problems) = daily(&workdir);
        insta::allow_duplicates! {
            insta::assert_snapshot!(problems, @"[workdir]/plugins.lock: is absent, but earlier runs used this file, and now any plugin may run: restore the file, or approve the present plugins with `costwarden plugin lock`; to work without a lock, remove [workdir]/state/plugins-were-locked");
        }
        assert_eq!((code, &report["anomalies"]), (1, &held["anomalies"]), "the rules go on");
    }
    assert_eq!(check(&workdir).0, 2);
    workdir.run(&["plugin", "lock"]).expect(0);
    assert_eq!((daily(&workdir).0, check(&workdir).0), (0, 0));
    std::fs::remove_file(&lock).expect("removed");
    std::fs::remove_file(workdir.path().join("state/plugins-were-locked")).expect("removed");
    assert_eq!((daily(&workdir).0, check(&workdir).0), (0, 0), "none is wanted any more");
}

#[test]
fn a_lock_that_cannot_be_read_lets_nothing_run() {
    let workdir = workdir_with_history();
    workdir.write("plugins.lock", "version = 2\n[[plugin]]\nname = \"tutorial\"\ndigest = \"none\"\n");
    let (code, report, problems) = daily(&workdir);
    insta::assert_snapshot!(problems, @r#"
    [workdir]/plugins.lock:1: version: is 2, but this costwarden supports 1: use the costwarden that wrote the file, or write the file again with `costwarden plugin lock`
    [workdir]/plugins.lock:2: plugin.version: is missing, expected the version of the plugin
    [workdir]/plugins.lock:4: plugin.digest: expected sha256: and 64 digits in lower-case hex, found "none"
    no rule in [workdir]/rules is usable: nothing is evaluated
    "#);
    assert_eq!((code, &report["counts"]["rules"]), (1, &0.into()));
    insta::assert_snapshot!(said(&workdir, &["plugin", "lock"]).1, @r#"
    failed: [workdir]/plugins.lock:1: version: is 2, but this costwarden supports 1: use the costwarden that wrote the file, or write the file again with `costwarden plugin lock`
    [workdir]/plugins.lock:2: plugin.version: is missing, expected the version of the plugin
    [workdir]/plugins.lock:4: plugin.digest: expected sha256: and 64 digits in lower-case hex, found "none"
    remove the file and run `costwarden plugin lock` to write the file again
    "#);
    workdir.write("plugins.lock", "version = \n");
    insta::assert_snapshot!(check(&workdir).1, @r#"
    error: [workdir]/plugins.lock:1: invalid TOML: expected a value, found a newline
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
}

#[test]
fn lock_writes_nothing_if_a_plugin_is_unusable() {
    let workdir = workdir();
    workdir.write("rules/new.toml", &HEALTHY.replace("healthy", "new").replace("tutorial", "nowhere"));
    workdir.write("rules/odd.toml", &HEALTHY.replace("healthy", "odd").replace("daily", "weekly"));
    let (code, text) = said(&workdir, &["plugin", "lock"]);
    insta::assert_snapshot!(text, @r#"
    failed: [workdir]/rules/odd.toml:6: rule.series: expected "daily" or "day-to-date" or "hourly", found "weekly"
    [workdir]/plugins/nowhere.wasm: cannot be read: No such file or directory (os error 2)
    the lock is not written: every rule and every plugin must be usable
    "#);
    assert_eq!((code, workdir.path().join("plugins.lock").exists()), (2, false));
}

#[test]
fn the_config_sets_the_path_of_the_lock() {
    let workdir = workdir();
    let config =
        costwarden_tests::three_services::MINIMAL.replace("[plugins]\n", "[plugins]\nlock = \"etc/agreed.lock\"\n");
    workdir.write("costwarden.toml", &config);
    let (code, text) = said(&workdir, &["plugin", "lock"]);
    insta::assert_snapshot!(text, @r#"
    failed: [workdir]/etc/agreed.lock cannot be written: No such file or directory (os error 2)
    added tutorial: version 0.1.0, digest sha256:[1]
    "#);
    assert_eq!(code, 2);
    std::fs::create_dir(workdir.path().join("etc")).expect("a folder");
    workdir.run(&["plugin", "lock"]).expect(0);
    rebuild(&workdir, "tutorial", 1);
    let (_, text) = check(&workdir);
    assert!(text.contains("[workdir]/etc/agreed.lock:4 has sha256:"), "{text}");
}
