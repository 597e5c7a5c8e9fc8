//! The checks of stored data: freshness, deliveries, and the number of anomalies.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::{Check, State};
use crate::config::HealthOptions;
use model::count::counted;
use model::incident::{DecisionCount, Incident};
use model::language::Language;
use model::series::SeriesKey;
use model::silence::Silence;
use store::AnomalyKey;

/// Days before today for the usual number of anomalies.
pub(super) const USUAL_DAYS: i32 = 28;

/// The thresholds, the date in the bill's time zone, and the language of the messages.
pub(super) struct DataChecks<'c> {
    pub(super) config: &'c HealthOptions,
    pub(super) today: Date,
    pub(super) restate_days: u16,
    pub(super) language: Language,
}

impl DataChecks<'_> {
    pub(super) fn undelivered(&self, waiting: u64) -> Check {
        let levels = self.config.undelivered;
        let message = match (self.language, waiting) {
            (Language::Korean, 0) => "모두 전달했습니다".to_owned(),
            (Language::English, 0) => "every notification was delivered".to_owned(),
            (Language::Korean, _) => {
                format!("전달되지 않은 알림이 {waiting}건 있습니다. 설정의 받는 곳을 확인하세요")
            }
            (Language::English, 1) => "1 notification is undelivered: check the receivers of the config".to_owned(),
            (Language::English, _) => {
                format!("{waiting} notifications are undelivered: check the receivers of the config")
            }
        };
        let state = State::of(waiting, levels);
        Check::new("notifications", state, message).with("undelivered", waiting as f64, "", Some(levels))
    }

    pub(super) fn freshness(&self, newest: Option<Date>) -> Check {
        let Self { today, restate_days, language, .. } = *self;
        let levels = self.config.freshness_days;
        let Some(newest) = newest else {
            let message = language.choose(
                "저장된 날이 아직 없습니다. `costwarden backfill --from DATE` 명령으로 불러오세요",
                "the ledger holds no day yet: load some with `costwarden backfill --from DATE`",
            );
            return Check::new("freshness", State::Unknown, message);
        };
        if newest > today {
            let message = match language {
                Language::Korean => format!(
                    "가장 최근 날이 {newest}인데 이 호스트의 시계로 오늘은 {today}입니다. 시계와, 미래의 날을 저장한 실행을 확인하세요"
                ),
                Language::English => format!(
                    "the newest day is {newest}, but today is {today} by the clock of this host: check the clock, and the run that stored a future day"
                ),
            };
            return Check::new("freshness", State::Warning, message).with("data_age", 0.0, "", Some(levels));
        }
        let days = u64::try_from((today - newest).get_days()).unwrap_or(0);
        let state = State::of(days, levels);
        let message = match (language, state) {
            // The limit of the restatements that a run notices.
            (Language::Korean, State::Ok) => {
                format!("가장 최근 날은 {newest}입니다. {restate_days}일이 지나 정정된 청구서는 다시 읽지 않습니다")
            }
            (Language::English, State::Ok) => format!(
                "the newest day is {newest}; a correction of a bill after more than {restate_days} days is not noticed"
            ),
            (Language::Korean, _) => format!(
                "가장 최근 날은 {days}일 전인 {newest}입니다. 제공자가 청구 내역을 공개하는지, daily 작업이 도는지 확인하세요"
            ),
            (Language::English, _) => format!(
                "the newest day is {newest}, {days} days ago: check whether the provider publishes bills, and check the daily job"
            ),
        };
        Check::new("freshness", state, message).with("data_age", days as f64, "", Some(levels))
    }

    /// Lists the active silences: a silence is a choice of people, not a problem.
    pub(super) fn silences(&self, silences: &[Silence], now: Timestamp) -> Check {
        let language = self.language;
        let active: Vec<&Silence> = silences.iter().filter(|silence| silence.is_active(now)).collect();
        let text = |silence: &&Silence| {
            let Silence { id, scope, until, author, reason, .. } = silence;
            let scope = scope.text(language);
            match language {
                Language::Korean => format!("{id} {until}까지, {author}: {scope} ({reason})"),
                Language::English => format!("{id} until {until} by {author}: {scope} ({reason})"),
            }
        };
        let texts = active.iter().map(text).collect::<Vec<_>>().join("; ");
        let message = match (language, active.len()) {
            (Language::Korean, 0) => "꺼 둔 알림이 없습니다".to_owned(),
            (Language::English, 0) => "no silence is active".to_owned(),
            (Language::Korean, number) => format!("{number}건: {texts}"),
            (Language::English, number) => format!("{}: {texts}", counted(number, "active silence")),
        };
        Check::new("silences", State::Ok, message)
    }

    /// States the part of the decided incidents that people accepted, by rule.
    pub(super) fn decisions(&self, decided: &[Incident]) -> Check {
        let language = self.language;
        let counts = DecisionCount::by_rule(decided);
        let shares = counts.iter().filter_map(|(rule, count)| Some(format!("{rule} {}", count.share(language)?)));
        let message = match (language, shares.collect::<Vec<_>>().join(", ")) {
            (Language::Korean, none) if none.is_empty() => "사람이 결정한 이상이 없습니다".to_owned(),
            (Language::English, none) if none.is_empty() => "no incident has a decision of a person".to_owned(),
            (Language::Korean, shares) => format!("결정한 이상 가운데 수용한 이상: {shares}"),
            (Language::English, shares) => {
                format!("incidents that people accepted, of the decided incidents: {shares}")
            }
        };
        Check::new("decisions", State::Ok, message)
    }

    /// Compares the number of anomalous series of today or yesterday with the median of the four weeks before. A median,
    /// so a single bad day does not make the next bad day look usual; and a minimum, because three times zero is zero.
    pub(super) fn surge(&self, found: &[AnomalyKey]) -> Check {
        let Self { config, today, language, .. } = *self;
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
        let state = if newest as f64 >= limit { State::Warning } else { State::Ok };
        let mut message = match (language, newest) {
            (Language::Korean, _) => format!("이상이 있는 시리즈 {newest}개, 평소 {usual}개"),
            (Language::English, 1) => format!("1 series is anomalous, usually {usual}"),
            (Language::English, _) => format!("{newest} series are anomalous, usually {usual}"),
        };
        if state != State::Ok {
            message.push_str(language.choose(
                ". `costwarden anomalies list` 명령으로 확인하세요. 청구서의 구조가 바뀌었거나 규칙이 너무 엄격합니다",
                ": see `costwarden anomalies list`: the bill has a new structure, or a rule is too strict",
            ));
        }
        Check::new("anomalies", state, message).with("anomalous", newest as f64, "", None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 11, 25);

    fn checks(config: &HealthOptions) -> DataChecks<'_> {
        DataChecks { config, today: TODAY, restate_days: 5, language: Language::English }
    }

    fn text(check: &Check) -> String {
        format!("{} {}", check.state.as_str(), check.message)
    }

    #[test]
    fn an_old_newest_day_is_reported() {
        let config = HealthOptions::default();
        let at = |back: i32| text(&checks(&config).freshness(Some(TODAY.saturating_sub(back.days()))));
        let fresh = |date: &str| {
            format!("OK the newest day is {date}; a correction of a bill after more than 5 days is not noticed")
        };
        assert_eq!((at(1), at(2)), (fresh("2026-11-24"), fresh("2026-11-23")));
        assert_eq!(
            at(3),
            "WARNING the newest day is 2026-11-22, 3 days ago: check whether the provider publishes bills, and check the daily job"
        );
        assert!(at(5).starts_with("CRITICAL "));
        assert_eq!(at(0), fresh("2026-11-25"), "a day that somebody loaded before it was over");
        assert!(
            at(-1).starts_with(
                "WARNING the newest day is 2026-11-26, but today is 2026-11-25 by the clock of this host: "
            )
        );
        assert!(text(&checks(&config).freshness(None)).starts_with("UNKNOWN the ledger holds no day yet: "));
    }

    #[test]
    fn notices_that_wait_are_counted() {
        let config = HealthOptions::default();
        let states = [0, 1, 9, 10].map(|waiting| checks(&config).undelivered(waiting).state);
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
        let at = |counts: &[usize]| text(&checks(&config).surge(&found(counts)));
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
