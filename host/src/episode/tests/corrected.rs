//! Corrections in any order: what is left in the end is what the final bills give, and nobody hears of one end twice.

use super::*;

/// Days that have bills, and how many before the newest are asked for again.
const DAYS: i8 = 16;
const RESTATED: i8 = 5;

/// What was found on each day, by day of the month; nothing where it is 0.
type Bills = BTreeMap<i8, f64>;

/// What one installation remembers, and the ends that its one sink heard of.
#[derive(Default)]
struct House {
    known: BTreeMap<String, Episode>,
    ends: BTreeMap<String, Vec<(Notice, Option<Moment>)>>,
}

impl House {
    fn judge(&mut self, day: i8, impact: f64, news: News) {
        let found = [("a", impact)];
        run(&mut self.known, on(day, None), &found[..usize::from(impact > 0.0)], news);
    }

    /// What the daily job does: every day from the first that has changed on, in order; then people are told.
    fn daily(&mut self, newest: i8, before: &Bills, now: &Bills) {
        let first = (newest - RESTATED..newest).find(|day| before.get(day) != now.get(day)).unwrap_or(newest);
        for day in first..=newest {
            self.judge(day, now[&day], if day == newest { News::Live } else { News::Late });
        }
        for (id, episode) in &mut self.known {
            let told = tell(episode);
            let ends = told.into_iter().filter(|notice| !matches!(notice, Notice::Opened | Notice::Grown));
            self.ends.entry(id.clone()).or_default().extend(ends.map(|end| (end, episode.closed_at)));
        }
    }

    /// The impact of each day, over all incidents: a day is part of one alone.
    fn days(&self) -> BTreeMap<Date, f64> {
        let mut days = BTreeMap::new();
        for (day, seen) in self.known.values().flat_map(|episode| &episode.by_day) {
            assert!(days.insert(*day, seen.impact()).is_none(), "{day} is counted twice: {:#?}", self.known);
        }
        days
    }

    /// The days of each incident that has any left.
    fn grouped(&self) -> BTreeSet<Vec<Date>> {
        let days = self.known.values().map(|episode| episode.by_day.keys().copied().collect());
        days.filter(|days: &Vec<Date>| !days.is_empty()).collect()
    }

    fn open(&self) -> Vec<Date> {
        let open = self.known.values().filter(|episode| episode.state == State::Open);
        open.map(|episode| episode.last_seen.date).collect()
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
        // A day that was emptied in the middle of an incident leaves it one, where two begin with the final bills.
        if house.grouped() == at_once.grouped() {
            alike += 1;
            assert_eq!(house.open(), at_once.open(), "seed {seed}: {now:?} {:#?}", house.known);
        }
    }
    assert!(alike > 1_000, "{alike} of 3000 have incidents of the same days");
}
