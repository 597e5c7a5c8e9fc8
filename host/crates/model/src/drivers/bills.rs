//! The bills of an incident and of its compared days, summed row by row.

use bigdecimal::{BigDecimal, ToPrimitive as _};

use super::{BillComparison, Cause, Charges, ComparedMoments, Driver, Drivers, IncidentSpan, compare};
use crate::bill::BillRow;
use crate::series::{ALL, SeriesKey};

/// The rows of an incident and of the compared days. The rows of a document may be added in any order.
#[derive(Debug, Clone)]
pub struct IncidentBills {
    series: SeriesKey,
    pub span: IncidentSpan,
    later: SideSums,
    earlier: SideSums,
}

/// The side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The incident.
    Later,
    /// The compared days.
    Earlier,
}

#[derive(Debug, Clone, Default)]
struct SideSums {
    series: Charges,
    rest_of_project: Charges,
}

impl IncidentBills {
    pub fn new(series: SeriesKey, span: IncidentSpan) -> Self {
        Self { series, span, later: SideSums::default(), earlier: SideSums::default() }
    }

    /// Adds a row to a side. Ignores a row outside the series and its project.
    pub fn add(&mut self, side: Side, row: &BillRow) {
        let is_service = self.is_service();
        let sums = match side {
            Side::Later => &mut self.later,
            Side::Earlier => &mut self.earlier,
        };
        if self.series.covers(&row.key) {
            sums.series.add(row);
        } else if is_service && row.key.account == self.series.account && row.key.project == self.series.project {
            sums.rest_of_project.add(row);
        }
    }

    /// Compares the sides.
    ///
    /// # Errors
    /// The rows do not have the amounts of the incident.
    pub fn compare(self, moments: Vec<ComparedMoments>) -> Cause {
        let drivers = compare_resources(&self.earlier.series, &self.later.series);
        self.span.check(drivers.after.to_f64().unwrap_or(f64::NAN), self.series.layer() == 0)?;
        let rest_of_project =
            self.is_service().then(|| compare_resources(&self.earlier.rest_of_project, &self.later.rest_of_project));
        Ok(BillComparison { moments, drivers, expected: self.span.into_expected(), rest_of_project })
    }

    /// Returns whether the series is one service of one project.
    fn is_service(&self) -> bool {
        [&self.series.account, &self.series.project, &self.series.service].iter().all(|id| &***id != ALL)
    }
}

/// Compares the charges of each resource if one resource explains at least half of the difference, otherwise the sums
/// of all resources: a service may replace its resources every day.
fn compare_resources(before: &Charges, after: &Charges) -> Drivers {
    let drivers = compare(before, after);
    let difference = drivers.difference();
    let largest = drivers.drivers.iter().filter(|driver| driver.difference().sign() == difference.sign());
    let explains_half = largest
        .map(Driver::difference)
        .max_by_key(BigDecimal::abs)
        .is_some_and(|largest| largest.double().abs() >= difference.abs());
    if explains_half { drivers } else { compare(&before.without_resources(), &after.without_resources()) }
}
