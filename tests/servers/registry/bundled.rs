//! A bundle with an image: the other host needs no registry.

use costwarden_tests::three_services::{daily, workdir_with_history};

use super::{Registry, configure};

#[test]
fn a_bundled_image_runs_without_its_registry() {
    let source = workdir_with_history();
    let Some(registry) = Registry::new(&source) else { return };
    configure(&source, &registry.table());
    registry.push(&source, "1.0");
    registry.rule(&source, "tutorial:1.0");
    source.run(&["plugin", "lock"]).expect(0);
    std::fs::remove_dir_all(source.path().join("state/plugins")).expect("removed");
    let refused = registry.said(&source, &["plugin", "bundle", "b.tar"]).1;
    insta::assert_snapshot!(refused, @"failed: oci://[registry]/[folder]/tutorial:1.0@sha256:[1] is not on this host: pull the plugin with `costwarden plugin pull oci://[registry]/[folder]/tutorial:1.0@sha256:[1]`");
    source.run(&["plugin", "pull", &registry.image("tutorial:1.0")]).expect(0);
    source.run(&["plugin", "bundle", "b.tar"]).expect(0);

    // The minimal config names no registry.
    let target = workdir_with_history();
    std::fs::remove_dir_all(target.path().join("plugins")).expect("removed");
    registry.rule(&target, "tutorial:1.0");
    std::fs::copy(source.path().join("b.tar"), target.path().join("b.tar")).expect("copied");
    target.run(&["plugin", "unbundle", "b.tar"]).expect(0);
    let (_, expected, _) = daily(&source);
    let (code, report, problems) = daily(&target);
    assert_eq!((code, &report["anomalies"]), (0, &expected["anomalies"]), "{problems}");
}
