//! The guide for the installation, after the program is there; `package.rs` installs the program.

use jiff::ToSpan as _;

use super::play::{Machine, block, commands, newest_day};
use costwarden_tests::bucket::Bucket;
use costwarden_tests::mongo::Mongo;
use costwarden_tests::{service, until};

/// The first command of the guide, with the secrets of the simulated API.
fn config_block() -> String {
    let block = block("install.md", "Config");
    let placeholders = "KAKAO_CREDENTIAL_ID=... KAKAO_CREDENTIAL_SECRET=...";
    assert!(block.contains(placeholders), "{block}");
    block.replace(placeholders, "KAKAO_CREDENTIAL_ID=simulated-id KAKAO_CREDENTIAL_SECRET=simulated-secret")
}

#[test]
fn real_servers_with_history_and_schedule() {
    let (Some(machine), Some(mongo), Some(bucket)) = (Machine::new(), Mongo::new(), Bucket::new("guide")) else {
        return;
    };
    let Some(socket) = service("COSTWARDEN_TEST_SYSLOG_SOCKET") else { return };
    let Some(syslog) = service("COSTWARDEN_TEST_SYSLOG_FILE") else { return };
    let store = mongo.store();
    let uri = store.lines().find_map(|line| line.strip_prefix("uri = ")).expect("a URI").trim_matches('"');
    let account = mongo.name();
    let secrets = format!("export S3_ACCESS_KEY={} S3_SECRET_KEY={}\n", bucket.key, bucket.secret);
    let script = secrets + &config_block() + &block("install.md", "Check") + "costwarden check --online --notify\n";
    let bill = ["en", account, "", &machine.simulator.url, "", ""];
    let servers = [&bucket.name, &bucket.endpoint, "", "", uri, account, &socket];
    let played = machine.play(&script, &[&bill[..], &servers, &["90", "yes"]].concat()).expect(0);

    assert!(bucket.list().len() >= 90, "{played:?}");
    assert!(mongo.collections().contains(&"billing_anomalies".to_owned()), "{played:?}");
    assert!(played.stdout.contains("service-daily") && played.stdout.contains("the jobs are in this user's crontab"));
    let table = machine.cron.table().expect("a table");
    assert!(table.contains(&format!("# BEGIN costwarden {account}\n")), "{table}");
    until("the test notification is in the file of rsyslogd", || {
        let lines = std::fs::read(&syslog).unwrap_or_default();
        String::from_utf8_lossy(&lines).lines().any(|line| line.contains("[COSTWARDEN_TEST]"))
    });
}

#[test]
fn history_and_schedule_by_hand() {
    let Some(machine) = Machine::new() else { return };
    let bill = ["en", "acme", "", &machine.simulator.url, "", ""];
    let made = machine.play(&config_block(), &[&bill[..], &["", "", "-", "0", "no"]].concat()).expect(0);
    let from = newest_day(&made).checked_sub(89.days()).expect("in range");
    let by_hand = block("install.md", "History and schedule by hand");
    assert!(by_hand.contains("2026-08-01"), "{by_hand}");
    let by_hand = by_hand.replace("2026-08-01", &from.to_string());
    let secrets = "export KAKAO_CREDENTIAL_ID=simulated-id KAKAO_CREDENTIAL_SECRET=simulated-secret\n";
    let checked = "unset KAKAO_CREDENTIAL_ID KAKAO_CREDENTIAL_SECRET\ncostwarden check --online\ncostwarden anomalies list --json\n";
    let played = machine.play(&format!("{secrets}{by_hand}{checked}"), &[]).expect(0);
    assert!(played.stdout.contains("the jobs are in this user's crontab"), "{played:?}");
    assert!(played.stdout.lines().last().is_some_and(|line| line.starts_with('{')), "{played:?}");
    assert!(machine.cron.table().is_some_and(|table| table.contains("# BEGIN costwarden acme\n")));
}

#[test]
fn the_korean_guide_has_the_same_commands() {
    let headings = [
        ("Program", "프로그램"),
        ("Config", "설정"),
        ("Check", "점검"),
        ("History and schedule by hand", "과거 데이터와 예약을 나중에 하기"),
    ];
    for (english, korean) in headings {
        let (english, korean) = (block("install.md", english), block("install.ko.md", korean));
        assert_eq!(commands(&english), commands(&korean));
    }
}
