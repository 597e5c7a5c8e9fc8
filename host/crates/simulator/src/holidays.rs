//! Public holidays in Korea, with substitute holidays, from 2025 to 2027.

use jiff::civil::Date;

/// The holidays of each year as month and day.
const HOLIDAYS: [(i16, &str); 3] = [
    (
        2025,
        "01-01 01-28 01-29 01-30 03-01 03-03 05-05 05-06 06-03 06-06 08-15 10-03 10-05 10-06 10-07 10-08 10-09 12-25",
    ),
    (
        2026,
        "01-01 02-16 02-17 02-18 03-01 03-02 05-05 05-24 05-25 06-03 06-06 08-15 08-17 09-24 09-25 09-26 10-03 10-05 10-09 12-25",
    ),
    (
        2027,
        "01-01 02-06 02-07 02-08 02-09 03-01 05-05 05-13 06-06 08-15 08-16 09-14 09-15 09-16 10-03 10-04 10-09 10-11 12-25",
    ),
];

pub(super) fn is_holiday(date: Date) -> bool {
    let day = date.strftime("%m-%d").to_string();
    HOLIDAYS.iter().any(|(year, days)| *year == date.year() && days.split(' ').any(|holiday| holiday == day))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn holidays_belong_to_a_year() {
        let days = [date(2026, 12, 25), date(2026, 2, 17), date(2025, 2, 17), date(2026, 12, 24)];
        assert_eq!(days.map(is_holiday), [true, true, false, false]);
    }
}
