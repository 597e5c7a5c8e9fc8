use model::bill::{Amounts, BillRow};
use model::drivers::{Cause, Charges, ComparedMoments, UnknownCause, compare};
use model::incident::NotificationKind;
use model::series::{Names, SeriesKey};

use super::*;
use crate::notification::fixtures::{content, lasting_incident};

const KOREAN: Locale<'static> = Locale { language: Language::Korean, currency: "KRW" };
const ENGLISH: Locale<'static> = Locale { language: Language::English, currency: "KRW" };

fn on(month: i8, day: i8, hour: Option<u8>) -> Moment {
    Moment { date: jiff::civil::date(2026, month, day), hour }
}

/// A bill of rows: service, cost, usage quantity and usage time.
fn bill(rows: &[(&str, [&str; 3])]) -> Charges {
    let mut charges = Charges::default();
    for (service, figures) in rows {
        let [billed_cost, usage_quantity, usage_time] = figures.map(|figure| figure.parse().expect("a decimal"));
        charges.add(&BillRow {
            key: SeriesKey::new("d", "p", service),
            names: Names { account: "example-corp".into(), project: "결제".into(), service: (*service).into() },
            amounts: Amounts { billed_cost, usage_quantity, usage_time, ..Amounts::default() },
            pricing_category: Some("on-demand".to_owned()),
            resource: (*service == "MySQL").then(|| "mysql-1".to_owned()),
            region: Some("kr-central-2".to_owned()),
        });
    }
    charges
}

fn comparison(moments: &[(Moment, Moment)], before: &Charges, after: &Charges) -> Cause {
    let moments = moments.iter().map(|(moment, earlier)| ComparedMoments { moment: *moment, earlier: *earlier });
    let drivers = compare(before, after);
    Ok(BillComparison { moments: moments.collect(), drivers, expected: None, rest_of_project: None })
}

/// Returns the sentences of a cause in both languages.
fn sentences(cause: &Cause) -> String {
    let incident = lasting_incident();
    let content = IncidentContent { cause: Some(cause), ..content(&incident, NotificationKind::Opened) };
    [KOREAN, ENGLISH].map(|locale| sentence(&content, locale).expect("a cause")).join("\n")
}

