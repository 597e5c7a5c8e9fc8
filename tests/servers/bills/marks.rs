//! A failing detector retracts nothing: earlier anomalies stand until the next evaluation.

use super::replayed_bill::{ReplayedBill, anomaly, count, empty_on_both, restated, retracted, tells, total};
use costwarden_tests::repository;

/// Sets the detector of the only rule.
fn rule(replayed: &ReplayedBill, detector: &str, settings: &str) {
    replayed.workdir.write(
        "rules/own.toml",
        &format!(
            "[[rule]]\nid = \"own\"\nwhy = \"Its detector is swapped.\"\ndetector = \"{detector}\"\nseries = \"daily\"\n\
             direction = \"up\"\nsettings = {{ {settings} }}\n"
        ),
    );
}

#[test]
fn marks_and_incidents_stand_while_a_detector_fails() {
    let tables = "[plugins]\ndirectory = \"plugins\"\n[plugins.grants.misbehaving]\nreference = \"lists\"\n[rules]\ndirectory = \"rules\"\n";
    for replayed in empty_on_both(tables) {
        for (name, built) in [
            ("tutorial", repository().join("plugins/dist/tutorial.wasm")),
            ("misbehaving", repository().join("target/test-plugins/misbehaving.wasm")),
        ] {
            std::fs::create_dir_all(replayed.workdir.path().join("plugins")).expect("a folder");
            std::fs::copy(built, replayed.workdir.path().join(format!("plugins/{name}.wasm")))
                .expect("make build brings it");
        }
        replayed.workdir.write("lists/none.txt", "");
        rule(&replayed, "tutorial", "zScore = 3.0, deviationRatio = 2.0, minSamples = 20");
        replayed.load();
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);

        rule(&replayed, "misbehaving", "mode = \"panic\"");
        let stands = |replayed: &ReplayedBill| {
            let day = &replayed.machine(0, &[])[0];
            (day["isAnomaly"].clone(), replayed.anomalies().len(), replayed.incident()["state"].clone())
        };
        // Both the day that is judged again and the one after it.
        replayed.bill(0, "1000");
        let report = tells(replayed.next(1, "1000"), 1, &[restated(0, 1500, 1000), total(1, 1000)]);
        assert_eq!(count(&report, "restated_days"), 1, "{report}");
        assert_ne!(count(&report, "failed_series"), 0, "{report}");
        assert_eq!(stands(&replayed), (true.into(), 1, "open".into()));

        rule(&replayed, "tutorial", "zScore = 3.0, deviationRatio = 2.0, minSamples = 20");
        replayed.bill(0, "1001");
        tells(replayed.next(1, "1000"), 0, &[retracted(0)]);
        assert_eq!(stands(&replayed), (false.into(), 0, "retracted".into()));
    }
}
