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
struct House {
    known: BTreeMap<String, Incident>,
    ends: BTreeMap<String, Vec<(NotificationKind, Option<Moment>)>>,
}

impl House {
    fn judge(&mut self, day: i8, impact: f64, news: News) {
        let found = [("a", impact)];
        run(&mut self.known, on(day, None), &found[..usize::from(impact > 0.0)], news);
    }

    /// Runs the daily job: evaluates every day after the first changed day in order, then notifies.
    fn daily(&mut self, newest: i8, before: &Bills, now: &Bills) {
        let first = (newest - RESTATED..newest).find(|day| before.get(day) != now.get(day)).unwrap_or(newest);
        for day in first..=newest {
            self.judge(day, now[&day], if day == newest { News::Live } else { News::Late });
        }
        for (id, incident) in &mut self.known {
            let told = tell(incident);
            let ends = told
                .into_iter()
                .filter(|notification| !matches!(notification, NotificationKind::Opened | NotificationKind::Grown));
            self.ends.entry(id.clone()).or_default().extend(ends.map(|end| (end, incident.closed_at)));
        }
    }

    /// Returns the impact of each day over all incidents. Each day belongs to only one incident.
    fn days(&self) -> BTreeMap<Date, f64> {
        let mut days = BTreeMap::new();
        for (day, seen) in self.known.values().flat_map(|incident| &incident.by_day) {
            assert!(days.insert(*day, seen.impact()).is_none(), "{day} is counted twice: {:#?}", self.known);
        }
        days
    }

    /// Returns the days of each incident with remaining days.
    fn grouped(&self) -> BTreeSet<Vec<Date>> {
        let days = self.known.values().map(|incident| incident.by_day.keys().copied().collect());
        days.filter(|days: &Vec<Date>| !days.is_empty()).collect()
    }

    fn open(&self) -> Vec<Date> {
        let open = self.known.values().filter(|incident| incident.state == State::Open);
        open.map(|incident| incident.last_seen.date).collect()
    }
}

fn amount(random: &mut fastrand::Rng) -> f64 {
    [0.0, 0.0, 0.0, 5.0, 9.0, 30.0][random.usize(..6)]
}

#[test]
fn whatever_is_corrected_each_day_counts_once_and_each_end_is_told_once() {
    let mut alike = 0;
    for seed in 0..3_000 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let (mut house, mut before, mut now) = (House::default(), Bills::new(), Bills::new());
        for newest in 1..=DAYS {
            now.insert(newest, amount(random));
            for _ in 0..random.u8(..3) {
                let day = newest - random.i8(1..=RESTATED);
                if day >= 1 {
                    now.insert(day, amount(random));
                }
            }
            house.daily(newest, &before, &now);
            before.clone_from(&now);
        }
        let mut at_once = House::default();
        now.iter().for_each(|(day, impact)| at_once.judge(*day, *impact, News::Live));
        assert_eq!(house.days(), at_once.days(), "seed {seed}: {now:?}");
        let said_again = |ends: &Vec<_>| ends.windows(2).any(|pair| pair[0] == pair[1]);
        assert!(!house.ends.values().any(said_again), "seed {seed}: {now:?} {:#?}", house.ends);
        // A day emptied in the middle of an incident leaves one incident; the final bills alone give two incidents.
        if house.grouped() == at_once.grouped() {
            alike += 1;
            assert_eq!(house.open(), at_once.open(), "seed {seed}: {now:?} {:#?}", house.known);
        }
    }
    assert!(alike > 1_000, "{alike} of 3000 have incidents of the same days");
}
