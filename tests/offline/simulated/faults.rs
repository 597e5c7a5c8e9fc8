//! Faults of the billing API: temporary faults are retried, permanent faults reported, and a partial day is never used
//! as a complete day.

use serde_json::Value;

use super::simulated_bill::{MYSQL, PLAIN_RULE, Setup, SimulatedBill, TODAY, tree};
use costwarden_tests::Run;

const DAILY: [&str; 3] = ["daily", "--date", "2026-11-23"];
const NOTHING: [Value; 0] = [];

fn simulated(source: &str) -> SimulatedBill {
    let simulated = SimulatedBill::with_history(&Setup { source, rules: PLAIN_RULE, ..Setup::default() }, 20);
    simulated.bill.set_now("2026-11-24T00:10:00+09:00");
    simulated
}

/// Asserts a failure without stored data, notifications or visible credentials. Returns the reason.
#[track_caller]
fn refused(simulated: &SimulatedBill, run: impl FnOnce() -> Run) -> String {
    let archive = simulated.workdir.path().join("archive");
    let before = tree(&archive);
    let Run { stdout, stderr, .. } = run().expect(2);
    assert!(tree(&archive) == before, "nothing is archived");
    let days = simulated.documents(&["series", "show", "--series", MYSQL, "--from", "2026-11-23"]);
    let anomalies = simulated.documents(&["anomalies", "list", "--from", "2026-11-23"]);
    assert_eq!((days, anomalies), (NOTHING.to_vec(), NOTHING.to_vec()), "nothing is remembered");
    assert!(!format!("{stdout}{stderr}").contains("[BILLING"), "nobody is told: {stdout}{stderr}");
    for secret in ["simulated-secret", "simulated-id", "another-secret"] {
        assert!(!format!("{stdout}{stderr}").contains(secret), "{stdout}{stderr}");
    }
    assert!(stdout.contains(" failed: 0 rows, 0 series, 1 rule, 0 verdicts, "), "{stdout}");
    let why: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("failed: ")).collect();
    assert_eq!(why.len(), 1, "one line says why: {stderr}");
    why[0].replace(&simulated.bill.url, "[api]")
}

/// Asserts the same for the daily job under a fault.
#[track_caller]
fn struck(simulated: &SimulatedBill, fault: &str) -> String {
    simulated.fault(fault);
    refused(simulated, || simulated.run(&DAILY))
}

