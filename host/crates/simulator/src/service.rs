//! One simulated service: identity, cost pattern and billing rows.

use jiff::civil::Date;
use model::series::{Names, SeriesKey};

use crate::incident::InjectedIncident;
use crate::noise::Noise;

/// A service of the simulated bill.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) key: SeriesKey,
    pub(super) names: Names,
    pub(super) pattern: CostPattern,
    /// KRW of a typical day at the end date.
    pub(super) base: f64,
    /// First day with costs.
    pub(super) starts: Date,
    /// Whether a busy service costs as much on a public holiday as on a Sunday.
    pub(super) has_holidays: bool,
    pub(super) lines: Vec<BillingLine>,
    pub(super) incidents: Vec<InjectedIncident>,
}

/// The cost pattern of a service over weeks and hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CostPattern {
    /// Follows human activity: lower on weekends, highest in the afternoon. Both fields are factors.
    Busy { weekend: f64, night: f64 },
    /// Constant at every hour.
    Steady,
    /// A daily fee, booked whole at 00:00.
    Flat,
    /// Grows by the fraction `per_day` every day.
    Growing { per_day: f64 },
    /// Runs for `hours` hours from `hour` on two weekdays; Monday is 0.
    Batch { weekdays: [i8; 2], hour: i8, hours: i8 },
    /// A fee on a day of the month, booked at 00:00. A shorter month has the fee on its last day.
    Monthly { day: i8 },
    /// A charge on a weekday of every second week, booked at 00:00; Monday is 0.
    EverySecondWeek { weekday: i8 },
    /// A charge of 0.2 to 2 times the base on one day in `one_day_in`, booked at 00:00.
    Sparse { one_day_in: usize },
    /// The same credit every day, booked at 00:00.
    Credit,
    /// Constant, with a burst of 10 to 30 times on one day in `one_day_in`.
    Bursts { one_day_in: usize },
    /// Starts `days` days before the end and grows by the fraction `per_day` every day.
    New { days: i32, per_day: f64 },
    /// Grows `factor` times within the last `days` days.
    Scaling { factor: f64, days: i32 },
}

/// One billing row per day with a share of the service's cost.
#[derive(Debug, Clone)]
pub(super) struct BillingLine {
    pub(super) share: f64,
    pub(super) pricing_type: &'static str,
    pub(super) region: &'static str,
    pub(super) resource: String,
    /// Decimal places of the amounts.
    pub(super) decimals: usize,
    /// Discount as a fraction of `expectAmount`.
    pub(super) discount: f64,
}

/// Creates the service of a `NewService` incident.
pub(super) fn new_service(key: &SeriesKey, amount_per_day: f64, starts: Date) -> Service {
    Service {
        key: key.clone(),
        names: names(key, &key.service),
        pattern: CostPattern::Steady,
        base: amount_per_day,
        starts,
        has_holidays: false,
        lines: vec![BillingLine {
            share: 1.0,
            pricing_type: "ON_DEMAND",
            region: REGIONS[0],
            resource: format!("{}-1", key.service),
            decimals: 0,
            discount: 0.0,
        }],
        incidents: Vec::new(),
    }
}

const REGIONS: [&str; 2] = ["kr-central-2", "kr-central-1"];
const DOMAINS: [&str; 2] = ["example-corp", "한빛상사"];
const PROJECTS: [&str; 5] = ["결제", "web-frontend", "데이터 플랫폼", "search", "모바일 앱"];

pub(super) fn lines(noise: &mut Noise, id: &str) -> Vec<BillingLine> {
    let count = 1 + noise.below(4);
    let weights: Vec<f64> = (0..count).map(|_| 0.2 + noise.unit()).collect();
    let total: f64 = weights.iter().sum();
    weights
        .iter()
        .enumerate()
        .map(|(index, weight)| BillingLine {
            share: weight / total,
            pricing_type: if index % 2 == 0 { "ON_DEMAND" } else { "RESERVED" },
            region: REGIONS[usize::from(noise.below(4) == 0)],
            resource: format!("{id}-{}", index + 1),
            decimals: [0, 0, 2, 4][noise.below(4)],
            discount: [0.0, 0.0, 0.05, 0.1][noise.below(4)],
        })
        .collect()
}

/// Returns the display names of a key. Ids without a listed name are used directly.
pub(super) fn names(key: &SeriesKey, service: &str) -> Names {
    let display_name = |id: &str, names: &[&str]| {
        let index = id.split_once('-').and_then(|(_, number)| number.parse::<usize>().ok()?.checked_sub(1));
        index.and_then(|index| names.get(index)).map_or_else(|| id.into(), |name| (*name).into())
    };
    let account = display_name(&key.account, &DOMAINS);
    Names { account, project: display_name(&key.project, &PROJECTS), service: service.into() }
}
