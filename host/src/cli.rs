//! The commands: what can be asked for on the command line, and the exit code of each.
//!
//! It reads the clock and the environment once, here, and hands them on as arguments.

mod archive;
mod check;
mod dates;
mod demo;
mod health;
mod incidents;
mod jobs;
mod log;
mod look;
mod manual;
mod plugin;
mod present;
mod rules;
mod schedule;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::config::{self, Config, Draft};
use crate::detector;
use crate::job::Grade;
use crate::run_id::RunId;
use crate::simulate::{self, SimulateArgs};
use crate::step;
use crate::toml::Diagnostic;
use crate::vault;

/// Watches cloud bills: fetches them, keeps them, runs sandboxed detectors over them, and tells people.
///
/// Exit codes: 0 done (anomalies are data, not failures); 1 done but degraded, nothing is lost; 2 could not do the job.
#[derive(Debug, Parser)]
#[command(name = "costwarden", version, max_term_width = 100)]
struct Cli {
    /// The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml.
    #[arg(long, global = true, env = "COSTWARDEN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON, one object a line, for machines.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch, judge and tell a finished day, and learn from it. Run it once a day.
    Daily(DailyArgs),
    /// Fetch and judge today as it stands. Run it every hour.
    Hourly(HourlyArgs),
    /// Load past days, in their order, without telling people; goes on where it was interrupted.
    Backfill(BackfillArgs),
    /// Check config, rules and plugins without touching the network. Every error is told at once.
    Check(CheckArgs),
    /// Make, try out, sign, share and lock detectors.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Try rule sets on what is remembered, and list them.
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Look after the raw documents: how long they are kept, whether they agree with the ledger, and rebuild from them.
    #[command(subcommand)]
    Archive(archive::ArchiveCommand),
    /// Look at what was found.
    #[command(subcommand)]
    Anomalies(AnomaliesCommand),
    /// Look at incidents, and say that one is known about.
    #[command(subcommand)]
    Incidents(incidents::IncidentsCommand),
    /// Look at what is remembered of series.
    #[command(subcommand)]
    Series(look::SeriesCommand),
    /// Say whether jobs, store, archive, rules and disk are well; exit codes as monitoring plugins have them.
    ///
    /// 0 well, 1 a warning, 2 critical, 3 not known. Nothing is written. `[health]` in the config sets the thresholds.
    Health(health::HealthArgs),
    /// Let cron or systemd start the jobs.
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// Serve a made-up Kakao Cloud billing API on loopback, until it is interrupted.
    ///
    /// While it runs, `PUT /simulate/now {"now":"2026-11-23T10:10:00+09:00"}` changes its clock, `PUT /simulate/faults
    /// {"status":429,"times":3,"retryAfter":1}` lets its next answers fail, `POST /simulate/flaws` adds what --flaw
    /// takes, and `GET /simulate/incidents` tells what is hidden in the bill.
    Simulate(SimulateArgs),
    /// Show the whole job on a made-up bill: what was hidden in it, and what was found.
    Demo(DemoArgs),
    /// Print a script that completes commands and options in a shell: what packages carry.
    #[command(hide = true)]
    Completions(manual::CompletionsArgs),
    /// Write the manual pages: what packages do.
    #[command(hide = true)]
    Manual(manual::ManualArgs),
    /// Compile the plugin on standard input: what a loader calls, in a process of its own.
    #[command(hide = true)]
    CompilePlugin(CompileArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Also go through the checklist before going live: the billing API and the clock, the archive, the store and the
    /// rights there, secrets, folders, sinks, the schedule, and the registries of plugins that were not pulled yet.
    #[arg(long)]
    online: bool,
    /// Also send a test notice to every sink.
    #[arg(long, requires = "online")]
    tell: bool,
}

#[derive(Debug, Args)]
struct DailyArgs {
    /// This day, which must be over, and where it has changed, later ones that look back to it; without any, yesterday, what is missing before it, and what was corrected since.
    #[arg(long, value_parser = dates::day, conflicts_with_all = ["from", "to"])]
    date: Option<Date>,
    /// As without any day, with this day for yesterday.
    #[arg(long, value_parser = dates::day, conflicts_with_all = ["date", "from", "to"])]
    through: Option<Date>,
    /// The first of several days.
    #[arg(long, value_parser = dates::day, requires = "to")]
    from: Option<Date>,
    /// The last of several days.
    #[arg(long, value_parser = dates::day, requires = "from")]
    to: Option<Date>,
    /// Fetch and judge, but archive, remember and tell nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do nothing where the day is done already, by whichever host. Without --date that is so anyway.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct HourlyArgs {
    /// The moment to judge, like 2026-11-23T10:10 in the bill's time zone or 2026-11-23T01:10Z; now without it.
    #[arg(long, value_parser = dates::moment)]
    at: Option<dates::Moment>,
    /// Fetch and judge, but archive, remember and tell nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do nothing where the hour is done already, by whichever host. Without --at that is so anyway.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct BackfillArgs {
    /// The first day.
    #[arg(long, value_parser = dates::day)]
    from: Date,
    /// The last day; without it yesterday in the bill's time zone, as it was when the backfill began.
    #[arg(long, value_parser = dates::day)]
    to: Option<Date>,
    /// Tell people of what is found, as if it were happening now.
    #[arg(long)]
    alert: bool,
    /// Fetch and judge, but archive, remember and tell nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum AnomaliesCommand {
    /// List findings, oldest first.
    List {
        #[command(flatten)]
        span: SpanArgs,
    },
}

#[derive(Debug, Args)]
struct SpanArgs {
    /// The first day.
    #[arg(long, value_parser = dates::day)]
    from: Option<Date>,
    /// The last day.
    #[arg(long, value_parser = dates::day)]
    to: Option<Date>,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// The folder of the bundled plugins' .wasm files.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Keep the demo's archive and database in this folder instead of throwing them away.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CompileArgs {
    #[arg(long)]
    stack_bytes: usize,
    #[arg(long)]
    memory_bytes: u64,
    #[arg(long)]
    cpu_seconds: u64,
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let now = Timestamp::now();
    let run_id = RunId::new(now);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error, run_id),
    };
    // First of all: it shall have no thread, log or file that it does not need.
    if let Command::CompilePlugin(CompileArgs { stack_bytes, memory_bytes, cpu_seconds }) = cli.command {
        return detector::serve(detector::Order { stack_bytes, memory_bytes, cpu_seconds });
    }
    if let Err(error) = log::start(run_id, cli.command.reader()) {
        present::failure(&anyhow::anyhow!(error));
        return ExitCode::from(Grade::Failed.exit_code());
    }
    if let Some(Err(error)) = environment("COSTWARDEN_REHEARSE").map(|asked| step::rehearse(&asked)) {
        present::failure(&anyhow::anyhow!("COSTWARDEN_REHEARSE: {error}"));
        return ExitCode::from(Grade::Failed.exit_code());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            present::failure(&anyhow::Error::new(error).context("cannot start the runtime"));
            return ExitCode::from(Grade::Failed.exit_code());
        }
    };
    match runtime.block_on(run(cli, run_id, now)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            present::failure(&error);
            ExitCode::from(Grade::Failed.exit_code())
        }
    }
}

