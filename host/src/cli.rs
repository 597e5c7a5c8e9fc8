//! The command line: the commands, their options and their exit codes.
//!
//! The clock and the environment are read here once and passed on in arguments. The commands call the job, store and
//! plugin modules; no job logic is here.

mod anomalies;
mod archive;
mod args;
mod check;
mod demo;
mod events;
mod health;
mod incidents;
mod init;
mod jobs;
mod log;
mod manual;
mod plot;
mod plugin;
mod present;
mod report;
mod routes;
mod rules;
mod schedule;
mod schema;
mod series;
mod serve;
mod silences;
mod stored_days;
mod version;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::config::{self, Config, StoreConfig};
use crate::pipeline::Grade;
use config_file::secret::SecretUse;
use config_file::toml::Diagnostic;
use model::run_id::RunId;
use sandbox;
use simulator::{self, SimulateArgs};
use store::failpoint;

/// Watches cloud bills: fetches and archives bills, runs sandboxed detectors on every cost series, and notifies people.
///
/// Exit codes: 0 done (anomalies are data, not failures); 1 degraded, nothing is lost; 2 failed.
/// `--version --verbose` also prints the commit, the engine and the date of the last advisory check.
#[derive(Debug, Parser)]
#[command(name = "costwarden", version, max_term_width = 100)]
struct Cli {
    /// Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml.
    #[arg(long, global = true, env = "COSTWARDEN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON, one object per line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first config and rule set, after a trial of the billing API, the archive and the store.
    Init(init::InitArgs),
    /// Ingest and evaluate finished days, notify people, and train the detectors. Start every hour.
    Daily(DailyArgs),
    /// Ingest and evaluate the current day up to now. Start every hour.
    Hourly(HourlyArgs),
    /// Load past days in order, without notifications. An interrupted backfill resumes.
    Backfill(BackfillArgs),
    /// Check the config, rules and plugins without the network. Print all errors at once.
    Check(CheckArgs),
    /// Create, build, test, sign, share and lock detector plugins.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// List the rules, or evaluate a rule set on stored days.
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Maintain the raw documents: set the retention, compare with the ledger, rebuild the database.
    #[command(subcommand)]
    Archive(archive::ArchiveCommand),
    /// List anomalies.
    #[command(subcommand)]
    Anomalies(anomalies::AnomaliesCommand),
    /// List, show, explain and decide incidents.
    #[command(subcommand)]
    Incidents(incidents::IncidentsCommand),
    /// Silence incidents for a time: add, list and expire silences.
    #[command(subcommand)]
    Silences(silences::SilencesCommand),
    /// Plan changes of cost: add and list planned events.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Test the routes: show the receivers of an incident.
    #[command(subcommand)]
    Routes(routes::RoutesCommand),
    /// List series, or show, draw, export or forecast the stored days of a series.
    #[command(subcommand)]
    Series(series::SeriesCommand),
    /// Write a report for cost owners: the month, the forecast, the incidents, and the costs of every service.
    ///
    /// The report reads the store, with --causes the archive too, and with --try the plugins too. The HTML page requests nothing from a network.
    Report(report::ReportArgs),
    /// Serve the cost report on live data, with a small API, until a signal. People with a token decide and comment.
    ///
    /// The API is described by `GET /api/openapi.json`. The server keeps no state on disk. The pages have the causes and the trials
    /// of the open incidents. Each entry needs a token: `Authorization: Bearer TOKEN`, or the field of the form on `/incidents/ID`.
    Serve(serve::ServeArgs),
    /// Report the health of jobs, store, archive, rules and disk, with the exit codes of monitoring plugins.
    ///
    /// Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown. Nothing is written, except the last states with --changes.
    /// `[health]` in the config sets the thresholds.
    Health(health::HealthArgs),
    /// Install, remove or show the cron or systemd schedule of the jobs.
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// Print the JSON Schema of a file, for editors.
    Schema(schema::SchemaArgs),
    /// Serve a simulated Kakao Cloud billing API on loopback until interrupted.
    ///
    /// Control endpoints: `PUT /simulate/now {"now":"2026-11-23T10:10:00+09:00"}` sets the clock, `PUT /simulate/faults
    /// {"status":429,"times":3,"retryAfter":1}` makes the next responses fail, `POST /simulate/flaws` adds flaws (the
    /// values of --flaw), and `GET /simulate/incidents` lists the incidents hidden in the bill. A request with a body needs
    /// the header `Content-Type: application/json`.
    Simulate(SimulateArgs),
    /// Run all jobs on a simulated bill, and compare the incidents found with the incidents hidden in the bill.
    Demo(DemoArgs),
    /// Print a shell completion script, for packages.
    #[command(hide = true)]
    Completions(manual::CompletionsArgs),
    /// Write the manual pages, for packages.
    #[command(hide = true)]
    Manual(manual::ManualArgs),
    /// Compile the plugin on standard input. The plugin loader calls the command in a separate process.
    #[command(hide = true)]
    CompilePlugin(CompileArgs),
    /// Run a plugin for the process on standard input. The sandbox starts the command.
    #[command(hide = true)]
    RunPlugin(WorkerArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Also run the go-live checklist: the billing API and the clock, the archive, the store and the access rights in
    /// the store, secrets, folders, receivers, the schedule, and the registries of plugins not pulled yet.
    #[arg(long)]
    online: bool,
    /// Also send a test notification to every receiver.
    #[arg(long, requires = "online")]
    notify: bool,
}

#[derive(Debug, Args)]
struct DailyArgs {
    /// Finished day to process, like 2026-11-23. If the bill of the day has changed, later days with the day in their
    /// history are processed too. Default: yesterday, missing days before yesterday, and restated days.
    #[arg(long, value_parser = args::day, conflicts_with_all = ["from", "to"])]
    date: Option<Date>,
    /// First of several days.
    #[arg(long, value_parser = args::day, requires = "to")]
    from: Option<Date>,
    /// Last of several days. Without --from: the last day of the default run, instead of yesterday.
    #[arg(long, value_parser = args::day)]
    to: Option<Date>,
    /// Fetch and evaluate only: archive, store and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Skip the run if any host has completed the day. Default without --date, --from and --to.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct HourlyArgs {
    /// Moment to evaluate, like 2026-11-23T10:10 in the bill's time zone or 2026-11-23T01:10Z. Default: now.
    #[arg(long, value_parser = args::moment)]
    at: Option<args::Moment>,
    /// Fetch and evaluate only: archive, store and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Skip the run if any host has completed the hour. Default without --at.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct BackfillArgs {
    /// First day.
    #[arg(long, value_parser = args::day)]
    from: Date,
    /// Last day. Default: yesterday in the bill's time zone when the backfill began.
    #[arg(long, value_parser = args::day)]
    to: Option<Date>,
    /// Notify people of incidents, like a run at the time of the bill.
    #[arg(long)]
    alert: bool,
    /// Fetch and evaluate only: archive, store and send nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Folder with the .wasm files of the bundled plugins.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Folder for the archive and the database of the demo. Default: a temporary folder, deleted at the end.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CompileArgs {
    #[arg(long)]
    stack_bytes: usize,
    #[arg(long)]
    address_bytes: u64,
    #[arg(long)]
    cpu_seconds: u64,
    /// Write the component instead of the machine code.
    #[arg(long)]
    component: bool,
    /// Compile nothing without the whole jail.
    #[arg(long)]
    requires_jail: bool,
}

#[derive(Debug, Args)]
struct WorkerArgs {
    #[arg(long)]
    stack_bytes: usize,
    #[arg(long)]
    data_bytes: u64,
}

/// Runs the command of the command line and returns the exit code of the process.
pub fn main() -> ExitCode {
    if version::is_asked(&std::env::args_os().skip(1).collect::<Vec<_>>()) {
        present::out(&version::text());
        return ExitCode::SUCCESS;
    }
    let now = Timestamp::now();
    let run_id = RunId::new(now);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error, run_id),
    };
    // Before the log and the runtime: a process in a jail must have no thread, log or file beyond its need.
    if let Command::CompilePlugin(CompileArgs { stack_bytes, address_bytes, cpu_seconds, component, requires_jail }) =
        cli.command
    {
        let result = if component { sandbox::Translation::Component } else { sandbox::Translation::MachineCode };
        return sandbox::run_compiler(sandbox::CompileOptions {
            stack_bytes,
            address_bytes,
            cpu_seconds,
            result,
            requires_jail,
        });
    }
    if let Command::RunPlugin(WorkerArgs { stack_bytes, data_bytes }) = cli.command {
        return sandbox::run_worker(sandbox::WorkerOptions { stack_bytes, data_bytes });
    }
    if let Err(error) = log::start(run_id, cli.command.reader()) {
        present::failure(&anyhow::anyhow!(error));
        return ExitCode::from(Grade::Failed.exit_code());
    }
    if let Some(Err(error)) = environment("COSTWARDEN_FAILPOINT").map(|asked| failpoint::set(&asked)) {
        present::failure(&anyhow::anyhow!("COSTWARDEN_FAILPOINT: {error}"));
        return ExitCode::from(Grade::Failed.exit_code());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            present::failure(&anyhow::Error::new(error).context("cannot start the runtime"));
            return ExitCode::from(Grade::Failed.exit_code());
        }
    };
    let result = runtime.block_on(run(cli, run_id, now));
    // The process ends now. While a runtime shuts down, a task of the MongoDB driver may panic, because another task is gone.
    std::mem::forget(runtime);
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            present::failure(&error);
            ExitCode::from(Grade::Failed.exit_code())
        }
    }
}

