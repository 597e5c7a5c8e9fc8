//! A billing API that is slow, and one that fails.

use crate::house::{EMBEDDED, House, WELL, mongodb};

#[test]
fn an_api_that_is_slow_is_noticed() {
    let Some(house) = House::well("[health]\napi_seconds = { warning = 1, critical = 2 }\n", EMBEDDED) else { return };
    house.expect(WELL, "api latency", "OK", " requests of 2 runs");
    house.bill.send("PUT", "/simulate/faults", r#"{"slowMs":2100}"#);
    // After five of them, nothing else is among the last runs.
    for hour in 2..7 {
        house.bill.set_now(&format!("2026-11-23T{:02}:10:00+09:00", hour + 9));
        house.at(&format!("2026-11-23 {hour:02}:10:00"), &["hourly"]).expect(0);
    }
    house.expect("2026-11-23 06:11:00", "api latency", "CRITICAL", " s each, 5 requests of 5 runs: a smaller ");
    house.expect("2026-11-23 06:11:00", "api errors", "OK", "0 failed, 5 requests of 5 runs");
}

#[test]
fn an_api_that_fails_is_noticed_though_trying_again_helps() {
    let Some(store) = mongodb("api") else { return };
    let Some(house) = House::well("", &store) else { return };
    house.configure("attempts = 1", "attempts = 4");
    house.expect(WELL, "api errors", "OK", "0 failed, ");
    house.bill.set_now("2026-11-23T11:10:00+09:00");
    house.bill.send("PUT", "/simulate/faults", r#"{"status":503,"times":2}"#);
    house.at("2026-11-23 02:10:00", &["hourly"]).expect(0);
    house.expect("2026-11-23 02:11:00", "api errors", "OK", "2 failed, ");
    // A run that could not have the bill at all has its requests on record too.
    house.bill.send("PUT", "/simulate/faults", r#"{"status":503}"#);
    for hour in 3..7 {
        house.bill.set_now(&format!("2026-11-23T{:02}:10:00+09:00", hour + 9));
        house.at(&format!("2026-11-23 {hour:02}:10:00"), &["hourly"]).expect(2);
    }
    house.expect("2026-11-23 06:11:00", "api errors", "CRITICAL", "18 failed, 19 requests of 5 runs: ");
}
