//! `plugin`: detectors as files. Made, tried out, handed over, and held to what was agreed.

mod bench;
mod build;
mod inspect;
mod lock;
mod new;
mod run;
mod share;
mod sign;
mod test;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::load;
use super::present::Form;
use crate::config::Config;
use crate::detector::Limits;
use crate::job::Grade;
use crate::plugin::language::Language;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Start a detector: a project that builds and passes its own tests at once.
    New(NewArgs),
    /// Build a project into one .wasm file.
    Build(BuildArgs),
    /// Show what a plugin's file says of itself, without running it.
    Inspect(InspectArgs),
    /// Let a plugin judge a series from a CSV file, in the sandbox, under the limits of production.
    Run(RunArgs),
    /// Run the golden cases of a project.
    Test(TestArgs),
    /// Measure a plugin: time and fuel per point, by series length and batch size, against the limits.
    Bench(BenchArgs),
    /// Write plugins.lock: the version, digest and signer of every plugin that the rules use.
    Lock(LockArgs),
    /// Make a key pair to sign plugins with.
    Keygen(KeygenArgs),
    /// Sign a plugin.
    Sign(SignArgs),
    /// Verify a plugin's signature.
    Verify(VerifyArgs),
    /// Put a plugin into an OCI registry.
    Push(PushArgs),
    /// Get a plugin out of an OCI registry and keep it by its digest.
    Pull(PullArgs),
}

/// How verdicts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The detector's name: lower-case letters, digits and -.
    name: String,
    /// What it is written in.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    language: Language,
}

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The project's folder, or a core module that was compiled already.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Where to put the plugin; <name>.wasm in the project's folder without it.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The plugin.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The plugin.
    file: PathBuf,
    /// The series: CSV with the columns timestamp and value, at any step.
    #[arg(long, value_name = "CSV")]
    input: PathBuf,
    /// The rule's settings: JSON, or @FILE.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    settings: String,
    /// The first point to judge: its timestamp, or its row counted from 0; the last tenth without it.
    #[arg(long, value_name = "WHEN", conflicts_with = "walk")]
    judge_from: Option<String>,
    /// Play production: fit on what is past, judge the next N points, fit again, on to the end.
    #[arg(long, value_name = "N")]
    walk: Option<std::num::NonZero<usize>>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The unit of the values.
    #[arg(long, default_value = "KRW")]
    unit: String,
    /// The language of reasons, like ko or en.
    #[arg(long, default_value = "en")]
    locale: String,
    /// Grant the files of this folder as reference data.
    #[arg(long, value_name = "DIR")]
    reference: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Write what the plugin gives now as what is expected.
    #[arg(long)]
    update: bool,
}

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// The plugin.
    file: PathBuf,
    /// The rule's settings: JSON, or @FILE.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    settings: String,
}

#[derive(Debug, Args)]
pub(super) struct LockArgs {
    /// Say what differs instead of writing; exit code 2 when something does.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Args)]
pub(super) struct KeygenArgs {
    /// The secret key's file; the public key goes beside it, as FILE.pub.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// The plugin; the signature goes beside it, as FILE.minisig.
    file: PathBuf,
    /// The secret key's file.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The plugin.
    file: PathBuf,
    /// The public key's file; without it, the keys that the config trusts.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// The plugin; its signature goes with it where there is one.
    file: PathBuf,
    /// Where to: HOST/REPOSITORY/NAME:TAG. NAME is the plugin's own name.
    reference: String,
}

#[derive(Debug, Args)]
pub(super) struct PullArgs {
    /// Where from: HOST/REPOSITORY/NAME:TAG or HOST/REPOSITORY/NAME@sha256:DIGEST.
    reference: String,
    /// Write the plugin and its signature here as well; without a config, here alone.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn plugin(command: PluginCommand, config: Option<PathBuf>, form: Form) -> anyhow::Result<Grade> {
    match command {
        PluginCommand::New(args) => new::new(&args),
        PluginCommand::Build(args) => build::build(&args, limits(config)?, form),
        PluginCommand::Inspect(args) => inspect::inspect(&args, form),
        PluginCommand::Run(args) => run::run(&args, limits(config)?, form),
        PluginCommand::Test(args) => test::test(&args, limits(config)?, form),
        PluginCommand::Bench(args) => bench::bench(&args, limits(config)?, form),
        PluginCommand::Lock(args) => lock::lock(&args, &load(config)?, form).await,
        PluginCommand::Keygen(args) => sign::keygen(&args),
        PluginCommand::Sign(args) => sign::sign(&args),
        PluginCommand::Verify(args) => sign::verify(&args, config),
        PluginCommand::Push(args) => share::push(&args, optional(config)?, form).await,
        PluginCommand::Pull(args) => share::pull(&args, optional(config)?, form).await,
    }
}

/// The config where one is named or lies here; an author needs none.
fn optional(config: Option<PathBuf>) -> anyhow::Result<Option<Config>> {
    if config.is_some() || Path::new("costwarden.toml").exists() { load(config).map(Some) } else { Ok(None) }
}

/// The limits of production, or their defaults where there is no config.
fn limits(config: Option<PathBuf>) -> anyhow::Result<Limits> {
    Ok(optional(config)?.map(|config| config.plugins.limits).unwrap_or_default())
}
