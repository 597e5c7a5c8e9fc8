mod budgets;
mod groups;
mod links;
mod summaries;

use jiff::Timestamp;
use jiff::civil::date;
use model::anomaly::Direction;
use model::incident::{Action, DayImpact, Delivery, HistoryEntry, Incident, NormalDay};
use model::ledger::RefusedTotal;
use model::moment::Moment;
use model::planned_event::{Plan, PlanResult, PlannedEvent};
use model::scope::{Pattern, Scope};
use model::series::{Names, SeriesKey};

use super::*;
use crate::line::{TextStyle, line};
use crate::notification::fixtures::{content, incident, lasting_incident, recent_days, reversed_incident};
use crate::notification::{ComparedSpans, DayCost};
use crate::notification::{
    CostChange, DailyTotalContent, DigestContent, Level, OperationalContent, PlannedEventContent, TotalComparison,
};
use crate::routing::{DigestPeriod, Owner};

const KOREAN: Locale<'static> = Locale { language: Language::Korean, currency: "KRW" };
const ENGLISH: Locale<'static> = Locale { language: Language::English, currency: "KRW" };

/// Returns the parts of a text in lines.
fn plain(notification: &Notification<'_>) -> String {
    let text = ChatText::of(notification);
    let title = format!("{} {}", text.symbol, text.title);
    let footer = (!text.footer.is_empty()).then(|| text.footer.clone());
    [title].into_iter().chain(text.plain_lines()).chain(footer).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_hint_is_the_last_line() {
    let incident = lasting_incident();
    let hinted = IncidentContent { hint: Some("Ask #ml\nfirst"), ..content(&incident, NotificationKind::Opened) };
    let last_line = |locale| ChatText::of(&Notification::of_incident(hinted.clone(), locale)).lines.pop();
    assert_eq!(last_line(ENGLISH).as_deref(), Some("Hint: Ask #ml first"));
    assert_eq!(last_line(KOREAN).as_deref(), Some("안내: Ask #ml first"));
}

#[test]
fn the_footer_names_the_assignee() {
    let mut assigned = lasting_incident();
    assigned.record(HistoryEntry {
        action: Action::Assignment("@kim".to_owned()),
        author: "lee".to_owned(),
        note: None,
        at: Timestamp::UNIX_EPOCH,
        is_archived: true,
    });
    let footer =
        |locale| ChatText::of(&Notification::of_incident(content(&assigned, NotificationKind::Grown), locale)).footer;
    assert_eq!(
        footer(ENGLISH),
        "severity warning · rules new-cost, service-daily · assigned to @kim · ID 20261112-ff2b"
    );
    assert_eq!(footer(KOREAN), "심각도 주의 · 규칙 new-cost, service-daily · 처리자 @kim · ID 20261112-ff2b");
}

fn of_incident(content: IncidentContent<'_>, locale: Locale<'_>) -> String {
    plain(&Notification::of_incident(content, locale))
}

/// Returns the texts of each kind of notification about one incident.
fn kinds(locale: Locale<'_>) -> String {
    let days: Vec<DayCost> = recent_days();
    let mut lasting = lasting_incident();
    let delivery = Delivery { notified_impact: 97_713.0, notifications: 1, ..Delivery::default() };
    let mut texts = vec![of_incident(
        IncidentContent { recent_days: &days, ..content(&lasting, NotificationKind::Opened) },
        locale,
    )];
    let grown = IncidentContent { delivery: Some(&delivery), ..content(&lasting, NotificationKind::Grown) };
    texts.push(of_incident(grown, locale));
    texts.push(of_incident(content(&lasting, NotificationKind::NewLevel), locale));
    texts.push(of_incident(content(&reversed_incident(), NotificationKind::NewLevel), locale));
    texts.push(of_incident(content(&lasting, NotificationKind::Retracted), locale));
    texts.push(of_incident(content(&lasting, NotificationKind::NotVerifiable), locale));
    lasting.resolved_by = Some(NormalDay { observed: 249_000.0, expected: Some(250_000.0) });
    lasting.closed_at = Some(Moment::finished_day(date(2026, 11, 14)));
    texts.push(of_incident(content(&lasting, NotificationKind::Closed), locale));
    texts.join("\n\n")
}

/// Returns the titles and figures of each kind of change, for each span of a part of a day, and for each sum.
fn changes(locale: Locale<'_>) -> String {
    let brief = |content: IncidentContent<'_>| {
        let text = ChatText::of(&Notification::of_incident(content, locale));
        format!("{}\n  {}", text.title, text.figures)
    };
    let opened = |incident: &Incident| brief(content(incident, NotificationKind::Opened));
    let mut texts = Vec::new();
    for (direction, observed, expected) in [
        (Direction::Up, 13_820.0, 10_000.0),
        (Direction::Down, 2_500.0, 10_000.0),
        (Direction::Up, 38_497.0, 0.0),
        (Direction::Down, 0.0, 74_429.0),
        (Direction::Down, -800_000.0, 0.0),
        (Direction::Up, 0.0, -40_000.0),
        (Direction::Down, -90_000.0, -40_000.0),
    ] {
        texts.push(opened(&incident(direction, observed, expected)));
    }
    let mut part = incident(Direction::Up, 353_796.0, 256_083.0);
    part.last_seen.hour = Some(18);
    for spans in [ComparedSpans::PartOfDay, ComparedSpans::PartAndWholeDay, ComparedSpans::Hour, ComparedSpans::Unknown]
    {
        let mut content = content(&part, NotificationKind::Opened);
        content.comparison.spans = spans;
        texts.push(brief(content));
    }
    let mut sum = incident(Direction::Up, 30_000.0, 10_000.0);
    for key in [["d", "p", ALL], ["d", ALL, "s"], ["d", ALL, ALL], [ALL, ALL, "s"], [ALL, ALL, ALL]] {
        sum.series = SeriesKey::new(key[0], key[1], key[2]);
        texts.push(ChatText::of(&Notification::of_incident(content(&sum, NotificationKind::Opened), locale)).title);
    }
    texts.join("\n")
}

