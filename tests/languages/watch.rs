//! `plugin watch` and `plugin test` after a change of a source file.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};

use crate::ProjectsFolder;
use costwarden_tests::binary;

/// A new project, and the path of its source.
fn project(projects: &ProjectsFolder) -> PathBuf {
    projects.costwarden("", &["plugin", "new", "weekend-watch"]).expect(0);
    projects.path().join("weekend-watch/src/lib.rs")
}

/// Changes the default of the setting `ratio`, so that `plugin run` has other alerts.
fn change_ratio(source: &std::path::Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(source).expect("a source");
    let changed = text.replace(&format!("ratio: {from}"), &format!("ratio: {to}"));
    assert_ne!(changed, text);
    std::fs::write(source, changed).expect("written");
}

/// A running `plugin watch`. Dropping the value ends the process.
struct Watch {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn start(projects: &ProjectsFolder) -> Self {
        let mut command = projects.command("weekend-watch", binary());
        command.args(["plugin", "watch", "--walk", "7"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the binary starts");
        let lines = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, lines }
    }

    /// The output up to the line that ends a round.
    fn round(&mut self) -> String {
        let mut round = String::new();
        while !round.lines().last().is_some_and(|line| line.starts_with("watching .")) {
            let read = self.lines.read_line(&mut round).expect("text");
            assert_ne!(read, 0, "the process ended: {round}");
        }
        round
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.process.kill().expect("a running process");
        self.process.wait().expect("ended");
    }
}

#[test]
fn a_saved_file_is_built_tested_and_drawn() {
    let projects = ProjectsFolder::new();
    let source = project(&projects);
    let mut watch = Watch::start(&projects);
    let first = watch.round();
    assert!(first.contains("weekend-watch.wasm: 2 cases, 2 passed, 0 failed\n"), "{first}");
    assert!(first.contains("series, weekend-watch 0.1.0, KRW\n") && first.contains("X anomaly"), "{first}");

    change_ratio(&source, "2.0", "1.2");
    let second = watch.round();
    let alerts = |round: &str| round.matches('X').count();
    assert!(alerts(&second) > alerts(&first), "{first}\n{second}");

    std::fs::write(&source, "no Rust").expect("written");
    let failed = watch.round();
    assert!(!failed.contains("passed") && !failed.contains("anomaly"), "{failed}");

    let golden = projects.path().join("weekend-watch/golden/spike/case.toml");
    std::fs::write(golden, "walk = 7\nsettings = { ratio = 50 }\n").expect("written");
    assert!(!watch.round().contains("passed"), "the source is still broken");
}

#[test]
fn an_edited_source_is_built_before_the_test() {
    let projects = ProjectsFolder::new();
    let source = project(&projects);
    projects.costwarden("weekend-watch", &["plugin", "build"]).expect(0);
    let fresh = projects.costwarden("weekend-watch", &["plugin", "test"]).expect(0);
    assert_eq!(fresh.stderr, "", "a fresh plugin is not built again");

    let text = std::fs::read_to_string(&source).expect("a source");
    std::fs::write(&source, text.replace("observed / upper", "observed / upper / 2.0")).expect("written");
    let edited = projects.costwarden("weekend-watch", &["plugin", "test"]).expect(2);
    assert!(edited.stderr.contains("weekend-watch.wasm is older than src/lib.rs: building\n"), "{edited:?}");
    assert!(edited.stdout.contains("2 cases, 0 passed, 2 failed"), "{edited:?}");

    std::fs::write(&source, "no Rust").expect("written");
    let broken = projects.costwarden("weekend-watch", &["plugin", "test"]).expect(2);
    assert!(broken.stdout.is_empty() && broken.stderr.contains("name the file with --plugin"), "{broken:?}");
}
