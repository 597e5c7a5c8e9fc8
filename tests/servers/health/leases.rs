//! A dead host with the write lease, and a living host with the write lease.

use super::installation::{Installation, mongodb};
use costwarden_tests::{run, until};

#[test]
fn a_host_that_died_is_told_from_one_that_works() {
    let Some(store) = mongodb("leases") else { return };
    let Some(installation) = Installation::well("[lease]\nseconds = 3\n", &store) else { return };
    installation.expect("2026-11-23 01:20:00", "lease", "OK", "no lease is taken");
    installation.bill.set_now("2026-11-23T11:10:00+09:00");
    installation.bill.send("PUT", "/simulate/faults", r#"{"slowMs":4000}"#);
    let mut working = installation.command("2026-11-23 02:10:00", &["hourly"]).spawn().expect("it starts");
    let moment = "2026-11-23 02:11:00";
    await_check(&installation, moment, "hourly duration", "has been running for ");
    let (state, message) = installation.check(moment, "lease");
    assert!(state == "OK" && message.contains(" holds the write lease, renewed "), "{state} {message}");
    assert!(working.wait().expect("it ends").success());
    installation.expect(moment, "lease", "OK", "no lease is taken");

    installation.bill.send("PUT", "/simulate/faults", "{}");
    installation.bill.set_now("2026-11-23T12:10:00+09:00");
    let died =
        run(installation.command("2026-11-23 03:10:00", &["hourly"]).env("COSTWARDEN_FAILPOINT", "kill:written"));
    assert_eq!(died.code, -1, "{died:?}");
    let moment = "2026-11-23 03:11:00";
    await_check(&installation, moment, "lease", "expired ");
    installation.expect(
        moment,
        "lease",
        "WARNING",
        ": the owner died or hangs: check the process; the next run takes over",
    );
    installation.expect(moment, "hourly duration", "WARNING", " ago and has not ended: the write lease of ");
    installation.bill.set_now("2026-11-23T13:10:00+09:00");
    installation.at("2026-11-23 04:10:00", &["hourly"]).expect(0);
    installation.expect("2026-11-23 04:11:00", "lease", "OK", "no lease is taken");
}

/// Waits for a message of a check.
fn await_check(installation: &Installation, moment: &str, name: &str, message: &str) {
    until(name, || installation.check(moment, name).1.contains(message));
}
