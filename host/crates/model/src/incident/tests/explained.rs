use super::*;
use crate::series::ALL;

/// A sum with one day outside the band.
fn sum(day: i8, impact: f64) -> Incident {
    let mut sums = incidents_after(&[(on(day, None), &[("a", impact)])]);
    Incident { series: SeriesKey::new("d", "p", ALL), ..sums.remove(0) }
}

#[test]
fn a_part_with_a_new_level_explains_a_later_day_of_the_sum() {
    let days: [(Moment, &[(&str, f64)]); 5] = std::array::from_fn(|day| (on(day as i8 + 1, None), &[("a", 100.0)][..]));
    let parts = incidents_after(&days);
    assert_eq!(parts[0].state, IncidentState::Closed(Resolution::NewLevel));
    assert!(sum(5, 100.0).is_explained_by(&parts), "a day of the part");
    assert!(sum(7, 100.0).is_explained_by(&parts), "the new level goes on");
    assert!(!sum(7, 200.0).is_explained_by(&parts), "the sum has another cause");
    let resolved = incidents_after(&[(on(5, None), &[("a", 100.0)]), (on(6, None), &[])]);
    assert!(!sum(7, 100.0).is_explained_by(&resolved));
}

#[test]
fn a_new_level_explains_nothing_after_the_opposite_change() {
    let days: [(Moment, &[(&str, f64)]); 5] = std::array::from_fn(|day| (on(day as i8 + 1, None), &[("a", 100.0)][..]));
    let mut parts = incidents_after(&days);
    let fall = incidents_after(&[(on(9, None), &[("a", 100.0)])]).remove(0);
    parts.push(Incident { direction: Direction::Down, ..fall });
    assert!(sum(8, 100.0).is_explained_by(&parts));
    assert!(!sum(9, 100.0).is_explained_by(&parts));
}

#[test]
fn a_weekly_charge_of_a_part_explains_the_next_charges_of_the_sum() {
    let charges = incidents_after(&[(on(2, None), &[("a", 100.0)]), (on(3, None), &[])]);
    for day in [9, 16, 23, 30] {
        assert!(sum(day, 120.0).is_explained_by(&charges), "{day}");
    }
    assert!(!sum(17, 120.0).is_explained_by(&charges), "another weekday");
    assert!(!sum(16, 200.0).is_explained_by(&charges), "the sum has another cause");
    let days = incidents_after(&[(on(2, None), &[("a", 100.0)]), (on(3, None), &[("a", 100.0)]), (on(4, None), &[])]);
    assert!(!sum(9, 120.0).is_explained_by(&days), "no charge of a day");
}
