//! `manual` and `completions`: what packages carry besides the program, made from the command line itself.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::job::Grade;

#[derive(Debug, Args)]
pub(super) struct ManualArgs {
    /// The folder to write one page a command into.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn manual(command: Command, ManualArgs { folder }: &ManualArgs) -> anyhow::Result<Grade> {
    pages(command, folder).with_context(|| format!("cannot write manual pages into {}", folder.display()))?;
    Ok(Grade::Done)
}

fn pages(command: Command, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // Global options are everywhere the same; `help` has no page of its own.
    clap_mangen::generate_to(command.disable_help_subcommand(true), folder)
}

pub(super) fn completions(mut command: Command, args: &CompletionsArgs) -> Grade {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    super::present::out(String::from_utf8_lossy(&script).trim_end());
    Grade::Done
}
