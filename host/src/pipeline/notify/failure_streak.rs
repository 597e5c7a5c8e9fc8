//! Consecutive failures of a job: after three failed runs, people are notified, once until a run succeeds.
//!
//! The store counts over all hosts. The state directory holds a copy for the case of an unavailable store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::language::Language;
use notify::{Level, Receiver, Terminal};
use store::OperationalNotification;

use super::operational::{DeliveryResult, OperationalProblem, Recipients, has_receivers};
use crate::config::Config;
use crate::pipeline::run::{Grade, Report, Run, RunError};

/// Number of consecutive failed runs of a job, over all periods, before people are notified.
const MAX_FAILURES: u32 = 3;

/// Prefix of the notification ids.
const KEY: &str = "failing:";

/// Notifications by id.
type Notifications = BTreeMap<String, OperationalNotification>;

impl Run<'_> {
    /// Counts the result of the run.
    pub(crate) async fn count_failures(&mut self) {
        // An interruption and a refused day are neither a failure nor a success.
        if self.is_dry_run() || self.report.interruption.is_some() {
            return;
        }
        let counted = match self.report.grade() {
            Grade::Failed => self.count_failure().await,
            Grade::Done | Grade::Degraded => self.end_failure_streak().await,
        };
        if let Err(error) = counted {
            tracing::warn!("cannot store the number of failed {} jobs: {error}", self.report.job);
        }
    }

    async fn count_failure(&mut self) -> Result<(), RunError> {
        let key = key(self.report.job);
        let stored = self.services.store.notifications().await;
        let known = stored.as_ref().ok().and_then(|stored| stored.iter().find(|known| known.key == key)).cloned();
        let services = &mut *self.services;
        let streak = FailureStreak::of(&self.report, &services.config, self.now);
        let (notification, result) = streak.add_failure(known, &mut services.receivers).await;
        result.add_to(&mut self.report);
        // The receivers were notified despite the store error.
        stored?;
        Ok(self.services.store.put_notification(&notification, self.now).await?)
    }

    async fn end_failure_streak(&mut self) -> Result<(), RunError> {
        let key = key(self.report.job);
        let file = LocalFile::of(&self.services.config);
        let stored = self.services.store.notifications().await?;
        let known = stored.into_iter().find(|notification| notification.key == key);
        let Some(mut notification) = newest(known, file.get(&key)) else { return Ok(()) };
        if has_receivers(&notification) {
            self.deliver_resolution(&mut notification).await;
            self.services.store.put_notification(&notification, self.now).await?;
        }
        file.put(&key, None);
        Ok(())
    }
}

/// Counts a failed run without services, for example with an unavailable store. Returns the delivery errors.
pub(crate) async fn notify_start_failure(
    config: &Config,
    report: &Report,
    terminal: Terminal,
    now: Timestamp,
) -> Vec<String> {
    let mut receivers: Vec<Receiver> =
        config.receivers.iter().map(|receiver| Receiver::new(receiver, terminal)).collect();
    let (_, result) = FailureStreak::of(report, config, now).add_failure(None, &mut receivers).await;
    result.errors
}

/// Number of consecutive runs with a problem before people are notified.
pub(super) fn threshold(key: &str) -> u32 {
    if key.starts_with(KEY) { MAX_FAILURES } else { 1 }
}

/// The failures of a job, with the newest failure.
struct FailureStreak<'a> {
    job: &'a str,
    error: String,
    config: &'a Config,
    now: Timestamp,
}

impl<'a> FailureStreak<'a> {
    fn of(report: &Report, config: &'a Config, now: Timestamp) -> Self {
        Self { job: report.job, error: report.error.clone().unwrap_or_default(), config, now }
    }

    /// Counts the newest failure in the state directory, and notifies the receivers.
    async fn add_failure(
        &self,
        known: Option<OperationalNotification>,
        receivers: &mut [Receiver],
    ) -> (OperationalNotification, DeliveryResult) {
        let Self { job, error, .. } = self;
        let file = LocalFile::of(self.config);
        let key = key(job);
        let known = newest(known, file.get(&key));
        let times = known.as_ref().map_or(0, |notification| notification.times).saturating_add(1);
        let text = match self.config.language {
            Language::Korean => {
                format!(
                    "{job} 작업이 {times}회 연속으로 실패했습니다(마지막 오류: {error}). costwarden health로 확인해 주세요"
                )
            }
            Language::English => format!("the {job} job failed {times} times in a row; the last error: {error}"),
        };
        let level = Level::Critical;
        let problem = OperationalProblem { key: &key, level, tag: "FAILING", text: &text, after: MAX_FAILURES };
        let mut notification = problem.raise(known, self.now);
        let recipients = Recipients { receivers, locale: self.config.locale(), now: self.now };
        let result = problem.deliver(&mut notification, recipients).await;
        file.put(&key, Some(&notification));
        (notification, result)
    }
}

