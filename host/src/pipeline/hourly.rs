//! The hourly job: evaluates the partial day with the fits of the daily job.
//!
//! Reads baselines instead of the history: the work of an hour depends only on new data. Only for a series without a
//! fit, the job searches the ledger for earlier rows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::assemble::{self, Frame, Sample};
use super::completeness::{Held, Kind};
use super::days::{self, back};
use super::exclude::Excluded;
use super::judge::{At, Extent, Judge, Judgement, Question};
use super::report::Report;
use super::ruleset::ReadyRule;
use super::{Again, Mode, Parts, RunError, completeness, intake, run, tell, unseen};
use crate::metrics::Metric;
use model::count::one_or;
use model::history::{History, Measure, Snapshots};
use model::incident::{Incident, MAX_GAP_DAYS, Moment, Recency};
use model::ledger::DayLedger;
use model::rule::Absent;
use model::series::hours::is_repeated_hour;
use model::series::{Grain, Names, SeriesKey};
use store::checkpoint::Checkpoint;
use store::{Baseline, DateRange, FitRequest, FitState};

/// Maximum age of a fit, in days.
const OLDEST_FIT_DAYS: u16 = 7;

/// Runs the hourly job for the hour of `at`. The report contains the failures.
pub(crate) async fn hourly(parts: &mut Parts, at: Timestamp, again: Again, now: Timestamp) -> Report {
    let (date, hour) = parts.billing_time(at);
    let mut report = Report::new("hourly", period(at, (date, hour), &parts.config.zone));
    let work = async |parts: &mut Parts, report: &mut Report| one_hour(parts, date, hour, now, report).await;
    run::in_turn(parts, &mut report, again, now, work).await;
    report
}

/// The period of an hour. The second pass of a repeated hour has a separate period, with the UTC offset.
fn period(at: Timestamp, (date, hour): (Date, u8), zone: &TimeZone) -> String {
    let day = run::days(date, date);
    let offset = is_repeated_hour(at, zone).then(|| at.to_zoned(zone.clone()).strftime("%z").to_string());
    format!("{day}T{hour:02}{}", offset.unwrap_or_default())
}

async fn one_hour(
    parts: &mut Parts,
    date: Date,
    hour: u8,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
    run::open(parts, report);
    let record = run::start(parts, "hourly", &report.period, now).await?;
    let result = async {
        intake::drain_spool(parts, now, report).await;
        tell::totals_left_behind(parts, date, now, report).await?;
        let started = Instant::now();
        let taken = intake::take(parts, date, Some(hour), now).await?;
        report.took("fetch", started);
        let ledger = intake::sum(&taken, report)?;
        // Frees the raw document before the evaluation.
        drop(taken);
        report.tally.set(Metric::CostSoFar, &[&parts.config.currency], ledger.total_double());
        let late = completeness::late(parts, (date, hour)).await?;
        let hour = judge_hour(parts, (date, hour), &ledger, Recency::Live, now, report).await?;
        let (incidents, held) = match hour {
            Hour::Judged(incidents) => (Some(incidents), None),
            Hour::Held(held) => (None, Some(held)),
        };
        if let Some(late) = late {
            late.report(report);
        }
        let told: Vec<Held> = late.into_iter().chain(held).collect();
        completeness::tell(parts, &told, &[Kind::Late, Kind::Hours], now, report).await?;
        let Some(incidents) = incidents else { return Ok(()) };
        tell::incidents(parts, incidents, now, report).await?;
        parts.checkpoint(Checkpoint::Notified, now).await?;
        run::close(parts, report);
        Ok(())
    }
    .await;
    if parts.mode == Mode::Write {
        run::finish(parts, record, report, &result, now).await?;
    }
    result
}

/// The result of an hour.
pub(super) enum Hour {
    /// Evaluated, with the incidents for possible notifications.
    Judged(Vec<Incident>),
    /// Withheld: nothing is stored.
    Held(Held),
}

