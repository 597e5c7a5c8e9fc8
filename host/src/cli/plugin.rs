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
mod trial_args;
mod tune;
mod watch;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use config_file::secret::SecretUse;
use plugin::authoring::language::Language;
use sandbox::Detector;

use self::environment::TrialEnvironment;
use self::trial_args::{CacheArgs, IncidentPolicy, InputArgs, LoadArgs, TrialArgs};
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
    /// Count the alerts of a plugin over series for several values of a numeric setting.
    Tune(TuneArgs),
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
    #[command(flatten)]
    input: InputArgs,
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
    #[command(flatten)]
    input: InputArgs,
    /// Settings of the second plugin: JSON, or @FILE. Default: --settings for two plugins of one name, otherwise {}.
    #[arg(long, value_name = "JSON")]
    second_settings: Option<String>,
    #[command(flatten)]
    trial: TrialArgs,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, Args)]
pub(super) struct TuneArgs {
    /// Plugin file.
    file: PathBuf,
    /// Numeric setting. The values to try are a quarter to eight times the default, within the bounds of the settings schema.
    #[arg(long, value_name = "NAME")]
    setting: String,
    /// Largest number of alerts in 30 days of a series. The value is printed from which on every tried value has at most
    /// as many.
    #[arg(long, value_name = "NUMBER", value_parser = rate, allow_negative_numbers = true)]
    alerts_per_30d: f64,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    trial: TrialArgs,
    #[command(flatten)]
    load: LoadArgs,
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
    /// Folder of another rule set, whose plugins are locked too, before `rules apply DIR`.
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct KeygenArgs {
    /// File of the secret key. The public key goes to FILE.pub.
    file: PathBuf,
    /// File with a password that encrypts the secret key; mode 600. Default: the key is not encrypted.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// Plugin file. The signature goes to FILE.minisig.
    file: PathBuf,
    /// File of the secret key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File with the password of an encrypted secret key; mode 600.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
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
        PluginCommand::Compare(args) => compare::compare(&args, config, form).await,
        PluginCommand::Tune(args) => tune::tune(&args, config, form).await,
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

/// Reads settings from JSON text or from `@FILE`, and checks them with the plugin.
fn read_settings(detector: &Detector, argument: &str) -> anyhow::Result<String> {
    let text = settings_text(argument)?;
    let issues = detector.check_settings(&text)?;
    let lines = issues.iter().map(|issue| format!("--settings: {}: {}", issue.location(), issue.message));
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { Ok(text) } else { Err(anyhow::anyhow!("{}", lines.join("\n"))) }
}

/// Parses a number of alerts.
fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "expected a number of at least 0".to_owned())
}

/// Reads a JSON object from the argument or from `@FILE`.
fn settings_text(argument: &str) -> anyhow::Result<String> {
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
    Ok(text)
}
