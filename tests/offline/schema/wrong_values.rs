//! A wrong value fails the schema and the parser alike.
//!
//! Each line `key = value` of the valid documents gets each of several values in turn. The verdict of the parser and the
//! verdict of the schema must be equal.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use costwarden_tests::{binary, run};

use super::documents::{ENV, RULE, configs};
use super::refused;

const VALUES: [&str; 6] = ["-1", "1e300", "true", "\"\"", "\"no such/word\"", "[]"];

/// Keys with a check that no schema can state: the content of a name, a file, a list or another key.
const BEYOND: [&str; 15] = [
    "min_impact",
    "time_zone",
    "textfile",
    "critical",
    "cold_after_days",
    "delete_after_days",
    "measure",
    "realm_hosts",
    "from",
    "to",
    "account",
    "project",
    "service",
    "receivers",
    "quiet_hours",
];

/// A document with one changed line.
struct Change {
    /// The document, the line and the value, for messages.
    name: String,
    text: String,
}

fn changes(documents: &[String]) -> BTreeMap<String, Change> {
    let mut changes = BTreeMap::new();
    for (index, document) in documents.iter().enumerate() {
        for (number, line) in document.lines().enumerate() {
            for (choice, changed) in changed_lines(line).into_iter().enumerate() {
                let replaced =
                    |(at, old): (usize, &str)| format!("{}\n", if at == number { changed.as_str() } else { old });
                let text = document.lines().enumerate().map(replaced).collect();
                let name = format!("document {index}, line {}: {changed}", number + 1);
                changes.insert(format!("{index}-{number}-{choice}.toml"), Change { name, text });
            }
        }
    }
    changes
}

/// Returns the replacements of a line: each wrong value of a key, and an unknown key below the header of a table.
fn changed_lines(line: &str) -> Vec<String> {
    if line.starts_with('[') {
        return vec![format!("{line}\nno_such_key = 1")];
    }
    match line.split_once(" = ") {
        Some((key, _)) if !key.contains(['#', ' ']) && !BEYOND.contains(&key) => {
            VALUES.iter().map(|value| format!("{key} = {value}")).collect()
        }
        _ => Vec::new(),
    }
}

/// Asserts that the schema refuses the files that the parser refuses.
fn check(schema: &str, documents: &[String], parse: impl Fn(&std::path::Path) -> bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let changes = changes(documents);
    for (file, change) in &changes {
        std::fs::write(folder.path().join(file), &change.text).expect("written");
    }
    let Some(refused) = refused(schema, folder.path()) else { return };
    let mut differences = Vec::new();
    for (file, change) in &changes {
        let by_schema = !refused.contains(file);
        let by_parser = parse(&folder.path().join(file));
        if by_schema != by_parser {
            differences.push(format!("{}: schema {by_schema}, parser {by_parser}", change.name));
        }
    }
    assert!(changes.len() > 60, "{} changes", changes.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn in_a_config() {
    // An invalid config ends the check before the rules are read.
    let parse = |file: &std::path::Path| {
        let mut command = Command::new(binary());
        command.arg("check").arg("--config").arg(file);
        !run(command.envs(ENV).stdin(Stdio::null())).stdout.contains("the rules were not read")
    };
    check("config", &configs(), parse);
}

#[test]
fn in_a_rule() {
    let config = tempfile::tempdir().expect("a folder");
    std::fs::write(config.path().join("costwarden.toml"), costwarden_tests::three_services::MINIMAL).expect("written");
    let parse = |file: &std::path::Path| {
        let rules = tempfile::tempdir().expect("a folder");
        std::fs::copy(file, rules.path().join("a.toml")).expect("copied");
        let mut command = Command::new(binary());
        command.args(["rules", "list", "--rules"]).arg(rules.path());
        command.arg("--config").arg(config.path().join("costwarden.toml"));
        run(command.stdin(Stdio::null())).code == 0
    };
    check("rules", &[RULE.to_owned()], parse);
}
