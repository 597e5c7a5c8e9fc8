//! The shell blocks of a guide, and a machine that plays them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::schedule::private_cron::PrivateCron;
use costwarden_tests::{Run, Simulator, binary, plugins, repository};

/// Returns the shell blocks below a heading of a guide, joined.
pub(crate) fn block(guide: &str, heading: &str) -> String {
    let text = std::fs::read_to_string(repository().join("docs").join(guide)).expect("a guide");
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let blocks: String = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "{guide}: {heading} has no commands");
    blocks
}

/// Returns the commands of a block without comments.
pub(crate) fn commands(block: &str) -> Vec<&str> {
    block.lines().map(|line| line.split("  #").next().unwrap_or(line).trim()).collect()
}

/// An account with a private crontab, the program on PATH, and a simulated bill.
pub(crate) struct Machine {
    pub(crate) cron: PrivateCron,
    pub(crate) simulator: Simulator,
}

impl Machine {
    /// `None` without cron's programs.
    pub(crate) fn new() -> Option<Self> {
        let cron = PrivateCron::new()?;
        let folder = cron.workdir.path();
        for name in ["bin", "plugins"] {
            std::fs::create_dir(folder.join(name)).expect("a folder");
        }
        std::os::unix::fs::symlink(binary(), folder.join("bin/costwarden")).expect("a link");
        std::os::unix::fs::symlink(plugins(), folder.join("plugins/dist")).expect("a link");
        Some(Self { cron, simulator: Simulator::start(&[]) })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.cron.workdir.path()
    }

    /// Plays commands from the working directory; the first failed command ends the script. `lines` are the answers on
    /// standard input. The errors of the script contain every command.
    pub(crate) fn play(&self, script: &str, lines: &[&str]) -> Run {
        let mut text = String::from("set -eux\nPATH=$PWD/bin:$PATH\nunset COSTWARDEN_CONFIG\n");
        let _ = writeln!(text, "{script}");
        self.cron.workdir.write("script", &text);
        let mut command = self.cron.command("bash", &["script"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("bash");
        let mut stdin = child.stdin.take().expect("piped");
        let answers: String = lines.iter().map(|line| format!("{line}\n")).collect();
        stdin.write_all(answers.as_bytes()).expect("a short text");
        drop(stdin);
        let output = child.wait_with_output().expect("ended");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Returns the newest finished day of the bill, as `init` printed the day.
pub(crate) fn newest_day(played: &Run) -> jiff::civil::Date {
    let english = |line: &'_ str| Some(line.strip_prefix("The bill of ")?.split_once(':')?.0.to_owned());
    let korean = |line: &'_ str| Some(line.split_once(" 청구서: ")?.0.to_owned());
    let day = played.stdout.lines().find_map(|line| english(line).or_else(|| korean(line)));
    day.expect("the size of the bill").parse().expect("a day")
}
