//! The image: linted, and built twice from the files of `context.sh`. `make release` builds the image with the static program.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::{Tools, deploy};
use costwarden_tests::{repository, run, skipped};

/// Fills a folder with the files of an image. The program stands for the static one, which this build does not have.
fn context(folder: &Path) -> PathBuf {
    let context = folder.join("context");
    run(Command::new(deploy("container/context.sh")).arg("/bin/true").arg(&context)).expect(0);
    context
}

#[test]
fn the_containerfile_is_well_formed() {
    let Some(tools) = Tools::new() else { return };
    let file = deploy("container/Containerfile");
    let lint = tools.hadolint(&file);
    assert!(lint.code == 0 && lint.stdout.is_empty(), "{lint:?}");
    let text = std::fs::read_to_string(&file).expect("the file");
    assert!(text.lines().any(|line| line == "USER 65532:65532"), "{text}");

    let broken = tempfile::tempdir().expect("a folder");
    let path = broken.path().join("Containerfile");
    std::fs::write(&path, text.replace("ENTRYPOINT", "ENTRY")).expect("written");
    assert_ne!(tools.hadolint(&path).code, 0);
    std::fs::write(&path, text.replace("FROM scratch", "FROM debian")).expect("written");
    assert!(tools.hadolint(&path).stdout.contains("DL3006"), "a base without a version");
}

#[test]
fn the_image_has_the_program_the_plugins_and_the_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = context(folder.path()).join("root");
    let certificates = "etc/ssl/certs/ca-certificates.crt";
    for file in ["usr/bin/costwarden", "usr/lib/costwarden/plugins/daily-level.wasm", "tmp", certificates] {
        assert!(root.join(file).exists(), "{file}");
    }
    let rules = std::fs::read(repository().join("rules/default/default.toml")).expect("rules");
    assert_eq!(std::fs::read(root.join("etc/costwarden/rules/default/default.toml")).expect("rules"), rules);
}

#[test]
fn two_builds_give_the_same_image() {
    if Command::new("buildah").arg("--version").output().is_err() {
        skipped("buildah is absent");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let context = context(folder.path());
    let build = |name: &str| {
        let store = folder.path().join(name);
        let mut command = Command::new("buildah");
        command.args(["--storage-driver", "vfs", "--root"]).arg(store.join("root"));
        command.arg("--runroot").arg(store.join("run")).args(["build", "--quiet", "--isolation", "chroot"]);
        command.args(["--timestamp", "1700000000", "--format", "oci", "--file"]);
        run(command.arg(deploy("container/Containerfile")).arg(&context)).expect(0).stdout
    };
    let first = build("first");
    assert_eq!(first.trim().len(), 64, "{first}");
    assert_eq!(first, build("second"));
}
