//! The pages of the guides: every command exists, and the index of messages agrees with the sources.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use costwarden_tests::{Run, binary, repository, run};

const PAGES: [&str; 8] = [
    "install.md",
    "install.ko.md",
    "migrate.md",
    "upgrade.md",
    "production.md",
    "messages.md",
    "owners.md",
    "owners.ko.md",
];

fn page(name: &str) -> String {
    std::fs::read_to_string(repository().join("docs").join(name)).expect("a page")
}

/// Returns the commands of a page: lines of shell blocks, and spans between backticks.
fn commands(text: &str) -> BTreeSet<String> {
    let blocks = text.split("```sh").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).map(|line| line.split("  #").next().unwrap_or_default().trim());
    let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    lines.chain(spans).filter(|command| command.starts_with("costwarden ")).map(str::to_owned).collect()
}

/// Runs a command of a page with `--help`. A shell splits the words.
fn help(command: &str) -> Run {
    let words = command.trim_start_matches("costwarden ").replace("DATE", "2026-11-22");
    run(Command::new("sh").args(["-c", &format!("exec \"$0\" {words} --help"), binary()]))
}

#[test]
fn every_command_is_there() {
    let mut count = 0;
    for name in PAGES {
        for command in commands(&page(name)) {
            let shown = help(&command);
            assert_eq!(shown.code, 0, "{name}: {command}: {shown:?}");
            count += 1;
        }
    }
    assert!(count >= 60, "{count} commands");
}

/// Returns the Rust sources below a folder, joined.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// Returns the first cells of the table rows below a heading.
fn first_cells(text: &str, heading: &str) -> Vec<String> {
    let (_, rest) = text.split_once(heading).expect("the heading");
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
}

#[test]
fn the_index_of_messages_agrees_with_the_sources() {
    let mut text = String::new();
    sources(&repository().join("host"), &mut text);
    let index = page("messages.md");
    let tags = first_cells(&index, "## Notifications");
    for tag in &tags {
        let word = tag.strip_prefix("COSTWARDEN_").map_or_else(|| format!("[{tag}]"), |word| format!("\"{word}\""));
        assert!(text.contains(&word), "{tag} is no tag of the sources");
    }
    let own = text.split("tag: \"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(tag, _)| tag);
    for tag in own.filter(|tag| tag.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')) {
        assert!(tags.contains(&format!("COSTWARDEN_{tag}")), "{tag} is missing in docs/messages.md");
    }
    let errors = first_cells(&index, "## Errors");
    assert!(errors.len() >= 8, "{errors:?}");
    for error in errors {
        assert!(text.contains(&error), "no source has the text {error:?}");
    }
}

/// The sample texts of commands differ in the languages.
#[test]
fn the_korean_guide_for_owners_has_the_same_commands() {
    let without_texts = |name: &str| {
        let commands = commands(&page(name)).into_iter();
        commands.map(|command| command.split('"').step_by(2).collect()).collect::<BTreeSet<String>>()
    };
    assert_eq!(without_texts("owners.md"), without_texts("owners.ko.md"));
}