#[test]
fn the_largest_driver_is_named_with_usage_and_unit_price() {
    let before = bill(&[("MySQL", ["256916", "1", "2140.97"]), ("Backup", ["10", "1", "1"])]);
    let after = bill(&[("MySQL", ["498473.4", "1", "4153.945"]), ("Backup", ["12", "1", "1"])]);
    let days = [(on(11, 13, None), on(11, 6, None))];
    insta::assert_snapshot!(sentences(&comparison(&days, &before, &after)), @"
    원인(11월 6일(금) 대비): MySQL (mysql-1, kr-central-2, on-demand) 사용 시간 2,141 → 4,154, 단가 120원, +241,557원(전체 차이의 100%)
    Cause, compared with 6 Nov (Fri): MySQL (mysql-1, kr-central-2, on-demand), usage time 2,141 → 4,154, unit price 120 KRW, +241,557 KRW (100% of the difference).
    ");
}

#[test]
fn new_ended_and_fixed_charges_have_words() {
    let day = [(on(11, 13, Some(18)), on(11, 6, Some(18)))];
    let days = [(on(11, 12, None), on(11, 5, None)), (on(11, 13, None), on(11, 6, None))];
    let gaps = [(on(11, 12, None), on(10, 29, None)), (on(11, 13, None), on(11, 6, None))];
    let none = bill(&[("other", ["0", "0", "0"])]);
    let fee = bill(&[("Support", ["100", "0", "0"])]);
    let dearer = bill(&[("Support", ["150", "0", "0"])]);
    let texts = [
        comparison(&day, &none, &fee),
        comparison(&days, &fee, &dearer),
        comparison(&gaps, &fee, &dearer),
        comparison(&days, &dearer, &none),
    ];
    insta::assert_snapshot!(texts.each_ref().map(sentences).join("\n"), @"
    원인(11월 6일(금) 18시까지 대비): Support (kr-central-2, on-demand) 새로 청구, +100원(전체 차이의 100%)
    Cause, compared with 6 Nov (Fri) until 18:00: Support (kr-central-2, on-demand) is new, +100 KRW (100% of the difference).
    원인(11월 5일(목)~11월 6일(금) 대비): Support (kr-central-2, on-demand) 100원 → 150원, +50원(전체 차이의 100%)
    Cause, compared with 5 Nov (Thu)–6 Nov (Fri): Support (kr-central-2, on-demand), 100 KRW → 150 KRW, +50 KRW (100% of the difference).
    원인(10월 29일(목)~11월 6일(금) 가운데 같은 요일 2일 대비): Support (kr-central-2, on-demand) 100원 → 150원, +50원(전체 차이의 100%)
    Cause, compared with 2 days of the same weekdays from 29 Oct (Thu) to 6 Nov (Fri): Support (kr-central-2, on-demand), 100 KRW → 150 KRW, +50 KRW (100% of the difference).
    원인: 11월 5일(목)~11월 6일(금)보다 늘어난 항목이 없습니다.
    Cause: not visible, because no charge is higher than on 5 Nov (Thu)–6 Nov (Fri).
    ");
}

#[test]
fn many_small_drivers_are_counted_and_a_repeated_day_is_named_once() {
    let same = [(on(11, 13, None), on(11, 6, None)), (on(11, 20, None), on(11, 6, None))];
    let names: Vec<String> = (1..=8).map(|number| format!("fn-{number}")).collect();
    let rows = |cost| bill(&names.iter().map(|name| (name.as_str(), [cost, "0", "0"])).collect::<Vec<_>>());
    insta::assert_snapshot!(sentences(&comparison(&same, &rows("7"), &rows("16"))), @"
    원인(2일 모두 11월 6일(금) 대비): 항목 8개가 함께 변했고 가장 큰 항목은 fn-1 (kr-central-2, on-demand) 7원 → 16원, +9원(전체 차이의 12%)
    Cause, compared with 6 Nov (Fri) for each of 2 days: 8 charges together, the largest is fn-1 (kr-central-2, on-demand), 7 KRW → 16 KRW, +9 KRW (12% of the difference).
    ");
}

#[test]
fn the_effects_of_a_group_are_sums() {
    let day = [(on(11, 13, None), on(11, 6, None))];
    let none = bill(&[("other", ["0", "0", "0"])]);
    let causes = [
        comparison(&day, &bill(&[("A", ["500", "1", "10"])]), &none),
        comparison(&day, &bill(&[("B", ["300", "1", "10"])]), &bill(&[("B", ["180", "1", "5"])])),
        Err(UnknownCause::OtherAmounts),
    ];
    let incident = lasting_incident();
    let sentences = |causes: &[Cause]| {
        let entry = |cause| IncidentContent { cause: Some(cause), ..content(&incident, NotificationKind::Opened) };
        let group = GroupContent::new(causes.iter().map(entry).collect());
        [KOREAN, ENGLISH].map(|locale| group_sentence(&group, locale).expect("a cause")).join("\n")
    };
    let same = comparison(&day, &none, &none);
    insta::assert_snapshot!([&causes[..], &causes[..2], &causes[2..], &[same]].map(sentences).join("\n"), @"
    원인(11월 6일(금) 대비, 시리즈 3개 가운데 2개): 없어진 항목 -500원, 수량 -150원, 단가 +30원
    Cause, compared with 6 Nov (Fri) (2 of 3 series): removed resources -500 KRW, other quantities -150 KRW, other prices +30 KRW.
    원인(11월 6일(금) 대비): 없어진 항목 -500원, 수량 -150원, 단가 +30원
    Cause, compared with 6 Nov (Fri): removed resources -500 KRW, other quantities -150 KRW, other prices +30 KRW.
    원인: 보관된 청구 내역의 금액이 알림의 금액과 달라 알 수 없습니다.
    Cause: not known, because the archived bill does not have the amounts of the incident.
    원인: 11월 6일(금)보다 달라진 항목이 없습니다.
    Cause: not visible, because no charge has changed since 6 Nov (Fri).
    ");
}

#[test]
fn an_unknown_cause_has_a_reason() {
    let texts = [
        UnknownCause::ArchiveUnreadable,
        UnknownCause::NoBill(on(11, 13, None)),
        UnknownCause::NoEarlierBill(on(11, 13, Some(9))),
        UnknownCause::OtherAmounts,
    ];
    insta::assert_snapshot!(texts.map(|unknown| sentences(&Err(unknown))).join("\n"), @"
    원인: 보관된 청구 내역을 읽지 못해 알 수 없습니다.
    Cause: not known, because the archive could not be read.
    원인: 11월 13일(금) 청구 내역이 보관되어 있지 않아 알 수 없습니다.
    Cause: not known, because the archive has no bill of 13 Nov (Fri).
    원인: 11월 13일(금) 9시까지 청구 내역과 비교할 지난 4주 같은 요일의 청구 내역이 없어 알 수 없습니다.
    Cause: not known, because the archive has no bill of the same weekday in the 4 weeks before the incident to compare with 13 Nov (Fri) until 09:00.
    원인: 보관된 청구 내역의 금액이 알림의 금액과 달라 알 수 없습니다.
    Cause: not known, because the archived bill does not have the amounts of the incident.
    ");
}
