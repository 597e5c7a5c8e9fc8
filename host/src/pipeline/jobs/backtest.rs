//! Backtest: replays the stored days with a rule set, as the jobs would have run. Fetches, stores and notifies nothing.
//!
//! The stages of the jobs run over a store in memory. The store in memory receives the stored bills day by day, and starts
//! without anomalies, incidents and fits. Each finished day is evaluated and notified like a daily run after midnight. Each
//! snapshot is evaluated like an hourly run, with the fits of the night before. The bills are the bills as stored now: a
//! restated day has the amounts of the restatement from the start.

mod comparison;
mod figure;
mod figures;
mod score;
mod stored_bills;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use jiff::civil::Date;
use model::anomaly::Anomaly;
use model::incident::{Action, HistoryEntry, Incident, IncidentState, Recency};
use model::ledger::DayLedger;
use model::moment::BillingHour;
use model::run_id::RunId;
use store::{DateRange, IncidentWrite, Store};

pub(crate) use self::comparison::{IncidentChange, compare_incidents};
pub(crate) use self::figures::{BacktestFigures, RuleFigures, notifications};
use self::score::Scored;
pub(crate) use self::score::{DayLabel, RuleScore, Share};
use self::stored_bills::StoredBills;
use crate::config::Config;
use crate::pipeline::evaluate::{EvaluatedHour, FinishedDays, HourResult};
use crate::pipeline::rules::{PreparedRule, PreparedRules};
use crate::pipeline::run::{
    Count, DAILY, DayRecord, Report, Run, RunError, Services, day_period, days_before, range_period,
};

/// The minute of the day at which a daily run and each hourly run start.
const START_MINUTE: i8 = 10;

/// The stored days and the rules of a backtest.
pub(crate) struct Backtest<'a> {
    pub(crate) config: Config,
    pub(crate) store: &'a Store,
    pub(crate) rules: PreparedRules,
    /// `None` for the first stored day.
    pub(crate) from: Option<Date>,
    /// `None` for the newest stored day.
    pub(crate) to: Option<Date>,
    pub(crate) labels: Option<&'a [DayLabel]>,
    pub(crate) run_id: RunId,
}

/// The result of a backtest.
pub(crate) struct BacktestResult {
    /// The problems, the counts and the anomalies.
    pub(crate) report: Report,
    /// The incidents opened in the range, by time.
    pub(crate) incidents: Vec<Incident>,
    pub(crate) figures: BacktestFigures,
    /// The bill of each stored day of the range.
    pub(crate) totals: BTreeMap<Date, f64>,
}

/// The days of a replay.
struct ReplayedDays {
    /// The days before the first replayed day: the history of the first evaluations.
    history: Vec<Date>,
    dates: Vec<Date>,
    snapshot_days: BTreeSet<Date>,
    /// The days of the result. Earlier days are evaluated too: the training mask and the incidents need their anomalies.
    counted: DateRange,
}

/// Runs the backtest. Calls `on_day` with the number of replayed days and the total. The report contains the failures.
pub(crate) async fn backtest(backtest: Backtest<'_>, on_day: &dyn Fn(u64, u64)) -> BacktestResult {
    let Backtest { config, store, rules, from, to, labels, run_id } = backtest;
    let mut report = Report::new("rules backtest", String::new());
    let failed = |mut report: Report, error: RunError| {
        report.fail(&error);
        let figures = BacktestFigures::default();
        BacktestResult { report, incidents: Vec::new(), figures, totals: BTreeMap::new() }
    };
    let longest_rule = rules.rules.iter().map(|prepared| prepared.rule.history_days).max().unwrap_or(0);
    let longest_days = longest_rule.max(config.baseline_days);
    let days = match ReplayedDays::plan(store, from, to, longest_days).await {
        Ok(days) => days,
        Err(error) => return failed(report, error),
    };
    report.period = range_period(days.counted);
    let mut services = match Services::of_backtest(config, rules, run_id) {
        Ok(services) => services,
        Err(error) => return failed(report, error),
    };
    let mut run = Run::new(&mut services, report, Timestamp::UNIX_EPOCH);
    run.report_rules();
    let replayed = replay(&mut run, store, &days, on_day).await;
    let mut report = run.report;
    let counted = days.counted;
    report.anomalies.retain(|Anomaly { date, .. }| (counted.from..=counted.to).contains(date));
    report.check_verdicts(&services.rules);
    let rules = &services.rules.rules;
    match replayed {
        Ok(replayed) => match evaluate(&report, &replayed, store, EvaluatedRules { rules, labels, counted }).await {
            Ok(Evaluated { figures, totals }) => {
                BacktestResult { report, incidents: replayed.incidents, figures, totals }
            }
            Err(error) => failed(report, error),
        },
        Err(error) => failed(report, error),
    }
}

