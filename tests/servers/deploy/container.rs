//! The Containerfile, parsed and linted. Without a base image there is no build.

use super::tools::{Tools, deploy};
use costwarden_tests::repository;

#[test]
fn the_containerfile_is_well_formed_and_copies_existing_files() {
    let Some(tools) = Tools::new() else { return };
    let file = deploy("container/Containerfile");
    let lint = tools.hadolint(&file);
    assert!(lint.code == 0 && lint.stdout.is_empty(), "{lint:?}");
    let text = std::fs::read_to_string(&file).expect("the file");
    for line in text.lines().filter(|line| line.starts_with("COPY --from=build /source/")) {
        let source = line.split_ascii_whitespace().nth(2).expect("a source").trim_start_matches("/source/");
        // The others are what `make build` leaves.
        let made = ["target/release/costwarden", "plugins/dist"];
        assert!(made.contains(&source) || repository().join(source).exists(), "{source}");
    }
    assert!(text.lines().any(|line| line == "USER 65532:65532"), "{text}");

    let broken = tempfile::tempdir().expect("a folder");
    let path = broken.path().join("Containerfile");
    std::fs::write(&path, text.replace("WORKDIR /source", "WORKDIRECTORY /source")).expect("written");
    assert_ne!(tools.hadolint(&path).code, 0);
    std::fs::write(&path, text.replace("debian:12.12-slim", "debian")).expect("written");
    assert!(tools.hadolint(&path).stdout.contains("DL3006"), "a base without a version");
}
