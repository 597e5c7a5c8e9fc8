//! Moved tags: the tag in a rule names another image than plugins.lock.

use costwarden_tests::Workdir;
use costwarden_tests::plugin_files::rebuild;
use costwarden_tests::three_services::{MINIMAL, workdir};

use super::{Registry, configure};

/// The lines about tags of `check --online`.
fn online(registry: &Registry, workdir: &Workdir) -> String {
    let run = workdir.run(&["check", "--online"]);
    let lines: Vec<&str> = run.stdout.lines().filter(|line| line.contains(" tags ")).collect();
    registry.plain(&costwarden_tests::three_services::plain(workdir, &lines.join("\n")))
}

#[test]
fn a_moved_tag_is_reported() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    registry.push(&workdir, "stable");
    registry.rule(&workdir, "tutorial:stable");
    assert_eq!(online(&registry, &workdir), "", "no lock, no comparison");
    workdir.run(&["plugin", "lock"]).expect(0);
    insta::assert_snapshot!(online(&registry, &workdir), @"ok       tags       1 tag compared with [workdir]/plugins.lock: not moved");
    insta::assert_snapshot!(registry.said(&workdir, &["plugin", "lock", "--check"]).1, @"[workdir]/plugins.lock: 1 plugin, all approved");

    rebuild(&workdir, "tutorial", 1);
    registry.push(&workdir, "stable");
    insta::assert_snapshot!(online(&registry, &workdir), @"warning  tags       the tag of oci://[registry]/[folder]/tutorial:stable names sha256:[1] now, but [workdir]/plugins.lock:4 has sha256:[2]: runs use the locked plugin; to accept the other plugin, run `costwarden plugin pull oci://[registry]/[folder]/tutorial:stable` and `costwarden plugin lock`");
    let (code, text) = registry.said(&workdir, &["plugin", "lock", "--check"]);
    insta::assert_snapshot!(text, @"failed: the tag of oci://[registry]/[folder]/tutorial:stable names sha256:[1] now, but [workdir]/plugins.lock:4 has sha256:[2]: runs use the locked plugin; to accept the other plugin, run `costwarden plugin pull oci://[registry]/[folder]/tutorial:stable` and `costwarden plugin lock`");
    assert_eq!(code, 2);
    let json = workdir.run(&["plugin", "lock", "--check", "--json"]).expect(2).report();
    assert_eq!(
        (&json["plugin"], &json["image"]),
        (&"tutorial".into(), &format!("oci://{}", registry.image("tutorial:stable")).into())
    );
    assert_ne!(json["locked"], json["current"]);

    // The commands of the message.
    workdir.run(&["plugin", "pull", &registry.image("tutorial:stable")]).expect(0);
    workdir.run(&["plugin", "lock"]).expect(0);
    workdir.run(&["plugin", "lock", "--check"]).expect(0);
}

#[test]
fn a_tag_with_a_digest_is_not_compared() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    let push = ["plugin", "push", "plugins/tutorial.wasm", &registry.image("tutorial:stable"), "--json"];
    let pushed = workdir.run(&push).expect(0).report()["image"].as_str().expect("text").to_owned();
    let (_, digest) = pushed.split_once('@').expect("a digest");
    registry.rule(&workdir, &format!("tutorial:stable@{digest}"));
    workdir.run(&["plugin", "lock"]).expect(0);
    rebuild(&workdir, "tutorial", 1);
    registry.push(&workdir, "stable");
    workdir.run(&["plugin", "lock", "--check"]).expect(0);
    assert_eq!(online(&registry, &workdir), "");
}

#[test]
fn a_tag_without_its_registry_is_reported() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    registry.push(&workdir, "stable");
    registry.rule(&workdir, "tutorial:stable");
    workdir.run(&["plugin", "lock"]).expect(0);
    workdir.write("costwarden.toml", MINIMAL);
    let (code, text) = registry.said(&workdir, &["plugin", "lock", "--check"]);
    assert!(code == 1 && text.starts_with("a tag cannot be compared with plugins.lock: "), "{text}");
    assert!(
        online(&registry, &workdir).starts_with("warning  tags       a tag cannot be compared with plugins.lock: ")
    );
}
