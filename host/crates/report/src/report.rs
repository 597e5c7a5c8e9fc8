//! The figures of a report, computed from the facts.

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::anomaly::Direction;
use model::budget::{BudgetCosts, BudgetMonth};
use model::forecast::{self, DailyCosts, ForecastRange, MonthForecast};
use model::incident::{Incident, IncidentState};
use model::series::{ALL, Names, SeriesKey};

use crate::costs::Costs;
use crate::facts::Facts;

/// A report, ready to be written in any format.
pub struct Report<'a> {
    pub(crate) facts: Facts<'a>,
    pub(crate) total: CostRow,
    /// The accounts, projects and services as a tree: each account before its projects, each project before its services.
    pub(crate) rows: Vec<CostRow>,
    /// Number of days of the month so far without a known total.
    pub(crate) unknown_days: usize,
    /// The budgets with the month of the last day.
    pub(crate) budgets: Vec<ReportedBudget>,
    /// The total of each day of the range.
    pub(crate) days: Vec<TotalDay>,
    /// Open incidents, the largest first, then ended incidents, the newest first.
    pub(crate) incidents: Vec<ReportedIncident<'a>>,
}

/// The costs of a series.
#[derive(Debug, Clone)]
pub(crate) struct CostRow {
    pub(crate) key: SeriesKey,
    pub(crate) names: Names,
    /// Sum of the range.
    pub(crate) in_range: f64,
    pub(crate) month_so_far: f64,
    /// Sum of the same days of the month before; `None` if the ledger has not every day.
    pub(crate) same_days_before: Option<f64>,
    pub(crate) forecast: Option<MonthForecast>,
}

/// The total of a day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TotalDay {
    pub(crate) date: Date,
    /// NaN for a day that is not known.
    pub(crate) cost: f64,
    /// Smallest and largest cost of the same weekday in the eight weeks before.
    pub(crate) usual: Option<ForecastRange>,
}

/// A budget with the costs of its scope.
#[derive(Debug, Clone)]
pub(crate) struct ReportedBudget {
    pub(crate) month: BudgetMonth,
    /// Whether the scope has a service in the history.
    pub(crate) has_services: bool,
}

/// An incident with the costs of its series.
pub(crate) struct ReportedIncident<'a> {
    pub(crate) incident: &'a Incident,
    /// The costs of the days of the range, NaN for a day that is not known.
    pub(crate) costs: Vec<f64>,
    /// The sentence about the cause; `None` if not read.
    pub(crate) cause: Option<&'a str>,
    /// Whether incidents of finer series in the report explain the incident of a sum.
    pub(crate) is_explained: bool,
    /// The difference from the expected cost until the last day of the month, with a sign; `None` for an ended incident.
    pub(crate) until_month_end: Option<f64>,
}

/// Number of weeks of a usual range, and the smallest number of known days.
const USUAL_WEEKS: usize = 8;
const MIN_USUAL_WEEKS: usize = 4;

impl<'a> Report<'a> {
    pub fn new(facts: Facts<'a>) -> Self {
        let costs = Costs::of(facts.history, facts.to);
        let mut rows: Vec<CostRow> = costs.series().keys().map(|key| row(&costs, key, &facts)).collect();
        let total = SeriesKey::new(ALL, ALL, ALL);
        let total = match rows.iter().position(|row| row.key == total) {
            Some(index) => rows.remove(index),
            None => row(&costs, &total, &facts),
        };
        let days = total_days(&costs, &facts);
        let unknown_days = unknown_days(&costs, &facts);
        let incidents = incidents(&costs, &facts);
        let budgets = budgets(&facts);
        Self { facts, total, rows, unknown_days, budgets, days, incidents }
    }

    /// Returns the open incidents of which people are notified: finer incidents explain none of them.
    pub(crate) fn open_incidents(&self) -> impl Iterator<Item = &ReportedIncident<'a>> {
        let is_open = |reported: &&ReportedIncident<'a>| reported.is_open() && !reported.incident.is_explained;
        self.incidents.iter().filter(is_open)
    }

    /// Returns the services by the change of the month's cost from the same days of the month before, the largest first.
    pub(crate) fn changes(&self) -> Vec<(&CostRow, f64)> {
        let services = self.rows.iter().filter(|row| row.key.layer() == 0);
        let mut changes: Vec<(&CostRow, f64)> = services.filter_map(|row| Some((row, row.change()?))).collect();
        changes.retain(|(_, change)| *change != 0.0);
        changes.sort_by(|(_, one), (_, other)| other.abs().total_cmp(&one.abs()));
        changes
    }
}

impl CostRow {
    /// Returns the difference of the month so far from the same days of the month before.
    pub(crate) fn change(&self) -> Option<f64> {
        Some(self.month_so_far - self.same_days_before?)
    }

    /// Returns the name of the finest dimension.
    pub(crate) fn name(&self) -> &str {
        match self.key.layer() {
            0 => &self.names.service,
            1 => &self.names.project,
            _ => &self.names.account,
        }
    }
}