/// The rules of a backtest, with the labels and the range.
struct EvaluatedRules<'a> {
    rules: &'a [PreparedRule],
    labels: Option<&'a [DayLabel]>,
    counted: DateRange,
}

/// The figures and the bills of the range.
struct Evaluated {
    figures: BacktestFigures,
    totals: BTreeMap<Date, f64>,
}

/// Computes the figures of a finished replay.
async fn evaluate(
    report: &Report,
    replayed: &Replayed,
    store: &Store,
    evaluated: EvaluatedRules<'_>,
) -> Result<Evaluated, RunError> {
    let EvaluatedRules { rules, labels, counted } = evaluated;
    let Replayed { incidents, notifications } = replayed;
    let scores = Scored { report, incidents, labels }.of_rules(store, rules, counted).await?;
    let figures = BacktestFigures {
        rules: RuleFigures::of_rules(report, incidents, rules, scores),
        notifications: *notifications,
        days: u32::try_from((counted.to - counted.from).get_days() + 1).unwrap_or(0),
    };
    Ok(Evaluated { figures, totals: store.day_totals(counted).await?.into_iter().collect() })
}

/// The incidents opened on a counted day, and the notifications on the counted days to the receiver with the most.
struct Replayed {
    incidents: Vec<Incident>,
    notifications: u64,
}

/// Replays the days.
async fn replay(
    run: &mut Run<'_>,
    store: &Store,
    days: &ReplayedDays,
    on_day: &dyn Fn(u64, u64),
) -> Result<Replayed, RunError> {
    copy_plans(store, run).await?;
    let mut replay =
        Replay { run, bills: StoredBills { store }, days, decisions: decisions(store).await?, finished: None };
    for date in &days.history {
        if let Some(ledger) = replay.bills.day(*date).await? {
            replay.run.services.store.put_day(&ledger, replay.run.now).await?;
        }
    }
    let total = days.dates.len() as u64;
    let mut uncounted = sent(replay.run);
    for (date, number) in days.dates.iter().zip(1..) {
        replay.replay_day(*date).await?;
        if *date < days.counted.from {
            uncounted = sent(replay.run);
        }
        on_day(number, total);
    }
    let mut incidents = replay.run.services.store.all_incidents().await?;
    incidents.retain(|incident| incident.opened_at.date >= days.counted.from);
    incidents.sort_by(|one, other| (one.first_seen, &one.id).cmp(&(other.first_seen, &other.id)));
    let counted = sent(replay.run).into_iter().zip(uncounted).map(|(sent, uncounted)| sent - uncounted);
    Ok(Replayed { incidents, notifications: counted.max().unwrap_or(0) })
}

/// Returns the number of notifications to each receiver so far.
fn sent(run: &Run<'_>) -> Vec<u64> {
    run.services.receivers.iter().map(|receiver| receiver.accepted).collect()
}

/// Copies the silences and the planned events to the store in memory.
async fn copy_plans(from: &Store, run: &Run<'_>) -> Result<(), RunError> {
    let to = &run.services.store;
    for silence in from.silences().await? {
        to.put_silence(&silence, run.now).await?;
    }
    for event in from.planned_events().await? {
        to.put_planned_event(&event, run.now).await?;
    }
    Ok(())
}

/// A decision of a person about a stored incident.
struct StoredDecision {
    incident: String,
    entry: HistoryEntry,
}

/// Returns the decisions of people, oldest first.
async fn decisions(store: &Store) -> Result<VecDeque<StoredDecision>, RunError> {
    let of_incident = |Incident { id, history, .. }: Incident| {
        let decisions = history.into_iter().filter(|entry| matches!(entry.action, Action::Decision(_)));
        decisions.map(move |entry| StoredDecision { incident: id.clone(), entry })
    };
    let mut decisions: Vec<StoredDecision> = store.all_incidents().await?.into_iter().flat_map(of_incident).collect();
    decisions.sort_by_key(|stored| stored.entry.at);
    Ok(decisions.into())
}

