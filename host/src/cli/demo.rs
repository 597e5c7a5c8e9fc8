//! The command `demo`: runs all jobs on a simulated bill with the default rules, and compares found and hidden
//! incidents.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::ProgressBar;
use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::DemoArgs;
use super::present;
use crate::config::{self, Config};
use crate::pipeline::{self, Backfill, DailyDays, Grade, Mode, Remark, Repeat, Report, Services};
use config_file::secret::Secret;
use model::anomaly::Direction;
use model::count::counted;
use model::incident::{Incident, Recency};
use model::language::Language;
use model::run_id::RunId;
use notify::Terminal;
use simulator::{Catalogue, Change, Clock, InjectedIncident, Injection, ScenarioOptions, SimulateOptions, Simulation};
use store::DateRange;

/// The simulated date of today. A constant, for the same output in every demo.
const TODAY: Date = date(2026, 11, 22);
const DAYS: u16 = 120;
const SERVICES: usize = 40;
pub(super) const DEFAULT_RULES: &str = include_str!("../../../rules/default/default.toml");

pub(super) async fn demo(args: &DemoArgs, run: RunId, now: Timestamp) -> anyhow::Result<Grade> {
    let plugins = plugins(args.plugins.as_deref())?;
    let scratch = tempfile::tempdir().context("cannot make a temporary folder for the demo")?;
    let folder = args.keep.as_deref().unwrap_or(scratch.path());
    let zone = TimeZone::get("Asia/Seoul").context("the time zone data has no Asia/Seoul")?;
    let simulation = simulate(&zone).await?;
    let mut services =
        Services::open(configure(folder, &plugins, simulation.url())?, Mode::Write, Terminal::Stdout, run, now).await?;

    let yesterday = TODAY.yesterday()?;
    let range = DateRange { from: TODAY.saturating_sub(i32::from(DAYS).days()), to: yesterday.yesterday()? };
    let options = Backfill { range, is_open_ended: false, recency: Recency::Past };
    present::out(&format!(
        "Loading {DAYS} days of a made-up bill with {SERVICES} services, {} to {} ...",
        range.from, range.to
    ));
    let bar = ProgressBar::new(u64::from(DAYS));
    let loaded = pipeline::backfill(&mut services, options, now, &|_| bar.inc(1)).await;
    bar.finish_and_clear();
    demand(&loaded)?;

    present::out(&format!("\nThe daily job of {yesterday}. These lines go to syslog:\n"));
    let at = |hour: i8| TODAY.at(hour, 10, 0, 0);
    // Ten past midnight: the bill of yesterday is complete.
    simulation.set_now(zone.to_timestamp(at(0))?);
    let days = DailyDays::Named(DateRange { from: yesterday, to: yesterday });
    demand(&pipeline::daily(&mut services, days, Repeat::Redo, now).await)?;

    present::out(&format!("\nThe 24 hourly jobs of {TODAY}, at ten past each hour:\n"));
    for hour in 0..24 {
        let moment = zone.to_timestamp(at(hour))?;
        simulation.set_now(moment);
        demand(&pipeline::hourly(&mut services, moment, Repeat::Redo, now).await)?;
    }

    let incidents = services.store.incidents(range.from).await?;
    show(&simulation.incidents(), &incidents);
    simulation.shutdown().await?;
    if let Some(kept) = &args.keep {
        present::out(&format!(
            "\n{} has the config, the rules, the archive and the database. The simulated API has ended, so no job runs there. Next:\n  cd {}\n  costwarden incidents list\n  costwarden report --output report\n  costwarden series list",
            kept.display(),
            kept.display()
        ));
    }
    Ok(Grade::Done)
}

async fn simulate(zone: &TimeZone) -> anyhow::Result<Simulation> {
    let scenario = ScenarioOptions {
        seed: 1,
        services: SERVICES,
        catalogue: Catalogue::Plain,
        end: TODAY,
        days: DAYS,
        incidents: Injection::Default,
        more_incidents: Vec::new(),
    };
    let options = SimulateOptions {
        flaws: Vec::new(),
        scenario,
        clock: Clock::At(zone.to_timestamp(TODAY.at(0, 5, 0, 0))?),
        zone: zone.clone(),
        credential_id: Secret::new("demo"),
        credential_secret: Secret::new("demo"),
    };
    // Port 0: the system assigns a free port.
    Ok(Simulation::start(options, SocketAddr::from(([127, 0, 0, 1], 0))).await?)
}

