//! Consecutive failures of a job: after three failed runs, people are notified, once until a run succeeds.
//!
//! The store counts over all hosts. The state directory holds a copy for the case of an unavailable store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::notification::{self, Operational, Told};
use super::report::{Grade, Report};
use super::{Mode, Parts, RunError};
use crate::config::Config;
use model::language::Language;
use notify::{Level, Receiver, Terminal};
use store::OperationalNotification;

/// Number of consecutive failed runs of a job, over all periods, before people are notified.
const IN_A_ROW: u32 = 3;

/// Prefix of the notification ids.
const KEY: &str = "failing:";

/// Notifications by id.
type Kept = BTreeMap<String, OperationalNotification>;

/// Counts the result of a run.
pub(super) async fn ended(parts: &mut Parts, report: &mut Report, now: Timestamp) {
    // An interruption is neither a failure nor a success.
    if parts.mode == Mode::DryRun || report.interruption.is_some() {
        return;
    }
    let counted = match report.grade() {
        Grade::Failed => failed(parts, report, now).await,
        Grade::Done | Grade::Degraded => succeeded(parts, report, now).await,
    };
    if let Err(error) = counted {
        tracing::warn!("the store does not hold how often the {} job failed: {error}", report.job);
    }
}

async fn failed(parts: &mut Parts, report: &mut Report, now: Timestamp) -> Result<(), RunError> {
    let key = key(report.job);
    let error = report.error.clone().unwrap_or_default();
    let stored = parts.store.notifications().await;
    let known =
        stored.as_ref().ok().and_then(|stored| stored.iter().find(|notification| notification.key == key)).cloned();
    let file = Local::of(&parts.config);
    let (notification, told) =
        one_more(known, &file, &mut parts.receivers, Failure { job: report.job, error: &error }, &parts.config, now);
    told.into_report(report);
    // The receivers were notified despite the store error.
    stored?;
    Ok(parts.store.put_notification(&notification, now).await?)
}

async fn succeeded(parts: &mut Parts, report: &mut Report, now: Timestamp) -> Result<(), RunError> {
    let key = key(report.job);
    let file = Local::of(&parts.config);
    let known = parts.store.notifications().await?.into_iter().find(|notification| notification.key == key);
    let Some(mut notification) = newest(known, file.get(&key)) else { return Ok(()) };
    if notification.times > 0 || !notification.delivered.is_empty() {
        notification::recall(&mut parts.receivers, &mut notification, parts.config.language, now).into_report(report);
        parts.store.put_notification(&notification, now).await?;
    }
    file.put(&key, None);
    Ok(())
}

/// Counts a run without a start, for example with an unavailable store. Returns the delivery errors.
pub(crate) fn could_not_begin(
    config: &Config,
    job: &'static str,
    error: &str,
    terminal: Terminal,
    now: Timestamp,
) -> Vec<String> {
    let mut receivers: Vec<Receiver> =
        config.receivers.iter().map(|receiver| Receiver::new(receiver, terminal)).collect();
    one_more(None, &Local::of(config), &mut receivers, Failure { job, error }, config, now).1.errors
}

#[derive(Debug, Clone, Copy)]
struct Failure<'a> {
    job: &'a str,
    error: &'a str,
}

fn one_more(
    known: Option<OperationalNotification>,
    file: &Local,
    receivers: &mut [Receiver],
    failure: Failure<'_>,
    config: &Config,
    now: Timestamp,
) -> (OperationalNotification, Told) {
    let Failure { job, error } = failure;
    let key = key(job);
    let known = newest(known, file.get(&key));
    let times = known.as_ref().map_or(0, |notification| notification.times).saturating_add(1);
    let text = match config.language {
        Language::Korean => format!("{job} 작업이 {times}회 연속으로 실패했습니다. 마지막 오류: {error}"),
        Language::English => format!("the {job} job failed {times} times in a row; the last error: {error}"),
    };
    let what = Operational { key: &key, level: Level::Critical, tag: "FAILING", text: &text, after: IN_A_ROW };
    let mut notification = notification::raised(known, what, now);
    let told = notification::tell(receivers, &mut notification, what, now);
    file.put(&key, Some(&notification));
    (notification, told)
}

/// Number of consecutive runs with the problem before people are notified.
pub(super) fn told_after(key: &str) -> u32 {
    if key.starts_with(KEY) { IN_A_ROW } else { 1 }
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
            let row = if stored.times > 0 { stored.since.min(local.since) } else { local.since };
            let delivered = stored.delivered.union(&local.delivered).cloned().collect();
            Some(OperationalNotification { times: stored.times.max(local.times), since: row, delivered, ..local })
        }
        (Some(stored), _) => Some(stored),
        (None, local) => local,
    }
}

/// The file in the state directory.
struct Local(PathBuf);

impl Local {
    fn of(config: &Config) -> Self {
        Self(config.state_dir.join("failing.json"))
    }

    fn get(&self, key: &str) -> Option<OperationalNotification> {
        self.read().remove(key)
    }

    /// Reads the file. An unreadable file is from another version or damaged: the count starts again.
    fn read(&self) -> Kept {
        let Ok(bytes) = std::fs::read(&self.0) else { return Kept::new() };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!("{}: {error}; failed runs are counted anew", self.0.display());
            Kept::new()
        })
    }

    /// Writes the file. An error is only logged, because a full disk must not hide the cause of the failed run.
    fn put(&self, key: &str, notification: Option<&OperationalNotification>) {
        let mut kept = self.read();
        let before = kept.get(key).cloned();
        match notification {
            Some(notification) => kept.insert(key.to_owned(), notification.clone()),
            None => kept.remove(key),
        };
        if before.as_ref() == notification {
            return;
        }
        if let Err(error) = write(&self.0, &kept) {
            tracing::warn!("{}: {error}; failed runs are counted in the store alone", self.0.display());
        }
    }
}

fn write(path: &Path, kept: &Kept) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Renamed into place: a crash leaves no partial file.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, kept)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
    fn the_store_and_this_host_count_the_same_row() {
        let both = newest(Some(notification(2, 10, &["a"])), Some(notification(3, 10, &["b"])));
        assert_eq!(both, Some(notification(3, 10, &["a", "b"])), "the store was down for the third");
        let over = newest(Some(notification(0, 10, &[])), Some(notification(2, 10, &["b"])));
        assert_eq!(over, Some(notification(0, 10, &[])), "another host has succeeded since");
        let later = newest(Some(notification(0, 10, &[])), Some(notification(2, 20, &[])));
        assert_eq!(later, Some(notification(2, 20, &[])), "a row that the store never heard of");
        assert_eq!(newest(None, Some(notification(1, 1, &[]))), Some(notification(1, 1, &[])));
    }

    #[test]
    fn what_is_kept_is_read_back_and_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Local(folder.path().join("state/failing.json"));
        file.put("failing:daily", None);
        assert!(!file.0.exists(), "nothing is not written down");
        file.put("failing:daily", Some(&notification(2, 5, &["syslog"])));
        assert_eq!(file.get("failing:daily"), Some(notification(2, 5, &["syslog"])));
        assert_eq!(file.get("failing:hourly"), None);
        file.put("failing:daily", None);
        assert_eq!(file.get("failing:daily"), None);
        std::fs::write(&file.0, "{").expect("written");
        assert_eq!(file.get("failing:daily"), None);
    }
}