impl ReplayedDays {
    async fn plan(store: &Store, from: Option<Date>, to: Option<Date>, longest_days: u16) -> Result<Self, RunError> {
        let all = store.days(DateRange { from: Date::MIN, to: Date::MAX }).await?;
        let [Some(first), Some(newest)] = [all.first().copied(), all.last().copied()] else {
            return Err(RunError::EmptyStore);
        };
        let counted = DateRange { from: from.unwrap_or(first), to: to.unwrap_or(newest) };
        if counted.from > counted.to && from.is_some() && to.is_some() {
            return Err(RunError::EmptyRange { from: counted.from, to: counted.to });
        }
        if !all.iter().any(|date| (counted.from..=counted.to).contains(date)) {
            return Err(RunError::NoStoredDay { from: counted.from, to: counted.to, first, newest });
        }
        let range = DateRange { from: days_before(counted.from, longest_days), to: counted.to };
        let snapshot_days: BTreeSet<Date> = store.snapshot_days(range).await?.into_iter().collect();
        let is_in = |range: DateRange| move |date: &Date| (range.from..=range.to).contains(date);
        let before = DateRange { from: days_before(range.from, longest_days), to: days_before(range.from, 1) };
        let history = all.iter().copied().filter(is_in(before)).collect();
        let finished = all.iter().copied().filter(is_in(range));
        let dates: BTreeSet<Date> = finished.chain(snapshot_days.iter().copied()).collect();
        Ok(Self { history, dates: dates.into_iter().collect(), snapshot_days, counted })
    }
}

/// The state between days.
struct Replay<'r, 's, 'a> {
    run: &'r mut Run<'s>,
    bills: StoredBills<'a>,
    days: &'a ReplayedDays,
    /// The decisions of people that are not applied yet, oldest first.
    decisions: VecDeque<StoredDecision>,
    /// The history up to the last day, if the next day can continue it.
    finished: Option<FinishedDays>,
}

impl Replay<'_, '_, '_> {
    async fn replay_day(&mut self, date: Date) -> Result<(), RunError> {
        if self.days.snapshot_days.contains(&date) {
            for (hour, ledger) in self.bills.hours(date).await? {
                self.replay_hour(BillingHour { date, hour }, &ledger).await?;
            }
        }
        match self.bills.day(date).await? {
            Some(ledger) => self.replay_finished_day(&ledger).await,
            None => Ok(()),
        }
    }

    async fn replay_hour(&mut self, hour: BillingHour, ledger: &DayLedger) -> Result<(), RunError> {
        self.start_run(hour).await?;
        let evaluated = EvaluatedHour { hour, ledger, recency: Recency::Live }.evaluate(self.run).await?;
        self.run.report.add(Count::Hours, 1);
        match evaluated {
            HourResult::Evaluated(incidents) => self.run.notify_incidents(incidents).await,
            HourResult::Withheld(_) => Ok(()),
        }
    }

    async fn replay_finished_day(&mut self, ledger: &DayLedger) -> Result<(), RunError> {
        let date = ledger.date;
        let next = date.tomorrow().unwrap_or(date);
        self.start_run(BillingHour { date: next, hour: 0 }).await?;
        let record = self.run.start_record(DAILY, &day_period(date)).await?;
        let mut finished = match self.finished.take() {
            Some(finished) => finished,
            None => FinishedDays::open(self.run, date).await?,
        };
        let incidents = finished.add(self.run, ledger, Recency::Live).await?;
        self.run.report.add(Count::Days, 1);
        self.run.notify_days(incidents, &mut [DayRecord { date, record }]).await?;
        match self.days.snapshot_days.contains(&next) {
            // Only hourly runs use the fits.
            true => finished.train(self.run, date).await?,
            false => self.finished = Some(finished),
        }
        Ok(())
    }

    /// Sets the time of the run, and applies the decisions of people before that time.
    async fn start_run(&mut self, at: BillingHour) -> Result<(), RunError> {
        let BillingHour { date, hour } = at;
        let services = &*self.run.services;
        let start = date.at(hour as i8, START_MINUTE, 0, 0);
        self.run.now = services.config.zone.to_timestamp(start).unwrap_or(Timestamp::MAX);
        let now = self.run.now;
        while let Some(next) = self.decisions.pop_front_if(|next| next.entry.at < now) {
            self.apply_decision(next).await?;
        }
        Ok(())
    }

    async fn apply_decision(&mut self, stored: StoredDecision) -> Result<(), RunError> {
        let services = &self.run.services;
        // Another rule set may not have the incident.
        let Some(mut incident) = services.store.incident(&stored.incident).await? else { return Ok(()) };
        if incident.state == IncidentState::Retracted {
            return Ok(());
        }
        incident.record(stored.entry);
        let write = IncidentWrite { is_settled: services.is_settled(&incident), incident };
        services.store.put_incidents(&[write], self.run.now).await?;
        // The training mask follows from the decisions.
        self.finished = None;
        Ok(())
    }
}
