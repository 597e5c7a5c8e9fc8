//! Public holidays in Korea, from the file that detectors may read as reference data.

use jiff::civil::Date;

const FILE: &str = include_str!("../../../../config/reference/kr/holidays.csv");

pub(super) fn is_holiday(date: Date) -> bool {
    let day = date.to_string();
    FILE.lines().any(|line| line.split(',').next() == Some(&day))
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
