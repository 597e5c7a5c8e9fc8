//! The command `schema`: prints the JSON Schema of the config or of the rules, or the reference page of the same keys.

mod page;

use clap::{Args, ValueEnum};

use super::present;
use crate::config;
use crate::pipeline::Grade;
use model::rule;

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The kind of file.
    file: SchemaFile,
    /// Print a reference page in Markdown instead.
    #[arg(long)]
    markdown: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaFile {
    /// The config, costwarden.toml.
    Config,
    /// A file with rules.
    Rules,
}

pub(super) fn schema(args: &SchemaArgs) -> Grade {
    let schema = match args.file {
        SchemaFile::Config => config::schema(),
        SchemaFile::Rules => rule::schema(),
    };
    if args.markdown {
        present::out(page::page(&schema).trim_end());
    } else {
        present::out(&format!("{schema:#}"));
    }
    Grade::Done
}
