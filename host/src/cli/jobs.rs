//! The commands `daily`, `hourly` and `backfill`.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::civil::Date;
use tracing::Level;

use super::log;
use super::present::{self, Form};
use super::{BackfillArgs, DailyArgs, HourlyArgs};
use crate::config::Config;
use crate::pipeline::{self, Again, Backfill, Daily, Grade, Mode, Outcome, Parts, Report};
use crate::stop;
use model::run_id::RunId;
use model::series::hours::day_before;
use notify::Terminal;
use plugin::{Lock, PulledPlugins, lock_marker};
use sandbox::tidy_cache;

pub(super) async fn daily(
    config: Config,
    args: &DailyArgs,
    form: Form,
    run: RunId,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    let by_clock = (args.date, args.from, args.through) == (None, None, None);
    let again = again(args.once || by_clock);
    let newest = || args.through.unwrap_or_else(|| yesterday(&config, now));
    let days = match (args.date, args.from.zip(args.to)) {
        (Some(day), _) => Daily::These { from: day, to: day },
        (None, Some((from, to))) => Daily::These { from, to },
        (None, None) => Daily::Through(newest()),
    };
    let started = Instant::now();
    let mut parts = open("daily", config, args.dry_run, form, run, now).await?;
    parts.by_clock = by_clock;
    let report = pipeline::daily(&mut parts, days, again, now).await;
    Ok(end(&parts, report, form, started, now).await)
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
    let mut parts = open("hourly", config, args.dry_run, form, run, now).await?;
    parts.by_clock = args.at.is_none();
    let report = pipeline::hourly(&mut parts, at, again(args.once || args.at.is_none()), now).await;
    Ok(end(&parts, report, form, started, now).await)
}

pub(super) async fn backfill(
    config: Config,
    args: &BackfillArgs,
    form: Form,
    run: RunId,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    let span = Backfill {
        from: args.from,
        to: args.to.unwrap_or_else(|| yesterday(&config, now)),
        open_ended: args.to.is_none(),
        alert: args.alert,
    };
    let started = Instant::now();
    let mut parts = open("backfill", config, args.dry_run, form, run, now).await?;
    parts.by_clock = args.to.is_none();
    let bar = progress(span);
    let report = pipeline::backfill(&mut parts, span, now, &|day: Date| {
        bar.set_message(day.to_string());
        bar.inc(1);
    })
    .await;
    bar.finish_and_clear();
    Ok(end(&parts, report, form, started, now).await)
}

fn again(once: bool) -> Again {
    if once { Again::Once } else { Again::Redo }
}

/// Opens the services of a run. A run without services is recorded and reported like a failed run.
async fn open(
    job: &'static str,
    config: Config,
    dry_run: bool,
    form: Form,
    run: RunId,
    now: Timestamp,
) -> anyhow::Result<Parts> {
    let started = Instant::now();
    let mode = if dry_run { Mode::DryRun } else { Mode::Write };
    let terminal = match form {
        Form::Text => Terminal::Stdout,
        // Standard output has the JSON report, so notifications go to standard error.
        Form::Json => Terminal::Writer(log::notification),
    };
    // From here on a signal ends the run after the current step.
    stop::listen(Grade::Failed.exit_code())?;
    match Parts::open(config.clone(), mode, terminal, run).await {
        // A dry run leaves no record of a failure.
        Err(error) if mode == Mode::Write => {
            let mut report = Report::new(job, String::new());
            report.fail(&error);
            pipeline::did_not_begin(&config, &mut report, started.elapsed(), now).await;
            report.problems.iter().for_each(|problem| present::complaint(Level::WARN, &format!("degraded: {problem}")));
            log::summary(&report, started.elapsed());
            // A run stopped by a signal or by a lost lease is no failure: nobody is notified.
            if report.outcome() == Outcome::Failed {
                for untold in pipeline::could_not_begin(&config, job, &error.to_string(), terminal, now) {
                    tracing::warn!("{untold}");
                }
            }
            Err(error.into())
        }
        opened => Ok(opened?),
    }
}

pub(super) async fn end(parts: &Parts, mut report: Report, form: Form, started: Instant, now: Timestamp) -> Grade {
    let took = started.elapsed();
    if parts.mode == Mode::Write {
        pipeline::ended(parts, &mut report, took, now).await;
        let lock = Lock::read(&parts.config.plugins.lock.path).ok().flatten();
        tidy(parts, lock.as_ref(), now);
        if lock.is_some() {
            note_lock(&parts.config);
        }
    }
    present::report(&report, &parts.config, form, parts.run);
    log::summary(&report, took);
    report.grade()
}

/// Removes pulled and compiled plugins not named by a rule or by the lock for a month. An error is only logged.
fn tidy(parts: &Parts, lock: Option<&Lock>, now: Timestamp) {
    let Parts { config, ready, .. } = parts;
    let locked = || lock.iter().flat_map(|lock| lock.entries.values());
    let digests = ready.rules.iter().map(|ready| ready.detector.digest.as_str());
    let digests = digests.chain(locked().map(|entry| entry.digest.as_str()));
    let images = ready.rules.iter().filter_map(|ready| ready.rule.image.as_ref());
    let compiled = ready.rules.iter().map(|ready| ready.detector.cache_entry.clone()).collect();
    let tidied = PulledPlugins::new(&config.state_dir)
        .tidy(digests, images, now)
        .and_then(|()| tidy_cache(&config.state_dir.join("compiled"), &compiled, now));
    if let Err(error) = tidied {
        let state_dir = config.state_dir.display();
        tracing::warn!(%state_dir, %error, "unused plugins were not removed");
    }
}

/// Records in the state directory that the run was bound by plugins.lock, so later runs notification a deleted lock.
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

/// A progress bar for raw documents; hidden if standard error is no terminal.
pub(super) fn counting() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} documents  {eta} left")
        .expect("the template is well-formed");
    ProgressBar::new(0).with_style(style)
}

/// A progress bar for days; hidden if standard error is no terminal.
fn progress(span: Backfill) -> ProgressBar {
    // The job itself rejects a range with the end before the start.
    let days = (span.to - span.from).get_days().max(0) as u64 + 1;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} days  {msg}  {eta} left")
        .expect("the template is well-formed");
    ProgressBar::new(days).with_style(style)
}
