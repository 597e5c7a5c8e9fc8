//! Groups: the services of a deleted project, with endpoints that verify nothing but the content.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::endpoint::{Answer, Endpoint, Request};
use super::webhook::violations;
use crate::backends::bills;
use costwarden_tests::replay::{self, Row, SeriesKey};
use costwarden_tests::{Run, Workdir, repository, write_private};

const DELETED: [SeriesKey; 4] = [
    SeriesKey { ids: ["d-1", "p-1", "vm"], names: ["우리회사", "쇼핑몰", "VM"] },
    SeriesKey { ids: ["d-1", "p-1", "mysql"], names: ["우리회사", "쇼핑몰", "MySQL"] },
    SeriesKey { ids: ["d-1", "p-1", "lb"], names: ["우리회사", "쇼핑몰", "LB"] },
    SeriesKey { ids: ["d-1", "p-1", "disk"], names: ["우리회사", "쇼핑몰", "Disk"] },
];
/// The services of the other projects. A bill without most services counts as incomplete.
const REMAINING: [&str; 8] = ["vm", "mysql", "lb", "disk", "cdn", "logs", "dns", "backup"];

/// Writes the bill of a day, with the project or without it.
fn write_bill(workdir: &Workdir, day: Date, has_project: bool) {
    let amounts = ["4000", "2500", "900", "600"];
    let project = DELETED.into_iter().zip(amounts).filter(|_| has_project).map(|(key, amount)| Row::of(key, amount));
    let other = |service| SeriesKey { ids: ["d-1", "p-2", service], names: ["우리회사", "본사", service] };
    let rows: Vec<Row> = project.chain(REMAINING.map(|service| Row::of(other(service), "3000"))).collect();
    replay::write(workdir, "bills", day, None, &rows);
}

fn daily(workdir: &Workdir, index: i64, has_project: bool) -> Run {
    write_bill(workdir, bills::day(index), has_project);
    workdir.run(&["daily", &format!("--date={}", bills::day(index)), "--json"])
}

/// Returns the kind of each document, with its incidents as services.
fn documents(endpoint: &Endpoint) -> Vec<String> {
    let service = |incident: &Value| incident["series"]["service"].as_str().unwrap_or("-").to_owned();
    let summary = |document: &Value| {
        let services: Vec<String> = document["incidents"].as_array().expect("incidents").iter().map(service).collect();
        format!("{} [{}] {}", document["kind"], services.join(", "), document["title"])
    };
    endpoint.requests().iter().map(|request| summary(&request.json())).collect()
}

/// The endpoint refuses the first notification.
#[test]
fn the_services_of_a_deleted_project_are_one_notification_at_the_beginning_and_at_the_end() {
    let shop = Endpoint::start(|number, _: &Request| Answer {
        status: if number == 0 { 400 } else { 204 },
        ..Answer::default()
    });
    let workdir = bills::workdir(&format!("[rules]\ndirectory = {:?}\n", repository().join("rules/default")));
    write_private(&workdir.path().join("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let receivers = format!(
        "[[receiver]]\nkind = \"stdout\"\nname = \"short\"\ndaily_total = false\n\
         [[receiver]]\nkind = \"webhook\"\nname = \"shop\"\nurl = {:?}\nsecret = \"file:secret\"\ndaily_total = false\n",
        shop.url
    );
    bills::configure(&workdir, "language = \"en\"\nbaseline_days = 56", &receivers);
    (1..=56).for_each(|back| write_bill(&workdir, bills::day(-back), true));
    workdir.run(&["backfill", &format!("--from={}", bills::day(-56)), &format!("--to={}", bills::day(-1))]).expect(0);

    let refused = daily(&workdir, 0, false).expect(1);
    let lines = |run: &Run| run.stderr.lines().filter(|line| line.contains("[BILLING_ANOMALY]")).count();
    assert_eq!(lines(&refused), 4, "alert policies match a line of each series: {}", refused.stderr);
    let repeated = daily(&workdir, 0, false).expect(0);
    assert_eq!(lines(&repeated), 0, "{}", repeated.stderr);
    (1..8).for_each(|index| drop(daily(&workdir, index, false).expect(0)));
    insta::assert_snapshot!(documents(&shop).join("\n"));
    let Some(violations) = violations(&shop.requests().iter().map(Request::json).collect::<Vec<_>>()) else { return };
    assert_eq!(violations, "[]");
    let incidents = workdir.run(&["incidents", "list", "--json"]).expect(0).json();
    let deliveries: Vec<Value> = incidents
        .iter()
        .map(|incident| {
            let show = workdir.run(&["incidents", "show", incident["incident"].as_str().expect("an id"), "--json"]);
            show.expect(0).report()["deliveries"]["shop"]["notifications"].clone()
        })
        .collect();
    // The services explain the incident of the project.
    let count = |number: &Value| deliveries.iter().filter(|delivered| *delivered == number).count();
    assert_eq!((count(&json!(2)), count(&Value::Null), deliveries.len()), (4, 1, 5));
}
