//! Notifications about costwarden: raised by every run until resolved, delivered once per receiver.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::language::Language;
use notify::{self, Level, Receiver};
use store::OperationalNotification;

use crate::pipeline::run::{Count, Report, Run, RunError};

/// A problem of costwarden to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OperationalProblem<'a> {
    /// Id of the problem, for example `completeness:late`. The problem is reported once until resolved.
    pub(crate) key: &'a str,
    pub(crate) level: Level,
    /// Tag of the line: `STALE_FEED` gives `[COSTWARDEN_STALE_FEED]`.
    pub(crate) tag: &'a str,
    pub(crate) text: &'a str,
    /// Number of consecutive runs with the problem before people are notified.
    pub(crate) after: u32,
}

/// The result of a delivery.
#[derive(Debug, Default)]
pub(super) struct DeliveryResult {
    pub(super) accepted: u64,
    pub(super) errors: Vec<String>,
}

impl DeliveryResult {
    pub(super) fn add_to(self, report: &mut Report) {
        if self.accepted > 0 {
            report.add(Count::Notifications, self.accepted);
        }
        for error in self.errors {
            report.add(Count::Undelivered, 1);
            report.add_problem(error);
        }
    }
}

impl Run<'_> {
    /// Sends a problem of costwarden to the remaining receivers, and stores the deliveries.
    pub(crate) async fn raise_problem(&mut self, problem: OperationalProblem<'_>) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        let known = self.known_notification(problem.key).await?;
        let mut notification = problem.raise(known, self.now);
        problem.deliver(&mut notification, &mut self.services.receivers, self.now).add_to(&mut self.report);
        Ok(self.services.store.put_notification(&notification, self.now).await?)
    }

    /// Sends the resolution to receivers of the problem. Does nothing without a raised problem.
    pub(crate) async fn resolve_problem(&mut self, key: &str) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        let Some(mut notification) = self.known_notification(key).await?.filter(has_receivers) else { return Ok(()) };
        self.deliver_resolution(&mut notification);
        Ok(self.services.store.put_notification(&notification, self.now).await?)
    }

    /// Sends the resolution, and adds the deliveries to the report.
    pub(super) fn deliver_resolution(&mut self, notification: &mut OperationalNotification) {
        let language = self.services.config.language;
        deliver_resolution(notification, &mut self.services.receivers, language, self.now).add_to(&mut self.report);
    }

    async fn known_notification(&self, key: &str) -> Result<Option<OperationalNotification>, RunError> {
        let notifications = self.services.store.notifications().await?;
        Ok(notifications.into_iter().find(|notification| notification.key == key))
    }
}

/// Whether a problem is raised, or a receiver of the problem waits for the resolution.
pub(crate) fn has_receivers(notification: &OperationalNotification) -> bool {
    notification.times > 0 || !notification.delivered.is_empty()
}

impl OperationalProblem<'_> {
    /// The notification after another run with the problem.
    pub(super) fn raise(self, known: Option<OperationalNotification>, now: Timestamp) -> OperationalNotification {
        let mut notification = known.unwrap_or_else(|| OperationalNotification {
            key: self.key.to_owned(),
            text: self.text.to_owned(),
            times: 0,
            since: now,
            delivered: BTreeSet::new(),
        });
        if notification.times == 0 {
            // The store keeps milliseconds.
            notification.since = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        }
        notification.times = notification.times.saturating_add(1);
        self.text.clone_into(&mut notification.text);
        notification
    }

    /// Notifies the remaining receivers, if enough runs have raised the problem.
    pub(super) fn deliver(
        self,
        notification: &mut OperationalNotification,
        receivers: &mut [Receiver],
        now: Timestamp,
    ) -> DeliveryResult {
        let mut result = DeliveryResult::default();
        if notification.times < self.after {
            return result;
        }
        let message = notify::operational_message(self.level, self.tag, self.text);
        for receiver in receivers {
            if notification.delivered.contains(&receiver.name) {
                continue;
            }
            match receiver.send(&message, now) {
                Ok(()) => {
                    notification.delivered.insert(receiver.name.clone());
                    result.accepted += 1;
                }
                Err(error) => result.errors.push(error.to_string()),
            }
        }
        result
    }
}

/// Returns the text about the end of a problem. The text does not repeat the problem as if the problem still existed.
fn resolution_text(notification: &OperationalNotification, language: Language) -> String {
    let OperationalNotification { key, text, since, .. } = notification;
    let since = since.strftime("%Y-%m-%d %H:%M UTC");
    match (key.split_once(':'), language) {
        (Some(("failing", job)), Language::Korean) => {
            format!("복구되었습니다. {job} 작업이 다시 정상입니다({since}부터 실패)")
        }
        (Some(("failing", job)), Language::English) => {
            format!("the {job} job succeeds again; the failures began at {since}")
        }
        (_, Language::Korean) => format!("해소된 문제: {text}"),
        (_, Language::English) => format!("no longer the case: {text}"),
    }
}

