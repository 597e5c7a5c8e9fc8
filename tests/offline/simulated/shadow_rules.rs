//! Rules with `mode = "shadow"`: evaluated, stored and counted, without incidents, notifications and training effects.

use serde_json::Value;

use super::simulated_bill::{JobOutput, MYSQL, PLAIN_RULE, Setup, SimulatedBill, TODAY, ago};

/// A day above the mean by a third of a standard deviation is anomalous.
const SENSITIVE: &str = r#"
[[rule]]
id = "sensitive"
why = "A rule on trial."
detector = "tutorial"
series = "daily"
history_days = 50
severity = "critical"
mode = "shadow"
[rule.settings]
minSamples = 14
zScore = 0.3
deviationRatio = 1.01
"#;

/// The bill with two spikes, after a backfill and the job of today.
fn bill(rules: &str) -> (SimulatedBill, JobOutput) {
    let simulated = SimulatedBill::new(&Setup { rules, ..Setup::default() });
    simulated.hide(MYSQL, "spike", "2026-11-10T00:00:00", r#","factor":3"#);
    simulated.hide(MYSQL, "spike", "2026-11-23T00:00:00", r#","factor":3"#);
    simulated.load(ago(60), ago(1)).expect(0);
    let today = simulated.day(TODAY).expect(0);
    (simulated, today)
}

#[test]
fn a_shadow_rule_is_stored_and_counted_and_changes_nothing_else() {
    let (live, live_today) = bill(PLAIN_RULE);
    let (both, both_today) = bill(&format!("{PLAIN_RULE}{SENSITIVE}"));
    assert!(both_today.count("shadow_anomalies") > 0, "{both_today:#?}");
    assert_eq!(both_today.count("anomalies"), live_today.count("anomalies"));
    assert_eq!(both_today.lines, live_today.lines);
    let marks = |today: &JobOutput| today.anomalies().iter().filter(|it| it["shadow"] == true).count() as u64;
    assert_eq!(marks(&both_today), both_today.count("shadow_anomalies"));

    for list in [&["incidents", "list"][..], &["series", "show", "--series", MYSQL]] {
        assert_eq!(both.documents(list), live.documents(list), "{list:?}");
    }
    let (shadow, stored): (Vec<Value>, Vec<Value>) =
        both.documents(&["anomalies", "list"]).into_iter().partition(|anomaly| anomaly["shadow"] == true);
    assert_eq!(stored, live.documents(&["anomalies", "list"]));
    assert!(shadow.len() > 50, "{}", shadow.len());
    assert!(shadow.iter().all(|anomaly| anomaly["ruleId"] == "sensitive" && anomaly["incident"].is_null()));
    let listed = both.run(&["anomalies", "list"]).expect(0);
    assert!(listed.stdout.contains("(shadow)"), "{}", listed.stdout);

    let backtest = both.told(&["rules", "backtest"]).expect(0);
    let figures = &backtest.report["rules"];
    assert_eq!((&figures[1]["id"], figures[1]["anomalies"].as_u64()), (&"sensitive".into(), Some(shadow.len() as u64)));
    assert_eq!((figures[1]["incidents"].as_u64(), figures[1]["notifications"].as_u64()), (Some(0), Some(0)));
    let printed = both.run(&["rules", "backtest"]).expect(0).stdout;
    assert!(printed.contains("sensitive (shadow)"), "{printed}");
    assert!(printed.contains(&format!(", {} anomalies of shadow rules", shadow.len())), "{printed}");
    both.workdir.write("without/rules.toml", PLAIN_RULE);
    let changed = both.run(&["rules", "diff", "without", "rules"]).expect(0).stdout;
    let line = format!("rule sensitive: shadow in NEW, {} anomalies, 0 incidents", shadow.len());
    assert!(changed.lines().any(|text| text == line), "{changed}");
}
