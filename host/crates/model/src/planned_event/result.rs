//! The result of a planned event: the bill of its days beside the bill of earlier days.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::Plan;

/// Number of weeks before an event in which a bill of the same weekday counts.
const WEEKS: i32 = 4;

/// The bill of the scope of an event on its days and on the compared days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanResult {
    pub bill: f64,
    pub earlier_bill: f64,
    pub first_earlier_day: Date,
    pub last_earlier_day: Date,
}

impl PlanResult {
    /// Returns the result from the bill of each known day; `None` if a day of the event or its comparison has no bill.
    /// Each day is compared with the last known day of the same weekday before the event.
    pub fn of(plan: &Plan, bills: &BTreeMap<Date, f64>) -> Option<Self> {
        let mut result =
            Self { bill: 0.0, earlier_bill: 0.0, first_earlier_day: Date::MAX, last_earlier_day: Date::MIN };
        for date in plan.from.series(1.day()).take_while(|date| *date <= plan.to) {
            let first_week = (date - plan.from).get_days() / 7 + 1;
            let earlier = (first_week..first_week + WEEKS).map(|weeks| date.saturating_sub((weeks * 7).days()));
            let (earlier, earlier_bill) = earlier.filter_map(|day| Some((day, *bills.get(&day)?))).next()?;
            result.bill += bills.get(&date)?;
            result.earlier_bill += earlier_bill;
            result.first_earlier_day = result.first_earlier_day.min(earlier);
            result.last_earlier_day = result.last_earlier_day.max(earlier);
        }
        Some(result)
    }

    /// Returns the earliest day that a result may need.
    pub fn earliest_day(plan: &Plan) -> Date {
        plan.from.saturating_sub((WEEKS * 7).days())
    }

    pub fn difference(&self) -> f64 {
        self.bill - self.earlier_bill
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::scope::Scope;

    fn plan(from: Date, to: Date) -> Plan {
        let name = String::new();
        Plan { name, scope: Scope::default(), from, to, daily_effect: 10.0, owner: String::new() }
    }

    #[test]
    fn each_day_is_compared_with_the_same_weekday_before_the_event() {
        let plan = plan(date(2026, 11, 12), date(2026, 11, 13));
        let mut bills = BTreeMap::from([
            (date(2026, 11, 12), 150.0),
            (date(2026, 11, 13), 160.0),
            (date(2026, 11, 5), 100.0),
            (date(2026, 10, 30), 90.0),
        ]);
        let result = PlanResult::of(&plan, &bills).expect("a result");
        assert_eq!((result.difference(), result.first_earlier_day), (120.0, date(2026, 10, 30)));
        bills.remove(&date(2026, 11, 13));
        assert_eq!(PlanResult::of(&plan, &bills), None);
    }
}
