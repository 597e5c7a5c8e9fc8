//! The commands `daily`, `hourly` and `backfill`.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::civil::Date;

use super::log;
use super::present::{self, Form};
use super::{BackfillArgs, DailyArgs, HourlyArgs};
use crate::config::Config;
use crate::pipeline::{self, BACKFILL, Backfill, DailyDays, Grade, Mode, Outcome, Repeat, Report, Services};
use crate::stop;
use model::incident::Recency;
use model::language::Language;
use model::run_id::RunId;
use model::series::hours::day_before;
use notify::Terminal;
use plugin::{Lock, PulledPlugins, lock_marker};
use sandbox::tidy_cache;
use store::DateRange;

/// The beginning of a job: the job, the config, and the run.
struct JobStart {
    job: &'static str,
    config: Config,
    mode: Mode,
    terminal: Terminal,
    run_id: RunId,
    now: Timestamp,
}

pub(super) async fn daily(
    config: Config,
    args: &DailyArgs,
    form: Form,
    run: RunId,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    let by_clock = (args.date, args.from, args.to) == (None, None, None);
    let repeat = repeat(args.once || by_clock);
    let newest = || args.to.unwrap_or_else(|| yesterday(&config, now));
    let days = match (args.date, args.from.zip(args.to)) {
        (Some(day), _) => DailyDays::Named(DateRange { from: day, to: day }),
        (None, Some((from, to))) => DailyDays::Named(DateRange { from, to }),
        (None, None) => DailyDays::Through(newest()),
    };
    let started = Instant::now();
    listen()?;
    let mode = mode(args.dry_run);
    let start = JobStart { job: "daily", config, mode, terminal: terminal(form), run_id: run, now };
    let mut services = start.open().await?;
    services.is_period_by_clock = by_clock;
    let report = pipeline::daily(&mut services, days, repeat, now).await;
    Ok(end(&services, report, form, started, now).await)
}

pub(super) async fn hourly(
    config: Config,
    args: &HourlyArgs,
    form: Form,
    run: RunId,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    let at = args.at.map_or(Ok(now), |at| at.in_zone(&config.zone))?;
    let started = Instant::now();
    listen()?;
    let mode = mode(args.dry_run);
    let start = JobStart { job: "hourly", config, mode, terminal: terminal(form), run_id: run, now };
    let mut services = start.open().await?;
    services.is_period_by_clock = args.at.is_none();
    let report = pipeline::hourly(&mut services, at, repeat(args.once || args.at.is_none()), now).await;
    Ok(end(&services, report, form, started, now).await)
}

pub(super) async fn backfill(
    config: Config,
    args: &BackfillArgs,
    form: Form,
    run: RunId,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    let options = Backfill {
        range: DateRange { from: args.from, to: args.to.unwrap_or_else(|| yesterday(&config, now)) },
        is_open_ended: args.to.is_none(),
        recency: if args.alert { Recency::Live } else { Recency::Past },
    };
    let started = Instant::now();
    listen()?;
    let mode = mode(args.dry_run);
    let start = JobStart { job: "backfill", config, mode, terminal: terminal(form), run_id: run, now };
    let mut services = start.open().await?;
    services.is_period_by_clock = args.to.is_none();
    let bar = progress(options.range, services.config.language);
    let report = pipeline::backfill(&mut services, options, now, &|day: Date| {
        bar.set_message(day.to_string());
        bar.inc(1);
    })
    .await;
    bar.finish_and_clear();
    Ok(end(&services, report, form, started, now).await)
}

fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::DryRun } else { Mode::Write }
}

/// The output of terminal receivers. With JSON on standard output, notifications go to standard error.
fn terminal(form: Form) -> Terminal {
    match form {
        Form::Text => Terminal::Stdout,
        Form::Json => Terminal::Writer(log::notification),
    }
}

/// From here on a signal ends the run after the current step.
fn listen() -> std::io::Result<()> {
    stop::listen(Grade::Failed.exit_code())
}

fn repeat(once: bool) -> Repeat {
    if once { Repeat::Once } else { Repeat::Redo }
}