/// Sends the resolution to receivers of the problem. The next run retries an unreachable receiver.
fn deliver_resolution(
    notification: &mut OperationalNotification,
    receivers: &mut [Receiver],
    language: Language,
    now: Timestamp,
) -> DeliveryResult {
    let mut result = DeliveryResult::default();
    let text = resolution_text(notification, language);
    let message = notify::operational_message(Level::Info, "RECOVERED", &text);
    notification.times = 0;
    // A receiver outside the config gets no resolution.
    notification.delivered.retain(|name| receivers.iter().any(|receiver| receiver.name == *name));
    for receiver in receivers {
        if !notification.delivered.contains(&receiver.name) {
            continue;
        }
        match receiver.send(&message, now) {
            Ok(()) => {
                notification.delivered.remove(&receiver.name);
                result.accepted += 1;
            }
            Err(error) => result.errors.push(error.to_string()),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;

    use notify::Terminal;
    use notify::options::{ReceiverKind, ReceiverOptions, SyslogOptions, SyslogTransport, TextStyle};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("a time")
    }

    fn receiver(name: &str, folder: &Path) -> Receiver {
        let transport = SyslogTransport::Unix(folder.join(name));
        let kind = ReceiverKind::Syslog(SyslogOptions { transport, app_name: "costwarden".to_owned() });
        Receiver::new(&ReceiverOptions { name: name.to_owned(), text_style: TextStyle::Short, kind }, Terminal::Stdout)
    }

    /// The received lines of a socket, without headers.
    fn received(socket: &UnixDatagram) -> Vec<String> {
        socket.set_nonblocking(true).expect("a socket");
        let mut buffer = [0; 1_024];
        let text = |length: usize, buffer: &[u8]| String::from_utf8_lossy(&buffer[..length]).into_owned();
        std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|length| text(length, &buffer)))
            .map(|line| line.split_once("]: ").expect("a header").1.to_owned())
            .collect()
    }

    #[test]
    fn each_receiver_gets_the_problem_once_and_the_resolution_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = UnixDatagram::bind(folder.path().join("one")).expect("a socket");
        let mut receivers = [receiver("one", folder.path()), receiver("two", folder.path())];
        let problem = OperationalProblem {
            key: "failing:daily",
            level: Level::Critical,
            tag: "FAILING",
            text: "no luck",
            after: 2,
        };
        let mut notification = problem.raise(None, at(0));
        let result = problem.deliver(&mut notification, &mut receivers, at(0));
        assert_eq!((result.accepted, result.errors.len(), notification.times), (0, 0, 1), "too few runs");

        notification = problem.raise(Some(notification), at(1));
        let result = problem.deliver(&mut notification, &mut receivers, at(1));
        assert_eq!((result.accepted, result.errors.len()), (1, 1), "two is unreachable");
        assert_eq!(notification.since, at(0));
        let two = UnixDatagram::bind(folder.path().join("two")).expect("a socket");
        for second in 2..5 {
            notification = problem.raise(Some(notification), at(second));
            problem.deliver(&mut notification, &mut receivers, at(second));
        }
        for socket in [&one, &two] {
            assert_eq!(received(socket), ["[COSTWARDEN_FAILING] no luck"]);
        }

        drop(two);
        std::fs::remove_file(folder.path().join("two")).expect("removed");
        let result = deliver_resolution(&mut notification, &mut receivers, Language::English, at(5));
        assert_eq!((result.accepted, result.errors.len(), notification.times), (1, 1, 0));
        let two = UnixDatagram::bind(folder.path().join("two")).expect("a socket");
        deliver_resolution(&mut notification, &mut receivers, Language::English, at(6));
        for socket in [&one, &two] {
            assert_eq!(
                received(socket),
                ["[COSTWARDEN_RECOVERED] the daily job succeeds again; the failures began at 2026-09-21 14:13 UTC"]
            );
        }
        assert_eq!(notification.delivered, BTreeSet::new());
    }

    #[test]
    fn a_problem_raised_after_its_resolution_starts_again() {
        let problem = OperationalProblem { key: "gap", level: Level::Error, tag: "GAP", text: "one", after: 1 };
        let first = problem.raise(None, at(0));
        let resolved = OperationalNotification { times: 0, ..first };
        let again = OperationalProblem { text: "two", ..problem }.raise(Some(resolved), at(9));
        assert_eq!((again.times, again.since, again.text.as_str()), (1, at(9), "two"));
    }
}
