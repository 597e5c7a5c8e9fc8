//! The events of a seed, and the comparison with the results.

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use simulator::Flaw;

use super::installation::Installation;
use super::outage::{Outage, Part};
use super::play::{Played, Restated};

pub(super) const DAYS: i32 = 10;
/// The tag of the announcement of corrected bills.
pub(super) const RESTATED: &str = "[COSTWARDEN_RESTATED]";
pub(super) const NEW_RULE: &str = r#"
[[rule]]
id = "new"
why = "A rule that an operator adds."
detector = "tutorial"
series = "daily"
direction = "both"
min_impact_share = 0.01
"#;

/// The events of a seed.
#[derive(Debug)]
pub(super) struct Expected {
    seed: u64,
    first: Date,
    start: Timestamp,
    end: Timestamp,
    pub(super) outage: Outage,
    pub(super) correction: Correction,
    pub(super) rule_change: Timestamp,
}

/// A corrected bill.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    day: Date,
    /// Days between the bill and the noon of the correction.
    age: i32,
    factor: f64,
}

impl Correction {
    fn draw(rng: &mut Rng, first: Date) -> Self {
        let factor = [0.9, 0.95, 1.05, 1.1][rng.usize(0..4)];
        Self { day: first.saturating_add(rng.i32(0..DAYS - 4).days()), age: rng.i32(1..=2), factor }
    }

    pub(super) fn flaw(self) -> Flaw {
        let from = self.day.saturating_add(self.age.days()).at(12, 0, 0, 0);
        Flaw::Corrected { date: self.day, from, factor: self.factor }
    }

    /// Whether people are notified: a bill that has grown by the next day was not complete before.
    fn is_news(self) -> bool {
        self.age > 1 || self.factor < 1.0
    }
}

impl Expected {
    /// Draws the events of a seed.
    pub(super) fn draw(seed: u64, installation: &Installation) -> Self {
        let mut rng = Rng::with_seed(seed);
        let Installation { first, .. } = *installation;
        let start = installation.start_of_day(first);
        let end = installation.start_of_day(first.saturating_add(DAYS.days()));
        let minutes = end.duration_since(start).as_mins();
        let from = start + SignedDuration::from_mins(rng.i64(0..minutes));
        let part = Part::ALL[rng.usize(0..Part::ALL.len())];
        let to = from + SignedDuration::from_mins(rng.i64(10..=180));
        let outage = Outage { part, from, to };
        let hours = rng.i64(24..minutes / 60 - 24);
        let rule_change = start + SignedDuration::from_hours(hours) + 10.minutes();
        Self { seed, first, start, end, outage, correction: Correction::draw(&mut rng, first), rule_change }
    }

    /// Ten past each hour, until the outage is over and the days are evaluated.
    pub(super) fn starts_of_cron(&self) -> impl Iterator<Item = Timestamp> {
        let last = self.end.max(self.outage.to) + 2.hours();
        let start = self.start + 10.minutes();
        std::iter::successors(Some(start), |at| Some(*at + 1.hour())).take_while(move |at| *at < last)
    }

    /// Whether cron starts the hourly job: every hour around the outage, and every fourth hour at other times.
    pub(super) fn has_hourly_job(&self, now: Timestamp) -> bool {
        let Outage { from, to, .. } = self.outage;
        let is_near = from - 2.hours() < now && now < to + 4.hours();
        is_near || now.duration_since(self.start).as_hours() % 4 == 0
    }

    /// The days to evaluate: the day before the first day, and each day but those after the end.
    fn days(&self) -> Vec<Date> {
        (-1..DAYS).map(|index| self.first.saturating_add(index.days())).collect()
    }
}

/// Compares the results with the events.
pub(super) fn check(expected: &Expected, played: &Played) {
    let Expected { seed, outage, .. } = expected;
    let days: Vec<Date> = played.evaluated.iter().map(|evaluation| evaluation.day).collect();
    assert_eq!(days, expected.days(), "seed {seed}: each day is evaluated: {expected:?}");

    let unexplained = played.incomplete.iter().filter(|(at, _)| !outage.explains(*at));
    assert_eq!(unexplained.collect::<Vec<_>>(), [] as [&(Timestamp, String); 0], "seed {seed}: {expected:?}");
    assert!(played.has_new_fit, "seed {seed}: the new rule is trained");
    check_notifications(expected, played);
}

fn check_notifications(expected: &Expected, played: &Played) {
    let Expected { seed, .. } = expected;
    let all = &played.notifications;
    let with = |tag: &str| -> Vec<&str> {
        all.iter().map(|(_, text)| text.as_str()).filter(|text| text.starts_with(tag)).collect()
    };
    let [totals, failing, recovered, restated] =
        ["[BILLING_DAILY_TOTAL]", "[COSTWARDEN_FAILING]", "[COSTWARDEN_RECOVERED]", RESTATED].map(with);
    for day in expected.days() {
        let day_totals = totals.iter().filter(|text| text.contains(&format!("[{day}]")));
        assert_eq!(day_totals.count(), 1, "seed {seed}: one total of {day}: {all:#?}");
    }
    assert_eq!(failing.len(), recovered.len(), "seed {seed}: each failure has an end: {all:#?}");
    let announced = totals.len() + failing.len() + recovered.len() + restated.len();
    assert_eq!(all.len(), announced, "seed {seed}: a false message: {all:#?}");
    // The last days of the history settle, and the provider corrects one bill.
    let corrected = usize::from(expected.correction.is_news());
    assert_eq!(restated.len(), corrected, "seed {seed}: {expected:?} {all:#?}");
    played.restated.iter().for_each(|restated| check_restated(expected, restated));
}

/// Checks the day and the totals in the announcement of the corrected bill.
fn check_restated(expected: &Expected, restated: &Restated) {
    let Expected { seed, correction, .. } = expected;
    let Restated { text, totals: stored } = restated;
    let day = correction.day;
    let (_, totals) = text.split_once(&format!("the bills of 1 day: {day} ")).expect("the corrected day");
    let (before, rest) = totals.split_once(" KRW → ").expect("the total before");
    let (after, _) = rest.split_once(" KRW (").expect("the total after");
    let [before, after] = [before, after].map(|amount| amount.replace(',', "").parse::<f64>().expect("an amount"));
    let (_, stored) = stored.iter().find(|(date, _)| *date == day).expect("in the store");
    assert!((after - stored).abs() < 1.0, "seed {seed}: the store has {stored}: {text}");
    let factor = after / before;
    // Some bills lack a small amount until the third day.
    assert!(
        (factor / correction.factor - 1.0).abs() < 0.01,
        "seed {seed}: the factor is {factor}: {correction:?} {text}"
    );
}
