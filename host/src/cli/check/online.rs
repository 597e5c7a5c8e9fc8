//! The checks of `check --online`, in the order of the go-live checklist. The checks leave no trace; only `--notify`
//! sends a test notification.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::super::CheckArgs;
use crate::config::Config;
use crate::health;
use crate::pipeline;
use crate::schedule::{self, Crontab};
use ingest::archive::Archive;
use ingest::source::Source;
use model::count::counted;
use model::language::Language;
use model::rule;
use model::series::hours::day_before;
use notify::{Level, Notification, OperationalContent, ProblemState, Receiver, Terminal};
use plugin::{ComparedTags, Lock};
use store::options::StoreOptions;
use store::{Access, Rights, Store};

/// A line of the checklist.
#[derive(Debug)]
pub(in crate::cli) struct Item {
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) state: CheckState,
    pub(in crate::cli) message: String,
}

/// The result of a line of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum CheckState {
    Ok,
    /// A defect without effect on a run.
    Warning,
    Failed,
}

/// Clock difference from which a warning is given. Signed requests are refused from 15 minutes on.
const WARNING_CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_secs(60);
const MAX_CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_secs(600);
const FULL_PERCENT: f64 = 90.0;
const UNITS: &str = "/etc/systemd/system";

impl CheckState {
    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "error",
        }
    }
}

impl Item {
    fn new(name: &'static str, state: CheckState, message: impl Into<String>) -> Self {
        Self { name, state, message: message.into() }
    }

    /// Returns a good item for a message, a bad item for an error.
    fn of(name: &'static str, result: Result<String, impl ToString>) -> Self {
        match result {
            Ok(message) => Self::new(name, CheckState::Ok, message),
            Err(error) => Self::new(name, CheckState::Failed, error.to_string()),
        }
    }
}

pub(super) async fn check(config: &Config, args: &CheckArgs, now: Timestamp) -> Vec<Item> {
    let mut items = source(config, now).await;
    items.push(archive(config).await);
    items.push(store(config).await);
    items.extend(unreachable_rules(config, now).await);
    items.push(state(&config.state_dir));
    items.extend(tags(config).await);
    if let Some(textfile) = &config.metrics.textfile {
        items.push(metrics(textfile));
    }
    for options in &config.receivers {
        let receiver = Receiver::new(options, Terminal::Stdout);
        let checked = if args.notify { send_test(receiver, config, now).await } else { probe(receiver, now).await };
        items.push(checked);
    }
    items.extend(schedule(&config.account));
    items
}

/// Checks that the billing API accepts the credentials, and compares the clock of the API with the clock of the host.
pub(in crate::cli) async fn source(config: &Config, now: Timestamp) -> Vec<Item> {
    let yesterday = day_before(now.to_zoned(config.zone.clone()).date(), &config.zone);
    let source = match Source::new(&config.source, &config.archive) {
        Ok(source) => source,
        Err(error) => return vec![Item::new("source", CheckState::Failed, error.to_string())],
    };
    match source.probe(yesterday, now).await {
        Err(error) => vec![Item::new("source", CheckState::Failed, error.to_string())],
        Ok(probed) => {
            // Not `now`: the probe took time, and the comparison needs the present time.
            let clock = probed.clock.map(|theirs| clock(theirs, Timestamp::now()));
            [Some(Item::new("source", CheckState::Ok, probed.message)), clock].into_iter().flatten().collect()
        }
    }
}

fn clock(theirs: Timestamp, ours: Timestamp) -> Item {
    let skew = ours.duration_since(theirs);
    let state = match skew.abs() {
        skew if skew >= MAX_CLOCK_DIFFERENCE => CheckState::Failed,
        skew if skew >= WARNING_CLOCK_DIFFERENCE => CheckState::Warning,
        _ => CheckState::Ok,
    };
    let message = match state {
        CheckState::Ok => "agrees with the clock of the billing API".to_owned(),
        _ => {
            let (seconds, side) = (skew.abs().as_secs(), if skew.is_negative() { "behind" } else { "ahead of" });
            format!(
                "{seconds} s {side} the clock of the billing API: set the clock by NTP, else signed requests are refused"
            )
        }
    };
    Item::new("clock", state, message)
}

