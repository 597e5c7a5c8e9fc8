//! The checks of `check --online`, in the order of the go-live checklist. The checks leave no trace; only `--notify`
//! sends a test notification.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::super::CheckArgs;
use super::item::{CheckState, Item};
use crate::config::Config;
use crate::health;
use crate::pipeline::{self, Remark};
use crate::schedule::{self, Crontab};
use ingest::archive::{Archive, ObservedEncryption};
use ingest::source::Source;
use model::count::counted;
use model::language::Language;
use model::rule;
use model::series::hours::day_before;
use notify::{Level, Notification, OperationalContent, ProblemState, Receiver, Terminal};
use plugin::{ComparedTags, Lock};
use store::options::StoreOptions;
use store::{Access, Rights, Store};

/// Clock difference from which a warning is given. Signed requests are refused from 15 minutes on.
const WARNING_CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_secs(60);
const MAX_CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_secs(600);
const FULL_PERCENT: f64 = 90.0;
const UNITS: &str = "/etc/systemd/system";

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
        Err(error) => return vec![Item::failed("source", &error)],
    };
    match source.probe(yesterday, now).await {
        Err(error) => vec![Item::failed("source", &error)],
        Ok(probed) => {
            // Not `now`: the probe took time, and the comparison needs the present time.
            let clock = probed.clock.map(|theirs| clock(theirs, Timestamp::now()));
            let reached = Remark::new(probed.reached.text(Language::Korean), probed.reached.text(Language::English));
            [Some(Item::new("source", CheckState::Ok, reached)), clock].into_iter().flatten().collect()
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
        CheckState::Ok => Remark::new("빌링 API의 시계와 맞습니다", "agrees with the clock of the billing API"),
        _ => {
            let seconds = skew.abs().as_secs();
            let [korean, english] =
                if skew.is_negative() { ["늦습니다", "behind"] } else { ["빠릅니다", "ahead of"] };
            Remark::new(
                format!(
                    "빌링 API의 시계보다 {seconds}초 {korean}. 서명한 요청이 거절되지 않도록 시계를 NTP로 맞추세요"
                ),
                format!(
                    "{seconds} s {english} the clock of the billing API: set the clock by NTP, else signed requests are refused"
                ),
            )
        }
    };
    Item::new("clock", state, message)
}

pub(in crate::cli) async fn archive(config: &Config) -> Item {
    let archive = Archive::new(&config.archive);
    let probed = archive.probe_encryption().await;
    let place = archive.location();
    let message = |encryption: ObservedEncryption| {
        Remark::new(
            format!("{place}: 접속됨, 쓰기와 읽기와 지우기 가능. {}", encryption.text(Language::Korean)),
            format!("{place}: reached, may write, read and remove; {encryption}"),
        )
    };
    Item::of("archive", probed.map(message))
}

pub(in crate::cli) async fn store(config: &Config) -> Item {
    if let StoreOptions::Embedded { path } = &config.store
        && let Err(message) = writable(path.parent().unwrap_or(Path::new(".")))
    {
        return Item::failed("store", &message);
    }
    let rights = async { Store::open(&config.store, Access::Read).await?.rights().await };
    match rights.await {
        Err(error) => Item::failed("store", &error),
        Ok(Rights { missing_actions, missing_indexes }) if missing_actions.is_empty() => {
            let [korean, english] = match missing_indexes {
                0 => [String::new(), String::new()],
                1 => [
                    ". 없는 인덱스 1개는 다음 실행이 만듭니다".to_owned(),
                    "; 1 index is missing; the next run creates the index".to_owned(),
                ],
                missing => [
                    format!(". 없는 인덱스 {missing}개는 다음 실행이 만듭니다"),
                    format!("; {missing} indexes are missing; the next run creates the indexes"),
                ],
            };
            let message = Remark::new(
                format!("접속됨, 읽기와 쓰기 가능{korean}"),
                format!("reached, may read and write{english}"),
            );
            Item::new("store", CheckState::Ok, message)
        }
        Ok(Rights { missing_actions, .. }) => {
            let actions = missing_actions.join(", ");
            let message = Remark::new(
                format!("접속됨, 권한 없음: {actions}. [store] uri의 사용자에게 readWrite 역할을 주세요"),
                format!("reached, but may not {actions}: give the user of [store] uri the role readWrite"),
            );
            Item::new("store", CheckState::Failed, message)
        }
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
        Err(message) => return Item::failed("state_dir", &message),
    };
    let used = match health::disk(&there) {
        Ok(disk) => disk.percent,
        Err(error) => return Item::failed("state_dir", &error),
    };
    let [korean, english] = match there == folder {
        true => ["쓸 수 있습니다", "writable"],
        false => ["아직 없으며 첫 실행이 만듭니다", "does not exist; the first run creates the folder"],
    };
    let state = if used >= FULL_PERCENT { CheckState::Warning } else { CheckState::Ok };
    let folder = folder.display();
    let message = Remark::new(
        format!("{folder}: {korean}. 디스크를 {used:.0}% 썼습니다"),
        format!("{folder}: {english}; the disk is {used:.0} % full"),
    );
    Item::new("state_dir", state, message)
}

