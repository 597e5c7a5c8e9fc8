//! Notifications about costwarden: raised by every run until resolved, delivered once per receiver.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::language::Language;
use notify::{Level, Locale, Notification, OperationalContent, ProblemState, Receiver};
use store::OperationalNotification;

use crate::pipeline::run::{Count, Remark, Report, Run, RunError, Services};

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

/// The receivers of a notification, with the language and the time of the notification.
pub(super) struct Recipients<'a> {
    pub(super) receivers: &'a mut [Receiver],
    pub(super) locale: Locale<'a>,
    pub(super) now: Timestamp,
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
            report.add_problem(Remark::of(&error));
        }
    }
}

impl Services {
    /// All receivers of the run.
    fn recipients(&mut self, now: Timestamp) -> Recipients<'_> {
        Recipients { receivers: &mut self.receivers, locale: self.config.locale(), now }
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
        problem.deliver(&mut notification, self.services.recipients(self.now)).await.add_to(&mut self.report);
        Ok(self.services.store.put_notification(&notification, self.now).await?)
    }

    /// Sends a message about an event to the remaining receivers. An event has no resolution.
    pub(super) async fn announce(&mut self, event: OperationalProblem<'_>) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        let known = self.known_notification(event.key).await?;
        let mut notification = event.raise(known, self.now);
        event.deliver(&mut notification, self.services.recipients(self.now)).await.add_to(&mut self.report);
        if self.services.receiver_names().all(|receiver| notification.delivered.contains(receiver)) {
            notification.times = 0;
            notification.delivered.clear();
        }
        Ok(self.services.store.put_notification(&notification, self.now).await?)
    }

    /// Sends the resolution to receivers of the problem. Does nothing without a raised problem.
    pub(crate) async fn resolve_problem(&mut self, key: &str) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        let Some(mut notification) = self.known_notification(key).await?.filter(has_receivers) else { return Ok(()) };
        self.deliver_resolution(&mut notification).await;
        Ok(self.services.store.put_notification(&notification, self.now).await?)
    }

    /// Ends a problem without a message, because no run can show the end.
    pub(crate) async fn forget_problem(&mut self, mut notification: OperationalNotification) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        notification.times = 0;
        notification.delivered.clear();
        Ok(self.services.store.put_notification(&notification, self.now).await?)
    }

    /// Sends the resolution, and adds the deliveries to the report.
    pub(super) async fn deliver_resolution(&mut self, notification: &mut OperationalNotification) {
        deliver_resolution(notification, self.services.recipients(self.now)).await.add_to(&mut self.report);
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
        // The resolution names the problem that people were notified of.
        if notification.delivered.is_empty() {
            self.text.clone_into(&mut notification.text);
        }
        notification
    }

    /// Notifies the remaining receivers, if enough runs have raised the problem.
    pub(super) async fn deliver(
        self,
        notification: &mut OperationalNotification,
        recipients: Recipients<'_>,
    ) -> DeliveryResult {
        let mut result = DeliveryResult::default();
        if notification.times < self.after {
            return result;
        }
        let content = OperationalContent {
            key: self.key,
            state: ProblemState::Raised,
            since: notification.since,
            level: self.level,
            tag: self.tag,
            text: self.text,
        };
        let message = Notification::of_problem(content, recipients.locale);
        for receiver in recipients.receivers {
            let is_delivered = notification.delivered.contains(&receiver.name);
            if is_delivered && !receiver.needs_refresh() {
                continue;
            }
            match receiver.send(&message, recipients.now).await {
                Ok(_) => {
                    notification.delivered.insert(receiver.name.clone());
                    result.accepted += u64::from(!is_delivered);
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
        (Some(("completeness", "short" | "hours")), Language::Korean) => {
            format!("청구서를 다시 판단합니다. 문제였던 것: {text}")
        }
        (Some(("completeness", "short" | "hours")), Language::English) => {
            format!("the bill is evaluated again; the problem was: {text}")
        }
        (Some(("rows", _)), Language::Korean) => {
            format!("다시 읽은 청구서에는 이 문제가 없습니다. 문제였던 것: {text}")
        }
        (Some(("rows", _)), Language::English) => {
            format!("a new reading of the bill does not have the problem; the problem was: {text}")
        }
        (_, Language::Korean) => format!("해소된 문제: {text}"),
        (_, Language::English) => format!("no longer the case: {text}"),
    }
}

/// Sends the resolution to receivers of the problem. The next run retries an unreachable receiver.
async fn deliver_resolution(notification: &mut OperationalNotification, recipients: Recipients<'_>) -> DeliveryResult {
    let mut result = DeliveryResult::default();
    let text = resolution_text(notification, recipients.locale.language);
    let key = notification.key.clone();
    let content = OperationalContent {
        key: &key,
        state: ProblemState::Resolved,
        since: notification.since,
        level: Level::Info,
        tag: "RECOVERED",
        text: &text,
    };
    let message = Notification::of_problem(content, recipients.locale);
    let Recipients { receivers, now, .. } = recipients;
    notification.times = 0;
    // A receiver outside the config gets no resolution.
    notification.delivered.retain(|name| receivers.iter().any(|receiver| receiver.name == *name));
    for receiver in receivers {
        if !notification.delivered.contains(&receiver.name) {
            continue;
        }
        match receiver.send(&message, now).await {
            Ok(_) => {
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
    use notify::TextStyle;
    use notify::options::{ReceiverKind, ReceiverOptions, SyslogOptions, SyslogTransport};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("a time")
    }

    fn receiver(name: &str, folder: &Path) -> Receiver {
        let transport = SyslogTransport::Unix(folder.join(name));
        let text_style = TextStyle::Short;
        let kind = ReceiverKind::Syslog(SyslogOptions { text_style, transport, app_name: "costwarden".to_owned() });
        Receiver::new(&ReceiverOptions { name: name.to_owned(), daily_total: true, kind }, Terminal::Stdout)
    }

    fn recipients(receivers: &mut [Receiver], second: i64) -> Recipients<'_> {
        let locale = Locale { language: Language::English, currency: "USD" };
        Recipients { receivers, locale, now: at(second) }
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

    #[tokio::test]
    async fn each_receiver_gets_the_problem_once_and_the_resolution_once() {
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
        let result = problem.deliver(&mut notification, recipients(&mut receivers, 0)).await;
        assert_eq!((result.accepted, result.errors.len(), notification.times), (0, 0, 1), "too few runs");

        notification = problem.raise(Some(notification), at(1));
        let result = problem.deliver(&mut notification, recipients(&mut receivers, 1)).await;
        assert_eq!((result.accepted, result.errors.len()), (1, 1), "two is unreachable");
        assert_eq!(notification.since, at(0));
        let two = UnixDatagram::bind(folder.path().join("two")).expect("a socket");
        for second in 2..5 {
            notification = problem.raise(Some(notification), at(second));
            problem.deliver(&mut notification, recipients(&mut receivers, second)).await;
        }
        for socket in [&one, &two] {
            assert_eq!(received(socket), ["[COSTWARDEN_FAILING] no luck"]);
        }

        drop(two);
        std::fs::remove_file(folder.path().join("two")).expect("removed");
        let result = deliver_resolution(&mut notification, recipients(&mut receivers, 5)).await;
        assert_eq!((result.accepted, result.errors.len(), notification.times), (1, 1, 0));
        let two = UnixDatagram::bind(folder.path().join("two")).expect("a socket");
        deliver_resolution(&mut notification, recipients(&mut receivers, 6)).await;
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
