//! The commands `plugin ...`: create, try out, sign, share and lock detector plugins.

mod bench;
mod build;
mod built;
mod bundle;
mod compare;
mod environment;
mod folder;
mod inspect;
mod lock;
mod new;
mod rule;
mod run;
mod share;
mod sign;
mod test;
mod trial;
mod watch;

use std::num::NonZero;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use config_file::secret::SecretUse;
use model::series::SeriesKey;
use plugin::authoring::language::Language;
use sandbox::{Detector, Isolation, Limits, Sandbox};

use self::environment::TrialEnvironment;
use super::args;
use super::present::Form;
use super::{config_path, environment as variable, load, together};
use crate::config::{self, Exchange};
use crate::pipeline::Grade;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Create a detector project with passing tests.
    New(NewArgs),
    /// Build a project into a single .wasm file.
    Build(BuildArgs),
    /// Show the manifest and digest of a plugin without running the code.
    Inspect(InspectArgs),
    /// Print a rule for a plugin with all settings and defaults, without running the plugin.
    Rule(RuleArgs),
    /// Evaluate series from CSV files with a plugin, in the sandbox, under production limits.
    Run(RunArgs),
    /// List the events and alerts of two plugins over the same series.
    Compare(CompareArgs),
    /// Run the golden cases of a project.
    Test(TestArgs),
    /// Build, test and draw a project again after each change of a file, until interrupted.
    Watch(WatchArgs),
    /// Measure time and fuel per point, by series length and batch size, and compare with the limits.
    Bench(BenchArgs),
    /// Write plugins.lock: the version, digest and signer of every plugin in the rules.
    Lock(LockArgs),
    /// Create a key pair for signing plugins.
    Keygen(KeygenArgs),
    /// Sign a plugin.
    Sign(SignArgs),
    /// Verify the signature of a plugin.
    Verify(VerifyArgs),
    /// Push a plugin to an OCI registry.
    Push(PushArgs),
    /// Pull a plugin from an OCI registry and store the file by digest.
    Pull(PullArgs),
    /// Write the locked plugins to one file for a closed network.
    Bundle(BundleArgs),
    /// Install a bundle at the places of the config.
    Unbundle(UnbundleArgs),
}

impl PluginCommand {
    /// Returns true for a trial of a plugin, because the log lines of the plugin are shown.
    pub(super) fn is_trial(&self) -> bool {
        matches!(self, Self::Build(_) | Self::Run(_) | Self::Compare(_) | Self::Test(_) | Self::Watch(_))
    }
}

/// The output format of verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// Name of the detector: lower-case letters, digits and -.
    name: String,
    /// Programming language of the project.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    language: Language,
}

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// Folder of the project, or a compiled core module.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Output file. Default: NAME.wasm in the folder of the project.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Plugin file.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RuleArgs {
    /// Plugin file.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Plugin file.
    file: PathBuf,
    /// Series: a CSV file with the columns timestamp and value, at any step, or a folder of CSV files.
    ///
    /// Timestamps are days, local times of the bill, times with an offset, or Unix seconds. An empty value, NaN or a
    /// missing row means "not known". With a column label, the verdicts are scored: 0 is a usual row, a number is the
    /// number of the event that the row belongs to.
    #[arg(long, value_name = "CSV|DIR", required_unless_present = "series")]
    input: Option<PathBuf>,
    /// Series of the store in the config: domainId/projectId/serviceId. The incidents are the labels.
    #[arg(long, value_name = "KEY", value_parser = args::series, conflicts_with = "input")]
    series: Option<SeriesKey>,
    #[command(flatten)]
    trial: TrialArgs,
    /// Print anomalous points only.
    #[arg(long)]
    alerts: bool,
    /// Draw the series and the verdicts in the terminal instead of a table, or write an SVG file.
    #[arg(long, value_name = "FILE.svg", num_args = 0..=1)]
    plot: Option<Option<PathBuf>>,
    /// Output format of verdicts. The table also compares the resource usage with the limits.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// First plugin file.
    first: PathBuf,
    /// Second plugin file. The same file compares two settings.
    second: PathBuf,
    /// Series: a CSV file or a folder of CSV files, as for `plugin run`.
    #[arg(long, value_name = "CSV|DIR")]
    input: PathBuf,
    /// Settings of the second plugin: JSON, or @FILE. Default: --settings.
    #[arg(long, value_name = "JSON")]
    second_settings: Option<String>,
    #[command(flatten)]
    trial: TrialArgs,
    #[command(flatten)]
    load: LoadArgs,
}

