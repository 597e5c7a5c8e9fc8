//! Missing bills, an unusual number of anomalies, and undelivered notifications.

use super::installation::{EMBEDDED, Installation, WELL, mongodb};

#[test]
fn a_feed_that_stands_still_is_noticed() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    installation.expect(
        WELL,
        "freshness",
        "OK",
        "the newest day is 2026-11-22; a correction of a bill after more than 5 days",
    );
    installation.expect(
        "2026-11-24 15:00:00",
        "freshness",
        "WARNING",
        "the newest day is 2026-11-22, 3 days ago: check whether ",
    );
    installation.expect("2026-11-26 15:00:00", "freshness", "CRITICAL", "5 days ago");
}

#[test]
fn a_surge_of_findings_is_noticed() {
    let Some(installation) = Installation::well("[health]\nsurge_min = 1\n", EMBEDDED) else { return };
    installation.expect(WELL, "anomalies", "OK", "0 series are anomalous, usually 0");
    let incident = r#"{"service":"dom-01/prj-01/mysql","kind":"spike","from":"2026-11-23","factor":9}"#;
    installation.bill.send("POST", "/simulate/incidents", incident);
    installation.bill.set_now("2026-11-23T11:10:00+09:00");
    installation.at("2026-11-23 02:10:00", &["hourly"]).expect(0);
    installation.expect(
        "2026-11-23 02:11:00",
        "anomalies",
        "WARNING",
        "1 series is anomalous, usually 0: see `costwarden anomalies list`",
    );
}

#[test]
fn notices_that_nobody_took_are_counted() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    installation.configure("[rules]", "[[receiver]]\nkind = \"syslog\"\npath = \"nobody-listens\"\n[rules]");
    let incident = r#"{"service":"dom-01/prj-01/mysql","kind":"spike","from":"2026-11-23","factor":9}"#;
    installation.bill.send("POST", "/simulate/incidents", incident);
    installation.bill.set_now("2026-11-24T00:10:00+09:00");
    installation.at("2026-11-23 15:10:00", &["daily"]).expect(1);
    installation.expect("2026-11-23 15:11:00", "notifications", "WARNING", ": check the receivers of the config");
    installation.expect(
        "2026-11-23 15:11:00",
        "daily outcome",
        "WARNING",
        "degraded: receiver syslog: cannot write to the socket ",
    );
    let listener =
        std::os::unix::net::UnixDatagram::bind(installation.workdir.path().join("nobody-listens")).expect("a socket");
    installation.at("2026-11-23 15:12:00", &["daily"]).expect(0);
    installation.expect("2026-11-23 15:13:00", "notifications", "OK", "every notification was delivered");
    drop(listener);
}

#[test]
fn a_notice_about_costwarden_that_no_sink_took_is_counted_too() {
    let Some(store) = mongodb("notifications") else { return };
    let Some(installation) = Installation::well("", &store) else { return };
    installation.configure("[rules]", "[[receiver]]\nkind = \"syslog\"\npath = \"nobody-listens\"\n[rules]");
    installation.bill.send("PUT", "/simulate/faults", r#"{"status":500}"#);
    let waiting = [2, 3, 4].map(|hour| {
        installation.bill.set_now(&format!("2026-11-23T{:02}:10:00+09:00", hour + 9));
        installation.at(&format!("2026-11-23 {hour:02}:10:00"), &["hourly"]).expect(2);
        let (state, message) = installation.check(&format!("2026-11-23 {hour:02}:11:00"), "notifications");
        assert_eq!(state, "WARNING", "a receiver that was not there yet has not heard the last totals");
        message.split(' ').next().and_then(|count| count.parse::<u32>().ok()).expect("a count")
    });
    assert_eq!(waiting, [waiting[0], waiting[0], waiting[0] + 1], "of three failures in a row people are told");
    let listener =
        std::os::unix::net::UnixDatagram::bind(installation.workdir.path().join("nobody-listens")).expect("a socket");
    installation.at("2026-11-23 04:12:00", &["hourly"]).expect(2);
    installation.expect("2026-11-23 04:13:00", "notifications", "OK", "every notification was delivered");
    listener.set_nonblocking(true).expect("a socket");
    let mut line = [0; 512];
    let mut hear = || {
        let length = listener.recv(&mut line).ok()?;
        Some(String::from_utf8_lossy(&line[..length]).into_owned())
    };
    let heard: Vec<_> = std::iter::from_fn(&mut hear).collect();
    assert!(heard.iter().any(|line| line.contains("[COSTWARDEN_FAILING] ")), "{heard:?}");
}