/// Reports an invalid command line or prints the help, and returns the exit code. The error of a job goes to the log of
/// a scheduled run, because a mistyped crontab line is read there.
fn misunderstood(error: &clap::Error, run: RunId) -> ExitCode {
    let is_job = std::env::args_os().any(|word| JOBS.iter().any(|job| word == **job));
    // A command without arguments prints the help: no mistake of a crontab.
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || !is_job || is_help {
        error.exit();
    }
    let started = log::start(run, log::Reader::Schedule).map_err(anyhow::Error::msg);
    match started {
        Ok(()) => present::complaint(tracing::Level::ERROR, error.to_string().trim_end()),
        Err(error) => present::failure(&error),
    }
    ExitCode::from(Grade::Failed.exit_code())
}

/// The commands started by schedules.
const JOBS: [&str; 5] = ["daily", "hourly", "backfill", "archive", "report"];

impl Command {
    fn reader(&self) -> log::Reader {
        match self {
            Self::Daily(_) | Self::Hourly(_) | Self::Backfill(_) | Self::Archive(_) => log::Reader::Schedule,
            Self::Report(args) if args.is_scheduled() => log::Reader::Schedule,
            Self::Plugin(plugin::PluginCommand::Bench(_)) => log::Reader::Measurement,
            Self::Plugin(command) if command.is_trial() => log::Reader::Author,
            _ => log::Reader::Person,
        }
    }
}

