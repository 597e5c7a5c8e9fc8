//! Notifications about costwarden: raised by every run until resolved, delivered once per receiver.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::failing;
use super::report::Report;
use model::language::Language;
use notify::{self, Level, Receiver};
use store::OperationalNotification;

/// A problem of costwarden to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operational<'a> {
    /// Id of the problem, for example `feed:late`. The problem is reported once until resolved.
    pub(super) key: &'a str,
    pub(super) level: Level,
    /// Tag of the line: `STALE_FEED` gives `[COSTWARDEN_STALE_FEED]`.
    pub(super) tag: &'a str,
    pub(super) text: &'a str,
    /// Number of consecutive runs with the problem before people are notified.
    pub(super) after: u32,
}

/// The result of a delivery.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) accepted: u64,
    pub(super) errors: Vec<String>,
}

impl Told {
    pub(super) fn into_report(self, report: &mut Report) {
        if self.accepted > 0 {
            report.count("notifications", self.accepted);
        }
        for error in self.errors {
            report.count("undelivered", 1);
            report.problem(error);
        }
    }
}

/// The notification after another run with the problem.
pub(super) fn raised(
    known: Option<OperationalNotification>,
    what: Operational<'_>,
    now: Timestamp,
) -> OperationalNotification {
    let (key, text) = (what.key.to_owned(), what.text.to_owned());
    let mut notification = known.unwrap_or_else(|| OperationalNotification {
        key,
        text,
        times: 0,
        since: now,
        delivered: BTreeSet::new(),
    });
    if notification.times == 0 {
        // The store keeps milliseconds.
        notification.since = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    }
    notification.times = notification.times.saturating_add(1);
    what.text.clone_into(&mut notification.text);
    notification
}

/// Number of receivers without the current line: the problem, or the resolution for receivers of the problem.
pub(crate) fn untold<'s>(notification: &OperationalNotification, receivers: impl Iterator<Item = &'s str>) -> usize {
    let is_over = notification.times == 0;
    if !is_over && notification.times < failing::told_after(&notification.key) {
        return 0;
    }
    receivers.filter(|receiver| notification.delivered.contains(*receiver) == is_over).count()
}

/// Notifies the remaining receivers, if enough runs have raised the problem.
pub(super) fn tell(
    receivers: &mut [Receiver],
    notification: &mut OperationalNotification,
    what: Operational<'_>,
    now: Timestamp,
) -> Told {
    let mut told = Told::default();
    if notification.times < what.after {
        return told;
    }
    let line = notify::operational(what.level, what.tag, what.text);
    for receiver in receivers {
        if notification.delivered.contains(&receiver.name) {
            continue;
        }
        match receiver.tell(&line, now) {
            Ok(()) => {
                notification.delivered.insert(receiver.name.clone());
                told.accepted += 1;
            }
            Err(error) => told.errors.push(error.to_string()),
        }
    }
    told
}

