//! A host that died with the turn to write, and one that lives and has it.

use std::time::{Duration, Instant};

use crate::house::{House, mongodb};
use crate::support::run;

#[test]
fn a_host_that_died_is_told_from_one_that_works() {
    let Some(store) = mongodb("leases") else { return };
    let Some(house) = House::well("[lease]\nseconds = 3\n", &store) else { return };
    house.expect("2026-11-23 01:20:00", "lease", "OK", "nobody writes");
    house.bill.set_now("2026-11-23T11:10:00+09:00");
    house.bill.send("PUT", "/simulate/faults", r#"{"slowMs":4000}"#);
    let mut working = house.command("2026-11-23 02:10:00", &["hourly"]).spawn().expect("it starts");
    let moment = "2026-11-23 02:11:00";
    await_check(&house, moment, "hourly duration", "has been running for ");
    let (state, message) = house.check(moment, "lease");
    assert!(state == "OK" && message.contains(" writes, renewed "), "{state} {message}");
    assert!(working.wait().expect("it ends").success());
    house.expect(moment, "lease", "OK", "nobody writes");

    house.bill.send("PUT", "/simulate/faults", "{}");
    house.bill.set_now("2026-11-23T12:10:00+09:00");
    let died = run(house.command("2026-11-23 03:10:00", &["hourly"]).env("COSTWARDEN_REHEARSE", "kill:written"));
    assert_eq!(died.code, -1, "{died:?}");
    let moment = "2026-11-23 03:11:00";
    await_check(&house, moment, "lease", "ran out ");
    house.expect(moment, "lease", "WARNING", ": whoever had it died or hangs, look there; the next run takes over");
    house.expect(moment, "hourly duration", "WARNING", " ago and has not ended: the lease of ");
    house.bill.set_now("2026-11-23T13:10:00+09:00");
    house.at("2026-11-23 04:10:00", &["hourly"]).expect(0);
    house.expect("2026-11-23 04:11:00", "lease", "OK", "nobody writes");
}

/// Until a check says that.
fn await_check(house: &House, moment: &str, name: &str, message: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let told = house.check(moment, name);
        if told.1.contains(message) {
            return;
        }
        assert!(Instant::now() < deadline, "{name}: {told:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
