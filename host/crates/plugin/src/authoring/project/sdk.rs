//! The SDK inside a project: source, contract and a manifest independent of this repository's workspace.

use super::{ProjectFile, templates};

/// Folder of the SDK in a project.
pub(super) const FOLDER: &str = "sdk";

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        &[$((concat!("src/", $name), include_str!(concat!("../../../../../../plugin-sdk/src/", $name)))),*]
    };
}

pub(super) const SOURCES: &[templates::Template] = sources!(
    "arena.rs",
    "bindings.rs",
    "calendar.rs",
    "calibrate.rs",
    "context.rs",
    "detector.rs",
    "forecast.rs",
    "glue.rs",
    "lib.rs",
    "log.rs",
    "memory.rs",
    "native.rs",
    "reference.rs",
    "robust.rs",
    "season.rs",
    "series.rs",
    "smooth.rs",
    "stats.rs",
    "text.rs",
);

const MANIFEST: &str = include_str!("../../../../../../plugin-sdk/Cargo.toml");
const WORKSPACE: &str = include_str!("../../../../../../Cargo.toml");

pub(super) fn files() -> Vec<ProjectFile> {
    let file = |path: &str, text: &str| ProjectFile { path: format!("{FOLDER}/{path}"), text: text.to_owned() };
    let mut files: Vec<_> = SOURCES.iter().map(|(path, text)| file(path, text)).collect();
    files.push(file("wit/detector.wit", templates::WIT));
    files.push(file("Cargo.toml", &standalone(MANIFEST, WORKSPACE)));
    files
}

/// Returns a member's manifest with the inherited workspace values filled in. A comparison of lines is enough, because
/// both manifests belong to this repository.
fn standalone(member: &str, workspace: &str) -> String {
    let mut text = String::new();
    for line in member.replace("[lints]\nworkspace = true\n\n", "").lines() {
        match line.strip_suffix(".workspace = true") {
            Some(key) => {
                let prefix = format!("{key} = ");
                let inherited = workspace.lines().find(|line| line.starts_with(&prefix));
                text.push_str(inherited.expect("the workspace defines every inherited key"));
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    for table in workspace.split("\n\n").filter_map(|table| table.strip_prefix("[workspace.lints.")) {
        text.push_str("\n[lints.");
        text.push_str(table.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inherited_values_are_filled_in() {
        let workspace = "[workspace]\nmembers = [\"a\"]\n\n[workspace.package]\nversion = \"1.2.3\"\n\n\
            [workspace.dependencies]\nserde = { version = \"1\" }\n\n[workspace.lints.rust]\nunsafe_code = \"deny\"\n\n\
            [profile.release]\nlto = true\n";
        let member = "[package]\nname = \"a\"\nversion.workspace = true\n\n[lints]\nworkspace = true\n\n\
            [dependencies]\nserde.workspace = true\n";
        insta::assert_snapshot!(standalone(member, workspace), @r#"
    [package]
    name = "a"
    version = "1.2.3"

    [dependencies]
    serde = { version = "1" }

    [lints.rust]
    unsafe_code = "deny"
    "#);
    }

    #[test]
    fn the_manifest_of_the_sdk_needs_no_workspace() {
        let manifest = standalone(MANIFEST, WORKSPACE);
        assert!(!manifest.contains("workspace"), "{manifest}");
        toml_span::parse(&manifest).expect("TOML");
    }
}
