//! Delivery of notifications: incidents, daily totals, and problems of costwarden itself.

mod budgets;
mod causes;
mod cost_changes;
mod daily_total;
mod delivery;
mod digest;
mod failure_streak;
mod groups;
mod operational;
mod planned_events;
mod recent_days;
mod restated;
mod suppression;

pub(crate) use self::delivery::compared_spans;
pub(crate) use self::failure_streak::notify_start_failure;
pub(crate) use self::operational::{OperationalProblem, has_receivers};
pub(crate) use self::restated::RestatedDay;
use store::OperationalNotification;

/// Number of receivers without the current text: the problem, or the resolution for receivers of the problem.
pub(crate) fn undelivered<'s>(
    notification: &OperationalNotification,
    receivers: impl Iterator<Item = &'s str>,
) -> usize {
    let is_resolved = notification.times == 0;
    if !is_resolved && notification.times < failure_streak::threshold(&notification.key) {
        return 0;
    }
    receivers.filter(|receiver| notification.delivered.contains(*receiver) == is_resolved).count()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn receivers_without_the_current_text_are_counted() {
        let undelivered = |key: &str, times, delivered: &[&str]| {
            let delivered = delivered.iter().map(|&receiver| receiver.to_owned()).collect();
            let since = Timestamp::UNIX_EPOCH;
            let notification =
                OperationalNotification { key: key.to_owned(), text: String::new(), times, since, delivered };
            undelivered(&notification, ["one", "two"].into_iter())
        };
        assert_eq!([1, 2, 3, 4].map(|times| undelivered("failing:daily", times, &[])), [0, 0, 2, 2]);
        assert_eq!(undelivered("freshness", 1, &["one"]), 1);
        assert_eq!(undelivered("freshness", 1, &["one", "two"]), 0);
        assert_eq!(undelivered("freshness", 0, &["one"]), 1, "the resolution");
        assert_eq!(undelivered("freshness", 0, &[]), 0);
        assert_eq!(undelivered("freshness", 0, &["gone"]), 0, "a receiver that is not in the config");
    }
}
