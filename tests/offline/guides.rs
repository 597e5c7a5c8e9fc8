//! The commands of the README and of the guides, run as a reader would run them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use costwarden_tests::{Run, binary, repository, run};
use serde_json::Value;

/// The first line of the quick start for operators.
const OPERATORS: &str = "target/release/costwarden simulate --port 8787 &";
/// The first command of the quick start for cost owners.
const OWNERS: &str = "costwarden incidents list --open";

/// A folder with the paths of the repository that the quick starts use.
struct Reader {
    folder: tempfile::TempDir,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let link = |target: PathBuf, name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
            std::os::unix::fs::symlink(target, path).expect("linked");
        };
        link(PathBuf::from(binary()), "target/release/costwarden");
        link(repository().join("plugins/dist"), "plugins/dist");
        link(repository().join("rules/default"), "rules/default");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn costwarden(&self, args: &[&str]) -> Run {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.path()).env("BILLING_SECRET", "simulated-secret");
        run(&mut command)
    }

    /// Runs the quick start for operators on a free port. Exit code 1 of a job is degraded, no failure.
    fn operate(&self, block: &str) -> Run {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port().to_string();
        drop(listener);
        let mut script = String::from("set -euo pipefail\ntrap 'kill $simulation' EXIT\n");
        for line in block.replace("8787", &port).lines() {
            let is_job = ["backfill", "daily", "hourly"].iter().any(|job| line.contains(&format!("costwarden {job}")));
            script.push_str(line);
            match line {
                line if line.ends_with('&') => script.push_str("\nsimulation=$!\n"),
                _ if is_job => script.push_str(" || [ $? = 1 ]\n"),
                _ => script.push('\n'),
            }
        }
        run(Command::new("bash").args(["-c", &script]).current_dir(self.path()))
    }
}

/// Returns the shell block of a page that contains a line.
fn block(page: &str, line: &str) -> String {
    let text = std::fs::read_to_string(repository().join(page)).expect("a page");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let found = blocks.into_iter().find(|block| block.contains(line));
    found.unwrap_or_else(|| panic!("{page} has no block with {line:?}")).to_owned()
}

/// Returns the commands of a block without comments.
fn commands(block: &str) -> Vec<Vec<String>> {
    let lines = block.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn every_page_has_the_same_quick_start() {
    let readme = block("README.md", OPERATORS);
    assert_eq!(block("README.ko.md", OPERATORS), readme);
    assert_eq!(block("docs/operators.md", OPERATORS), readme);
}

#[test]
fn the_quick_start_of_operators_and_owners_runs() {
    let reader = Reader::new();
    let started = reader.operate(&block("README.md", OPERATORS)).expect(0);
    assert!(started.stdout.contains("rules/default.toml"), "the rules are written: {started:?}");
    assert!(started.stdout.contains("warning"), "the anomalies are listed: {started:?}");

    let incidents = reader.costwarden(&["incidents", "list", "--json"]).expect(0).json();
    let id = incidents[0]["incident"].as_str().expect("an incident of the simulated bill");
    let series = reader.costwarden(&["series", "list", "--json"]).expect(0).json();
    let ids = ["domainId", "projectId", "serviceId"].map(|field| series[0][field].as_str().expect("an id").to_owned());
    let mut count = 0;
    for page in ["README.md", "README.ko.md", "docs/owners.md", "docs/owners.ko.md"] {
        for command in commands(&block(page, OWNERS)) {
            let args = command[1..].iter().map(|arg| match arg.as_str() {
                "ID" => id.to_owned(),
                "account/project/service" => ids.join("/"),
                "rules/mine" => "rules/default".to_owned(),
                // The simulated bill ends yesterday; any stored day serves.
                date if date.starts_with("2026-") => newest_day(&series),
                other => other.to_owned(),
            });
            let args: Vec<String> = args.collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let done = reader.costwarden(&args);
            assert_eq!(done.code, 0, "{page}: {args:?}: {done:?}");
            count += 1;
        }
    }
    assert!(count >= 12, "{count} commands");
}

fn newest_day(series: &[Value]) -> String {
    let date = series[0]["date"].as_str().expect("a date");
    format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..])
}