/// Compares the tags in the rules with plugins.lock. Not an error: a run uses the locked plugins.
async fn tags(config: &Config) -> Vec<Item> {
    // An unreadable lock is an error of the rules.
    let Ok(Some(lock)) = Lock::read(&config.plugins.lock.path) else { return Vec::new() };
    let set = rule::load(&config.rules);
    let images = set.rules.iter().filter_map(|rule| rule.image.as_ref());
    let ComparedTags { unmoved, moved, errors } = plugin::compare_tags(images, &lock, &config.plugins.registries).await;
    let file = lock.file.display();
    let message = Remark::new(
        format!("{file}: 태그 {unmoved}개가 그대로입니다"),
        format!("{} compared with {file}: not moved", counted(unmoved, "tag")),
    );
    let unmoved = (unmoved > 0).then(|| Item::new("tags", CheckState::Ok, message));
    let moved = moved.iter().map(|moved| Item::new("tags", CheckState::Warning, Remark::of(moved)));
    let errors = errors.iter().map(|error| {
        let message = Remark::new(
            format!("태그를 plugins.lock과 비교할 수 없습니다: {error}"),
            format!("a tag cannot be compared with plugins.lock: {error}"),
        );
        Item::new("tags", CheckState::Warning, message)
    });
    unmoved.into_iter().chain(moved).chain(errors).collect()
}

fn metrics(textfile: &Path) -> Item {
    let folder = textfile.parent().unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let folder = folder.display();
        let message = Remark::new(
            format!("{folder} 폴더가 없습니다. node exporter의 textfile collector 폴더여야 합니다"),
            format!("{folder} does not exist: expected the folder of the textfile collector of the node exporter"),
        );
        return Item::new("metrics", CheckState::Warning, message);
    }
    Item::of("metrics", writable(folder).map(|_| may_be_written(textfile)))
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

fn may_be_written(file: &Path) -> Remark {
    let file = file.display();
    Remark::new(format!("{file}: 쓸 수 있습니다"), format!("{file}: may be written"))
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
    let accepted = sent.map(|_| {
        Remark::new(
            format!("{name}: 시험 알림을 보냈습니다. 도착했는지 확인하세요"),
            format!("{name}: accepted a test notification; check the arrival"),
        )
    });
    Item::of("receiver", accepted)
}

async fn probe(mut receiver: Receiver, now: Timestamp) -> Item {
    let probed = receiver.probe(now).await;
    let name = &receiver.name;
    match probed {
        Ok(true) => {
            let message = Remark::new(
                format!("{name}: 접속됨. --notify를 붙이면 시험 알림을 보냅니다"),
                format!("{name}: reached; --notify sends a test notification"),
            );
            Item::new("receiver", CheckState::Ok, message)
        }
        Ok(false) => {
            let message = Remark::new(
                format!("{name}: 받았는지 알려 주지 않습니다. --notify로 시험 알림을 보내 도착했는지 확인하세요"),
                format!("{name}: gives no receipt; send a test notification with --notify and check the arrival"),
            );
            Item::new("receiver", CheckState::Warning, message)
        }
        Err(error) => Item::failed("receiver", &error),
    }
}

/// Checks the schedule of the jobs; for cron also the log file.
fn schedule(account: &str) -> Vec<Item> {
    let units = schedule::written(Path::new(UNITS), account).is_ok_and(|units| !units.is_empty());
    if units {
        let message = Remark::new(
            format!("작업의 systemd 유닛이 {UNITS}에 있습니다"),
            format!("the systemd units of the jobs are in {UNITS}"),
        );
        return vec![Item::new("schedule", CheckState::Ok, message)];
    }
    let crontab = Crontab { user: None };
    match crontab
        .read()
        .and_then(|table| schedule::installed(&table, account).map(|block| block.map(schedule::log_file)))
    {
        Ok(Some(file)) => {
            let message = Remark::new("작업이 이 사용자의 crontab에 있습니다", "the jobs are in this user's crontab");
            let scheduled = Item::new("schedule", CheckState::Ok, message);
            std::iter::once(scheduled).chain(file.as_deref().map(log)).collect()
        }
        Ok(None) => vec![Item::new(
            "schedule",
            CheckState::Warning,
            Remark::new(
                "이 사용자의 작업을 시작하는 예약이 없습니다. costwarden schedule install 명령을 실행하거나 다른 예약 프로그램을 쓰세요",
                "no schedule starts the jobs for this user: run costwarden schedule install, or install another scheduler",
            ),
        )],
        Err(error) => vec![Item::new("schedule", CheckState::Warning, Remark::of(&error))],
    }
}

/// Checks the folder of the log: the shell starts no job if the log cannot be opened.
fn log(file: &Path) -> Item {
    let folder = file.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        let folder = folder.display();
        let message = Remark::new(
            format!("{folder} 폴더가 없어 cron이 작업을 시작하지 못합니다. 작업을 실행하는 사용자의 폴더로 만드세요"),
            format!(
                "{folder} does not exist, and cron starts no job without the folder: create the folder with the user of the jobs as owner"
            ),
        );
        return Item::new("log", CheckState::Failed, message);
    }
    Item::of("log", writable(folder).map(|_| may_be_written(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_reported_with_the_direction() {
        let theirs: Timestamp = "2026-11-23T01:10:00Z".parse().expect("a time");
        let check = |seconds: i64| {
            let item = clock(theirs, theirs + SignedDuration::from_secs(seconds));
            (item.state, item.message.english().to_owned())
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
        assert!(item.message.english().contains("a/b: does not exist; the first run creates the folder"), "{item:?}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "no trace");
        assert!(state(folder.path()).message.english().contains(": writable; the disk is "));
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(state(&file.join("state")).state, CheckState::Failed);
    }
}
