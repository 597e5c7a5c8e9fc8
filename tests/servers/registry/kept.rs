//! A damaged disk of the host: the kept file does not match the digest.

use costwarden_tests::three_services::{check, daily, workdir_with_history};

use super::Registry;
use super::configure;

#[test]
fn a_damaged_plugin_is_pulled_again() {
    let workdir = workdir_with_history();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    registry.push(&workdir, "1.0");
    registry.rule(&workdir, "tutorial:1.0");
    workdir.run(&["plugin", "lock"]).expect(0);
    let pulled = workdir.run(&["plugin", "pull", &registry.image("tutorial:1.0"), "--json"]).expect(0).report();
    let path = workdir.path().join(pulled["path"].as_str().expect("a path"));
    let bytes = std::fs::read(&path).expect("a plugin");
    for damaged in [&b"other"[..], &[], &bytes[1..], &[0; 100_000_000]] {
        std::fs::write(&path, damaged).expect("written");
        // A check without the network reports the damage, and an online check leaves the file.
        let (code, text) = check(&workdir);
        assert!(
            code == 2
                && text
                    .contains(&path.display().to_string().replace(&workdir.path().display().to_string(), "[workdir]")),
            "{text}"
        );
        assert_eq!(workdir.run(&["check", "--online"]).code, 0);
        assert_eq!(std::fs::read(&path).expect("a file"), damaged);
        let (code, report, problems) = daily(&workdir);
        assert_eq!((code, &report["counts"]["anomalies"]), (0, &1.into()), "{problems}: {report}");
        assert_eq!(std::fs::read(&path).expect("a plugin"), bytes);
        assert_eq!(check(&workdir).0, 0);
    }
}

/// Without the registry, the plugin cannot be repaired.
#[test]
fn a_damaged_plugin_without_its_registry_is_refused() {
    let workdir = workdir_with_history();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    registry.push(&workdir, "1.0");
    registry.rule(&workdir, "tutorial:1.0");
    let pulled = workdir.run(&["plugin", "pull", &registry.image("tutorial:1.0"), "--json"]).expect(0).report();
    std::fs::write(workdir.path().join(pulled["path"].as_str().expect("a path")), "other").expect("written");
    insta::assert_snapshot!(registry.plain(&check(&workdir).1), @r#"
    error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/state/plugins/sha256-[1].wasm: changed after the pull; any job or `costwarden plugin pull` pulls the plugin again
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
    workdir.write("costwarden.toml", costwarden_tests::three_services::MINIMAL);
    let (code, _, problems) = daily(&workdir);
    assert!(code == 1 && problems.contains(" does not use https: "), "{problems}");
}