/// Writes a minimal config and the default rules into `folder`, and loads the config.
fn configure(folder: &Path, plugins: &Path, url: &str) -> anyhow::Result<Config> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let folder = folder.display();
        anyhow::bail!(
            "--keep {folder} is not empty, expected a new or an empty folder: the demo writes a config, rules, an archive and a database there"
        );
    }
    let rules = folder.join("rules");
    std::fs::create_dir_all(&rules).and_then(|()| std::fs::write(rules.join("default.toml"), DEFAULT_RULES))?;
    let text = format!(
        r#"
language = "en"
[source]
kind = "kakao"
endpoint = "{url}"
credential_id = "env:ID"
credential_secret = "env:SECRET"
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "embedded"
[plugins]
directory = {plugins:?}
[rules]
directory = "rules"
"#
    );
    let file = folder.join("costwarden.toml");
    std::fs::write(&file, &text)?;
    // The simulation expects the same text for both credentials.
    config::parse(&file, &text, &|_| Some("demo".to_owned()))
        .map(|draft| draft.config)
        .map_err(|errors| anyhow::anyhow!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// Returns the folder of the bundled plugins: `given`, or the output folder of `make build` or of the package.
pub(super) fn plugins(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(std::path::absolute(folder)?);
    }
    let exe = std::env::current_exe().unwrap_or_default();
    // A release archive has the plugins beside the program. A repository has the program in target/PROFILE or in
    // target/TRIPLE/PROFILE.
    let beside = [(1, "plugins"), (3, "plugins/dist"), (4, "plugins/dist")];
    let beside = beside.into_iter().filter_map(|(levels, name)| Some(exe.ancestors().nth(levels)?.join(name)));
    let candidates = [PathBuf::from("plugins/dist")].into_iter().chain(beside);
    let found = candidates
        .chain([PathBuf::from("/usr/lib/costwarden/plugins")])
        .find(|folder| folder.join("daily-level.wasm").exists());
    let found =
        found.context("the bundled plugins are not in a usual place: name their folder with --plugins, or run make build in the repository")?;
    Ok(std::path::absolute(found)?)
}

/// Fails if a job reports an error or a problem: with a missing plugin, for example, the incidents found prove nothing.
fn demand(report: &Report) -> anyhow::Result<()> {
    let wrong: Vec<&str> =
        report.error.as_deref().into_iter().chain(report.problems.iter().map(Remark::english)).collect();
    anyhow::ensure!(wrong.is_empty(), "the {} job of {}: {}", report.job, report.period, wrong.join("\n"));
    Ok(())
}

fn show(hidden: &[InjectedIncident], incidents: &[Incident]) {
    present::out("\nHidden incidents and the incidents found:\n");
    let mut missed = 0;
    for injected in hidden {
        let matches =
            incidents.iter().filter(|incident| incident.series == injected.service && covers(incident, injected));
        let first = matches.min_by_key(|incident| incident.opened_at);
        missed += usize::from(first.is_none());
        let found = first.map_or_else(|| "NOT FOUND".to_owned(), |incident| found(incident, injected));
        let InjectedIncident { from, service, .. } = injected;
        present::out(&format!("{}  {service}: {}\n            {found}", from.date(), name(injected)));
    }
    let is_false = |incident: &&Incident| !hidden.iter().any(|injected| covers(incident, injected));
    let false_alarms: Vec<&Incident> = incidents.iter().filter(is_false).collect();
    for incident in &false_alarms {
        let date = incident.opened_at.date;
        present::out(&format!("{date}  FALSE ALARM for {}, by {}", incident.series, by(incident)));
    }
    let count = counted(hidden.len(), "hidden incident");
    let found = hidden.len() - missed;
    let false_alarms = counted(false_alarms.len(), "false alarm");
    let series_days = SERVICES * usize::from(DAYS);
    present::out(&format!("\n{found} of {count} found, {false_alarms} in {series_days} series-days."));
}

/// Reports whether an incident found covers a simulated incident: the service or a sum with the service, opened during
/// the simulated incident or at most a day after the end.
fn covers(incident: &Incident, injected: &InjectedIncident) -> bool {
    let opened = incident.opened_at.date;
    let last_day = injected.until.map_or(TODAY, DateTime::date).saturating_add(1.day());
    incident.series.covers(&injected.service) && opened >= injected.from.date() && opened <= last_day
}

fn name(injected: &InjectedIncident) -> String {
    match injected.change {
        Change::Spike { factor } => format!("spike to {factor} times"),
        Change::Step { factor } => format!("new level, {factor} times"),
        Change::Ramp { factor } => format!("slow growth to {factor} times"),
        Change::Drop { factor } => format!("drop to {:.0} %", factor * 100.0),
        Change::Stop => "stop".to_owned(),
        Change::NewService { .. } => "new service".to_owned(),
        Change::Runaway { .. } => "runaway".to_owned(),
    }
}

fn found(incident: &Incident, injected: &InjectedIncident) -> String {
    let moment = match (incident.opened_at.hour, (incident.opened_at.date - injected.from.date()).get_days()) {
        (Some(hour), 0) => format!("the same day at {hour:02}:10"),
        (None, 0) => "the same day".to_owned(),
        (_, days) => format!("{} later", counted(days, "day")),
    };
    let sign = if incident.direction == Direction::Up { "above" } else { "below" };
    let cost = format!("{:.0}, {sign} the expected {:.0}", incident.observed, incident.expected);
    let end = incident.closed_at.map_or_else(String::new, |at| format!(" on {}", at.date));
    format!("found {moment} by {}: {cost}\n            {}{end}", by(incident), incident.state.text(Language::English))
}

fn by(incident: &Incident) -> String {
    incident.rules.iter().cloned().collect::<Vec<_>>().join(", ")
}
