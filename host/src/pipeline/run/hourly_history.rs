//! The hourly history of the rules over hours, compared with the history that their detectors need.

use std::collections::BTreeMap;

use super::remark::Remark;

/// The hourly history of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HourlyHistory {
    /// No series has a fit. The days are those of the series with the longest history.
    Insufficient { days: u32, needed: u32 },
    /// A series has a fit.
    Sufficient,
}

/// The hourly history of each trained rule over hours.
#[derive(Debug, Default)]
pub(crate) struct HourlyHistories(BTreeMap<String, HourlyHistory>);

impl HourlyHistories {
    /// Adds the history of a series. The longest history of a rule counts.
    pub(crate) fn add(&mut self, rule: &str, history: HourlyHistory) {
        match self.0.get_mut(rule) {
            Some(longest) => *longest = history.max(*longest),
            None => drop(self.0.insert(rule.to_owned(), history)),
        }
    }

    pub(crate) fn absorb(&mut self, part: Self) {
        part.0.into_iter().for_each(|(rule, history)| self.add(&rule, history));
    }

    /// A note for each rule without a fit.
    pub(crate) fn notes(&self) -> impl Iterator<Item = Remark> {
        self.0.iter().filter_map(|(rule, history)| match history {
            HourlyHistory::Insufficient { days, needed } => Some(Remark::new(
                format!("규칙 {rule}: 시간별 기록이 {needed}일 가운데 {days}일뿐이라 아직 시간별로 평가하지 않습니다"),
                format!("rule {rule} is not evaluated by the hour yet: {days} of {needed} days of hourly history"),
            )),
            HourlyHistory::Sufficient => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_history_of_a_rule_counts() {
        let mut histories = HourlyHistories::default();
        for (rule, history) in [
            ("young", HourlyHistory::Insufficient { days: 2, needed: 14 }),
            ("young", HourlyHistory::Insufficient { days: 1, needed: 14 }),
            ("old", HourlyHistory::Insufficient { days: 3, needed: 14 }),
            ("old", HourlyHistory::Sufficient),
        ] {
            let mut part = HourlyHistories::default();
            part.add(rule, history);
            histories.absorb(part);
        }
        let notes: Vec<String> = histories.notes().map(|note| note.english().to_owned()).collect();
        assert_eq!(notes, ["rule young is not evaluated by the hour yet: 2 of 14 days of hourly history"]);
    }
}