/// Returns the texts that are not about an incident.
fn daily_total(comparison: Option<&TotalComparison>, refused: RefusedTotal, locale: Locale<'_>) -> String {
    let date = date(2026, 11, 15);
    let content = DailyTotalContent { date, total: "2,862,617.98", refused, comparison, budgets: &[] };
    plain(&Notification::of_daily_total(content, locale))
}

fn comparison() -> TotalComparison {
    let change = |service: &str, difference| CostChange {
        key: SeriesKey::new("d", "p", service),
        names: Names { account: "example-corp".into(), project: "결제".into(), service: service.into() },
        difference,
    };
    TotalComparison {
        total: 2_862_617.98,
        day_before: Some(2_900_000.0),
        week_before: Some(2_776_544.0),
        month: Some(41_000_000.0),
        changes: vec![change("MySQL", 241_557.0), change("Logs", -12_000.0)],
    }
}

fn others(locale: Locale<'_>) -> String {
    let problem = |state, tag| {
        let (since, text) = (Timestamp::UNIX_EPOCH, "daily\n3");
        let content = OperationalContent { key: "failing:daily", state, since, level: Level::Critical, tag, text };
        plain(&Notification::of_problem(content, locale))
    };
    [
        daily_total(None, RefusedTotal::default(), locale),
        daily_total(Some(&comparison()), RefusedTotal { rows: 3, amount: 1_000_000.0, rows_without_amount: 1 }, locale),
        problem(ProblemState::Raised, "FAILING"),
        problem(ProblemState::Resolved, "RECOVERED"),
        problem(ProblemState::Test, "TEST"),
    ]
    .join("\n\n")
}