impl ReportedIncident<'_> {
    pub(crate) fn is_open(&self) -> bool {
        self.incident.state == IncidentState::Open
    }

    /// Returns the impact so far with a sign.
    pub(crate) fn so_far(&self) -> f64 {
        signed(self.incident, self.incident.impact())
    }

    /// Returns the reason, and the cause if read.
    pub(crate) fn why(&self) -> String {
        let reason = self.incident.reason.as_str();
        [reason].into_iter().chain(self.cause).collect::<Vec<_>>().join(". ")
    }

    /// Returns the impact of the newest day with a sign.
    pub(crate) fn newest(&self) -> f64 {
        signed(self.incident, self.incident.newest_impact())
    }
}

fn signed(incident: &Incident, impact: f64) -> f64 {
    if incident.direction == Direction::Up { impact } else { -impact }
}

fn row(costs: &Costs, key: &SeriesKey, facts: &Facts<'_>) -> CostRow {
    let series = costs.of_series(key);
    let month = facts.to.first_of_month();
    let month_before = month.saturating_sub(1.day()).first_of_month();
    let same_day = month_before.saturating_add(i64::from(facts.to.day() - 1).days()).min(month.saturating_sub(1.day()));
    let is_comparable = costs.missing_days(month_before, same_day) == 0;
    CostRow {
        key: key.clone(),
        names: costs.series().get(key).map(|named| named.names.clone()).unwrap_or_default(),
        in_range: costs.sum(&series, facts.from, facts.to),
        month_so_far: costs.sum(&series, month, facts.to),
        same_days_before: is_comparable.then(|| costs.sum(&series, month_before, same_day)),
        forecast: forecast::month_end(&DailyCosts { first: costs.first, costs: &series }),
    }
}

fn unknown_days(costs: &Costs, facts: &Facts<'_>) -> usize {
    let total = costs.of_series(&SeriesKey::new(ALL, ALL, ALL));
    let month = facts.to.first_of_month().series(1.day()).take_while(|day| *day <= facts.to);
    month.filter(|day| costs.index(*day).is_none_or(|index| total[index].is_nan())).count()
}

fn budgets(facts: &Facts<'_>) -> Vec<ReportedBudget> {
    let reported = facts.budgets.iter().map(|budget| {
        let costs = BudgetCosts::of(budget, facts.history, facts.to);
        let month = BudgetMonth { budget: budget.clone(), state: costs.state(facts.to) };
        ReportedBudget { month, has_services: !costs.series.is_empty() }
    });
    reported.collect()
}

fn total_days(costs: &Costs, facts: &Facts<'_>) -> Vec<TotalDay> {
    let total = costs.of_series(&SeriesKey::new(ALL, ALL, ALL));
    let days = (0..total.len()).filter(|index| costs.day(*index) >= facts.from);
    days.map(|index| TotalDay { date: costs.day(index), cost: total[index], usual: usual(&total, index) }).collect()
}

/// Returns the range of the same weekday in the weeks before.
fn usual(costs: &[f64], index: usize) -> Option<ForecastRange> {
    let before = (1..=USUAL_WEEKS).filter_map(|weeks| costs.get(index.checked_sub(7 * weeks)?)).copied();
    let known: Vec<f64> = before.filter(|cost| !cost.is_nan()).collect();
    (known.len() >= MIN_USUAL_WEEKS).then(|| ForecastRange {
        lower: known.iter().copied().fold(f64::INFINITY, f64::min),
        upper: known.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

fn incidents<'a>(costs: &Costs, facts: &Facts<'a>) -> Vec<ReportedIncident<'a>> {
    let start = costs.index(facts.from).unwrap_or(0);
    let shown = facts.incidents.iter().filter(|incident| {
        // An open incident may have begun after the newest finished day.
        let is_in_range = incident.first_seen.date <= facts.to && incident.last_seen.date >= facts.from;
        is_in_range || incident.state == IncidentState::Open
    });
    let shown: Vec<&'a Incident> = shown.collect();
    let mut incidents: Vec<ReportedIncident<'a>> = shown
        .iter()
        .map(|incident| {
            let until = incident.impact_until(facts.to.max(incident.last_seen.date).last_of_month());
            ReportedIncident {
                incident,
                cause: facts.causes.get(&incident.id).map(String::as_str),
                is_explained: incident.is_explained
                    || (incident.state != IncidentState::Open && incident.is_explained_by(&shown)),
                costs: costs.of_series(&incident.series)[start..].to_vec(),
                until_month_end: (incident.state == IncidentState::Open).then(|| signed(incident, until)),
            }
        })
        .collect();
    incidents.sort_by(|one, other| {
        let order = |reported: &ReportedIncident<'_>| (!reported.is_open(), reported.incident.is_explained);
        let by_impact = other.incident.impact().total_cmp(&one.incident.impact());
        let by_end = other.incident.last_seen.cmp(&one.incident.last_seen);
        let by_size = if one.is_open() { by_impact } else { by_end.then(by_impact) };
        order(one).cmp(&order(other)).then(by_size).then_with(|| one.incident.id.cmp(&other.incident.id))
    });
    incidents
}
