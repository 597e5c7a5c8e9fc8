//! A detector that fails takes nothing back: what it found before stands until it can judge again.

use crate::desk::{Desk, anomaly, count, empty_on_both, retracted, tells, total};
use crate::support::repository;

/// The one rule, by a detector that finds, or by one that panics.
fn rule(desk: &Desk, detector: &str, settings: &str) {
    desk.lab.write(
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
    for desk in empty_on_both(tables) {
        for (name, built) in [
            ("tutorial", repository().join("plugins/dist/tutorial.wasm")),
            ("misbehaving", repository().join("target/test-plugins/misbehaving.wasm")),
        ] {
            std::fs::create_dir_all(desk.lab.path().join("plugins")).expect("a folder");
            std::fs::copy(built, desk.lab.path().join(format!("plugins/{name}.wasm"))).expect("make build brings it");
        }
        desk.lab.write("lists/none.txt", "");
        rule(&desk, "tutorial", "zScore = 3.0, deviationRatio = 2.0, minSamples = 20");
        desk.load();
        tells(desk.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);

        rule(&desk, "misbehaving", "mode = \"panic\"");
        let stands = |desk: &Desk| {
            let day = &desk.machine(0, &[])[0];
            (day["isAnomaly"].clone(), desk.findings().len(), desk.incident()["state"].clone())
        };
        // Both the day that is judged again and the one after it.
        desk.bill(0, "1000");
        let report = tells(desk.next(1, "1000"), 1, &[total(1, 1000)]);
        assert_eq!(count(&report, "restated_days"), 1, "{report}");
        assert_ne!(count(&report, "failed_series"), 0, "{report}");
        assert_eq!(stands(&desk), (true.into(), 1, "open".into()));

        rule(&desk, "tutorial", "zScore = 3.0, deviationRatio = 2.0, minSamples = 20");
        desk.bill(0, "1001");
        tells(desk.next(1, "1000"), 0, &[retracted(0)]);
        assert_eq!(stands(&desk), (false.into(), 0, "retracted".into()));
    }
}