/// Runs a command and returns the exit code.
async fn run(cli: Cli, run: RunId, now: Timestamp) -> anyhow::Result<u8> {
    let Cli { config, json, command } = cli;
    let form = if json { present::Form::Json } else { present::Form::Text };
    let invocation = args::Invocation { form, run_id: run, now };
    let grade = match command {
        Command::Init(args) => init::init(args, form, run, now).await,
        Command::Daily(args) => jobs::daily(load(config, SecretUse::All).await?, &args, form, run, now).await,
        Command::Hourly(args) => jobs::hourly(load(config, SecretUse::All).await?, &args, form, run, now).await,
        Command::Backfill(args) => jobs::backfill(load(config, SecretUse::All).await?, &args, form, run, now).await,
        Command::Check(args) => Ok(check::check(&config_path(config), &args, form, now).await),
        Command::Plugin(command) => plugin::plugin(command, config, form).await,
        Command::Rules(rules::RulesCommand::List(args)) => {
            let store = load_store(config.clone()).await;
            rules::list(load(config, SecretUse::Tables(&[])).await?, store, args, form).await
        }
        Command::Rules(command) => rules::rules(load(config, command.secrets()).await?, command, invocation).await,
        Command::Archive(command) => archive::archive(load(config, SecretUse::All).await?, command, invocation).await,
        Command::Anomalies(command) => anomalies::anomalies(load_store(config).await?, command, form).await,
        Command::Incidents(incidents::IncidentsCommand::Explain(args)) => {
            let uses = SecretUse::Tables(&["archive", "store"]);
            incidents::explain(&load(config, uses).await?, &args, form).await
        }
        Command::Incidents(command) => incidents::incidents(load_store(config).await?, command, invocation).await,
        Command::Silences(command) => silences::silences(load_store(config).await?, command, invocation).await,
        Command::Events(command) => events::events(load_store(config).await?, command, invocation).await,
        Command::Routes(command) => routes::routes(load_store(config).await?, command, form, now).await,
        Command::Series(series::SeriesCommand::Forecast(args)) => series::forecast(args, config, form).await,
        Command::Series(command) => series::series(load_store(config).await?, command, form).await,
        Command::Report(args) => report::report(config, args, form, now).await,
        Command::Serve(args) => serve::serve(config, args).await,
        // Exit codes of monitoring plugins, not of a job.
        Command::Health(args) => return Ok(health::health(&config_path(config), &args, form, now).await),
        Command::Schedule(command) => schedule::schedule(command, &config_path(config), form, now),
        Command::Schema(args) => Ok(schema::schema(&args)),
        Command::Simulate(args) => {
            simulator::serve(args).await?;
            Ok(Grade::Done)
        }
        Command::Completions(args) => Ok(manual::completions(Cli::command(), &args)),
        Command::Manual(args) => manual::manual(Cli::command(), &args),
        Command::Demo(args) => demo::demo(&args, run, now).await,
        Command::CompilePlugin(_) | Command::RunPlugin(_) => {
            unreachable!("main handles these commands before the runtime starts")
        }
    };
    Ok(grade?.exit_code())
}

/// Loads the config with the secrets that a command uses. All errors of the config are joined into one error.
async fn load(config: Option<PathBuf>, uses: SecretUse) -> anyhow::Result<Config> {
    let draft = config::load(&config_path(config), &environment).map_err(together)?;
    draft.resolve(uses).await.map_err(together)
}

/// Loads the tables of the config for reading the store.
async fn load_store(config: Option<PathBuf>) -> anyhow::Result<StoreConfig> {
    let draft = config::load_store(&config_path(config), &environment).map_err(together)?;
    draft.resolve(SecretUse::Tables(&["store"])).await.map_err(together)
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes the errors by value")]
fn together(errors: Vec<Diagnostic>) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("{}", lines.join("\n"))
}

fn config_path(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| {
        let here = PathBuf::from("costwarden.toml");
        if here.exists() { here } else { PathBuf::from("/etc/costwarden/costwarden.toml") }
    })
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
