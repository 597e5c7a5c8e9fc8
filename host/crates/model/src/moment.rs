//! Billing time: a date and an hour in the time zone of the bill.

use jiff::civil::Date;

/// The last hour of a day. A withheld bill of a whole day is evaluated as this hour.
pub const LAST_HOUR: u8 = 23;

/// An evaluation time in billing time: a day up to an hour, or the finished day. The finished day is later than all
/// hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub date: Date,
    pub hour: Option<u8>,
}

/// An hour of a billing day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillingHour {
    pub date: Date,
    pub hour: u8,
}

impl Moment {
    /// Returns the moment of a finished day.
    pub fn finished_day(date: Date) -> Self {
        Self { date, hour: None }
    }
}

impl From<BillingHour> for Moment {
    fn from(BillingHour { date, hour }: BillingHour) -> Self {
        Self { date, hour: Some(hour) }
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let order = |moment: &Self| (moment.date, moment.hour.map_or(24, u8::from));
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
