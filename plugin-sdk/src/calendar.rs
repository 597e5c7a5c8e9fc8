//! Civil days in the proleptic Gregorian calendar, their places in week and month, and public holidays.
//!
//! ```
//! use costwarden_sdk::calendar::{Date, Holidays, Weekday};
//!
//! let day = Date::parse("2026-02-28").unwrap();
//! assert!(day.is_last_of_month() && day.weekday() == Weekday::Saturday && day.week_of_month() == 4);
//! assert_eq!(day.plus(1), Date::parse("2026-03-01").unwrap());
//! let holidays = Holidays::parse("# Korea\n2026-03-01,Independence Movement Day\n").unwrap();
//! assert!(holidays.contains(day.plus(1)));
//! ```
//!
//! Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013.

use serde::{Deserialize, Serialize};

use crate::{Refusal, reference};

/// A civil day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Date {
    /// The year of the common era.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
}

/// A day of the week; `as usize` counts from Monday = 0.
#[expect(missing_docs, reason = "their names say all")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Date {
    /// The day of a day number: days since 1970-01-01.
    #[must_use]
    pub fn from_days(days: i64) -> Self {
        // Count from 0000-03-01: the leap day then ends the year.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year: year as i32, month: month as u8, day: day as u8 }
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// The weekday.
    #[must_use]
    pub fn weekday(self) -> Weekday {
        Weekday::from_days(self.days())
    }

    /// Whether the day is the last of its month.
    #[must_use]
    pub fn is_last_of_month(self) -> bool {
        Self::from_days(self.days() + 1).month != self.month
    }

    /// The occurrence of the weekday in the month, 1 to 5: 2 for a second Sunday.
    #[must_use]
    pub fn week_of_month(self) -> u8 {
        (self.day - 1) / 7 + 1
    }

    /// The number of months from the month of `earlier` to the month of this day.
    #[must_use]
    pub fn months_since(self, earlier: Self) -> i32 {
        (self.year - earlier.year) * 12 + i32::from(self.month) - i32::from(earlier.month)
    }

    /// The day some days later; earlier for a negative number.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        Self::from_days(self.days() + days)
    }

    /// Parses a date like `2026-01-31`; `None` for a day outside the calendar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let date = Self {
            year: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
        };
        (parts.next().is_none() && (1..=12).contains(&date.month) && Self::from_days(date.days()) == date)
            .then_some(date)
    }
}

impl Weekday {
    /// All weekdays from Monday to Sunday.
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    /// The weekday of a day number; 1970-01-01 was a Thursday.
    pub(crate) fn from_days(days: i64) -> Self {
        Self::ALL[(days + 3).rem_euclid(7) as usize]
    }

    /// The English name, e.g. `Monday`.
    #[must_use]
    pub fn english(self) -> &'static str {
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"][self as usize]
    }

    /// The Korean name, e.g. `월요일`.
    #[must_use]
    pub fn korean(self) -> &'static str {
        ["월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"][self as usize]
    }
}

/// Public holidays, from reference data of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holidays(Vec<Date>);

impl Holidays {
    /// Reads a granted file in the format of [`Holidays::parse`].
    ///
    /// # Errors
    /// The file is not granted, cannot be read, or has another format.
    pub fn read(name: &str) -> Result<Self, Refusal> {
        let bytes =
            reference::read(name).map_err(|error| Refusal::Failed(format!("reference data {name}: {error}")))?;
        Self::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|error| Refusal::Failed(format!("reference data {name}: {error}")))
    }

    /// Parses a day per line, with or without a comma and a name: `2026-03-01,Independence Movement Day`. Empty lines and
    /// lines with a leading `#` have no day.
    ///
    /// # Errors
    /// A message that names the first line in another format.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines =
            text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let day = |(i, line): (usize, &str)| {
            let day = line.split(',').next().unwrap_or_default();
            Date::parse(day.trim())
                .ok_or_else(|| format!("line {}: expected a day like 2026-01-31, not {line:?}", i + 1))
        };
        let mut days = lines.map(day).collect::<Result<Vec<_>, _>>()?;
        days.sort_unstable();
        Ok(Self(days))
    }

    /// Whether a day is a holiday.
    #[must_use]
    pub fn contains(&self, day: Date) -> bool {
        self.0.binary_search(&day).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970() {
        for (text, days) in [("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11_016), ("2026-11-23", 20_780)] {
            let date = Date::parse(text).expect(text);
            assert_eq!(date.days(), days, "{text}");
            assert_eq!(Date::from_days(days), date, "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_not_read() {
        for text in ["", "2026", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1-1", "x-1-1"] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn days_have_places_in_their_month() {
        let date = |text| Date::parse(text).expect(text);
        assert!(date("2024-02-29").is_last_of_month() && !date("2024-02-28").is_last_of_month());
        let second = date("2026-11-08");
        assert_eq!((second.weekday(), second.week_of_month()), (Weekday::Sunday, 2));
        assert_eq!(date("2026-01-31").week_of_month(), 5);
        assert_eq!(date("2026-02-01").months_since(date("2025-12-31")), 2);
    }

    #[test]
    fn weekdays_follow_the_calendar() {
        assert_eq!(Weekday::from_days(0), Weekday::Thursday);
        assert_eq!(Weekday::from_days(-4), Weekday::Sunday);
        assert_eq!(Weekday::from_days(20_780), Weekday::Monday);
    }

    #[test]
    fn holidays_are_read_from_granted_lines() {
        crate::native::grant("holidays.csv", "# Korea\n\n2026-12-25,Christmas\r\n2026-01-01\n");
        let holidays = Holidays::read("holidays.csv").expect("granted");
        let days =
            ["2026-01-01", "2026-12-25", "2026-12-24"].map(|day| holidays.contains(Date::parse(day).expect(day)));
        assert_eq!(days, [true, true, false]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = Holidays::parse("2026-01-01\n01.03.2026,Samil\n").expect_err("no day");
        assert_eq!(error, "line 2: expected a day like 2026-01-31, not \"01.03.2026,Samil\"");
        let absent = Refusal::Failed("reference data absent: `absent` is not granted".to_owned());
        assert_eq!(Holidays::read("absent"), Err(absent));
    }
}
