//! The commands `schedule ...`: install, remove and show the jobs in cron or systemd.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::present::{self, Form};
use super::together;
use crate::config::{self, Config};
use crate::pipeline::Grade;
use crate::schedule::{self, Change, Crontab, Plan, Task, UnitKind, WeeklyReport};
use ingest::archive::options::ArchiveOptions;
use model::language::Language;
use store::options::StoreOptions;

const DEFAULT_MINUTE: u8 = 10;

#[derive(Debug, Subcommand)]
pub(super) enum ScheduleCommand {
    /// Install the jobs in a crontab, or write systemd units. A repeated install replaces the earlier entries.
    Install(InstallArgs),
    /// Remove the entries of `install`, and nothing else.
    Remove(WhereArgs),
    /// Show the installed entries. Exit code 1 if none is installed.
    Show(WhereArgs),
}

#[derive(Debug, Args)]
pub(super) struct WhereArgs {
    /// Use systemd units instead of a crontab.
    #[arg(long)]
    systemd: bool,
    /// Folder of the units.
    #[arg(long, value_name = "DIR", default_value = "/etc/systemd/system", requires = "systemd")]
    dir: PathBuf,
    /// Owner of the crontab, or user of the units. Default: the current user for cron, costwarden for systemd.
    #[arg(long)]
    user: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    #[command(flatten)]
    place: WhereArgs,
    /// Minute of each hour. Use different minutes on hosts with a shared store: 10 on the first, 15 on the second.
    #[arg(long, default_value_t = DEFAULT_MINUTE, value_parser = clap::value_parser!(u8).range(0..60))]
    minute: u8,
    /// Folder of costwarden.log, the output of the cron jobs. systemd writes to the journal instead.
    #[arg(long, value_name = "DIR", default_value = "/var/log/costwarden")]
    log_dir: PathBuf,
    /// Also store the cost report of the last 90 days in the archive, with causes and trials, every Monday at 8. Without the
    /// option, a repeated install removes the entry.
    #[arg(long)]
    weekly_report: bool,
    /// Print the entries, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn schedule(command: ScheduleCommand, config: &Path, form: Form, now: Timestamp) -> anyhow::Result<Grade> {
    match command {
        ScheduleCommand::Install(args) if args.place.systemd => install_units(&args, config),
        ScheduleCommand::Install(args) => install_crontab(&args, config, now),
        ScheduleCommand::Remove(place) => remove(&place, &installed(config)?),
        ScheduleCommand::Show(place) => show(&place, &installed(config)?, form),
    }
}

/// Installs the jobs in the crontab of this user. The output of the jobs goes to `log_dir`.
pub(super) fn install_for_this_user(config: &Path, log_dir: PathBuf, now: Timestamp) -> anyhow::Result<()> {
    let place = WhereArgs { systemd: false, dir: PathBuf::new(), user: None };
    let args = InstallArgs { place, minute: DEFAULT_MINUTE, log_dir, dry_run: false, weekly_report: false };
    install_crontab(&args, config, now).map(drop)
}

fn install_crontab(args: &InstallArgs, config: &Path, now: Timestamp) -> anyhow::Result<Grade> {
    let Planned { plan, language } = plan(args, config)?;
    let block = schedule::block(&plan, now)?;
    if args.dry_run {
        present::out(block.trim_end());
        return Ok(Grade::Done);
    }
    let user = args.place.user.as_deref();
    // Without the folder of the log the shell cannot open the redirection, and no job starts.
    for folder in [&plan.state_dir, &plan.log_dir] {
        schedule::make(folder, user)?;
    }
    let crontab = Crontab { user: args.place.user.clone() };
    let change = crontab.install(&plan.account, &block)?;
    present::out(match change {
        Change::Written => language.choose("작업을 crontab에 넣었습니다", "the jobs are in the crontab"),
        Change::Unchanged => language.choose("작업이 이미 crontab에 있습니다", "the crontab already contains the jobs"),
    });
    Ok(Grade::Done)
}

fn install_units(args: &InstallArgs, config: &Path) -> anyhow::Result<Grade> {
    let Planned { plan, language } = plan(args, config)?;
    let units = schedule::units(&plan)?;
    if args.dry_run {
        for unit in units {
            present::out(&format!("# {}\n{}", unit.name, unit.text));
        }
        return Ok(Grade::Done);
    }
    let change = schedule::write(&args.place.dir, &plan.account, &units)?;
    present::out(match change {
        Change::Written => language.choose("유닛을 썼습니다", "the units are written"),
        Change::Unchanged => language.choose("유닛이 이미 그대로 있습니다", "the units are as they should be already"),
    });
    let timers: Vec<&str> =
        units.iter().map(|unit| unit.name.as_str()).filter(|name| name.ends_with(".timer")).collect();
    let timers = timers.join(" ");
    let start = language.choose("시작하려면", "to start them");
    present::out(&format!("{start}: systemctl daemon-reload && systemctl enable --now {timers}"));
    Ok(Grade::Done)
}