/// The options of a trial over a series.
#[derive(Debug, Args)]
pub(super) struct TrialArgs {
    /// Settings of the rule: JSON, or @FILE.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    settings: String,
    /// First point to judge: a timestamp, or a row number from 0. The fit sees the points before. Default: the last
    /// tenth of the series.
    #[arg(long, value_name = "POINT", conflicts_with = "walk")]
    judge_from: Option<String>,
    /// Points per step of a simulated production run: fit on the past, judge the next N points, fit again, until the
    /// end.
    ///
    /// The detector sees no points after the judged point. Later fits exclude anomalous points as known incidents.
    /// With a step of a day or longer, a deviation over accept_after_days of the config, with gaps of at most three
    /// days, becomes the new level, and later fits include the points again, as in a run.
    #[arg(long, value_name = "N", value_parser = points)]
    walk: Option<NonZero<usize>>,
    /// Use of anomalous points in later fits of a walk.
    #[arg(long, value_enum, default_value_t = IncidentPolicy::Exclude, requires = "walk")]
    incidents: IncidentPolicy,
    /// Days of history per fit. Default: 90 points; for steps shorter than a day, 28 days and at most 4032 points.
    #[arg(long, value_name = "DAYS", value_parser = days)]
    history_days: Option<NonZero<u16>>,
    /// Unit of the values. Default: the currency of the config, or KRW without a config.
    #[arg(long)]
    unit: Option<String>,
    /// Language of reasons, like ko or en.
    #[arg(long, default_value = "en")]
    locale: String,
}

fn points(text: &str) -> Result<NonZero<usize>, String> {
    text.parse().map_err(|_| "expected a whole number of points from 1".to_owned())
}

fn days(text: &str) -> Result<NonZero<u16>, String> {
    text.parse().map_err(|_| format!("expected a whole number of days from 1 to {}", u16::MAX))
}

/// The options for loading a plugin for a trial.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// Folder of reference data to grant. Default: the grant in the config.
    #[arg(long, value_name = "DIR")]
    reference: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheArgs,
}

/// The options of the cache of compiled plugins.
#[derive(Debug, Args)]
pub(super) struct CacheArgs {
    /// Compile the plugin again, and store nothing in the user's cache folder.
    #[arg(long)]
    no_cache: bool,
}

/// The use of anomalous points in later fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum IncidentPolicy {
    Exclude,
    Include,
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Folder of the project, with cases in golden/CASE/: input.csv, expected.csv and, for settings and intents, case.toml.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Plugin file. Default: the .wasm file in the folder, in its dist folder, or in the neighbouring dist folder, built
    /// again if a source file of the project is newer.
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Write the current verdicts to expected.csv.
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Folder of the project.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Series to draw: a CSV file. Default: series.csv in the folder, if present.
    #[arg(long, value_name = "CSV")]
    input: Option<PathBuf>,
    /// SVG file for the plot. Default: the terminal.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    trial: TrialArgs,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Plugin file.
    file: PathBuf,
    /// Settings of the rule: JSON, or @FILE.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    settings: String,
    /// Second plugin, for example an earlier build. Time and fuel are also shown as multiples of the second plugin's time
    /// and fuel.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, Args)]
