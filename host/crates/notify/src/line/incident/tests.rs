use model::anomaly::{Direction, Severity};
use model::incident::NormalDay;
use model::moment::Moment;
use model::series::SeriesKey;

use super::*;
use crate::notification::fixtures::{incident, reversed_incident};
use crate::text::{Locale, one_line};

fn line(incident: &Incident, kind: NotificationKind, options: LineOptions<'_>) -> String {
    one_line(&super::text(incident, kind, options))
}

const KOREAN: LineOptions<'static> = LineOptions {
    locale: Locale { language: Language::Korean, currency: "KRW" },
    text_style: TextStyle::Short,
    has_same_names: false,
    cause: None,
};
const ENGLISH: LineOptions<'static> = LineOptions {
    locale: Locale { language: Language::English, currency: "USD" },
    text_style: TextStyle::Short,
    has_same_names: false,
    cause: None,
};

#[test]
fn a_rise_that_turned_into_a_lasting_fall_has_words_of_its_own() {
    let incident = reversed_incident();
    let texts = [KOREAN, ENGLISH].map(|options| line(&incident, NotificationKind::NewLevel, options));
    insta::assert_snapshot!(texts.join("\n"), @"
    [BILLING_NEW_LEVEL] example-corp/결제 프로젝트의 MySQL 비용은 더는 평소보다 높지 않고 오히려 낮습니다: 하루 0.00원, 평소 256916.00원. 기간 2026-11-12~2026-11-14, 평소보다 770748.00원 더 나왔습니다.
    [BILLING_NEW_LEVEL] MySQL of project example-corp/결제 is no longer above its usual cost, but below: 0.00 USD a day, usual 256916.00 USD. From 2026-11-12 to 2026-11-14, 770748.00 USD more than usual.
    ");
}

#[test]
fn short_messages_are_word_for_word() {
    let text = |incident: &Incident, kind, options| line(incident, kind, options);
    let up = incident(Direction::Up, 34_567.891, 10_000.0);
    let mut all = incident(Direction::Up, 34_567.891, 10_000.0);
    all.series = SeriesKey::new("d", ALL, ALL);
    let texts = [
        text(&up, NotificationKind::Opened, KOREAN),
        text(&incident(Direction::Down, 10.0, 40.0), NotificationKind::Grown, KOREAN),
        text(&incident(Direction::Up, 10.0, 0.0), NotificationKind::Opened, KOREAN),
        text(&all, NotificationKind::Opened, KOREAN),
        text(&up, NotificationKind::Closed, KOREAN),
        text(&up, NotificationKind::NewLevel, KOREAN),
        text(&up, NotificationKind::Retracted, KOREAN),
        text(&up, NotificationKind::Opened, ENGLISH),
        text(&incident(Direction::Up, 10.0, 0.0), NotificationKind::Opened, ENGLISH),
        text(&up, NotificationKind::Closed, ENGLISH),
        text(&up, NotificationKind::NewLevel, ENGLISH),
        text(&up, NotificationKind::Retracted, ENGLISH),
        text(&up, NotificationKind::NotVerifiable, KOREAN),
        text(&up, NotificationKind::NotVerifiable, ENGLISH),
    ];
    insta::assert_snapshot!(texts.join("\n"), @"
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 245.7% 높습니다. 현재 34567.89원, 기준 평균 10000.00원.
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 75.0% 낮습니다. 현재 10.00원, 기준 평균 40.00원.
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새로 발생했습니다. 현재 10.00원, 기준 평균 0.00원.
    [BILLING_ANOMALY] 우리회사 전체 비용이 평소 대비 약 245.7% 높습니다. 현재 34567.89원, 기준 평균 10000.00원.
    [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다. 기간 2026-11-22~2026-11-22, 평소보다 1234.50원 더 나왔습니다.
    [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새 수준(하루 34567.89원)으로 굳어져 앞으로는 이 금액을 평소로 봅니다. 이전 하루 10000.00원, 한 달(30일)에 +737036.73원. 기간 2026-11-22~2026-11-22.
    [BILLING_RETRACTED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 2026-11-22의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다.
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is 245.7% above its usual cost. Now 34567.89 USD, baseline 10000.00 USD.
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 costs money where none was expected. Now 10.00 USD, baseline 0.00 USD.
    [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1234.50 USD more than usual.
    [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has a new level of 34567.89 USD a day, which is the usual cost from now on. Before: 10000.00 USD a day, difference +737036.73 USD in 30 days. From 2026-11-22 to 2026-11-22.
    [BILLING_RETRACTED] Virtual Machine [31m of project 우리회사/쇼핑몰 was at its usual cost: the provider corrected the bill of 2026-11-22. Earlier notifications of this incident are withdrawn.
    [BILLING_NOT_VERIFIABLE] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 플러그인이나 설정이 바뀌어 시작 전 기준과 더 비교할 수 없습니다. 기간 2026-11-22~2026-11-22, 평소보다 1234.50원 더 나왔습니다. 마지막 34567.89원, 기준 10000.00원.
    [BILLING_NOT_VERIFIABLE] Virtual Machine [31m of project 우리회사/쇼핑몰 has no opening band any more, because the plugin or the settings changed. From 2026-11-22 to 2026-11-22, 1234.50 USD more than usual. Last 34567.89 USD, expected 10000.00 USD.
    ");
}

#[test]
fn each_kind_of_change_has_its_words() {
    let changes = [
        (Direction::Down, 0.0, 40.0),
        (Direction::Down, -800.0, 0.0),
        (Direction::Up, 0.0, -40.0),
        (Direction::Down, -90.0, -40.0),
    ];
    let mut texts = Vec::new();
    for options in [KOREAN, ENGLISH] {
        for (direction, observed, expected) in changes {
            texts.push(line(&incident(direction, observed, expected), NotificationKind::Opened, options));
        }
        let mut stopped = incident(Direction::Down, 0.0, 40.0);
        texts.push(line(&stopped, NotificationKind::NewLevel, options));
        stopped.resolved_by = Some(NormalDay { observed: 41.5, expected: None });
        stopped.closed_at = Some(Moment { date: jiff::civil::date(2026, 11, 24), hour: None });
        texts.push(line(&stopped, NotificationKind::Closed, options));
        stopped.resolved_by = Some(NormalDay { observed: 1300.0, expected: Some(1000.0) });
        texts.push(line(&stopped, NotificationKind::Closed, options));
    }
    insta::assert_snapshot!(texts.join("\n"), @"
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 끊겼습니다. 현재 0.00원, 기준 평균 40.00원.
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m에 환불 또는 크레딧이 반영되었습니다(800.00원). 현재 -800.00원, 기준 평균 0.00원.
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 크레딧이 없습니다. 현재 0.00원, 기준 평균 -40.00원.
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 크레딧이 평소보다 늘었습니다. 현재 -90.00원, 기준 평균 -40.00원.
    [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 끊겨 앞으로는 0을 평소로 봅니다. 이전 하루 40.00원, 한 달(30일)에 -1200.00원. 기간 2026-11-22~2026-11-22.
    [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다: 2026-11-24 41.50원. 기간 2026-11-22~2026-11-22, 평소보다 1234.50원 덜 나왔습니다.
    [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 범위 안으로 돌아왔습니다: 2026-11-24 1300.00원(평소 1000.00원). 기간 2026-11-22~2026-11-22, 평소보다 1234.50원 덜 나왔습니다.
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 no longer costs money. Now 0.00 USD, baseline 40.00 USD.
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 has a credit or refund of 800.00 USD. Now -800.00 USD, baseline 0.00 USD.
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 has no credit. Now 0.00 USD, baseline -40.00 USD.
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 has a larger credit than usual. Now -90.00 USD, baseline -40.00 USD.
    [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has stopped, and no cost is usual from now on. Before: 40.00 USD a day, difference -1200.00 USD in 30 days. From 2026-11-22 to 2026-11-22.
    [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost: 41.50 USD on 2026-11-24. From 2026-11-22 to 2026-11-22, 1234.50 USD less than usual.
    [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is within its usual range again: 1300.00 USD on 2026-11-24, usual 1000.00 USD. From 2026-11-22 to 2026-11-22, 1234.50 USD less than usual.
    ");
}

#[test]
fn full_messages_state_the_start_the_impact_the_reason_and_the_commands() {
    let mut incident = incident(Direction::Up, 1_234_567.891, 100_000.0);
    incident.id = "20261122-ab12".to_owned();
    incident.rules = ["service-daily", "new-cost"].map(str::to_owned).into();
    incident.reason = "the usual Sunday is 100,000 KRW.".to_owned();
    let korean = LineOptions {
        locale: Locale { language: Language::Korean, currency: "KRW" },
        text_style: TextStyle::Full,
        has_same_names: false,
        cause: None,
    };
    let english = LineOptions {
        locale: Locale { language: Language::English, currency: "USD" },
        text_style: TextStyle::Full,
        has_same_names: false,
        cause: None,
    };
    let mut texts = Vec::new();
    for options in [korean, english] {
        for kind in [
            NotificationKind::Opened,
            NotificationKind::Grown,
            NotificationKind::Closed,
            NotificationKind::NewLevel,
            NotificationKind::Retracted,
        ] {
            texts.push(line(&incident, kind, options));
        }
    }
    incident.last_seen.hour = Some(9);
    incident.severity = Severity::Critical;
    texts.extend([korean, english].map(|options| line(&incident, NotificationKind::Opened, options)));
    let cause = LineOptions { cause: Some("Cause: not known."), ..english };
    texts.push(line(&incident, NotificationKind::Closed, cause));
    insta::assert_snapshot!(texts.join("\n"), @"
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 집계: 2026-11-22, 2026-11-22부터 지금까지 평소보다 1,234.50원 더 나왔습니다. 심각도: 주의. 이유: the usual Sunday is 100,000 KRW. 규칙: new-cost, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 지난 알림 뒤 하루 차이가 커졌습니다(지금 1,234.50원). 집계: 2026-11-22, 2026-11-22부터 지금까지 평소보다 1,234.50원 더 나왔습니다. 심각도: 주의. 이유: the usual Sunday is 100,000 KRW. 규칙: new-cost, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
    [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다. 기간 2026-11-22~2026-11-22, 평소보다 1,234.50원 더 나왔습니다. 확인: costwarden incidents show 20261122-ab12
    [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새 수준(하루 1,234,567.89원)으로 굳어져 앞으로는 이 금액을 평소로 봅니다. 이전 하루 100,000.00원, 한 달(30일)에 +34,037,036.73원. 기간 2026-11-22~2026-11-22. 확인: costwarden incidents show 20261122-ab12
    [BILLING_RETRACTED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 2026-11-22의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다. 확인: costwarden incidents show 20261122-ab12
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. Evaluated on 2026-11-22, since 2026-11-22, 1,234.50 USD more than usual so far, severity warning. Reason: the usual Sunday is 100,000 KRW. Rules: new-cost, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. The daily difference has grown to 1,234.50 USD since the last notification. Evaluated on 2026-11-22, since 2026-11-22, 1,234.50 USD more than usual so far, severity warning. Reason: the usual Sunday is 100,000 KRW. Rules: new-cost, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
    [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1,234.50 USD more than usual. Details: costwarden incidents show 20261122-ab12
    [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has a new level of 1,234,567.89 USD a day, which is the usual cost from now on. Before: 100,000.00 USD a day, difference +34,037,036.73 USD in 30 days. From 2026-11-22 to 2026-11-22. Details: costwarden incidents show 20261122-ab12
    [BILLING_RETRACTED] Virtual Machine [31m of project 우리회사/쇼핑몰 was at its usual cost: the provider corrected the bill of 2026-11-22. Earlier notifications of this incident are withdrawn. Details: costwarden incidents show 20261122-ab12
    [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 집계: 2026-11-22 9시, 2026-11-22부터 지금까지 평소보다 1,234.50원 더 나왔습니다. 심각도: 심각. 이유: the usual Sunday is 100,000 KRW. 규칙: new-cost, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
    [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. Evaluated on 2026-11-22 at 09:00, since 2026-11-22, 1,234.50 USD more than usual so far, severity critical. Reason: the usual Sunday is 100,000 KRW. Rules: new-cost, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
    [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1,234.50 USD more than usual. Cause: not known. Details: costwarden incidents show 20261122-ab12
    ");
}

#[test]
fn a_reason_contains_no_mark() {
    let mut incident = incident(Direction::Up, 1_234_567.891, 100_000.0);
    incident.reason = "[BILLING_RESOLVED] all is well [COSTWARDEN_FAILING]".to_owned();
    let options = LineOptions {
        locale: Locale { language: Language::English, currency: "USD" },
        text_style: TextStyle::Full,
        has_same_names: false,
        cause: None,
    };
    let text = line(&incident, NotificationKind::Opened, options);
    assert!(text.contains("Reason: [BILLING-RESOLVED] all is well [COSTWARDEN-FAILING]."), "{text}");
    assert_eq!((text.matches("BILLING_").count(), text.matches("COSTWARDEN_").count()), (1, 0), "{text}");
}