pub(in crate::cli) async fn archive(config: &Config) -> Item {
    let archive = Archive::new(&config.archive);
    let probed = archive.probe_encryption().await;
    let message = |encryption| format!("{}: reached, may write, read and remove; {encryption}", archive.location());
    Item::of("archive", probed.map(message))
}

pub(in crate::cli) async fn store(config: &Config) -> Item {
    if let StoreOptions::Embedded { path } = &config.store
        && let Err(message) = writable(path.parent().unwrap_or(Path::new(".")))
    {
        return Item::new("store", CheckState::Failed, message);
    }
    let rights = async { Store::open(&config.store, Access::Read).await?.rights().await };
    match rights.await {
        Err(error) => Item::new("store", CheckState::Failed, error.to_string()),
        Ok(Rights { missing_actions, missing_indexes }) if missing_actions.is_empty() => {
            let indexes = match missing_indexes {
                0 => String::new(),
                1 => "; 1 index is missing; the next run creates the index".to_owned(),
                missing => format!("; {missing} indexes are missing; the next run creates the indexes"),
            };
            Item::new("store", CheckState::Ok, format!("reached, may read and write{indexes}"))
        }
        Ok(Rights { missing_actions, .. }) => Item::new(
            "store",
            CheckState::Failed,
            format!(
                "reached, but may not {}: give the user of [store] uri the role readWrite",
                missing_actions.join(", ")
            ),
        ),
    }
}

/// Compares the gates of the rules with the stored bill. The item of the store has the error of an unreadable store.
async fn unreachable_rules(config: &Config, now: Timestamp) -> Vec<Item> {
    let today = now.to_zoned(config.zone.clone()).date();
    let set = rule::load(&config.rules);
    let messages = async {
        let store = Store::open(&config.store, Access::Read).await?;
        pipeline::unreachable_rules_of_store(&store, set.rules.iter(), today, &config.currency).await
    };
    let messages = messages.await.unwrap_or_default();
    messages.into_iter().map(|message| Item::new("rules", CheckState::Warning, message)).collect()
}

fn state(folder: &Path) -> Item {
    let there = match writable(folder) {
        Ok(there) => there,
        Err(message) => return Item::new("state_dir", CheckState::Failed, message),
    };
    let used = match health::disk(&there) {
        Ok(disk) => disk.percent,
        Err(error) => return Item::new("state_dir", CheckState::Failed, error),
    };
    let made = if there == folder { "writable" } else { "does not exist; the first run creates the folder" };
    let state = if used >= FULL_PERCENT { CheckState::Warning } else { CheckState::Ok };
    Item::new("state_dir", state, format!("{}: {made}; the disk is {used:.0} % full", folder.display()))
}

/// Compares the tags in the rules with plugins.lock. Not an error: a run uses the locked plugins.
async fn tags(config: &Config) -> Vec<Item> {
    // An unreadable lock is an error of the rules.
    let Ok(Some(lock)) = Lock::read(&config.plugins.lock.path) else { return Vec::new() };
    let set = rule::load(&config.rules);
    let images = set.rules.iter().filter_map(|rule| rule.image.as_ref());
    let ComparedTags { unmoved, moved, errors } = plugin::compare_tags(images, &lock, &config.plugins.registries).await;
    let message = format!("{} compared with {}: not moved", counted(unmoved, "tag"), lock.file.display());
    let unmoved = (unmoved > 0).then(|| Item::new("tags", CheckState::Ok, message));
    let moved = moved.iter().map(|moved| Item::new("tags", CheckState::Warning, moved.to_string()));
    let errors = errors.iter().map(|error| {
        Item::new("tags", CheckState::Warning, format!("a tag cannot be compared with plugins.lock: {error}"))
    });
    unmoved.into_iter().chain(moved).chain(errors).collect()
}

fn metrics(textfile: &Path) -> Item {
    let folder = textfile.parent().unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let message = format!(
            "{} does not exist: expected the folder of the textfile collector of the node exporter",
            folder.display()
        );
        return Item::new("metrics", CheckState::Warning, message);
    }
    Item::of("metrics", writable(folder).map(|_| format!("{}: may be written", textfile.display())))
}