pub(super) struct LockArgs {
    /// Print the differences and the moved tags, and write nothing. Exit code 2 if anything differs.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Args)]
pub(super) struct KeygenArgs {
    /// File of the secret key. The public key goes to FILE.pub.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// Plugin file. The signature goes to FILE.minisig.
    file: PathBuf,
    /// File of the secret key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Plugin file.
    file: PathBuf,
    /// File of the public key. Default: the keys trusted by the config.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// Plugin file. The signature beside the file is pushed too, if present.
    file: PathBuf,
    /// Destination HOST/REPOSITORY/NAME:TAG. NAME is the name of the plugin.
    reference: String,
}

#[derive(Debug, Args)]
pub(super) struct PullArgs {
    /// Source HOST/REPOSITORY/NAME:TAG or HOST/REPOSITORY/NAME@sha256:DIGEST.
    reference: String,
    /// Additional output file of the plugin, with the signature in FILE.minisig. Required without a config.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// Output file, a tar file: plugins, signatures, plugins.lock, granted reference data, and their digests.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct UnbundleArgs {
    /// Bundle of `plugin bundle`. Every plugin is verified against the lock in the bundle and the trusted keys.
    file: PathBuf,
}

pub(super) async fn plugin(command: PluginCommand, config: Option<PathBuf>, form: Form) -> anyhow::Result<Grade> {
    match command {
        PluginCommand::New(args) => new::new(&args, form),
        PluginCommand::Build(args) => build::build(&args, &TrialEnvironment::new(config)?, form),
        PluginCommand::Inspect(args) => inspect::inspect(&args, &TrialEnvironment::new(config)?, form),
        PluginCommand::Rule(args) => rule::rule(&args, &TrialEnvironment::new(config)?),
        PluginCommand::Run(args) => run::run(&args, config, form).await,
        PluginCommand::Compare(args) => compare::compare(&args, &TrialEnvironment::new(config)?, form),
        PluginCommand::Test(args) => test::test(&args, &TrialEnvironment::new(config)?, form),
        PluginCommand::Watch(args) => match watch::watch(&args, &TrialEnvironment::new(config)?)? {},
        PluginCommand::Bench(args) => bench::bench(&args, &TrialEnvironment::new(config)?, form),
        PluginCommand::Lock(args) => {
            lock::lock(&args, &load(config, SecretUse::Tables(&["plugins"])).await?, form).await
        }
        PluginCommand::Keygen(args) => sign::keygen(&args, form),
        PluginCommand::Sign(args) => sign::sign(&args, form),
        PluginCommand::Verify(args) => sign::verify(&args, &TrialEnvironment::new(config)?, form),
        PluginCommand::Push(args) => share::push(&args, exchange(config).await?, form).await,
        PluginCommand::Pull(args) => share::pull(&args, exchange(config).await?, form).await,
        PluginCommand::Bundle(args) => bundle::bundle(&args, &load(config, SecretUse::Tables(&[])).await?, form),
        PluginCommand::Unbundle(args) => bundle::unbundle(&args, &load(config, SecretUse::Tables(&[])).await?, form),
    }
}

/// Returns the config file named by the user, or the default config file if present.
fn config_file(config: Option<PathBuf>) -> Option<PathBuf> {
    config.or_else(|| Some(config_path(None)).filter(|file| file.exists()))
}

/// Loads the settings for push and pull, with the secrets of the registries.
async fn exchange(config: Option<PathBuf>) -> anyhow::Result<Exchange> {
    let Some(file) = config_file(config) else { return Ok(Exchange::default()) };
    let draft = config::load_exchange(&file, &variable).map_err(together)?;
    draft.resolve(SecretUse::Tables(&["plugins"])).await.map_err(together)
}

impl CacheArgs {
    /// Creates a sandbox with a cache of compiled plugins in the user's cache folder, or without a cache for
    /// `--no-cache`.
    fn sandbox(&self, limits: Limits) -> anyhow::Result<Sandbox> {
        let cache = if self.no_cache { None } else { cache_folder(variable) };
        Ok(Sandbox::new(limits, cache, Isolation::processes(false))?)
    }
}

/// The cache folder of compiled plugins by the XDG Base Directory Specification; `None` for a user without a home.
fn cache_folder(read_variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    // The specification ignores relative paths.
    let absolute = |name| read_variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("costwarden/compiled"))
}

/// Reads settings from JSON text or from `@FILE`, and checks them with the plugin.
fn read_settings(detector: &Detector, argument: &str) -> anyhow::Result<String> {
    let (text, prefix) = match argument.strip_prefix('@') {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("--settings: {file} cannot be read"))?;
            (text, format!("{file}: "))
        }
        None => (argument.to_owned(), String::new()),
    };
    // An object, because the settings of a rule come from a TOML table.
    if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) {
        let expected = r#"expected an object like {"ratio": 2.5}, or @FILE"#;
        anyhow::bail!("--settings: {prefix}not a JSON object ({error}), {expected}");
    }
    let issues = detector.check_settings(&text)?;
    let lines = issues.iter().map(|issue| format!("--settings: {}: {}", issue.location(), issue.message));
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { Ok(text) } else { Err(anyhow::anyhow!("{}", lines.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_in_the_cache_folder_of_the_user() {
        let folder = |variables: &[(&str, &str)]| {
            let of =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            cache_folder(of).map(|folder| folder.display().to_string())
        };
        let home = ("HOME", "/home/ada");
        let cache = Some("/home/ada/.cache/costwarden/compiled".to_owned());
        assert_eq!(folder(&[home]), cache);
        assert_eq!(folder(&[("XDG_CACHE_HOME", "/var/ada"), home]), Some("/var/ada/costwarden/compiled".to_owned()));
        for ignored in ["", "relative"] {
            assert_eq!(folder(&[("XDG_CACHE_HOME", ignored), home]), cache, "{ignored:?} counts as not set");
        }
        assert_eq!((folder(&[]), folder(&[("HOME", "")])), (None, None));
    }
}
