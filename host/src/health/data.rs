//! The checks of stored data: freshness, deliveries, and the number of anomalies.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::{Check, State};
use crate::config::HealthOptions;
use model::count::counted;
use model::incident::{DecisionCount, Incident};
use model::series::SeriesKey;
use model::silence::Silence;
use store::AnomalyKey;

/// Days before today for the usual number of anomalies.
pub(super) const USUAL_DAYS: i32 = 28;

pub(super) fn undelivered(waiting: u64, config: &HealthOptions) -> Check {
    let message = match waiting {
        0 => "every notification was delivered".to_owned(),
        1 => "1 notification is undelivered: check the receivers of the config".to_owned(),
        _ => format!("{waiting} notifications are undelivered: check the receivers of the config"),
    };
    Check::new("notifications", State::of(waiting, config.undelivered), message).with(
        "undelivered",
        waiting as f64,
        "",
        Some(config.undelivered),
    )
}

pub(super) fn freshness(newest: Option<Date>, today: Date, config: &HealthOptions) -> Check {
    let Some(newest) = newest else {
        let message = "the ledger holds no day yet: load some with `costwarden backfill --from DATE`";
        return Check::new("freshness", State::Unknown, message);
    };
    if newest > today {
        let message = format!(
            "the newest day is {newest}, but today is {today} by the clock of this host: check the clock, and the run that stored a future day"
        );
        return Check::new("freshness", State::Warning, message).with("data_age", 0.0, "", Some(config.freshness_days));
    }
    let days = u64::try_from((today - newest).get_days()).unwrap_or(0);
    let state = State::of(days, config.freshness_days);
    let mut message = format!("the newest day is {newest}");
    if state != State::Ok {
        message =
            format!("{message}, {days} days ago: check whether the provider publishes bills, and check the daily job");
    }
    Check::new("freshness", state, message).with("data_age", days as f64, "", Some(config.freshness_days))
}

/// Lists the active silences: a silence is a choice of people, not a problem.
pub(super) fn silences(silences: &[Silence], now: Timestamp) -> Check {
    let active: Vec<&Silence> = silences.iter().filter(|silence| silence.is_active(now)).collect();
    let text = |silence: &&Silence| {
        let Silence { id, scope, until, author, reason, .. } = silence;
        format!("{id} until {until} by {author}: {scope} ({reason})")
    };
    let message = match active.len() {
        0 => "no silence is active".to_owned(),
        number => {
            let silences = counted(number, "active silence");
            format!("{silences}: {}", active.iter().map(text).collect::<Vec<_>>().join("; "))
        }
    };
    Check::new("silences", State::Ok, message)
}

/// States the part of the decided incidents that people accepted, by rule.
pub(super) fn decisions(decided: &[Incident]) -> Check {
    let counts = DecisionCount::by_rule(decided);
    let shares = counts.iter().filter_map(|(rule, count)| Some(format!("{rule} {}", count.share()?)));
    let message = match shares.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "no incident has a decision of a person".to_owned(),
        shares => format!("incidents that people accepted, of the decided incidents: {shares}"),
    };
    Check::new("decisions", State::Ok, message)
}