#[test]
fn each_kind_of_notification_has_korean_words() {
    insta::assert_snapshot!(kinds(KOREAN), @"
    🟠 example-corp / 결제 · MySQL: 평소보다 약 94% 더 나왔습니다
    11월 13일(금) 498,473원 · 평소 256,916원 · +241,557원
    ▅▅▅▅▄▅▅▅▅▅▅▄▅▅██ 10/29–11/13 하루 비용
    11월 12일(목)부터 11월 13일(금)까지 평소보다 452,429원 더 나왔습니다.
    이대로면 11월 말까지 평소보다 약 4,298,076원 더 나옵니다.
    이유: 평소 하루 215,000~298,000원입니다
    심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b

    🟠 example-corp / 결제 · MySQL: 지난 알림 뒤 하루 차이가 97,713원에서 241,557원으로 커졌습니다
    11월 13일(금) 498,473원 · 평소 256,916원 · +241,557원
    11월 12일(목)부터 11월 13일(금)까지 평소보다 452,429원 더 나왔습니다.
    이대로면 11월 말까지 평소보다 약 4,298,076원 더 나옵니다.
    이유: 평소 하루 215,000~298,000원입니다
    심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b

    📌 example-corp / 결제 · MySQL: 새 수준으로 굳어져 앞으로는 이 금액을 평소로 봅니다
    하루 256,916원 → 483,131원 · 한 달(30일)에 +6,786,435원
    심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b

    📌 example-corp / 결제 · MySQL: 더는 평소보다 높지 않고 오히려 낮습니다
    11월 12일(목)부터 11월 14일(토)까지 평소보다 770,748원 더 나왔습니다.
    심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b

    ↩️ example-corp / 결제 · MySQL: 청구 내역이 정정되어 다시 보니 평소 수준이었습니다
    앞서 보낸 알림은 취소합니다.
    심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b

    ❔ example-corp / 결제 · MySQL: 시작 전 기준과 더 비교할 수 없습니다
    11월 13일(금) 498,473원 · 평소 256,916원 · +241,557원
    플러그인이나 설정이 바뀌었습니다.
    11월 12일(목)부터 11월 13일(금)까지 평소보다 452,429원 더 나왔습니다.
    심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b

    ✅ example-corp / 결제 · MySQL: 평소 수준으로 돌아왔습니다
    11월 14일(토) 하루 249,000원
    11월 12일(목)부터 11월 13일(금)까지 평소보다 452,429원 더 나왔습니다.
    심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b
    ");
}

#[test]
fn each_kind_of_notification_has_english_words() {
    insta::assert_snapshot!(kinds(ENGLISH), @"
    🟠 example-corp / 결제 · MySQL: 94% more than usual
    13 Nov (Fri): 498,473 KRW · usual 256,916 KRW · +241,557 KRW
    ▅▅▅▅▄▅▅▅▅▅▅▄▅▅██ cost per day, 29 Oct–13 Nov
    From 12 Nov (Thu) to 13 Nov (Fri): 452,429 KRW more than usual.
    If this goes on: 4,298,076 KRW more than usual by the end of November.
    Reason: 평소 하루 215,000~298,000원입니다
    severity warning · rules new-cost, service-daily · ID 20261112-ff2b

    🟠 example-corp / 결제 · MySQL: the daily difference has grown from 97,713 KRW to 241,557 KRW since the last notification
    13 Nov (Fri): 498,473 KRW · usual 256,916 KRW · +241,557 KRW
    From 12 Nov (Thu) to 13 Nov (Fri): 452,429 KRW more than usual.
    If this goes on: 4,298,076 KRW more than usual by the end of November.
    Reason: 평소 하루 215,000~298,000원입니다
    severity warning · rules new-cost, service-daily · ID 20261112-ff2b

    📌 example-corp / 결제 · MySQL: a new level, which is the usual cost from now on
    256,916 KRW → 483,131 KRW a day · in 30 days +6,786,435 KRW
    severity warning · rules new-cost, service-daily · ID 20261112-ff2b

    📌 example-corp / 결제 · MySQL: no longer more than usual, but less
    From 12 Nov (Thu) to 14 Nov (Sat): 770,748 KRW more than usual.
    severity warning · rules new-cost, service-daily · ID 20261112-ff2b

    ↩️ example-corp / 결제 · MySQL: the bill was corrected, and the cost was as usual
    The earlier notifications are withdrawn.
    severity warning · rules new-cost, service-daily · ID 20261112-ff2b

    ❔ example-corp / 결제 · MySQL: no comparison with the time before the incident is possible any more
    13 Nov (Fri): 498,473 KRW · usual 256,916 KRW · +241,557 KRW
    The plugin or the settings changed.
    From 12 Nov (Thu) to 13 Nov (Fri): 452,429 KRW more than usual.
    severity warning · rules new-cost, service-daily · ID 20261112-ff2b

    ✅ example-corp / 결제 · MySQL: back at the usual cost
    14 Nov (Sat), whole day: 249,000 KRW
    From 12 Nov (Thu) to 13 Nov (Fri): 452,429 KRW more than usual.
    severity warning · rules new-cost, service-daily · ID 20261112-ff2b
    ");
}

#[test]
fn each_change_and_each_span_has_korean_words() {
    insta::assert_snapshot!(changes(KOREAN), @"
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 평소보다 약 38% 더 나왔습니다
      11월 22일(일) 13,820원 · 평소 10,000원 · +3,820원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 평소보다 약 75% 덜 나왔습니다
      11월 22일(일) 2,500원 · 평소 10,000원 · -7,500원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 예상하지 않은 비용이 나왔습니다
      11월 22일(일) 38,497원 · 평소 0원 · +38,497원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 비용이 끊겼습니다
      11월 22일(일) 0원 · 평소 74,429원 · -74,429원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 환불 또는 크레딧이 반영되었습니다
      11월 22일(일) -800,000원 · 평소 0원 · -800,000원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 크레딧이 없습니다
      11월 22일(일) 0원 · 평소 -40,000원 · +40,000원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 크레딧이 평소보다 늘었습니다
      11월 22일(일) -90,000원 · 평소 -40,000원 · -50,000원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 18시까지 평소보다 약 38% 더 나왔습니다
      11월 22일(일) 18시까지 353,796원 · 평소 같은 시각까지 256,083원 · +97,713원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 18시까지 이미 하루 평소보다 약 38% 더 나왔습니다
      11월 22일(일) 18시까지 353,796원 · 하루 전체 평소 256,083원 · +97,713원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 18시까지 한 시간 동안 평소보다 약 38% 더 나왔습니다
      11월 22일(일) 18시까지 한 시간 353,796원 · 평소 같은 시간 256,083원 · +97,713원
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 평소보다 약 38% 더 나왔습니다
      11월 22일(일) 18시까지 집계 353,796원 · 기준 256,083원
    우리회사 / 쇼핑몰 전체 비용: 평소의 약 3배가 나왔습니다
    우리회사 · Virtual Machine [31m: 평소의 약 3배가 나왔습니다
    우리회사 전체 비용: 평소의 약 3배가 나왔습니다
    전체 프로젝트 · Virtual Machine [31m: 평소의 약 3배가 나왔습니다
    청구서 전체 비용: 평소의 약 3배가 나왔습니다
    ");
}

#[test]
fn each_change_and_each_span_has_english_words() {
    insta::assert_snapshot!(changes(ENGLISH), @"
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 38% more than usual
      22 Nov (Sun): 13,820 KRW · usual 10,000 KRW · +3,820 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 75% less than usual
      22 Nov (Sun): 2,500 KRW · usual 10,000 KRW · -7,500 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: cost where none was expected
      22 Nov (Sun): 38,497 KRW · usual 0 KRW · +38,497 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: the cost has stopped
      22 Nov (Sun): 0 KRW · usual 74,429 KRW · -74,429 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: a credit or refund
      22 Nov (Sun): -800,000 KRW · usual 0 KRW · -800,000 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: no credit
      22 Nov (Sun): 0 KRW · usual -40,000 KRW · +40,000 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: a larger credit than usual
      22 Nov (Sun): -90,000 KRW · usual -40,000 KRW · -50,000 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 38% more than usual by 18:00
      22 Nov (Sun) until 18:00: 353,796 KRW · usual until then 256,083 KRW · +97,713 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 38% more than usual for a whole day, already by 18:00
      22 Nov (Sun) until 18:00: 353,796 KRW · usual for the whole day 256,083 KRW · +97,713 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 38% more than usual in the hour before 18:00
      22 Nov (Sun), the hour before 18:00: 353,796 KRW · usual for the hour 256,083 KRW · +97,713 KRW
    우리회사 / 쇼핑몰 · Virtual Machine [31m: 38% more than usual
      22 Nov (Sun), evaluated until 18:00: 353,796 KRW · expected 256,083 KRW
    우리회사 / 쇼핑몰, all services: 3 times the usual cost
    우리회사 · Virtual Machine [31m: 3 times the usual cost
    우리회사, all projects: 3 times the usual cost
    all projects · Virtual Machine [31m: 3 times the usual cost
    the whole bill: 3 times the usual cost
    ");
}

#[test]
fn totals_and_problems_have_words() {
    insta::assert_snapshot!([others(KOREAN), others(ENGLISH)].join("\n\n"), @"
    🧾 11월 15일(일) 총요금: 2,862,618원

    🧾 11월 15일(일) 총요금: 2,862,618원
    11월 8일(일) 2,776,544원(+86,074원) · 11월 14일(토) 2,900,000원(-37,382원) · 이달 누계 41,000,000원
    11월 8일(일) 대비 변화가 큰 항목: example-corp / 결제 · MySQL +241,557원, example-corp / 결제 · Logs -12,000원.
    쓸 수 없는 3행(1,000,000원, 그 밖에 금액을 알 수 없는 1행)은 총요금에서 빠졌습니다.

    ⚠️ costwarden 운영 알림
    daily 3
    COSTWARDEN_FAILING

    ✅ costwarden 문제가 해소되었습니다
    daily 3
    COSTWARDEN_RECOVERED

    🔔 costwarden 시험 알림
    daily 3
    COSTWARDEN_TEST

    🧾 Total cost of 15 Nov (Sun): 2,862,618 KRW

    🧾 Total cost of 15 Nov (Sun): 2,862,618 KRW
    8 Nov (Sun) 2,776,544 KRW (+86,074 KRW) · 14 Nov (Sat) 2,900,000 KRW (-37,382 KRW) · this month so far 41,000,000 KRW
    Largest changes since 8 Nov (Sun): example-corp / 결제 · MySQL +241,557 KRW, example-corp / 결제 · Logs -12,000 KRW.
    3 refused rows (1,000,000 KRW and 1 row of unknown amount) are not included.

    ⚠️ A problem of costwarden
    daily 3
    COSTWARDEN_FAILING

    ✅ A problem of costwarden has ended
    daily 3
    COSTWARDEN_RECOVERED

    🔔 Test notification of costwarden
    daily 3
    COSTWARDEN_TEST
    ");
}

#[test]
fn one_day_has_no_sum_and_equal_names_have_the_key() {
    let mut one = incident(Direction::Up, 20_000.0, 10_000.0);
    one.by_day = [(one.last_seen.date, DayImpact::default())].into();
    let content = IncidentContent { has_same_names: true, ..content(&one, NotificationKind::Opened) };
    let text = ChatText::of(&Notification::of_incident(content, ENGLISH));
    assert_eq!(text.lines, [] as [String; 0]);
    assert!(text.footer.contains(" · d/p/s · ID "), "{}", text.footer);
}