/// Stores the partial day at an hour, evaluates the day, and stores the anomalies.
pub(super) async fn judge_hour(
    parts: &Parts,
    (date, hour): (Date, u8),
    ledger: &DayLedger,
    recency: Recency,
    now: Timestamp,
    report: &mut Report,
) -> Result<Hour, RunError> {
    report.count("series", ledger.entries.len() as u64);
    let started = Instant::now();
    let range = DateRange { from: back(date, OLDEST_FIT_DAYS - 1), to: date };
    let mut snapshots = parts.store.snapshots(range).await?;
    // The completeness check needs the new hour, but a withheld hour must not reach the store.
    snapshots.add(date, hour, ledger);
    report.took("read_snapshots", started);
    if let Some(held) = completeness::held(&snapshots, date, hour, &parts.config.completeness) {
        held.report(report);
        return Ok(Hour::Held(held));
    }
    let started = Instant::now();
    if parts.mode == Mode::Write {
        parts.store.put_hour(date, hour, ledger, now).await?;
    }
    report.took("write_snapshot", started);
    parts.checkpoint(Checkpoint::Written, now).await?;
    let known = parts.store.incidents(back(date, MAX_GAP_DAYS as u16)).await?;
    let moment = Moment { date, hour: Some(hour) };
    let rules: Vec<&ReadyRule> = parts.ready.rules.iter().collect();
    let watched = days::watched(&known);
    let mut judgement = look(parts, (date, hour), ledger, &snapshots, &watched, &rules, report).await?;
    let started = Instant::now();
    let incidents = days::remember(parts, moment, recency, known, &mut judgement, now, report).await?;
    report.took("write_anomalies", started);
    report.anomalies.append(&mut judgement.anomalies);
    parts.checkpoint(Checkpoint::Stored, now).await?;
    Ok(Hour::Judged(incidents))
}

/// Evaluates the partial day with every rule.
async fn look(
    parts: &Parts,
    (date, hour): (Date, u8),
    ledger: &DayLedger,
    snapshots: &Snapshots,
    watched: &HashSet<SeriesKey>,
    rules: &[&ReadyRule],
    report: &mut Report,
) -> Result<Judgement, RunError> {
    let started = Instant::now();
    let wanted: Vec<FitRequest> = rules
        .iter()
        .map(|ready| {
            let hour = (ready.rule.grain == Grain::DayToDate).then_some(hour);
            FitRequest { rule: ready.rule.id.clone(), hour }
        })
        .collect();
    let baselines = parts.store.baselines(&wanted).await?;
    report.took("read_baselines", started);

    let started = Instant::now();
    let mut today = History::default();
    today.push(ledger, &Measure::ALL.into());
    let mut judgement = Judgement::default();
    let mut judge = Judge::new(&parts.config, report, watched, "insufficient_history");
    // No training mask: the fits already exist.
    let excluded = Excluded::default();
    let accept_after_days = parts.config.accept_after_days;
    let frame = Frame { zone: &parts.config.zone, excluded: &excluded, accept_after_days, through: date };
    for &ready in rules {
        let hour_of_state = (ready.rule.grain == Grain::DayToDate).then_some(hour);
        let Learned { fits, set_aside, through } = learned(ready, hour_of_state, &baselines, date, judge.report);
        let unseen = through.filter(|_| unseen::may_be_asked(ready));
        let (samples, extent) = match ready.rule.grain {
            Grain::Daily => (assemble::daily(&today, &ready.rule, 1, frame), Extent::Part),
            Grain::DayToDate => {
                let grids = assemble::grids(snapshots, &ready.rule, frame);
                (grids.filter_map(|grid| grid.day_to_date(hour)).collect(), Extent::Whole)
            }
            Grain::Hourly => {
                let grids = assemble::grids(snapshots, &ready.rule, frame);
                (grids.filter_map(|grid| grid.hourly()).collect(), Extent::Whole)
            }
        };
        let (mut questions, mut others) = questions(ready, samples, fits, hour, frame);
        others.retain(|sample| !set_aside.contains(&sample.key));
        match unseen {
            Some(through) => {
                let frame = Frame { through, ..frame };
                questions.extend(unseen::questions(parts, ready, others, frame, &mut judge).await?);
                questions.sort_by(|one, other| one.sample.key.cmp(&other.sample.key));
            }
            None => judge.report.count("insufficient_history", others.len() as u64),
        }
        let at = At::new((date, Some(hour)), ready.rule.grain, extent, frame.zone);
        judge.judge(ready, questions, at, &mut judgement);
    }
    report.took("evaluate", started);
    Ok(judgement)
}

/// The usable fits of a rule, from the same detector digest and settings.
struct Learned<'b> {
    fits: HashMap<&'b SeriesKey, Known<'b>>,
    /// Series with an unusable fit.
    set_aside: HashSet<&'b SeriesKey>,
    /// Last day of the newest training. `None` without a recent training.
    through: Option<Date>,
}