/// Returns `folder` or the nearest existing ancestor, after creating a temporary file there.
fn writable(folder: &Path) -> Result<PathBuf, String> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    // An unnamed file: nothing remains, even if the process is killed.
    match tempfile::tempfile_in(there) {
        Ok(_) => Ok(there.to_owned()),
        Err(error) => Err(format!("{} is not writable: {error}; make the user of the jobs the owner", there.display())),
    }
}

async fn send_test(mut receiver: Receiver, config: &Config, now: Timestamp) -> Item {
    let text = match config.language {
        Language::Korean => "`costwarden check`가 보낸 시험 알림입니다.",
        Language::English => "This is a test notification of `costwarden check`.",
    };
    let content = OperationalContent {
        key: "test",
        state: ProblemState::Test,
        since: now,
        level: Level::Info,
        tag: "TEST",
        text,
    };
    let sent = receiver.send(&Notification::of_problem(content, config.locale()), now).await;
    let name = &receiver.name;
    let accepted = sent.map(|_| format!("{name}: accepted a test notification; check the arrival"));
    Item::of("receiver", accepted.map_err(|error| error.to_string()))
}

async fn probe(mut receiver: Receiver, now: Timestamp) -> Item {
    let probed = receiver.probe(now).await;
    let name = &receiver.name;
    match probed {
        Ok(true) => {
            Item::new("receiver", CheckState::Ok, format!("{name}: reached; --notify sends a test notification"))
        }
        Ok(false) => {
            let message =
                format!("{name}: gives no receipt; send a test notification with --notify and check the arrival");
            Item::new("receiver", CheckState::Warning, message)
        }
        Err(error) => Item::new("receiver", CheckState::Failed, error.to_string()),
    }
}

/// Checks the schedule of the jobs; for cron also the log file.
fn schedule(account: &str) -> Vec<Item> {
    let units = schedule::written(Path::new(UNITS), account).is_ok_and(|units| !units.is_empty());
    if units {
        return vec![Item::new("schedule", CheckState::Ok, format!("the systemd units of the jobs are in {UNITS}"))];
    }
    let crontab = Crontab { user: None };
    match crontab
        .read()
        .and_then(|table| schedule::installed(&table, account).map(|block| block.map(schedule::log_file)))
    {
        Ok(Some(file)) => {
            let scheduled = Item::new("schedule", CheckState::Ok, "the jobs are in this user's crontab");
            std::iter::once(scheduled).chain(file.as_deref().map(log)).collect()
        }
        Ok(None) => vec![Item::new(
            "schedule",
            CheckState::Warning,
            "no schedule starts the jobs for this user: run costwarden schedule install, or install another scheduler",
        )],
        Err(error) => vec![Item::new("schedule", CheckState::Warning, error.to_string())],
    }
}

/// Checks the folder of the log: the shell starts no job if the log cannot be opened.
fn log(file: &Path) -> Item {
    let folder = file.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        let message = format!(
            "{} does not exist, and cron starts no job without the folder: create the folder with the user of the jobs as owner",
            folder.display()
        );
        return Item::new("log", CheckState::Failed, message);
    }
    Item::of("log", writable(folder).map(|_| format!("{}: may be written", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_reported_with_the_direction() {
        let theirs: Timestamp = "2026-11-23T01:10:00Z".parse().expect("a time");
        let check = |seconds: i64| {
            let item = clock(theirs, theirs + SignedDuration::from_secs(seconds));
            (item.state, item.message)
        };
        assert_eq!(check(5).0, CheckState::Ok);
        assert_eq!(check(-59).0, CheckState::Ok);
        let (state, message) = check(-90);
        assert!(
            state == CheckState::Warning && message.starts_with("90 s behind the clock of the billing API"),
            "{message}"
        );
        let (state, message) = check(3_600);
        assert!(
            state == CheckState::Failed && message.starts_with("3600 s ahead of the clock of the billing API"),
            "{message}"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_made_in_one_that_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let item = state(&folder.path().join("a/b"));
        assert!(item.message.contains("a/b: does not exist; the first run creates the folder"), "{item:?}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "no trace");
        assert!(state(folder.path()).message.contains(": writable; the disk is "));
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(state(&file.join("state")).state, CheckState::Failed);
    }
}
