//! Plugins for other versions of the contract: the message names both versions and a remedy.

use super::artefact::{Artefact, refused, spread};
use costwarden_tests::three_services::{check, workdir};
use text_plugin::Plugin;

pub(crate) fn artefacts() -> Vec<Artefact> {
    let version = |name, version| Artefact::plugin(name, &Plugin { version, ..Plugin::default() });
    let imports = |name, imports| Artefact::plugin(name, &Plugin { version: "1.1.0", imports, ..Plugin::default() });
    vec![
        version("next-major", "2.0.0"),
        version("before-the-first", "0.9.0"),
        version("no-number", "latest"),
        version("endless-number", "99999999999999999999.0.0"),
        imports("new-interface", r#"(import "costwarden:detector/forecast@1.1.0" "ask" (func (param i32)))"#),
        imports("new-function", r#"(import "costwarden:detector/log@1.1.0" "flush" (func))"#),
    ]
}

#[test]
fn other_versions_are_refused() {
    let workdir = workdir();
    let artefacts = artefacts();
    spread(&workdir, &artefacts, "");
    insta::assert_snapshot!(refused(&workdir, &artefacts), @"
    next-major: built for the contract costwarden:detector@2.0.0, but this host supports 1.0.0: build the plugin with an SDK for 1.0.0, or update costwarden
    before-the-first: built for the contract costwarden:detector@0.9.0, but this host supports 1.0.0: build the plugin with an SDK for 1.0.0
    no-number: built for the contract costwarden:detector@latest, but this host supports 1.0.0: build the plugin with an SDK for 1.0.0
    endless-number: built for the contract costwarden:detector@99999999999999999999.0.0, but this host supports 1.0.0: build the plugin with an SDK for 1.0.0
    new-interface: built for the contract costwarden:detector@1.1.0, but this host supports 1.0.0: build the plugin with an SDK for 1.0.0, or update costwarden
    new-function: built for the contract costwarden:detector@1.1.0, but this host supports 1.0.0: build the plugin with an SDK for 1.0.0, or update costwarden
    ");
}

#[test]
fn a_newer_minor_version_runs_as_long_as_nothing_new_is_asked_for() {
    let workdir = workdir();
    let imports = r#"(import "costwarden:detector/log@1.1.0" "emit" (func (param i32 i32 i32)))"#;
    spread(&workdir, &[Artefact::plugin("minor", &Plugin { version: "1.1.0", imports, ..Plugin::default() })], "");
    let (code, text) = check(&workdir);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("rule minor: minor over daily series"), "{text}");
}