/// Sends the resolution to receivers of the problem. The next run retries an unreachable receiver.
pub(super) fn recall(
    receivers: &mut [Receiver],
    notification: &mut OperationalNotification,
    language: Language,
    now: Timestamp,
) -> Told {
    let mut told = Told::default();
    let over = match language {
        Language::Korean => format!("해소되었습니다: {}", notification.text),
        Language::English => format!("this is over: {}", notification.text),
    };
    let line = notify::operational(Level::Info, "RECOVERED", &over);
    notification.times = 0;
    // A receiver outside the config gets no resolution.
    notification.delivered.retain(|name| receivers.iter().any(|receiver| receiver.name == *name));
    // Collected first, because the loop changes `notification.delivered`.
    for receiver in
        receivers.iter_mut().filter(|receiver| notification.delivered.contains(&receiver.name)).collect::<Vec<_>>()
    {
        match receiver.tell(&line, now) {
            Ok(()) => {
                notification.delivered.remove(&receiver.name);
                told.accepted += 1;
            }
            Err(error) => told.errors.push(error.to_string()),
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::Terminal;
    use notify::options::ReceiverKind;
    use notify::options::ReceiverOptions;
    use notify::options::SyslogOptions;
    use notify::options::SyslogTransport;
    use notify::options::Words;
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("a time")
    }

    fn receiver(name: &str, folder: &Path) -> Receiver {
        let transport = SyslogTransport::Unix(folder.join(name));
        let kind = ReceiverKind::Syslog(SyslogOptions { transport, app_name: "costwarden".to_owned() });
        Receiver::new(&ReceiverOptions { name: name.to_owned(), words: Words::Short, kind }, Terminal::Stdout)
    }

    /// The received lines of a socket, without headers.
    fn heard(socket: &UnixDatagram) -> Vec<String> {
        socket.set_nonblocking(true).expect("a socket");
        let mut buffer = [0; 1_024];
        let text = |length: usize, buffer: &[u8]| String::from_utf8_lossy(&buffer[..length]).into_owned();
        std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|length| text(length, &buffer)))
            .map(|line| line.split_once("]: ").expect("a header").1.to_owned())
            .collect()
    }

    #[test]
    fn each_sink_hears_it_once_and_that_it_is_over_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = UnixDatagram::bind(folder.path().join("one")).expect("a socket");
        let mut receivers = [receiver("one", folder.path()), receiver("two", folder.path())];
        let what =
            Operational { key: "failing:daily", level: Level::Critical, tag: "FAILING", text: "no luck", after: 2 };
        let mut notification = raised(None, what, at(0));
        let told = tell(&mut receivers, &mut notification, what, at(0));
        assert_eq!((told.accepted, told.errors.len(), notification.times), (0, 0, 1), "not yet");

        notification = raised(Some(notification), what, at(1));
        let told = tell(&mut receivers, &mut notification, what, at(1));
        assert_eq!((told.accepted, told.errors.len(), notification.since), (1, 1, at(0)), "two is not there");
        let two = UnixDatagram::bind(folder.path().join("two")).expect("a socket");
        for second in 2..5 {
            notification = raised(Some(notification), what, at(second));
            tell(&mut receivers, &mut notification, what, at(second));
        }
        assert_eq!((heard(&one), heard(&two)), (vec!["[COSTWARDEN_FAILING] no luck".to_owned()], heard_failing()));

        drop(two);
        std::fs::remove_file(folder.path().join("two")).expect("removed");
        let told = recall(&mut receivers, &mut notification, Language::English, at(5));
        assert_eq!((told.accepted, told.errors.len(), notification.times), (1, 1, 0));
        let two = UnixDatagram::bind(folder.path().join("two")).expect("a socket");
        recall(&mut receivers, &mut notification, Language::English, at(6));
        let over = vec!["[COSTWARDEN_RECOVERED] this is over: no luck".to_owned()];
        assert_eq!((heard(&one), heard(&two)), (over.clone(), over));
        assert_eq!(notification.delivered, BTreeSet::new());
    }

    fn heard_failing() -> Vec<String> {
        vec!["[COSTWARDEN_FAILING] no luck".to_owned()]
    }

    #[test]
    fn what_sinks_have_yet_to_take_is_counted() {
        let untold = |key: &str, times, told: &[&str]| {
            let delivered = told.iter().map(|&receiver| receiver.to_owned()).collect();
            let notification =
                OperationalNotification { key: key.to_owned(), text: String::new(), times, since: at(0), delivered };
            super::untold(&notification, ["one", "two"].into_iter())
        };
        assert_eq!([1, 2, 3, 4].map(|times| untold("failing:daily", times, &[])), [0, 0, 2, 2]);
        assert_eq!((untold("stale-feed", 1, &["one"]), untold("stale-feed", 1, &["one", "two"])), (1, 0));
        assert_eq!((untold("stale-feed", 0, &["one"]), untold("stale-feed", 0, &[])), (1, 0), "that it is over");
        assert_eq!(untold("stale-feed", 0, &["gone"]), 0, "a receiver that the config does not name any more");
    }

    #[test]
    fn what_begins_again_is_news() {
        let what = Operational { key: "gap", level: Level::Error, tag: "GAP", text: "one", after: 1 };
        let first = raised(None, what, at(0));
        let over = OperationalNotification { times: 0, ..first };
        let again = raised(Some(over), Operational { text: "two", ..what }, at(9));
        assert_eq!((again.times, again.since, again.text.as_str()), (1, at(9), "two"));
    }
}