/// Compares the number of anomalous series of today or yesterday with the median of the four weeks before. A median, so
/// a single bad day does not make the next bad day look usual; and a minimum, because three times zero is zero.
pub(super) fn surge(found: &[AnomalyKey], today: Date, config: &HealthOptions) -> Check {
    let mut by_day: BTreeMap<Date, BTreeSet<&SeriesKey>> = BTreeMap::new();
    for AnomalyKey { series, date, .. } in found {
        by_day.entry(*date).or_default().insert(series);
    }
    let on = |back: i32| by_day.get(&today.saturating_sub(back.days())).map_or(0, BTreeSet::len) as u64;
    // Today has the anomalies of the hourly job, yesterday the anomalies of the daily job.
    let newest = on(0).max(on(1));
    let mut usual: Vec<u64> = (2..USUAL_DAYS + 2).map(on).collect();
    usual.sort_unstable();
    let usual = usual[usual.len() / 2];
    let limit = (usual as f64 * config.surge_factor).max(config.surge_min as f64);
    let anomalous =
        if newest == 1 { "1 series is anomalous".to_owned() } else { format!("{newest} series are anomalous") };
    let (state, message) = if newest as f64 >= limit {
        let hint = "see `costwarden anomalies list`: the bill has a new structure, or a rule is too strict";
        (State::Warning, format!("{anomalous}, usually {usual}: {hint}"))
    } else {
        (State::Ok, format!("{anomalous}, usually {usual}"))
    };
    Check::new("anomalies", state, message).with("anomalous", newest as f64, "", None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 11, 25);

    fn text(check: &Check) -> String {
        format!("{} {}", check.state.as_str(), check.message)
    }

    #[test]
    fn an_old_newest_day_is_reported() {
        let config = HealthOptions::default();
        let at = |back: i32| text(&freshness(Some(TODAY.saturating_sub(back.days())), TODAY, &config));
        assert_eq!(
            (at(1), at(2)),
            ("OK the newest day is 2026-11-24".into(), "OK the newest day is 2026-11-23".into())
        );
        assert_eq!(
            at(3),
            "WARNING the newest day is 2026-11-22, 3 days ago: check whether the provider publishes bills, and check the daily job"
        );
        assert!(at(5).starts_with("CRITICAL "));
        assert_eq!(at(0), "OK the newest day is 2026-11-25", "a day that somebody loaded before it was over");
        assert!(
            at(-1).starts_with(
                "WARNING the newest day is 2026-11-26, but today is 2026-11-25 by the clock of this host: "
            )
        );
        assert!(text(&freshness(None, TODAY, &config)).starts_with("UNKNOWN the ledger holds no day yet: "));
    }

    #[test]
    fn notices_that_wait_are_counted() {
        let config = HealthOptions::default();
        let states = [0, 1, 9, 10].map(|waiting| undelivered(waiting, &config).state);
        assert_eq!(states, [State::Ok, State::Warning, State::Warning, State::Critical]);
    }

    /// A number of anomalous series for each day, counted back from today; every series is found twice.
    fn found(counts: &[usize]) -> Vec<AnomalyKey> {
        let mut found = Vec::new();
        for (back, count) in counts.iter().enumerate() {
            let date = TODAY.saturating_sub((back as i32).days());
            for index in 0..*count {
                let [account, project] = ["dom", "prj"].map(Into::into);
                let series = SeriesKey { account, project, service: format!("service-{index}").into() };
                found.push(AnomalyKey { series: series.clone(), date, hour: None });
                found.push(AnomalyKey { series, date, hour: Some(3) });
            }
        }
        found
    }

    #[test]
    fn a_surge_is_far_more_than_usual() {
        let config = HealthOptions::default();
        let at = |counts: &[usize]| text(&surge(&found(counts), TODAY, &config));
        assert_eq!(at(&[]), "OK 0 series are anomalous, usually 0");
        assert_eq!(at(&[9, 9]), "OK 9 series are anomalous, usually 0");
        assert!(at(&[10]).starts_with("WARNING 10 series are anomalous, usually 0: "));
        assert!(at(&[0, 10]).starts_with("WARNING 10 series "), "yesterday, which the daily job judged");
        let usual = |newest| [&[newest, 0][..], &[5; 28]].concat();
        assert_eq!(at(&usual(14)), "OK 14 series are anomalous, usually 5");
        assert!(at(&usual(15)).starts_with("WARNING 15 series are anomalous, usually 5: "));
        // A single bad day among the usual days hides nothing.
        let mut counts = usual(15);
        counts[7] = 900;
        assert!(at(&counts).starts_with("WARNING 15 series "));
    }
}