#[test]
fn refused_credentials_are_told_with_their_keys() {
    let simulated = simulated("");
    let why = refused(&simulated, || simulated.workdir.run_with(&DAILY, &[("SIMULATED_SECRET", "another-secret")]));
    insta::assert_snapshot!(why, @"the billing API at [api]/open/billing/public/v2/cost/resources refused the credentials with 401: check source.credential_id and source.credential_secret");
    insta::assert_snapshot!(struck(&simulated, r#"{"status":403}"#), @"the billing API at [api]/open/billing/public/v2/cost/resources refused the credentials with 403: check source.credential_id and source.credential_secret");
}

#[test]
fn temporary_faults_are_retried_and_counted() {
    let simulated = simulated("");
    for (fault, retries, waited_ms) in [
        (r#"{"status":429,"retryAfter":1,"times":1}"#, 1, 1_000.0),
        (r#"{"status":500,"times":3}"#, 3, 0.0),
        (r#"{"status":503,"times":4}"#, 4, 0.0),
        (r#"{"body":"truncated","times":2}"#, 2, 0.0),
    ] {
        simulated.fault(fault);
        let told = simulated.told(&DAILY).expect(0);
        assert_eq!((told.count("retries"), told.count("calls")), (retries, retries + 2), "{fault}");
        assert!(told.report["durationsMs"]["fetch"].as_f64() >= Some(waited_ms), "{fault}: {told:#?}");
        assert_eq!((told.count("verdicts"), told.report["error"].is_null()), (1, true));
    }
    let days = simulated.documents(&["series", "show", "--series", MYSQL, "--from", "2026-11-23"]);
    assert_eq!(days.len(), 1);
}

#[test]
fn permanent_faults_fail_when_the_time_for_retries_is_used_up() {
    let simulated = simulated("retry_seconds = 0");
    insta::assert_snapshot!(struck(&simulated, r#"{"status":500}"#), @r#"the billing API at [api]/open/billing/public/v2/cost/resources returned no page 0 of 2026-11-23 in 1 attempt, and the time for retries is used up: 1 of 1 request failed and took 0 s of source.retry_seconds = 0; the last attempt: it answered 500: {"error":{"message":"an injected fault"}}; run the job again when the API answers, or raise source.retry_seconds"#);
    insta::assert_snapshot!(struck(&simulated, r#"{"status":429}"#), @r#"the billing API at [api]/open/billing/public/v2/cost/resources returned no page 0 of 2026-11-23 in 1 attempt, and the time for retries is used up: 1 of 1 request failed and took 0 s of source.retry_seconds = 0; the last attempt: it answered 429: {"error":{"message":"an injected fault"}}; run the job again when the API answers, or raise source.retry_seconds"#);
    insta::assert_snapshot!(struck(&simulated, r#"{"status":418}"#), @r#"the billing API at [api]/open/billing/public/v2/cost/resources answered 418 for 2026-11-23, and a retry does not help: {"error":{"message":"an injected fault"}}"#);

    simulated.fault(r#"{"status":500}"#);
    let told = simulated.told(&DAILY).expect(2);
    assert_eq!((&told.report["outcome"], told.count("rows")), (&Value::from("failed"), 0));
    assert!(told.report["error"].as_str().is_some_and(|error| error.contains("in 1 attempt")), "{told:#?}");

    simulated.fault("{}");
    let told = simulated.day(TODAY).expect(0);
    let bills = told.lines.iter().filter(|line| line.starts_with("[BILLING_")).count();
    assert_eq!((bills, told.count("verdicts")), (1, 1), "the next run makes it good: {told:#?}");
}

#[test]
fn the_hourly_job_fails_the_same_way() {
    let simulated = simulated("retry_seconds = 0");
    simulated.fault(r#"{"status":500}"#);
    let why = refused(&simulated, || simulated.run(&["hourly", "--at", "2026-11-24T00:10"]));
    insta::assert_snapshot!(why, @r#"the billing API at [api]/open/billing/public/v2/cost/resources returned no page 0 of 2026-11-24 in 1 attempt, and the time for retries is used up: 1 of 1 request failed and took 0 s of source.retry_seconds = 0; the last attempt: it answered 500: {"error":{"message":"an injected fault"}}; run the job again when the API answers, or raise source.retry_seconds"#);
}

#[test]
fn a_body_of_another_shape_is_shown_from_its_beginning() {
    let simulated = simulated("retry_seconds = 0");
    insta::assert_snapshot!(struck(&simulated, r#"{"body":"html"}"#), @"page 0 of 2026-11-23 from [api]/open/billing/public/v2/cost/resources is not the expected shape: expected an array at result.content: expected value at line 1 column 1; the body begins with: <html><body>점검 중입니다</body></html>");
    insta::assert_snapshot!(struck(&simulated, r#"{"body":"other-shape"}"#), @r#"page 0 of 2026-11-23 from [api]/open/billing/public/v2/cost/resources is not the expected shape: expected an array at result.content: invalid type: string "none today", expected a sequence at line 1 column 33; the body begins with: {"result":{"content":"none today"}}"#);
    insta::assert_snapshot!(struck(&simulated, r#"{"body":"echo"}"#), @r#"page 0 of 2026-11-23 from [api]/open/billing/public/v2/cost/resources is not the expected shape: expected an array at result.content: missing field `result` at line 1 column 43; the body begins with: {"you":["[redacted]","[redacted]"]}"#);

    let why = struck(&simulated, r#"{"body":"truncated"}"#);
    let (why, body) = why.split_once("; the body begins with: ").expect("the body");
    let (why, _place) = why.split_once(" at line ").expect("the place");
    insta::assert_snapshot!(why, @"page 0 of 2026-11-23 from [api]/open/billing/public/v2/cost/resources is not the expected shape: expected an array at result.content: EOF while parsing a string");
    assert!(body.starts_with(r#"{"result":{"content":["#), "{body}");
    assert_eq!(body.chars().count(), 200, "{body}");
}

#[test]
fn pages_that_never_end_are_not_followed_for_ever() {
    let simulated = simulated("page_size = 30\nmax_pages = 3");
    insta::assert_snapshot!(struck(&simulated, r#"{"body":"endless"}"#), @"the pages of 2026-11-23 from [api]/open/billing/public/v2/cost/resources do not end: 3 pages of up to 30 rows are followed by another; raise source.max_pages if the bill is that long");
    insta::assert_snapshot!(struck(&simulated, r#"{"body":"repeated"}"#), @"page 1 of 2026-11-23 from [api]/open/billing/public/v2/cost/resources equals the previous page of 30 rows: expected different rows, or an empty page after the last row");
}

/// The page size has no influence on the bill.
#[test]
fn a_bill_of_many_pages_is_put_together() {
    let both = [simulated(""), simulated("page_size = 3")];
    let [whole, paged] = both.each_ref().map(|simulated| {
        let told = simulated.day(TODAY).expect(0);
        let days = simulated.documents(&["series", "show", "--series", MYSQL]);
        (told.count("calls"), told.count("rows"), told.report["total"].clone(), days)
    });
    // The last page is empty.
    assert_eq!((whole.0, paged.0), (2, paged.1.div_ceil(3) + 1));
    assert_eq!((whole.1, whole.2, whole.3), (paged.1, paged.2, paged.3));
}

#[test]
fn an_api_that_is_too_slow_or_not_there_is_told() {
    let simulated = simulated("timeout_seconds = 1\nretry_seconds = 0");
    insta::assert_snapshot!(struck(&simulated, r#"{"slowMs":1500}"#), @"the billing API at [api]/open/billing/public/v2/cost/resources returned no page 0 of 2026-11-23 in 1 attempt, and the time for retries is used up: 1 of 1 request failed and took 1 s of source.retry_seconds = 0; the last attempt: no complete answer within 1s; run the job again when the API answers, or raise source.retry_seconds");

    let SimulatedBill { bill, workdir } = simulated;
    let url = bill.url.clone();
    drop(bill);
    let run = workdir.run_with(&DAILY, &[costwarden_tests::Simulator::ENV]).expect(2);
    let why = run.stderr.lines().find_map(|line| line.strip_prefix("failed: ")).expect("it says why");
    let why = why.replace(&url, "[api]");
    let (before, cause) = why.split_once("; the last attempt: ").expect("a cause");
    insta::assert_snapshot!(before, @"the billing API at [api]/open/billing/public/v2/cost/resources returned no page 0 of 2026-11-23 in 1 attempt, and the time for retries is used up: 1 of 1 request failed and took 0 s of source.retry_seconds = 0");
    assert!(cause.contains("Connection refused"), "{cause}");
}

/// A late bill is not a day without cost.
#[test]
fn a_bill_without_a_row_is_no_bill_yet() {
    let simulated = simulated("");
    let why = refused(&simulated, || simulated.run(&["daily", "--date", "2026-01-25"]));
    insta::assert_snapshot!(why, @"the bill of 2026-01-25 has no row yet: nothing was evaluated; run the job again after the provider has published the bill");
}

/// Each page needs two attempts: the bound applies to the run as a whole.
#[test]
fn a_storm_ends_a_run_that_has_spent_its_time_for_tries() {
    let simulated = simulated("page_size = 3\nretry_seconds = 2");
    let why = struck(&simulated, r#"{"status":429,"retryAfter":1,"every":2}"#);
    insta::assert_snapshot!(why, @r#"the billing API at [api]/open/billing/public/v2/cost/resources returned no page 1 of 2026-11-23 in 1 attempt, and the time for retries is used up: 2 of 3 requests failed and took 1 s of source.retry_seconds = 2; the last attempt: it answered 429: {"error":{"message":"an injected fault"}}; run the job again when the API answers, or raise source.retry_seconds"#);
    simulated.fault(r#"{"status":429,"every":2}"#);
    let told = simulated.day(TODAY).expect(0);
    let calls = told.count("calls");
    assert_eq!(
        (told.count("retries"), told.count("verdicts")),
        (calls / 2, 1),
        "waits that are short fit in: {told:#?}"
    );
}
