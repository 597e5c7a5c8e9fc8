//! Budgets: a month of the simulated API, restated and withheld bills, routes and failures, with a webhook.

use jiff::civil::{Date, date};
use serde_json::Value;

use super::endpoint::{Answer, Endpoint, Request};
use super::webhook::violations;
use crate::backends::bills;
use costwarden_tests::replay::{self, after};
use costwarden_tests::{Run, Simulator, Workdir, write_private};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn accept(_: usize, _: &Request) -> Answer {
    Answer { status: 204, ..Answer::default() }
}

/// The table of a webhook.
fn receiver(name: &str, endpoint: &Endpoint, daily_total: bool) -> String {
    let url = &endpoint.url;
    format!(
        "[[receiver]]\nkind = \"webhook\"\nname = {name:?}\nurl = {url:?}\nsecret = \"file:secret\"\ndaily_total = {daily_total}\n"
    )
}

/// The received budgets: the last day, the measure and the part in percent.
fn budgets(endpoint: &Endpoint) -> Vec<String> {
    let documents: Vec<Value> = endpoint.requests().iter().map(Request::json).collect();
    let summary = |document: &Value| {
        let budget = &document["budget"];
        let text = |field: &str| budget[field].as_str().expect("text").to_owned();
        format!("{} {} {} {}", text("name"), text("through"), text("measure"), budget["part"])
    };
    documents.iter().filter(|document| document["type"] == "budget").map(summary).collect()
}

