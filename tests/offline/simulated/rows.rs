//! Unusable rows of a bill are counted and reported, and the rest is summed.

use serde_json::{Value, json};

use costwarden_tests::Workdir;

const CONFIG: &str = r#"
language = "ko"
[source]
kind = "replay"
directory = "raw-documents"
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "embedded"
"#;

fn row(service: &str, amount: &Value) -> Value {
    json!({"meteringDate": "20261122", "domainId": "d", "domainName": "D", "projectId": "p", "projectName": "P",
           "serviceId": service, "serviceName": service, "expectAmount": amount})
}

/// A working directory with the replayed bill of one day.
fn replayed(rows: &[Value]) -> Workdir {
    let workdir = Workdir::new(CONFIG);
    let body = json!({"result": {"content": rows}}).to_string();
    workdir.write("raw-documents/raw/year=2026/month=11/day=22/billing_20261122.json", &body);
    workdir
}

#[test]
fn unusable_rows_are_counted_and_the_others_summed() {
    let without = |field: &str| {
        let mut row = row("vm", &json!(1_000_000));
        row.as_object_mut().expect("an object").remove(field);
        row
    };
    let with = |field: &str, value: Value| {
        let mut row = row("vm", &json!(1_000_000));
        row[field] = value;
        row
    };
    let workdir = replayed(&[
        row("vm", &json!(0.1)),
        without("serviceId"),
        without("meteringDate"),
        with("meteringDate", json!("20261121")),
        json!("no row at all"),
        row("vm", &json!(0.2)),
        row("vm", &Value::Null),
    ]);
    let run = workdir.run(&["daily", "--date", "2026-11-22"]).expect(1);
    insta::assert_snapshot!(run.stderr, @"
    일부 미완료: 2026-11-22 청구 내역에서 읽을 수 없는 행 4개를 뺐습니다. 처음 1행: serviceId 값이 없습니다
    일부 미완료: 판정한 규칙이 없습니다. 기록이 짧은 시리즈 1개
    ");
    assert!(run.stdout.contains("일부 미완료: 행 3개, 시리즈 2개, "), "{run:?}");
    insta::assert_snapshot!(run.stdout.lines().next().unwrap_or_default(), @"[COSTWARDEN_REFUSED_ROWS] 2026-11-22의 청구서에서 4행을 합계에서 뺐습니다(1,000,000원, 그 밖에 금액을 알 수 없는 3행). 항목 1개와 그 상위 합계는 이날 판단하지 않습니다. 행 1: serviceId 값이 없습니다");
    let report = workdir.run(&["daily", "--date", "2026-11-22", "--json"]).expect(1);
    let report: Value = serde_json::from_str(&report.stdout).expect("JSON");
    assert_eq!((&report["counts"]["refused_rows"], &report["total"]), (&json!(4), &json!("0.30")));
    let problems = json!([
        "4 rows of the bill of 2026-11-22 are not usable and are left out; first row 1: serviceId is missing or empty",
        "no rule gave a verdict: 1 series has insufficient history"
    ]);
    assert_eq!(report["problems"], problems, "JSON is the same in all languages");
    let days = workdir.json(&["series", "show", "--series", "d/p/vm", "--json"]);
    assert_eq!(days.len(), 1);
    assert_eq!(days[0]["expectAmount"], json!(0.3), "summed as decimals");
}

#[test]
fn a_bill_without_a_usable_row_is_an_error() {
    let workdir = replayed(&[json!({}), json!({"meteringDate": "20261122"})]);
    let run = workdir.run(&["daily", "--date", "2026-11-22"]).expect(2);
    insta::assert_snapshot!(run.stderr, @r#"실패: no row of the bill of 2026-11-22 is usable (row 0: meteringDate is "", expected "20261122"): nothing was evaluated"#);
}

#[test]
fn a_bill_in_another_currency_is_told_once_until_a_usable_bill() {
    let in_dollars = |mut row: Value| {
        row["currency"] = json!("USD");
        row
    };
    let rows = [row("vm", &json!(1)), row("db", &json!(2))];
    let workdir = replayed(&rows.clone().map(in_dollars));
    let told = |code: i32| {
        let run = workdir.run(&["daily", "--date", "2026-11-22"]).expect(code);
        run.stdout.lines().next().unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(told(2), @"[COSTWARDEN_OTHER_CURRENCY] 2026-11-22의 청구서 통화는 USD이지만 설정의 통화는 KRW입니다. 이날은 판단하지 않았습니다. 설정의 currency를 확인해 주세요");
    assert!(!told(2).contains("OTHER_CURRENCY"));
    workdir.write(
        "raw-documents/raw/year=2026/month=11/day=22/billing_20261122.json",
        &json!({"result": {"content": rows}}).to_string(),
    );
    assert!(told(1).starts_with("[COSTWARDEN_RECOVERED]"));
}

#[test]
fn repeated_rows_end_with_a_new_reading_of_the_bill() {
    let rows = [row("vm", &json!(1)), row("db", &json!(2)), row("log", &json!(3)), row("nat", &json!(4))];
    let repeated: Vec<Value> = rows.iter().cycle().take(6).cloned().collect();
    let workdir = replayed(&repeated);
    let write = |day: u8, rows: &[Value]| {
        let body = json!({"result": {"content": rows}}).to_string().replace("20261122", &format!("202611{day}"));
        workdir.write(&format!("raw-documents/raw/year=2026/month=11/day={day}/billing_202611{day}.json"), &body);
    };
    let told = |day: u8| {
        let run = workdir.run(&["daily", "--date", &format!("2026-11-{day}")]);
        let lines = run.stdout.lines().filter(|line| line.contains("REPEATED_ROWS") || line.contains("RECOVERED"));
        lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told(22), @"[COSTWARDEN_REPEATED_ROWS] 2026-11-22의 청구서에 앞의 행과 똑같은 행이 6행 중 2행 있습니다. 모두 합계에 넣었습니다");
    write(23, &rows);
    assert_eq!(told(23), "", "the bill of the next day proves nothing about the bill before");
    write(24, &repeated);
    assert_eq!(told(24), "", "people know of such rows");
    write(22, &rows);
    insta::assert_snapshot!(told(22), @"[COSTWARDEN_RECOVERED] 다시 읽은 청구서에는 이 문제가 없습니다. 문제였던 것: 2026-11-22의 청구서에 앞의 행과 똑같은 행이 6행 중 2행 있습니다. 모두 합계에 넣었습니다");
    assert_eq!(told(22), "");
}

#[test]
fn a_single_repeated_row_is_no_problem() {
    let rows = [row("vm", &json!(1)), row("db", &json!(2)), row("log", &json!(3)), row("vm", &json!(1))];
    let run = replayed(&rows).run(&["daily", "--date", "2026-11-22"]);
    assert!(!run.stdout.contains("REPEATED_ROWS"), "{run:?}");
}

#[test]
fn a_second_bill_with_few_series_shows_that_services_are_gone() {
    let workdir = Workdir::new(CONFIG);
    let write = |day: u8, services: usize| {
        let rows: Vec<Value> = ["vm", "db", "log", "nat", "lb", "dns"][..services]
            .iter()
            .map(|service| {
                let mut row = row(service, &json!(1_000));
                row["meteringDate"] = json!(format!("202611{day:02}"));
                row
            })
            .collect();
        let path = format!("raw-documents/raw/year=2026/month=11/day={day:02}/billing_202611{day:02}.json");
        workdir.write(&path, &json!({"result": {"content": rows}}).to_string());
    };
    (1..=10).for_each(|day| write(day, 6));
    workdir.run(&["backfill", "--from", "2026-11-01", "--to", "2026-11-10"]).expect(1);
    let withheld = |day: u8| {
        let report = workdir.run(&["daily", "--date", &format!("2026-11-{day:02}"), "--json"]).report();
        report["counts"]["withheld_days"].as_u64().unwrap_or(0)
    };
    write(11, 2);
    write(12, 6);
    assert_eq!([withheld(11), withheld(12), withheld(11)], [1, 0, 1], "the services are back on the next day");
    write(13, 2);
    write(14, 2);
    assert_eq!([withheld(13), withheld(14)], [1, 0]);
}
