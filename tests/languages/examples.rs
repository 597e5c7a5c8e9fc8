//! The same detector in three languages: the same project files, and equal verdicts to the digit.

use std::path::PathBuf;

use crate::ProjectsFolder;
use costwarden_tests::{repository, skipped};

const LANGUAGES: [&str; 3] = ["rust", "python", "javascript"];

fn example(language: &str) -> PathBuf {
    repository().join("plugins/examples").join(language)
}

#[test]
fn every_language_has_the_same_golden_cases_and_verdicts() {
    let of_case = |case: &str| ["case.toml", "input.csv", "expected.csv"].map(|file| format!("golden/{case}/{file}"));
    let files = [of_case("spike").as_slice(), &of_case("korean"), &["series.csv".to_owned()]].concat();
    for file in &files {
        let read = |language| std::fs::read_to_string(example(language).join(file)).expect("read");
        for language in LANGUAGES {
            assert!(read(language) == read("rust"), "{language}: {file} differs from its Rust twin's");
        }
    }
    let expected = std::fs::read_to_string(example("rust").join("golden/spike/expected.csv")).expect("read");
    let scores = expected.lines().skip(1).filter_map(|line| line.split(',').nth(2)?.parse::<f64>().ok());
    let (quiet, alerts): (Vec<_>, Vec<_>) = scores.partition(|score| *score < 1.0);
    assert!(quiet.len() > 30 && alerts.len() == 2, "{} quiet, {} alerts", quiet.len(), alerts.len());
}

fn passes(language: &str) {
    let plugin = repository().join(format!("target/examples/{language}/weekday-ratio.wasm"));
    if !plugin.exists() {
        assert_ne!(language, "rust", "make examples builds {}", plugin.display());
        skipped(&format!("{} is absent; make examples builds it where it can", plugin.display()));
        return;
    }
    let projects = ProjectsFolder::new();
    let project = example(language);
    let args = ["plugin", "test", project.to_str().expect("UTF-8"), "--plugin", plugin.to_str().expect("UTF-8")];
    let tested = projects.costwarden("", &args).expect(0);
    assert!(tested.stdout.contains("2 passed, 0 failed"), "{tested:?}");
}

#[test]
fn rust_passes() {
    passes("rust");
}

#[test]
fn python_passes() {
    passes("python");
}

#[test]
fn javascript_passes() {
    passes("javascript");
}