/// A month of the API costs about 19,000,000 KRW.
#[test]
fn a_simulated_month_is_notified_once_for_each_part() {
    const MONTH: Date = date(2026, 11, 1);
    let endpoint = Endpoint::start(accept);
    let bill = Simulator::start(&[
        "--incidents",
        "off",
        "--now",
        "2026-11-01T00:05:00+09:00",
        "--services",
        "6",
        "--days",
        "90",
    ]);
    let budget = "[[budget]]\nname = \"company\"\namount = \"18000000 KRW\"\n\
                  [[budget]]\nname = \"mysql\"\nservice = \"mysql\"\namount = \"9000000 KRW\"\nat = [0.25]\nforecast_at = [0.8]\n";
    let config = format!(
        "language = \"en\"\n{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n{}{budget}",
        bill.source(),
        receiver("finance", &endpoint, true)
    );
    let workdir = Workdir::new(&config);
    write_private(&workdir.path().join("secret"), SECRET);
    let run = |args: &[&str]| workdir.run_with(args, &[Simulator::ENV]);
    run(&["backfill", "--from", "2026-08-05", "--to", "2026-10-31"]).expect(0);
    assert_eq!(budgets(&endpoint), [""; 0], "a backfill notifies nobody");
    for index in 0..30 {
        let day = after(MONTH, index);
        bill.set_now(&format!("{}T00:10:00+09:00", after(day, 1)));
        run(&["daily", "--date", &day.to_string()]).expect(0);
    }
    // The month is evaluated again, and no part is notified again.
    for day in ["2026-11-29", "2026-11-30"] {
        run(&["daily", "--date", day]).expect(0);
    }
    insta::assert_snapshot!(budgets(&endpoint).join("\n"), @"
    company 2026-11-01 forecast 1.0
    mysql 2026-11-01 forecast 0.8
    mysql 2026-11-09 spent 0.25
    company 2026-11-15 spent 0.5
    company 2026-11-23 spent 0.8
    company 2026-11-29 spent 1.0
    ");
    let documents: Vec<Value> = endpoint.requests().iter().map(Request::json).collect();
    let titles = documents.iter().filter(|document| document["type"] == "budget").map(|document| &document["title"]);
    insta::assert_snapshot!(titles.map(Value::to_string).collect::<Vec<_>>().join("\n"), @r#"
    "budget company: the forecast of November is 106 % of the budget (notification at 100 %)"
    "budget mysql: the forecast of November is 84 % of the budget (notification at 80 %)"
    "budget mysql: 25 % of the November budget is spent (notification at 25 %)"
    "budget company: 52 % of the November budget is spent (notification at 50 %)"
    "budget company: 81 % of the November budget is spent (notification at 80 %)"
    "budget company: 102 % of the November budget is spent (notification at 100 %)"
    "#);
    let total = documents.iter().rfind(|document| document["type"] == "daily-total").expect("a total");
    insta::assert_snapshot!(format!("{:#}", total["total"]["budgets"][0]), @r#"
    {
      "name": "company",
      "scope": "everything",
      "month": "2026-11",
      "amount": 18000000.0,
      "through": "2026-11-30",
      "spent": 19036750.204400003,
      "unknownDays": 0,
      "forecast": {
        "monthEnd": 19036750.204400003,
        "lower": 19036750.204400003,
        "upper": 19036750.204400003
      }
    }
    "#);
    let Some(violations) = violations(&documents) else { return };
    assert_eq!(violations, "[]");
}

/// A working directory with four quiet weeks, and budgets of 30,000 KRW.
fn workdir(receivers: &str, budget: &str) -> Workdir {
    let workdir = bills::workdir("");
    write_private(&workdir.path().join("secret"), SECRET);
    bills::configure(&workdir, "language = \"en\"", &format!("{receivers}{budget}"));
    bills::load(&workdir).expect(0);
    workdir
}

const BUDGET: &str = "[[budget]]\nname = \"shop\"\nproject = \"쇼핑몰\"\namount = \"30000 KRW\"\nat = [0.8, 1.0]\n";

fn note(run: &Run) -> String {
    run.report()["notes"].to_string()
}

#[test]
fn a_restated_or_withheld_day_repeats_nothing_and_claims_nothing() {
    let endpoint = Endpoint::start(accept);
    let workdir = workdir(&receiver("finance", &endpoint, false), BUDGET);
    // Eighteen days cost 22,221; the forecast is above 30,000.
    bills::daily(&workdir, 0, "3000").expect(0);
    let first = budgets(&endpoint);
    assert_eq!(first, ["shop 2026-10-19 spent 0.8", "shop 2026-10-19 forecast 1.0"]);
    // The bill of the day falls, so the spent part is below 80 %, and rises again.
    for machine in ["0", "3000"] {
        bills::daily(&workdir, 0, machine).expect(0);
    }
    assert_eq!(budgets(&endpoint), first);
    // A bill with repeated rows is withheld: its costs are not spent.
    let repeated = [(); 3].map(|()| bills::rows("4000")).concat();
    replay::write(&workdir, "bills", bills::day(1), None, &repeated);
    workdir.run(&["daily", &format!("--date={}", bills::day(1)), "--json"]).expect(1);
    assert_eq!(budgets(&endpoint), first);
    bills::daily(&workdir, 1, "7000").expect(0);
    assert_eq!(budgets(&endpoint)[2..], ["shop 2026-10-20 spent 1.0"]);
}

#[test]
fn a_failed_notification_is_repeated_with_the_same_id_and_a_changed_amount_is_another_budget() {
    let endpoint =
        Endpoint::start(|number, _| Answer { status: if number == 0 { 400 } else { 204 }, ..Answer::default() });
    let budget = BUDGET.replace("0.8, ", "");
    let workdir = workdir(&receiver("finance", &endpoint, false), &budget);
    bills::daily(&workdir, 0, "1000").expect(1);
    bills::hourly(&workdir, 1, 3, "100").expect(0);
    let ids: Vec<String> = endpoint.requests().iter().map(|it| it.header("webhook-id").to_owned()).collect();
    assert_eq!((ids.len(), ids[0] == ids[1]), (2, true), "{ids:?}");
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("the config");
    workdir.write("costwarden.toml", &config.replace("30000 KRW", "31000 KRW"));
    bills::daily(&workdir, 1, "1000").expect(0);
    bills::daily(&workdir, 1, "1000").expect(0);
    assert_eq!(endpoint.requests().len(), 3);
}

#[test]
fn routes_decide_on_the_receivers_of_a_budget() {
    let [shop, other, finance] = [(); 3].map(|()| Endpoint::start(accept));
    let routes = "[[route]]\nreceivers = [\"shop\"]\nproject = \"쇼*\"\n\
                  [[route]]\nreceivers = [\"other\"]\nproject = \"payments\"\n\
                  [[route]]\nreceivers = [\"finance\"]\nsend = \"daily\"\n";
    let receivers = [("shop", &shop), ("other", &other), ("finance", &finance)];
    let receivers = receivers.map(|(name, endpoint)| receiver(name, endpoint, false)).concat();
    let unmatched = "[[budget]]\nname = \"typo\"\nproject = \"shpo\"\namount = \"10 KRW\"\n";
    let workdir = workdir(&receivers, &format!("{routes}{BUDGET}{unmatched}"));
    let run = bills::daily(&workdir, 0, "1000").expect(0);
    assert!(note(&run).contains("budget typo: the scope (project shpo) has no service"), "{run:?}");
    assert_eq!([&shop, &other, &finance].map(|endpoint| budgets(endpoint).len()), [1, 0, 0]);
    let digest = finance.requests()[0].json()["digest"].take();
    assert_eq!(digest["budgets"][0]["name"], "shop", "{digest}");
    assert_eq!(digest["budgets"][0]["spent"], 23_455.5, "{digest}");
}
