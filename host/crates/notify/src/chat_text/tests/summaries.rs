//! Planned events and digests.

use super::*;

/// Returns the text and the line of a planned event and of both kinds of digest.
fn summaries(locale: Locale<'_>) -> String {
    let plan = Plan {
        name: "load test".to_owned(),
        scope: Scope { project: Pattern::parse("shop-*").ok(), ..Scope::default() },
        from: date(2026, 11, 12),
        to: date(2026, 11, 13),
        daily_effect: 150_000.0,
        owner: "team-shop".to_owned(),
    };
    let event = PlannedEvent::new(plan, "kim".to_owned(), Timestamp::UNIX_EPOCH);
    let result = PlanResult {
        bill: 900_000.0,
        earlier_bill: 610_000.0,
        first_earlier_day: date(2026, 11, 5),
        last_earlier_day: date(2026, 11, 6),
    };
    let lasting = lasting_incident();
    let owner = Owner {
        name: "team-payments".to_owned(),
        projects: Vec::new(),
        people: vec!["@kim".to_owned()],
        receivers: Vec::new(),
    };
    let opened = || IncidentContent { owner: Some(&owner), ..content(&lasting, NotificationKind::Opened) };
    let digest = |period, earlier_total, entries| {
        let content = DigestContent {
            period,
            date: date(2026, 11, 15),
            total: 2_862_617.98,
            earlier_total,
            budgets: &[],
            entries,
        };
        Notification::of_digest(content, locale)
    };
    let notifications = [
        Notification::of_planned_event(PlannedEventContent { event: &event, result: Some(result) }, locale),
        Notification::of_planned_event(PlannedEventContent { event: &event, result: None }, locale),
        digest(DigestPeriod::Daily, Some(2_700_000.0), vec![opened()]),
        digest(DigestPeriod::Weekly, None, Vec::new()),
        Notification::of_incident(opened(), locale),
    ];
    let texts = notifications.iter().map(|it| format!("{}\n{}", plain(it), line(it, TextStyle::Short)));
    texts.collect::<Vec<_>>().join("\n\n")
}

#[test]
fn plans_digests_and_owners_have_words() {
    insta::assert_snapshot!([summaries(KOREAN), summaries(ENGLISH)].join("\n\n"), @"
    🗓️ 예정된 변경 load test 기간이 끝났습니다
    11월 12일(목)~11월 13일(금): 계획 +300,000원 · 결과 +290,000원
    청구 금액 900,000원, 이전 같은 요일(11월 5일(목)~11월 6일(금)) 610,000원, 범위 프로젝트 shop-*
    담당 team-shop · ID 19700101-7fd2ebd7c2b0
    [BILLING_PLANNED] 예정된 변경 load test(2026-11-12~2026-11-13)의 비용은 이전 같은 요일(2026-11-05~2026-11-06) 대비 +290,000.00원, 계획은 +300,000.00원입니다.

    🗓️ 예정된 변경 load test 기간이 끝났습니다
    11월 12일(목)~11월 13일(금): 계획 +300,000원 · 결과 청구 내역이 없는 날이 있어 알 수 없음
    담당 team-shop · ID 19700101-7fd2ebd7c2b0
    [BILLING_PLANNED] 예정된 변경 load test(2026-11-12~2026-11-13)의 결과는 청구 내역이 없는 날이 있어 알 수 없습니다. 계획은 +300,000.00원입니다.

    🗒️ 11월 15일(일) 하루 요약: 총요금 2,862,618원
    지난주 같은 요일(11월 8일(일)) 2,700,000원 · +162,618원
    example-corp / 결제 · MySQL: 평소보다 약 94% 더 나왔습니다
    [BILLING_DIGEST] 11월 15일(일) 하루 요약: 총요금 2,862,618원 | 지난주 같은 요일(11월 8일(일)) 2,700,000원 · +162,618원 | example-corp / 결제 · MySQL: 평소보다 약 94% 더 나왔습니다

    🗒️ 11월 9일(월)~11월 15일(일) 주간 요약: 총요금 2,862,618원
    [BILLING_DIGEST] 11월 9일(월)~11월 15일(일) 주간 요약: 총요금 2,862,618원

    🟠 example-corp / 결제 · MySQL: 평소보다 약 94% 더 나왔습니다
    11월 13일(금) 498,473원 · 평소 256,916원 · +241,557원
    11월 12일(목)부터 11월 13일(금)까지 평소보다 452,429원 더 나왔습니다.
    이대로면 11월 말까지 평소보다 약 4,298,076원 더 나옵니다.
    이유: 평소 하루 215,000~298,000원입니다
    심각도 주의 · 규칙 new-cost, service-daily · 담당 team-payments (@kim) · ID 20261112-ff2b
    [BILLING_ANOMALY] example-corp/결제 프로젝트의 MySQL 비용이 평소 대비 약 94.0% 높습니다. 현재 498473.40원, 기준 평균 256916.00원.

    🗓️ planned event load test has ended
    12 Nov (Thu)–13 Nov (Fri): planned +300,000 KRW · result +290,000 KRW
    Bill of project shop-*: 900,000 KRW; the same weekdays before, 5 Nov (Thu)–6 Nov (Fri): 610,000 KRW
    owner team-shop · ID 19700101-7fd2ebd7c2b0
    [BILLING_PLANNED] The bill of the planned event load test (2026-11-12~2026-11-13) differs by +290,000.00 KRW from the same weekdays before (2026-11-05~2026-11-06), planned +300,000.00 KRW.

    🗓️ planned event load test has ended
    12 Nov (Thu)–13 Nov (Fri): planned +300,000 KRW · result not known, because a day has no bill
    owner team-shop · ID 19700101-7fd2ebd7c2b0
    [BILLING_PLANNED] The result of the planned event load test (2026-11-12~2026-11-13) is not known, because a day has no bill; planned +300,000.00 KRW.

    🗒️ Daily digest of 15 Nov (Sun): 2,862,618 KRW
    8 Nov (Sun) a week before: 2,700,000 KRW · +162,618 KRW
    example-corp / 결제 · MySQL: 94% more than usual
    [BILLING_DIGEST] Daily digest of 15 Nov (Sun): 2,862,618 KRW | 8 Nov (Sun) a week before: 2,700,000 KRW · +162,618 KRW | example-corp / 결제 · MySQL: 94% more than usual

    🗒️ Weekly digest, 9 Nov (Mon)–15 Nov (Sun): 2,862,618 KRW
    [BILLING_DIGEST] Weekly digest, 9 Nov (Mon)–15 Nov (Sun): 2,862,618 KRW

    🟠 example-corp / 결제 · MySQL: 94% more than usual
    13 Nov (Fri): 498,473 KRW · usual 256,916 KRW · +241,557 KRW
    From 12 Nov (Thu) to 13 Nov (Fri): 452,429 KRW more than usual.
    If this goes on: 4,298,076 KRW more than usual by the end of November.
    Reason: 평소 하루 215,000~298,000원입니다
    severity warning · rules new-cost, service-daily · owner team-payments (@kim) · ID 20261112-ff2b
    [BILLING_ANOMALY] MySQL of project example-corp/결제 is 94.0% above its usual cost. Now 498473.40 KRW, baseline 256916.00 KRW.
    ");
}
