//! Reference data: denied by default; with a grant read-only, one file in each call.

use costwarden_tests::plugin_files::configure;
use costwarden_tests::three_services::{HEALTHY, check, daily, workdir_with_history};
use costwarden_tests::{Workdir, repository};

/// A working directory with a plugin that reads a file of reference data for each of three series.
fn reader(name: &str) -> Workdir {
    let workdir = workdir_with_history();
    let built = repository().join("target/test-plugins/misbehaving.wasm");
    std::fs::copy(built, workdir.path().join("plugins/misbehaving.wasm")).expect("make build brings it");
    workdir.write(
        "rules/reader.toml",
        &format!(
            "{}settings = {{ mode = \"reference\", phase = \"judge\", name = {name:?} }}\n",
            HEALTHY.replace("healthy", "reader").replace("tutorial", "misbehaving")
        ),
    );
    workdir.write("lists/holidays", &"2026-12-25\n".repeat(50));
    workdir.write("secret", "secret");
    workdir
}

const GRANT: &str = "[plugins.grants.misbehaving]\nreference = \"lists\"\n";

#[test]
fn granted_reference_data_is_read() {
    let workdir = reader("holidays");
    configure(&workdir, GRANT);
    let (code, report, problems) = daily(&workdir);
    assert_eq!((code, problems.as_str()), (0, ""));
    assert_eq!(report["counts"]["verdicts"], 6);
}

/// The message contains the lines of the missing grant.
#[test]
fn a_missing_grant_keeps_the_plugin_from_loading() {
    let workdir = reader("holidays");
    let (code, report, problems) = daily(&workdir);
    insta::assert_snapshot!(problems, @r#"[workdir]/rules/reader.toml:5: rule reader: detector: [workdir]/plugins/misbehaving.wasm: reads reference data, but the config grants none: add `reference = "DIRECTORY"` under `[plugins.grants.misbehaving]`"#);
    assert_eq!((code, report["anomalies"].as_array().map(Vec::len)), (1, Some(1)));
    // Another's grant is not this one's.
    configure(&workdir, &GRANT.replace("misbehaving", "tutorial"));
    assert_eq!(daily(&workdir).2, problems);
}

#[test]
fn files_outside_the_granted_folder_are_not_read() {
    for name in ["../secret", "none", ".."] {
        let workdir = reader(name);
        configure(&workdir, GRANT);
        let (code, _, problems) = daily(&workdir);
        let words = if name == "none" {
            "no such reference data"
        } else {
            "not a file name: a name of reference data has no separators"
        };
        assert!(code == 1 && problems.ends_with(words), "{name}: {problems}");
    }
    let workdir = reader("link");
    std::os::unix::fs::symlink("../secret", workdir.path().join("lists/link")).expect("linked");
    configure(&workdir, GRANT);
    insta::assert_snapshot!(daily(&workdir).2, @"plugin `misbehaving`, rule `reader`, series `d/p/db`: the detector refuses the series: cannot be read");
}

#[test]
fn a_file_and_a_call_have_limits() {
    let workdir = reader("holidays");
    configure(&workdir, &format!("{GRANT}[plugins.limits]\nreference_bytes = 500\n"));
    insta::assert_snapshot!(daily(&workdir).2, @"plugin `misbehaving`, rule `reader`, series `d/p/db`: the detector refuses the series: larger than 500 bytes (plugins.limits.reference_bytes)");
    let workdir = reader("holidays");
    configure(&workdir, &format!("{GRANT}[plugins.limits]\nreference_bytes_per_call = 1200\n"));
    let (code, report, problems) = daily(&workdir);
    insta::assert_snapshot!(problems, @"plugin `misbehaving`, rule `reader`, series `d/p/vm`: the detector refuses the series: no more in this call (plugins.limits.reference_bytes_per_call)");
    assert_eq!((code, &report["counts"]["failed_series"]), (1, &1.into()));
}

#[test]
fn a_grant_that_nobody_uses_is_warned_of() {
    let workdir = reader("holidays");
    configure(&workdir, &format!("{GRANT}[plugins.grants.misbehavin]\nreference = \"lists\"\n"));
    let (code, text) = check(&workdir);
    insta::assert_snapshot!(text, @r#"
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    warning: [workdir]/costwarden.toml: plugins.grants.misbehavin: grants access to a plugin without a rule: correct the name, or remove the grant, unless the next rule set uses the plugin
    rule healthy: tutorial over daily series. It works.
    rule reader: misbehaving over daily series. It works.
    [workdir]/costwarden.toml: 2 rules can run, 0 errors
    "#);
    assert_eq!(code, 0);
    let run = workdir.run(&["check", "--json"]).expect(0);
    assert_eq!(run.json()[0]["level"], "warning");
}