fn remove(place: &WhereArgs, config: &Config) -> anyhow::Result<Grade> {
    let Config { account, language, .. } = config;
    let mut timers = String::new();
    let change = if place.systemd {
        timers = installed_timers(&place.dir, account)?;
        schedule::remove(&place.dir, account)?
    } else {
        Crontab { user: place.user.clone() }.remove(account)?
    };
    present::out(match change {
        Change::Written => language.choose("지웠습니다", "removed"),
        Change::Unchanged => {
            language.choose("설치된 costwarden 작업이 없었습니다", "nothing of costwarden was installed")
        }
    });
    if place.systemd && change == Change::Written {
        let stop = language.choose("멈추려면", "to stop them");
        present::out(&format!("{stop}: systemctl disable --now {timers}; systemctl daemon-reload"));
    }
    Ok(Grade::Done)
}

fn show(place: &WhereArgs, config: &Config, form: Form) -> anyhow::Result<Grade> {
    let Config { account, language, .. } = config;
    let lines: Vec<String> = if place.systemd {
        schedule::written(&place.dir, account)?.iter().map(|path| path.display().to_string()).collect()
    } else {
        let table = Crontab { user: place.user.clone() }.read()?;
        schedule::installed(&table, account)?.into_iter().flat_map(str::lines).map(str::to_owned).collect()
    };
    match form {
        Form::Json => present::out(&json!({"installed": !lines.is_empty(), "lines": lines}).to_string()),
        Form::Text if lines.is_empty() => {
            present::out(language.choose("설치된 costwarden 작업이 없습니다", "nothing of costwarden is installed"));
        }
        Form::Text => present::out(&lines.join("\n")),
    }
    Ok(if lines.is_empty() { Grade::Degraded } else { Grade::Done })
}

/// Loads the config of installed jobs. Secrets are not needed.
fn installed(config: &Path) -> anyhow::Result<Config> {
    Ok(config::load(config, &|_| None).map_err(together)?.config)
}

/// Returns the names of the installed timers.
fn installed_timers(folder: &Path, account: &str) -> anyhow::Result<String> {
    let written = schedule::written(folder, account)?;
    let names = Task::ALL.map(|task| schedule::unit_name(account, task, UnitKind::Timer));
    let is_written = |name: &&String| written.iter().any(|path| path.ends_with(name));
    Ok(names.iter().filter(is_written).cloned().collect::<Vec<_>>().join(" "))
}

/// A plan, and the language of the texts about the plan.
struct Planned {
    plan: Plan,
    language: Language,
}

fn plan(args: &InstallArgs, config_file: &Path) -> anyhow::Result<Planned> {
    let absolute = |path: &Path| std::path::absolute(path).with_context(|| format!("{} has no folder", path.display()));
    let config_file = absolute(config_file)?;
    let config = scheduled(&config_file)?;
    let language = config.language;
    let plan = Plan {
        program: std::env::current_exe().context("this program's own path is not known")?,
        writable: writable(&config),
        account: config.account,
        state_dir: config.state_dir,
        log_dir: absolute(&args.log_dir)?,
        user: args.place.user.clone().unwrap_or_else(|| "costwarden".to_owned()),
        weekly_report: if args.weekly_report { WeeklyReport::Archived } else { WeeklyReport::None },
        minute: args.minute,
        zone: config.zone,
        local: TimeZone::system(),
        config: config_file,
    };
    Ok(Planned { plan, language })
}

/// Loads the config without the variables of this shell, like a job of cron or systemd.
fn scheduled(file: &Path) -> anyhow::Result<Config> {
    let draft = config::load(file, &|_| None).map_err(together)?;
    if draft.secrets.missing.is_empty() {
        return Ok(draft.config);
    }
    let hint = "jobs do not inherit the variables of this shell: write NAME=value lines into a file with mode 600, and name the file with `env_file` in the config";
    let missing = draft.secrets.missing.iter().map(ToString::to_string).chain([hint.to_owned()]);
    anyhow::bail!("{}", missing.collect::<Vec<_>>().join("\n"))
}

/// Returns the folders outside the state directory that a job writes to.
fn writable(config: &Config) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let ArchiveOptions::Directory { directory } = &config.archive {
        folders.push(directory.clone());
    }
    if let StoreOptions::Embedded { path } = &config.store {
        folders.extend(path.parent().map(Path::to_owned));
    }
    folders.extend(config.metrics.textfile.as_deref().and_then(Path::parent).map(Path::to_owned));
    folders
}
