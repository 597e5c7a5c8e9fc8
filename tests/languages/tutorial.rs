//! The tutorial for authors: every command runs, and the pictures are the pictures of the page.

use std::path::Path;

use crate::ProjectsFolder;
use costwarden_tests::{Simulator, binary, plugins, repository, run};

const PAGE: &str = "docs/authors/tutorial.md";
/// The clock of the simulated bill in the tutorial.
const BILL: [&str; 6] = ["--now", "2026-11-23T10:10:00+09:00", "--services", "6", "--days", "180"];

/// Returns the shell blocks of a page.
fn shell_blocks(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("\n```").next().expect("an end").to_owned()).collect()
}

/// A folder with the config of an operator, the bundled plugins and the default rules.
fn operator(projects: &ProjectsFolder, bill: &Simulator) {
    let copy = |from: &Path, to: &str| {
        std::fs::create_dir(projects.path().join(to)).expect("a folder");
        for file in std::fs::read_dir(from).expect("a folder") {
            let file = file.expect("an entry");
            std::fs::copy(file.path(), projects.path().join(to).join(file.file_name())).expect("copied");
        }
    };
    copy(&plugins(), "plugins");
    copy(&repository().join("rules/default"), "rules");
    let config = format!(
        "language = \"en\"\n{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n\
         [plugins]\ndirectory = \"plugins\"\n[rules]\ndirectory = \"rules\"\n",
        bill.source()
    );
    std::fs::write(projects.path().join("costwarden.toml"), config).expect("written");
}

#[test]
fn every_command_of_the_tutorial_runs() {
    let projects = ProjectsFolder::new();
    let bill = Simulator::start(&BILL);
    operator(&projects, &bill);
    let in_bash = |script: &str| {
        let folder = Path::new(binary()).parent().expect("a folder").display().to_string();
        let script = format!("set -euo pipefail\nPATH={folder}:$PATH\n{script}");
        let (name, secret) = Simulator::ENV;
        run(projects.command("", "bash").args(["-c", &script]).env(name, secret))
    };
    in_bash("costwarden backfill --from 2026-06-01 --to 2026-11-22").expect(0);

    let page = std::fs::read_to_string(repository().join(PAGE)).expect("a page");
    let shown = in_bash(&shell_blocks(&page).join("\n")).expect(0).stdout;
    for part in [
        "weekend-watch.wasm: 2 cases, 2 passed, 0 failed",
        "182 rows, 160 judged, 3 anomalous",
        "weekend-watch.wasm: 3 cases, 3 passed, 0 failed",
        "1 by the second only",
        "verify: 3 series, 525 rows, 462 judged, 0 anomalous",
        "6 rules can run",
        "weekend-watch",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let drawn = |picture: &str| std::fs::read_to_string(projects.path().join(picture)).expect("a picture");
    // The other pictures show incidents, which change with the bundled detectors.
    let of_page = repository().join("docs/authors/first.svg");
    let first = drawn("weekend-watch/first.svg");
    if std::fs::read_to_string(&of_page).is_ok_and(|text| text != first) {
        let copy = repository().join("target/languages/first.svg");
        std::fs::write(&copy, &first).expect("written");
        panic!("{} is not the picture of the tutorial: copy {}", of_page.display(), copy.display());
    }
    for picture in ["stored.svg", "tried.svg"] {
        let text = drawn(picture);
        assert!(text.contains("dom-01/prj-01/kubernetes-engine") && text.contains("class=\"anomalies\""), "{text}");
        assert!(repository().join("docs/authors").join(picture).exists(), "{picture} is a picture of the page");
    }
}
