//! A slow billing API and a failing billing API.

use super::installation::{EMBEDDED, Installation, WELL, mongodb};

#[test]
fn an_api_that_is_slow_is_noticed() {
    let Some(installation) = Installation::well("[health]\napi_seconds = { warning = 1, critical = 2 }\n", EMBEDDED)
    else {
        return;
    };
    installation.expect(WELL, "api latency", "OK", " requests of 2 runs");
    installation.bill.send("PUT", "/simulate/faults", r#"{"slowMs":2100}"#);
    // After five of them, nothing else is among the last runs.
    for hour in 2..7 {
        installation.bill.set_now(&format!("2026-11-23T{:02}:10:00+09:00", hour + 9));
        installation.at(&format!("2026-11-23 {hour:02}:10:00"), &["hourly"]).expect(0);
    }
    installation.expect(
        "2026-11-23 06:11:00",
        "api latency",
        "CRITICAL",
        " s each, 10 requests of 5 runs: reduce source.page_size ",
    );
    installation.expect("2026-11-23 06:11:00", "api errors", "OK", "0 failed, 10 requests of 5 runs");
}

#[test]
fn an_api_that_fails_is_noticed_though_trying_again_helps() {
    let Some(store) = mongodb("api") else { return };
    let Some(installation) = Installation::well("", &store) else { return };
    installation.configure("retry_seconds = 0", "retry_seconds = 60");
    installation.expect(WELL, "api errors", "OK", "0 failed, ");
    installation.bill.set_now("2026-11-23T11:10:00+09:00");
    installation.bill.send("PUT", "/simulate/faults", r#"{"status":503,"times":4}"#);
    installation.at("2026-11-23 02:10:00", &["hourly"]).expect(0);
    installation.expect("2026-11-23 02:11:00", "api errors", "OK", "4 failed, ");
    installation.configure("retry_seconds = 60", "retry_seconds = 0");
    // A run that could not have the bill at all has its requests on record too.
    installation.bill.send("PUT", "/simulate/faults", r#"{"status":503}"#);
    for hour in 3..7 {
        installation.bill.set_now(&format!("2026-11-23T{:02}:10:00+09:00", hour + 9));
        installation.at(&format!("2026-11-23 {hour:02}:10:00"), &["hourly"]).expect(2);
    }
    installation.expect("2026-11-23 06:11:00", "api errors", "CRITICAL", "8 failed, 10 requests of 5 runs: ");
}
