//! Notifications of an incident: a receiver gets each notification once, even after an outage, and none is repeated
//! every hour.

use std::os::unix::fs::symlink;

use super::bills::{self, day};
use super::log::Log;
use costwarden_tests::Workdir;

/// A working directory with a receiver at a separate socket path. A test links rsyslogd's socket there to end the
/// outage.
fn workdir(tables: &str, rules: &str) -> Option<(Workdir, Log)> {
    let workdir = bills::workdir(tables);
    workdir.write("rules/own.toml", rules);
    let log = Log::new(workdir.path())?;
    let receiver =
        format!("[[receiver]]\nkind = \"syslog\"\nname = \"night\"\napp_name = {:?}\npath = \"log\"\n", log.app);
    bills::configure(&workdir, "language = \"ko\"", &receiver);
    bills::load(&workdir).expect(0);
    Some((workdir, log))
}

fn up(workdir: &Workdir, log: &Log) {
    symlink(&log.socket, workdir.path().join("log")).expect("a link");
}

fn down(workdir: &Workdir) {
    std::fs::remove_file(workdir.path().join("log")).expect("removed");
}

fn texts(log: &Log) -> Vec<String> {
    log.all().into_iter().map(|line| line.text).collect()
}

fn anomaly(percent: &str, observed: &str) -> String {
    format!(
        "[BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine 비용이 평소 대비 약 {percent}% 높습니다. 현재 {observed}원, 기준 평균 1000.00원."
    )
}

fn total(index: i64, total: &str) -> String {
    format!("[BILLING_DAILY_TOTAL] [{}]의 총 요금은 {total}원 입니다.", day(index))
}

fn resolved(impact: &str) -> String {
    let [only, next] = [day(0), day(1)];
    format!(
        "[BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine 비용이 평소 수준으로 돌아왔습니다: {next} 1000.00원. 기간 {only}~{only}, 평소보다 {impact}원 더 나왔습니다."
    )
}

#[test]
fn a_sink_that_is_down_loses_nothing_and_hears_it_once() {
    let Some((workdir, log)) = workdir("", "") else { return };
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    let report = run.report();
    assert_eq!(report["counts"]["undelivered"], 2, "{report}");
    assert_eq!(report["counts"].get("notifications"), None, "{report}");
    let problem = report["problems"][0].as_str().expect("a problem");
    let socket = workdir.path().join("log");
    assert!(
        problem.starts_with(&format!("receiver night: cannot write to the socket {}: ", socket.display())),
        "{problem}"
    );
    assert!(problem.ends_with("; the next run sends the notification again"), "{problem}");
    let found = workdir.json(&["anomalies", "list", "--json"]);
    assert_eq!(found.iter().map(|found| found["observedAmount"].as_f64()).collect::<Vec<_>>(), [Some(1500.0)]);

    up(&workdir, &log);
    let report = bills::daily(&workdir, 0, "1500").expect(0).report();
    assert_eq!(report["counts"]["notifications"], 2, "{report}");
    let mut expected = vec![anomaly("50.0", "1500.00"), total(0, "1,734.50")];
    assert_eq!(texts(&log), expected);
    let report = bills::daily(&workdir, 0, "1500").expect(0).report();
    assert_eq!(report["counts"].get("notifications"), None, "{report}");
    assert_eq!(texts(&log), expected);

    // Down again when the incident ends; the next hour tells the end and the total that was left behind.
    down(&workdir);
    let report = bills::daily(&workdir, 1, "1000").expect(1).report();
    assert_eq!(report["counts"]["undelivered"], 2, "{report}");
    let report = bills::hourly(&workdir, 2, 1, "40").expect(1).report();
    assert_eq!(report["counts"]["undelivered"], 2, "{report}");
    up(&workdir, &log);
    let report = bills::hourly(&workdir, 2, 2, "80").expect(0).report();
    assert_eq!(report["counts"]["notifications"], 2, "{report}");
    expected.extend([total(1, "1,234.50"), resolved("500.00")]);
    assert_eq!(texts(&log), expected);
    let report = bills::hourly(&workdir, 2, 3, "120").expect(0).report();
    assert_eq!(report["counts"].get("notifications"), None, "{report}");
    assert_eq!(texts(&log), expected);
}

const RULES: &str = r#"
[[rule]]
id = "twice"
why = "The replaced pipeline's thresholds."
detector = "tutorial"
series = "daily"
direction = "up"
severity = "warning"

[[rule]]
id = "sure"
why = "The same, surer of itself."
detector = "tutorial"
series = "daily"
direction = "up"
severity = "critical"
[rule.settings]
zScore = 5.0
deviationRatio = 4.0
"#;

#[test]
fn an_incident_is_told_when_it_opens_when_it_has_doubled_and_when_it_ends() {
    let Some((workdir, log)) = workdir("[rules]\ndirectory = \"rules\"\n", RULES) else { return };
    up(&workdir, &log);
    let mut expected = Vec::new();
    let mut step = |run: costwarden_tests::Run, news: &[String]| {
        let report = run.expect(0).report();
        expected.extend_from_slice(news);
        assert_eq!(texts(&log), expected, "{report}");
        let notifications = report["counts"].get("notifications").and_then(serde_json::Value::as_u64).unwrap_or(0);
        assert_eq!(notifications, news.len() as u64, "{report}");
        report["counts"]["anomalies"].as_u64().expect("a count")
    };
    assert_eq!(step(bills::hourly(&workdir, 0, 9, "900"), &[]), 0);
    assert_eq!(
        step(bills::hourly(&workdir, 0, 10, "1200"), &[anomaly("20.0", "1200.00")]),
        2,
        "one incident, two rules"
    );
    assert_eq!(step(bills::hourly(&workdir, 0, 11, "1300"), &[]), 2);
    assert_eq!(step(bills::hourly(&workdir, 0, 12, "1399"), &[]), 2, "not twice the impact of 200 yet");
    assert_eq!(step(bills::hourly(&workdir, 0, 13, "1400"), &[anomaly("40.0", "1400.00")]), 2);
    assert_eq!(step(bills::hourly(&workdir, 0, 13, "1400"), &[]), 2, "the same hour again");
    assert_eq!(step(bills::hourly(&workdir, 0, 14, "1500"), &[]), 2);
    assert_eq!(step(bills::daily(&workdir, 0, "1600"), &[total(0, "1,834.50")]), 2);
    assert_eq!(step(bills::hourly(&workdir, 1, 9, "300"), &[]), 0, "a part of a day proves no end");
    assert_eq!(step(bills::daily(&workdir, 1, "1000"), &[resolved("600.00"), total(1, "1,234.50")]), 0);
    assert_eq!(step(bills::daily(&workdir, 1, "1000"), &[]), 0);
    assert_eq!(step(bills::hourly(&workdir, 2, 9, "300"), &[]), 0);

    let found = workdir.json(&["anomalies", "list", "--json"]);
    assert_eq!(found.len(), 12, "six moments, two rules");
    let incidents: std::collections::BTreeSet<_> = found.iter().map(|found| found["incident"].as_str()).collect();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
}