fn key(job: &str) -> String {
    format!("{KEY}{job}")
}

/// Merges the failures known to the store with the failures known to the host. A streak with an end in the store stays
/// ended, even if the host has missed the end.
fn newest(
    stored: Option<OperationalNotification>,
    local: Option<OperationalNotification>,
) -> Option<OperationalNotification> {
    match (stored, local) {
        (Some(stored), Some(local)) if stored.times > 0 || local.since > stored.since => {
            let since = if stored.times > 0 { stored.since.min(local.since) } else { local.since };
            let delivered = stored.delivered.union(&local.delivered).cloned().collect();
            Some(OperationalNotification { times: stored.times.max(local.times), since, delivered, ..local })
        }
        (Some(stored), _) => Some(stored),
        (None, local) => local,
    }
}

/// The file in the state directory.
struct LocalFile(PathBuf);

impl LocalFile {
    fn of(config: &Config) -> Self {
        Self(config.state_dir.join("failing.json"))
    }

    fn get(&self, key: &str) -> Option<OperationalNotification> {
        self.read().remove(key)
    }

    /// Reads the file. An unreadable file is from another version or damaged: the count starts again.
    fn read(&self) -> Notifications {
        let Ok(bytes) = std::fs::read(&self.0) else { return Notifications::new() };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!("{}: {error}; the count of failed runs starts again", self.0.display());
            Notifications::new()
        })
    }

    /// Writes the file. An error is only logged, because a full disk must not hide the cause of the failed run.
    fn put(&self, key: &str, notification: Option<&OperationalNotification>) {
        let mut notifications = self.read();
        let before = notifications.get(key).cloned();
        match notification {
            Some(notification) => notifications.insert(key.to_owned(), notification.clone()),
            None => notifications.remove(key),
        };
        if before.as_ref() == notification {
            return;
        }
        if let Err(error) = write(&self.0, &notifications) {
            tracing::warn!("{}: {error}; failed runs are counted only in the store", self.0.display());
        }
    }
}

fn write(path: &Path, notifications: &Notifications) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Renamed into place: a crash leaves no partial file.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, notifications)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn notification(times: u32, since: i64, told: &[&str]) -> OperationalNotification {
        OperationalNotification {
            key: "failing:daily".to_owned(),
            text: String::new(),
            times,
            since: Timestamp::from_second(since).expect("a time"),
            delivered: told.iter().map(|&receiver| receiver.to_owned()).collect::<BTreeSet<_>>(),
        }
    }

    #[test]
    fn the_store_and_the_host_count_the_same_streak() {
        let both = newest(Some(notification(2, 10, &["a"])), Some(notification(3, 10, &["b"])));
        assert_eq!(both, Some(notification(3, 10, &["a", "b"])), "the store was down for the third");
        let over = newest(Some(notification(0, 10, &[])), Some(notification(2, 10, &["b"])));
        assert_eq!(over, Some(notification(0, 10, &[])), "another host has succeeded since");
        let later = newest(Some(notification(0, 10, &[])), Some(notification(2, 20, &[])));
        assert_eq!(later, Some(notification(2, 20, &[])), "a streak unknown to the store");
        assert_eq!(newest(None, Some(notification(1, 1, &[]))), Some(notification(1, 1, &[])));
    }

    #[test]
    fn a_stored_streak_is_read_and_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = LocalFile(folder.path().join("state/failing.json"));
        file.put("failing:daily", None);
        assert!(!file.0.exists(), "an empty file is not written");
        file.put("failing:daily", Some(&notification(2, 5, &["syslog"])));
        assert_eq!(file.get("failing:daily"), Some(notification(2, 5, &["syslog"])));
        assert_eq!(file.get("failing:hourly"), None);
        file.put("failing:daily", None);
        assert_eq!(file.get("failing:daily"), None);
        std::fs::write(&file.0, "{").expect("written");
        assert_eq!(file.get("failing:daily"), None);
    }
}
