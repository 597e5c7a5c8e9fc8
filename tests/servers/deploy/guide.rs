//! The checklist of the guide for operators: the program has each command.

use std::process::Command;

use costwarden_tests::{binary, repository, run};

/// The commands between backticks, without placeholders.
fn commands(text: &str) -> Vec<Vec<String>> {
    let spans = text.split('`').skip(1).step_by(2);
    let commands = spans.filter_map(|span| {
        let command = span.strip_prefix("costwarden ").or(span.starts_with("check ").then_some(span))?;
        Some(
            command
                .split_ascii_whitespace()
                .map(|word| word.trim_matches('\'').replace("DATE", "2026-11-22"))
                .collect(),
        )
    });
    commands.collect()
}

#[test]
fn every_command_of_the_checklist_is_there() {
    let guide = std::fs::read_to_string(repository().join("docs/operators.md")).expect("the guide");
    let (_, rest) = guide.split_once("## Going live\n").expect("the checklist");
    let (section, _) = rest.split_once("\n## ").expect("another section");
    let commands = commands(section);
    assert!(commands.len() >= 20, "{commands:?}");
    for command in commands {
        let told = run(Command::new(binary()).args(&command).arg("--help"));
        assert!(told.code == 0 && told.stdout.contains("Usage: "), "{command:?}: {told:?}");
    }
    // Folders that it names are there.
    for folder in ["config/deploy/terraform", "config/deploy/prometheus", "config/deploy/README.md"] {
        assert!(section.contains(folder) && repository().join(folder).exists(), "{folder}");
    }
}