fn learned<'b>(
    ready: &ReadyRule,
    hour: Option<u8>,
    baselines: &'b [Baseline],
    date: Date,
    report: &mut Report,
) -> Learned<'b> {
    let (mut fits, mut set_aside) = (HashMap::new(), HashSet::new());
    let (mut foreign, mut old, mut done) = (0_u64, 0_u64, 0_u64);
    let mut newest = None;
    for baseline in baselines {
        let Some(fit) = baseline.fits.get(&ready.rule.id) else { continue };
        let Some(state) = fit.states.get(&hour) else { continue };
        let is_foreign = fit.detector != ready.detector.digest || fit.settings != ready.settings_digest;
        if !is_foreign {
            newest = newest.max(Some(fit.through));
        }
        if is_foreign {
            foreign += 1;
            set_aside.insert(&baseline.key);
            continue;
        }
        if fit.through < back(date, OLDEST_FIT_DAYS) {
            old += 1;
        } else if fit.through >= date {
            done += 1;
            set_aside.insert(&baseline.key);
        } else {
            fits.insert(&baseline.key, Known { through: fit.through, state, names: &baseline.names });
        }
    }
    let rule = &ready.rule.id;
    if foreign > 0 {
        report.count("foreign_fits", foreign);
        report.problem(format!(
            "rule {rule}: {foreign} series {} learned with another detector or other settings, to be judged again after the next daily run",
            one_or(foreign, "was", "were")
        ));
    }
    if done > 0 {
        report.count("already_trained", done);
        report.problem(format!(
            "{date} is finished and learned already, so that its hours are judged no more; judge it with costwarden daily --date {date}"
        ));
    }
    // An old fit beside recent fits belongs to a series without recent cost. Only old fits alone are a problem.
    let through = newest.filter(|newest| *newest >= back(date, OLDEST_FIT_DAYS));
    if old > 0 && through.is_none() {
        report.count("old_fits", old);
        report.problem(format!(
            "rule {rule}: {old} series {} last learned more than {OLDEST_FIT_DAYS} days ago and not judged; run the daily job",
            one_or(old, "was", "were")
        ));
    }
    Learned { fits, set_aside, through: through.filter(|newest| *newest < date) }
}

/// The fit of a series.
struct Known<'b> {
    through: Date,
    state: &'b FitState,
    names: &'b Names,
}

/// Builds the detector input of each trained series: the newest value and the values since the training. A series
/// without a row today has cost 0, unless the rule says "unknown". Also returns the samples without a fit.
fn questions(
    ready: &ReadyRule,
    samples: Vec<Sample>,
    fits: HashMap<&SeriesKey, Known<'_>>,
    hour: u8,
    frame: Frame<'_>,
) -> (Vec<Question>, Vec<Sample>) {
    let mut samples: BTreeMap<SeriesKey, Sample> =
        samples.into_iter().map(|sample| (sample.key.clone(), sample)).collect();
    let zero_when_absent = ready.rule.grain == Grain::Daily && ready.rule.absent == Absent::Zero;
    let mut questions = Vec::with_capacity(fits.len());
    let mut fits: Vec<_> = fits.into_iter().collect();
    fits.sort_by_key(|(key, _)| *key);
    for (key, known) in fits {
        let sample = match samples.remove(key) {
            Some(sample) => sample,
            None if zero_when_absent => Sample::zero(key, known.names, ready.rule.grain, frame),
            None => continue,
        };
        let learned_until = sample.series.day(known.through.tomorrow().unwrap_or(known.through));
        // The last second of the hour. The hourly series continues to the end of the day with unknown values.
        let now = sample.series.day(frame.through) + i64::from(hour) * 3_600 + 3_599;
        let series = sample.series.between(learned_until, now);
        if series.values.last().is_none_or(|value| value.is_nan()) {
            continue;
        }
        let judge_from = series.values.len() as u32 - 1;
        let figures = known.state.figures.clone();
        let state = known.state.state.clone();
        questions.push(Question { sample: Sample { series, ..sample }, state, figures, judge_from });
    }
    tracing::debug!(rule = ready.rule.id, hour, questions = questions.len(), "asking");
    (questions, samples.into_values().collect())
}