/// The command line is none that there is, or asks for help. A mistyped line of a crontab is read like all else that
/// comes of it.
fn misunderstood(error: &clap::Error, run: RunId) -> ExitCode {
    let is_job = std::env::args_os().any(|word| JOBS.iter().any(|job| word == **job));
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

/// What schedules start.
const JOBS: [&str; 4] = ["daily", "hourly", "backfill", "archive"];

impl Command {
    fn reader(&self) -> log::Reader {
        match self {
            Self::Daily(_) | Self::Hourly(_) | Self::Backfill(_) | Self::Archive(_) => log::Reader::Schedule,
            Self::Plugin(command) if command.is_trial() => log::Reader::Author,
            _ => log::Reader::Person,
        }
    }
}

/// Gives back the exit code.
async fn run(cli: Cli, run: RunId, now: Timestamp) -> anyhow::Result<u8> {
    let Cli { config, json, command } = cli;
    let form = if json { present::Form::Json } else { present::Form::Text };
    let grade = match command {
        Command::Daily(args) => jobs::daily(load(config).await?, &args, form, run, now).await,
        Command::Hourly(args) => jobs::hourly(load(config).await?, &args, form, run, now).await,
        Command::Backfill(args) => jobs::backfill(load(config).await?, &args, form, run, now).await,
        Command::Check(args) => Ok(check::check(&config_path(config), &args, form, now).await),
        Command::Plugin(command) => plugin::plugin(command, config, form).await,
        Command::Rules(command) => rules::rules(load(config).await?, command, form).await,
        Command::Archive(command) => archive::archive(load(config).await?, command, form, run, now).await,
        Command::Anomalies(AnomaliesCommand::List { span }) => look::anomalies(load(config).await?, &span, form).await,
        Command::Incidents(command) => incidents::incidents(load(config).await?, command, form, run, now).await,
        Command::Series(command) => look::series(load(config).await?, command, form).await,
        Command::Health(args) => return Ok(health::health(&config_path(config), &args, form, now).await),
        Command::Schedule(command) => schedule::schedule(command, &config_path(config), form, now),
        Command::Simulate(args) => {
            simulate::serve(args).await?;
            Ok(Grade::Done)
        }
        Command::Completions(args) => Ok(manual::completions(Cli::command(), &args)),
        Command::Manual(args) => manual::manual(Cli::command(), &args),
        Command::Demo(args) => demo::demo(&args, run, now).await,
        Command::CompilePlugin(_) => unreachable!("it was done before there was a runtime"),
    };
    Ok(grade?.exit_code())
}

/// The config with all its secrets, or all that is wrong with it as one error.
async fn load(config: Option<PathBuf>) -> anyhow::Result<Config> {
    vault::resolve(draft(config)?).await.map_err(together)
}

/// The config without the secrets that would have to be fetched.
fn draft(config: Option<PathBuf>) -> anyhow::Result<Draft> {
    config::load(&config_path(config), &environment).map_err(together)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what errors are mapped with")]
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
