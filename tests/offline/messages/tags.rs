//! `docs/messages.md` has each tag of a notification.

use std::collections::BTreeSet;
use std::path::Path;

use costwarden_tests::repository;

/// Adds the tags in the sources of a folder: `[BILLING_TAG]` in a text, and `tag: "TAG"` or `=> "TAG"` of a message about
/// costwarden.
fn add_tags(folder: &Path, tags: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            add_tags(&path, tags);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            tags.extend(words_after(&text, "[BILLING_").map(|tag| format!("BILLING_{tag}")));
            tags.extend(words_after(&text, "tag: \"").map(|tag| format!("COSTWARDEN_{tag}")));
            if path.ends_with("completeness/problem.rs") || path.ends_with("ingest/row_problems.rs") {
                tags.extend(words_after(&text, "=> \"").map(|tag| format!("COSTWARDEN_{tag}")));
            }
        }
    }
}

/// Returns the words of capitals and underscores after each occurrence of a text.
fn words_after<'t>(text: &'t str, before: &'t str) -> impl Iterator<Item = &'t str> {
    let word = |(at, _): (usize, &str)| {
        let rest = &text[at + before.len()..];
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
        (end > 0).then_some(&rest[..end])
    };
    text.match_indices(before).filter_map(word)
}

#[test]
fn each_tag_has_a_row() {
    let mut tags = BTreeSet::new();
    for folder in ["host/crates/notify/src", "host/src/pipeline", "host/src/cli"] {
        add_tags(&repository().join(folder), &mut tags);
    }
    let index = std::fs::read_to_string(repository().join("docs/messages.md")).expect("the index");
    let missing: Vec<&String> = tags.iter().filter(|tag| !index.contains(&format!("| `{tag}` |"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
    assert!(tags.len() >= 18, "{tags:?}");
}