impl JobStart {
    /// Opens the services of the run. A run without services is recorded and reported like a failed run.
    async fn open(self) -> anyhow::Result<Services> {
        let Self { job, config, mode, terminal, run_id, now } = self;
        let started = Instant::now();
        match Services::open(config.clone(), mode, terminal, run_id, now).await {
            // A dry run leaves no record of a failure.
            Err(error) if mode == Mode::Write => {
                let mut report = Report::new(job, String::new());
                report.fail(&error);
                pipeline::publish_report(&config, &mut report, started.elapsed(), now).await;
                let language = config.language;
                report.problems.iter().for_each(|problem| present::degraded(&problem.text(language), language));
                log::summary(&report, started.elapsed());
                // A run stopped by a signal or by a lost lease is no failure: nobody is notified.
                if report.outcome() == Outcome::Failed {
                    for undelivered in pipeline::notify_start_failure(&config, &report, terminal, now).await {
                        tracing::warn!("{undelivered}");
                    }
                }
                Err(error.into())
            }
            opened => Ok(opened?),
        }
    }
}

pub(super) async fn end(
    services: &Services,
    mut report: Report,
    form: Form,
    started: Instant,
    now: Timestamp,
) -> Grade {
    let took = started.elapsed();
    if services.mode == Mode::Write {
        pipeline::publish_metrics(services, &mut report, took, now).await;
        let lock = Lock::read(&services.config.plugins.lock.path).ok().flatten();
        tidy(services, lock.as_ref(), now);
        if lock.is_some() {
            note_lock(&services.config);
        }
    }
    // The past has many anomalies. A dry run stores none of them.
    match report.job == BACKFILL && services.mode == Mode::Write {
        true => present::stored_report(&report, services.config.language, form, services.run_id),
        false => present::report(&report, &services.config, form, services.run_id),
    }
    log::summary(&report, took);
    report.grade()
}

/// Removes pulled and compiled plugins not named by a rule or by the lock for a month. An error is only logged.
fn tidy(services: &Services, lock: Option<&Lock>, now: Timestamp) {
    let Services { config, rules, .. } = services;
    let rules = || rules.rules.iter();
    let locked = || lock.iter().flat_map(|lock| lock.entries.values());
    let digests = rules().map(|prepared| prepared.detector.digest.as_str());
    let digests = digests.chain(locked().map(|entry| entry.digest.as_str()));
    let images = rules().filter_map(|prepared| prepared.rule.image.as_ref());
    let compiled = rules().map(|prepared| prepared.detector.cache_entry.clone()).collect();
    let tidied = PulledPlugins::new(&config.state_dir)
        .tidy(digests, images, now)
        .and_then(|()| tidy_cache(&config.state_dir.join("compiled"), &compiled, now));
    if let Err(error) = tidied {
        let state_dir = config.state_dir.display();
        tracing::warn!(%state_dir, %error, "unused plugins were not removed");
    }
}

/// Records in the state directory that plugins.lock bound the run. Later runs then report a deleted lock.
fn note_lock(config: &Config) {
    if let Err(error) = lock_marker::create(&config.state_dir) {
        let state_dir = config.state_dir.display();
        tracing::warn!(%state_dir, %error, "could not record that this run used plugins.lock");
    }
}

/// Returns the date of `now` in the bill's time zone.
pub(super) fn billing_day(config: &Config, now: Timestamp) -> Date {
    now.to_zoned(config.zone.clone()).date()
}

fn yesterday(config: &Config, now: Timestamp) -> Date {
    day_before(billing_day(config, now), &config.zone)
}

/// A progress bar for a number of `items`; hidden if standard error is no terminal.
pub(super) fn counting(items: &'static str, language: Language) -> ProgressBar {
    let template =
        language.choose("{bar:40} {pos}/{len} {msg}  남은 시간 {eta}", "{bar:40} {pos}/{len} {msg}  {eta} left");
    ProgressBar::new(0).with_style(style(template)).with_message(items)
}

/// A progress bar for days; hidden if standard error is no terminal.
fn progress(range: DateRange, language: Language) -> ProgressBar {
    // The job itself rejects a range with the end before the start.
    let days = (range.to - range.from).get_days().max(0) as u64 + 1;
    let template = language
        .choose("{bar:40} {pos}/{len}일  {msg}  남은 시간 {eta}", "{bar:40} {pos}/{len} days  {msg}  {eta} left");
    ProgressBar::new(days).with_style(style(template))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

#[cfg(test)]
mod ten_days;
