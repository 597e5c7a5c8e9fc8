//! `plugin`: detectors as files. Made, tried out, handed over, and held to what was agreed.

mod bench;
mod build;
mod ground;
mod inspect;
mod lock;
mod new;
mod rule;
mod run;
mod share;
mod sign;
mod test;

use std::num::NonZero;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};

use self::ground::Ground;
use super::present::Form;
use super::{config_path, environment, load, together};
use crate::config::{self, Exchange};
use crate::detector::{Compiler, Detector, Limits, Sandbox};
use crate::job::Grade;
use crate::plugin::language::Language;
use crate::vault;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Start a detector: a project that builds and passes its own tests at once.
    New(NewArgs),
    /// Build a project into one .wasm file.
    Build(BuildArgs),
    /// Show what a plugin's file says of itself, without running it.
    Inspect(InspectArgs),
    /// Print a first rule for a plugin, with its settings and their defaults, without running it.
    Rule(RuleArgs),
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

impl PluginCommand {
    /// Whether a person tries a plugin out, and wants to see what it does.
    pub(super) fn is_trial(&self) -> bool {
        matches!(self, Self::Build(_) | Self::Run(_) | Self::Test(_))
    }
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
    /// Where to put the plugin; NAME.wasm in the project's folder without it.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The plugin.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RuleArgs {
    /// The plugin.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The plugin.
    file: PathBuf,
    /// The series: CSV with the columns timestamp and value, at any step.
    ///
    /// Timestamps are days, times of the bill's clock, times with an offset, or unix seconds. A value that is empty or
    /// NaN is not known, and so is what no row stands for.
    #[arg(long, value_name = "CSV")]
    input: PathBuf,
    /// The rule's settings: JSON, or @FILE.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    settings: String,
    /// The first point to judge: its timestamp, or its row counted from 0; the last tenth without it. The fit sees the
    /// points before it.
    #[arg(long, value_name = "WHEN", conflicts_with = "walk")]
    judge_from: Option<String>,
    /// Play production: fit on what is past, judge the next N points, fit again, on to the end.
    ///
    /// Each point is judged from earlier ones only. A point that alerted is a known incident, which later fits are told
    /// to exclude. Where points are days (or longer), a deviation that has lasted for accept_after_days of the config,
    /// with at most three days between, is the new level and is learned from, as in a run.
    #[arg(long, value_name = "N", value_parser = points)]
    walk: Option<NonZero<usize>>,
    /// What later fits make of points that alerted in a walk.
    #[arg(long, value_enum, default_value_t = Incidents::Exclude, requires = "walk")]
    incidents: Incidents,
    /// Days of history that a fit sees; without it 90 points, or 28 days but at most 4032 points where these are
    /// shorter than a day.
    #[arg(long, value_name = "DAYS", value_parser = days)]
    history_days: Option<NonZero<u16>>,
    /// How verdicts are printed; with a table, what they cost beside the limits.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The unit of the values.
    #[arg(long, default_value = "KRW")]
    unit: String,
    /// The language of reasons, like ko or en.
    #[arg(long, default_value = "en")]
    locale: String,
    #[command(flatten)]
    load: LoadArgs,
}

fn points(text: &str) -> Result<NonZero<usize>, String> {
    text.parse().map_err(|_| "expected a whole number of points from 1".to_owned())
}

fn days(text: &str) -> Result<NonZero<u16>, String> {
    text.parse().map_err(|_| format!("expected a whole number of days from 1 to {}", u16::MAX))
}

/// How a plugin that is tried out is loaded.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// Grant the files of this folder as reference data; what the config grants without it.
    #[arg(long, value_name = "DIR")]
    reference: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheArgs,
}

/// Whether a plugin that was compiled once is compiled again.
#[derive(Debug, Args)]
pub(super) struct CacheArgs {
    /// Compile the plugin anew, and keep nothing of it in the user's cache folder.
    #[arg(long)]
    no_cache: bool,
}

