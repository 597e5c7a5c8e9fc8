//! The lines for the alert policies of `kakao.md`, in the file of a real rsyslogd, over each transport.

use super::bills;
use super::log::{Log, Received};
use costwarden_tests::Workdir;

/// `user.err` and `user.info`.
const ERROR: u8 = 11;
const INFO: u8 = 14;

/// Runs four quiet weeks, an expensive day and a normal day. Returns the received lines.
fn told(receiver: impl Fn(&Log) -> String, settings: &str) -> Option<Vec<Received>> {
    let workdir: Workdir = bills::workdir("");
    let log = Log::new(workdir.path())?;
    let receiver = format!("[[receiver]]\nkind = \"syslog\"\napp_name = {:?}\n{}", log.app, receiver(&log));
    bills::configure(&workdir, settings, &receiver);
    bills::load(&workdir).expect(0);
    for (index, amount) in [(0, "1500.25"), (1, "1000")] {
        let report = bills::daily(&workdir, index, amount).expect(0).report();
        assert_eq!(report["counts"]["notifications"], 2, "{report}");
    }
    Some(log.lines(4))
}

/// The lines that the policies of `kakao.md` match.
fn korean() -> Vec<Received> {
    let line = |priority, text: &str| Received { priority, text: text.to_owned() };
    vec![
        line(
            ERROR,
            "[BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine 비용이 평소 대비 약 50.0% 높습니다. 현재 1500.25원, 기준 평균 1000.00원.",
        ),
        line(INFO, "[BILLING_DAILY_TOTAL] [2026-10-19]의 총 요금은 1,734.75원 입니다."),
        line(
            INFO,
            "[BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine 비용이 평소 수준으로 돌아왔습니다: 2026-10-20 1000.00원. 기간 2026-10-19~2026-10-19, 평소보다 500.25원 더 나왔습니다.",
        ),
        line(INFO, "[BILLING_DAILY_TOTAL] [2026-10-20]의 총 요금은 1,234.50원 입니다."),
    ]
}

#[test]
fn the_lines_of_alert_policies_come_through_the_unix_socket() {
    let Some(lines) = told(|log| format!("transport = \"unix\"\npath = {:?}\n", log.socket), "language = \"ko\"")
    else {
        return;
    };
    assert_eq!(lines, korean());
}

#[test]
fn the_lines_of_alert_policies_come_over_udp() {
    let Some(lines) = told(|log| format!("transport = \"udp\"\naddress = {:?}\n", log.udp), "language = \"ko\"") else {
        return;
    };
    assert_eq!(lines, korean());
}

#[test]
fn the_lines_of_alert_policies_come_over_tcp() {
    let Some(lines) = told(|log| format!("transport = \"tcp\"\naddress = {:?}\n", log.tcp), "language = \"ko\"") else {
        return;
    };
    assert_eq!(lines, korean());
}

#[test]
fn a_sink_that_is_told_in_full_hears_why_and_what_to_do() {
    let receiver = |log: &Log| format!("transport = \"unix\"\npath = {:?}\ntext = \"full\"\n", log.socket);
    let Some(lines) = told(receiver, "language = \"ko\"") else { return };
    let [opened, total, resolved, _] = &lines[..] else { panic!("{lines:?}") };
    let start = "[BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine 비용이 평소 대비 약 50.0% 높습니다. \
                 현재 1,500.25원, 기준 평균 1,000.00원. 집계: 2026-10-19, 2026-10-19부터 지금까지 평소보다 500.25원 더 나왔습니다. \
                 심각도: ";
    let (_, rest) = opened.text.split_once(start).unwrap_or_else(|| panic!("{opened:?}"));
    let (_, id) = resolved.text.split_once("확인: costwarden incidents show ").expect("a command");
    let end = format!("확인: costwarden incidents show {id}; 의도한 변화라면: costwarden incidents accept {id}");
    assert!(rest.contains(" 이유: ") && rest.contains(" 규칙: ") && rest.ends_with(&end), "{opened:?}");
    let comparison = " 10월 12일(월) 1,245원(+490원) · 10월 18일(일) 1,245원(+490원) · 이달 누계 23,956원. \
                      10월 12일(월) 대비 변화가 큰 항목: 우리회사 / 쇼핑몰 · Virtual Machine +490원.";
    assert_eq!(total.text, format!("{}{comparison}", korean()[1].text));
}

#[test]
fn lines_are_english_where_that_is_asked_for() {
    let receiver = |log: &Log| format!("transport = \"tcp\"\naddress = {:?}\n", log.tcp);
    let Some(lines) = told(receiver, "language = \"en\"\ncurrency = \"USD\"") else { return };
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "[BILLING_ANOMALY] Virtual Machine of project 우리회사/쇼핑몰 is 50.0% above its usual cost. Now 1500.25 USD, baseline 1000.00 USD.",
            "[BILLING_DAILY_TOTAL] The total cost of [2026-10-19] is 1,734.75 USD.",
            "[BILLING_RESOLVED] Virtual Machine of project 우리회사/쇼핑몰 is back at its usual cost: 1000.00 USD on 2026-10-20. From 2026-10-19 to 2026-10-19, 500.25 USD more than usual.",
            "[BILLING_DAILY_TOTAL] The total cost of [2026-10-20] is 1,234.50 USD.",
        ]
    );
    assert_eq!(lines.iter().map(|line| line.priority).collect::<Vec<_>>(), [ERROR, INFO, INFO, INFO]);
}
