//! Rules and plugins change between runs, and the next run uses them without a rebuild, a restart or a stale cache.

use serde_json::Value;

use costwarden_tests::plugin_files::rebuild;
use costwarden_tests::three_services::{HEALTHY, daily, workdir_with_history};
use costwarden_tests::{Workdir, is_compiled_code, plugins};

/// The rules of the anomalies in a report.
fn rules(report: &Value) -> Vec<&str> {
    report["anomalies"].as_array().expect("anomalies").iter().map(|f| f["ruleId"].as_str().expect("an id")).collect()
}

/// The detector digests of the stored anomalies.
fn detectors(workdir: &Workdir) -> Vec<Value> {
    workdir.json(&["anomalies", "list", "--json"]).into_iter().map(|anomaly| anomaly["detector"].clone()).collect()
}

#[test]
fn a_changed_rule_set_counts_at_the_next_run() {
    let workdir = workdir_with_history();
    assert_eq!(rules(&daily(&workdir).1), ["healthy"]);
    workdir.write("rules/healthy.toml", &format!("{HEALTHY}min_impact = \"1000000 KRW\"\n"));
    assert!(rules(&daily(&workdir).1).is_empty());
    workdir.write("rules/second.toml", &HEALTHY.replace("healthy", "second"));
    assert_eq!(rules(&daily(&workdir).1), ["second"]);
    std::fs::remove_file(workdir.path().join("rules/second.toml")).expect("removed");
    workdir.write("rules/healthy.toml", HEALTHY);
    assert_eq!(rules(&daily(&workdir).1), ["healthy"]);
}

#[test]
fn a_changed_plugin_counts_at_the_next_run() {
    let workdir = workdir_with_history();
    let (_, before, _) = daily(&workdir);
    let old = detectors(&workdir);
    rebuild(&workdir, "tutorial", 1);
    let (code, after, problems) = daily(&workdir);
    assert_eq!((code, &after["anomalies"]), (0, &before["anomalies"]), "{problems}");
    let new = detectors(&workdir);
    assert_eq!((old.len(), new.len()), (1, 1));
    assert_ne!(old, new);
    // And back: the old one is not confused with the new one's compiled code.
    std::fs::copy(plugins().join("tutorial.wasm"), workdir.path().join("plugins/tutorial.wasm")).expect("copied");
    assert_eq!(daily(&workdir).0, 0);
    assert_eq!(detectors(&workdir), old);
}

#[test]
fn one_broken_rule_and_one_broken_plugin_leave_the_rest_running() {
    let workdir = workdir_with_history();
    let (_, healthy, _) = daily(&workdir);
    workdir.write("rules/broken.toml", "[[rule]]\nid = \"broken\"\nwhy = \"It is cut off");
    workdir.write(
        "rules/wrong.toml",
        &format!("{}settings = {{ zScore = \"high\" }}\n", HEALTHY.replace("healthy", "wrong")),
    );
    workdir.write("rules/gone.toml", &HEALTHY.replace("healthy", "gone").replace("tutorial", "daily-level"));
    std::fs::write(workdir.path().join("plugins/daily-level.wasm"), "garbage").expect("written");
    let (code, report, problems) = daily(&workdir);
    insta::assert_snapshot!(problems, @r#"
    [workdir]/rules/broken.toml:3: a string has no closing quote
    [workdir]/rules/gone.toml:5: rule gone: detector: [workdir]/plugins/daily-level.wasm: not WebAssembly, expected a .wasm core module or component built for costwarden:detector@1
    [workdir]/rules/wrong.toml:7: rule wrong: settings.zScore: invalid type: string "high", expected a number
    "#);
    assert_eq!((code, &report["outcome"], &report["anomalies"]), (1, &"degraded".into(), &healthy["anomalies"]));
}

/// A cache entry with a last use in 1970 is older than a month on any day.
#[test]
fn compiled_plugins_without_a_rule_are_removed_from_the_cache() {
    let workdir = workdir_with_history();
    workdir.write("rules/new.toml", &HEALTHY.replace("healthy", "new").replace("tutorial", "daily-level"));
    assert_eq!(daily(&workdir).0, 0);
    let compiled = || {
        let entries = std::fs::read_dir(workdir.path().join("state/compiled")).expect("there");
        entries.filter(|entry| is_compiled_code(&entry.as_ref().expect("read").path())).count()
    };
    assert_eq!(compiled(), 2);
    let pulled = format!("state/plugins/sha256-{}.wasm", "0".repeat(64));
    workdir.write(&pulled, "pulled long ago");
    workdir.write("state/plugins/notes.txt", "not ours");
    std::fs::remove_file(workdir.path().join("rules/new.toml")).expect("removed");
    for folder in ["state/compiled", "state/plugins"] {
        for entry in std::fs::read_dir(workdir.path().join(folder)).expect("there") {
            let file = std::fs::File::open(entry.expect("read").path()).expect("opened");
            file.set_modified(std::time::UNIX_EPOCH).expect("marked");
        }
    }
    assert_eq!(workdir.run(&["daily", "--date", "2026-11-22", "--dry-run"]).code, 0);
    assert_eq!(compiled(), 2, "a dry run changes nothing");
    assert_eq!(daily(&workdir).0, 0);
    assert_eq!(compiled(), 1);
    assert!(!workdir.path().join(pulled).exists() && workdir.path().join("state/plugins/notes.txt").exists());
}
