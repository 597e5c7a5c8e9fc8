//! The commands `manual` and `completions`: generate the manual pages and completion scripts of packages from the clap
//! definition.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::pipeline::Grade;

#[derive(Debug, Args)]
pub(super) struct ManualArgs {
    /// Folder for the pages, one page per command.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Name of the shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn manual(command: Command, ManualArgs { folder }: &ManualArgs) -> anyhow::Result<Grade> {
    pages(command, folder).with_context(|| format!("cannot write manual pages into {}", folder.display()))?;
    Ok(Grade::Done)
}

fn pages(command: Command, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // `help` gets no page of its own; global options are the same in every page.
    clap_mangen::generate_to(command.disable_help_subcommand(true), folder)
}

pub(super) fn completions(mut command: Command, args: &CompletionsArgs) -> Grade {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    super::present::out(String::from_utf8_lossy(&script).trim_end());
    Grade::Done
}