/// What fits make of points that alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Incidents {
    Exclude,
    Learn,
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The project's folder: its cases are in golden/CASE/, as input.csv, expected.csv and, for settings, case.toml.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The plugin; the .wasm file in the folder, in its dist or in the dist beside it without it.
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Write what the plugin gives now as what is expected.
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// The plugin.
    file: PathBuf,
    /// The rule's settings: JSON, or @FILE.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    settings: String,
    /// Measure this plugin too, an earlier build say, and show the cost as times its.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    #[command(flatten)]
    load: LoadArgs,
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
        PluginCommand::New(args) => new::new(&args, form),
        PluginCommand::Build(args) => build::build(&args, Ground::new(config)?.limits, form),
        PluginCommand::Inspect(args) => inspect::inspect(&args, &Ground::new(config)?, form),
        PluginCommand::Rule(args) => rule::rule(&args, &Ground::new(config)?),
        PluginCommand::Run(args) => run::run(&args, &Ground::new(config)?, form),
        PluginCommand::Test(args) => test::test(&args, &Ground::new(config)?, form),
        PluginCommand::Bench(args) => bench::bench(&args, &Ground::new(config)?, form),
        PluginCommand::Lock(args) => lock::lock(&args, &load(config).await?, form).await,
        PluginCommand::Keygen(args) => sign::keygen(&args, form),
        PluginCommand::Sign(args) => sign::sign(&args, form),
        PluginCommand::Verify(args) => sign::verify(&args, &Ground::new(config)?, form),
        PluginCommand::Push(args) => share::push(&args, exchange(config).await?, form).await,
        PluginCommand::Pull(args) => share::pull(&args, exchange(config).await?, form).await,
    }
}

/// The config where one is named or lies where it is looked for.
fn known(config: Option<PathBuf>) -> Option<PathBuf> {
    config.or_else(|| Some(config_path(None)).filter(|file| file.exists()))
}

/// What plugins are pushed and pulled with, with the secrets that registries ask for.
async fn exchange(config: Option<PathBuf>) -> anyhow::Result<Exchange> {
    let Some(file) = known(config) else { return Ok(Exchange::default()) };
    let draft = config::load_exchange(&file, &environment).map_err(together)?;
    vault::resolve(draft).await.map_err(together)
}

impl CacheArgs {
    /// A sandbox that keeps compiled plugins for the user, beside those of no other.
    fn sandbox(&self, limits: Limits) -> anyhow::Result<Sandbox> {
        let cache = if self.no_cache { None } else { cache_folder(environment) };
        Ok(Sandbox::new(limits, cache, Compiler::this_program())?)
    }
}

/// Of compiled plugins, where the XDG Base Directory Specification has it; none for a user without a home.
fn cache_folder(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("costwarden/compiled"))
}

/// Settings as JSON, or out of a file that is named after an @; a plugin has nothing against them.
fn settings(detector: &Detector, given: &str) -> anyhow::Result<String> {
    let (text, place) = match given.strip_prefix('@') {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("--settings: {file} cannot be read"))?;
            (text, format!("{file}: "))
        }
        None => (given.to_owned(), String::new()),
    };
    // As a rule's are, which come out of a table.
    if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) {
        let expected = r#"expected one like {"ratio": 2.5}, or @FILE"#;
        anyhow::bail!("--settings: {place}no JSON object ({error}), {expected}");
    }
    let issues = detector.check_settings(&text)?;
    let lines = issues.iter().map(|issue| format!("--settings: {}: {}", issue.place(), issue.message));
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { Ok(text) } else { Err(anyhow::anyhow!("{}", lines.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_users_others_are() {
        let folder = |variables: &[(&str, &str)]| {
            let of =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            cache_folder(of).map(|folder| folder.display().to_string())
        };
        let home = ("HOME", "/home/ada");
        let cache = Some("/home/ada/.cache/costwarden/compiled".to_owned());
        assert_eq!(folder(&[home]), cache);
        assert_eq!(folder(&[("XDG_CACHE_HOME", "/var/ada"), home]), Some("/var/ada/costwarden/compiled".to_owned()));
        for none in ["", "relative"] {
            assert_eq!(folder(&[("XDG_CACHE_HOME", none), home]), cache, "{none:?} is as good as not set");
        }
        assert_eq!((folder(&[]), folder(&[("HOME", "")])), (None, None));
    }
}
