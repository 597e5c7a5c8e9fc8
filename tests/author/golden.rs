//! `plugin test`: the golden cases of the bundled detectors, and the words for what differs or is not there.

use crate::desk::{Desk, bundled, golden};
use crate::support::repository;

#[test]
fn the_bundled_detectors_pass_their_cases() {
    let desk = Desk::new();
    for (plugin, cases) in [("newcomer", 2), ("seasonal-mad", 3), ("tutorial", 2)] {
        let folder = repository().join("plugins").join(plugin).display().to_string();
        let run = desk.plugin(&["test", &folder]).expect(0);
        assert!(run.stdout.ends_with(&format!("{plugin}.wasm: {cases} cases, {cases} passed, 0 failed\n")), "{run:?}");
    }
}

/// A project with one case of the bundled `tutorial`.
fn project() -> Desk {
    let desk = Desk::new();
    for file in ["input.csv", "case.toml", "expected.csv"] {
        desk.write(
            &format!("golden/strict/{file}"),
            std::fs::read(golden("tutorial", "strict", file)).expect("a file"),
        );
    }
    desk.write("watch.wasm", std::fs::read(bundled("tutorial")).expect("a plugin"));
    desk
}

#[test]
fn a_difference_is_a_diff() {
    let desk = project();
    let case = desk.read("golden/strict/case.toml").replace("1.0", "1.25");
    desk.write("golden/strict/case.toml", case);
    let differs = desk.refused(&["test"]);
    insta::assert_snapshot!(differs, @"");
    let shown = desk.plugin(&["--json", "test"]).expect(2).report();
    assert_eq!((&shown["case"], &shown["outcome"]), (&"strict".into(), &"different".into()));
    insta::assert_snapshot!(desk.plugin(&["test", "--update"]).expect(0).stdout, @"");
    insta::assert_snapshot!(desk.plugin(&["test"]).expect(0).stdout, @"");
    insta::assert_snapshot!(desk.plugin(&["test", "--update"]).expect(0).stdout, @"");
}

#[test]
fn the_last_digit_counts() {
    let desk = project();
    let expected = desk.read("golden/strict/expected.csv");
    let last = expected.trim_end().rsplit_once(',').expect("a reason").0.to_owned();
    assert!(last.ends_with(|digit: char| digit.is_ascii_digit()), "{last}");
    let other = if last.ends_with('1') { "2" } else { "1" };
    desk.write("golden/strict/expected.csv", expected.replace(&last, &format!("{}{other}", &last[..last.len() - 1])));
    assert!(desk.refused(&["test"]).contains("1 cases, 0 passed, 1 failed"));
    desk.write("golden/strict/expected.csv", expected.replace('\n', "\r\n"));
    desk.plugin(&["test"]).expect(0);
}

#[test]
fn what_is_not_there_is_told() {
    let desk = project();
    std::fs::remove_file(desk.path().join("golden/strict/expected.csv")).expect("removed");
    insta::assert_snapshot!(desk.refused(&["test"]), @"");
    std::fs::rename(desk.path().join("watch.wasm"), desk.path().join("other")).expect("renamed");
    insta::assert_snapshot!(desk.refused(&["test"]), @"");
    desk.write("dist/a.wasm", "");
    desk.write("dist/b.wasm", "");
    insta::assert_snapshot!(desk.refused(&["test"]), @"");
    insta::assert_snapshot!(desk.refused(&["test", "--plugin", "dist/a.wasm"]), @"");
    insta::assert_snapshot!(desk.refused(&["test", "dist"]), @"");
    std::fs::remove_file(desk.path().join("golden/strict/input.csv")).expect("removed");
    insta::assert_snapshot!(desk.refused(&["test"]), @"");
}

#[test]
fn a_case_that_is_not_as_expected_is_told() {
    let desk = project();
    let refused = |case: &str| {
        desk.write("golden/strict/case.toml", case);
        desk.refused(&["test"])
    };
    insta::assert_snapshot!(refused("walk = 0\njudge_from = \"3\"\nsetting = {}\nunit = 5\nhistory_days = 0\n"), @"");
    insta::assert_snapshot!(refused("judge_from = \"2030-01-01\"\n"), @"");
    insta::assert_snapshot!(refused("settings = { zScore = 0 }\n"), @"");
    insta::assert_snapshot!(refused("settings = {"), @"");
    desk.write("golden/strict/input.csv", "timestamp,value\n");
    insta::assert_snapshot!(refused(""), @"");
}
