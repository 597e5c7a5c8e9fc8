//! Restatements in any order. The final days equal the days of the final bills, and no receiver gets the same end
//! twice.

use super::*;

/// Number of days with bills, and number of earlier days with a new fetch.
const DAYS: i8 = 16;
const RESTATED: i8 = 5;

/// Impact by day of the month; 0 without an anomaly.
type Bills = BTreeMap<i8, f64>;

/// The incidents of one installation, and the ends delivered to one receiver.
#[derive(Default)]
struct Installation {
    known: BTreeMap<String, Incident>,
    ends: BTreeMap<String, Vec<(NotificationKind, Option<Moment>)>>,
}

impl Installation {
    fn evaluate(&mut self, day: i8, impact: f64, recency: Recency) {
        let anomaly = [("a", impact)];
        run(&mut self.known, on(day, None), &anomaly[..usize::from(impact > 0.0)], recency);
    }

    /// Runs the daily job: evaluates every day after the first changed day in order, then notifies.
    fn daily(&mut self, newest: i8, before: &Bills, now: &Bills) {
        let first = (newest - RESTATED..newest).find(|day| before.get(day) != now.get(day)).unwrap_or(newest);
        for day in first..=newest {
            self.evaluate(day, now[&day], if day == newest { Recency::Live } else { Recency::Late });
        }
        for (id, incident) in &mut self.known {
            let is_end = |kind: &NotificationKind| !matches!(kind, NotificationKind::Opened | NotificationKind::Grown);
            let ends = notify(incident).into_iter().filter(is_end);
            self.ends.entry(id.clone()).or_default().extend(ends.map(|end| (end, incident.closed_at)));
        }
    }

    /// Returns the impact of each anomalous day over all incidents. Each day belongs to only one incident.
    fn days(&self) -> BTreeMap<Date, f64> {
        let mut days = BTreeMap::new();
        let by_day = self.known.values().flat_map(|incident| &incident.by_day);
        for (day, impact) in by_day.filter(|(_, day)| day.impact() > 0.0) {
            assert!(days.insert(*day, impact.impact()).is_none(), "{day} is counted twice: {:#?}", self.known);
        }
        days
    }

    /// Returns the anomalous days of each incident with remaining days.
    fn grouped(&self) -> BTreeSet<Vec<Date>> {
        let anomalous = |incident: &Incident| {
            let days = incident.by_day.iter().filter(|(_, day)| day.impact() > 0.0);
            days.map(|(date, _)| *date).collect()
        };
        let days = self.known.values().map(anomalous);
        days.filter(|days: &Vec<Date>| !days.is_empty()).collect()
    }

    fn open(&self) -> Vec<Date> {
        let open = self.known.values().filter(|incident| incident.state == IncidentState::Open);
        open.map(|incident| incident.last_seen.date).collect()
    }
}

fn amount(random: &mut fastrand::Rng) -> f64 {
    [0.0, 0.0, 0.0, 5.0, 9.0, 30.0][random.usize(..6)]
}

#[test]
fn restatements_count_each_day_once_and_each_end_is_notified_once() {
    let mut same_grouping = 0;
    for seed in 0..3_000 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let mut restated = Installation::default();
        let mut before = Bills::new();
        let mut now = Bills::new();
        for newest in 1..=DAYS {
            now.insert(newest, amount(random));
            for _ in 0..random.u8(..3) {
                let day = newest - random.i8(1..=RESTATED);
                if day >= 1 {
                    now.insert(day, amount(random));
                }
            }
            restated.daily(newest, &before, &now);
            before.clone_from(&now);
        }
        let mut final_bills = Installation::default();
        now.iter().for_each(|(day, impact)| final_bills.evaluate(*day, *impact, Recency::Live));
        assert_eq!(restated.days(), final_bills.days(), "seed {seed}: {now:?}");
        let has_repetition = |ends: &Vec<_>| ends.windows(2).any(|pair| pair[0] == pair[1]);
        assert!(!restated.ends.values().any(has_repetition), "seed {seed}: {now:?} {:#?}", restated.ends);
        // A day emptied in the middle of an incident leaves one incident; the final bills alone give two incidents.
        if restated.grouped() == final_bills.grouped() {
            same_grouping += 1;
            assert_eq!(restated.open(), final_bills.open(), "seed {seed}: {now:?} {:#?}", restated.known);
        }
    }
    assert!(same_grouping > 1_000, "{same_grouping} of 3000 have incidents of the same days");
}
