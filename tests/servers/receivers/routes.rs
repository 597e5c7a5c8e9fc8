//! Routes: filters, the receivers of owners, digests and failures, with endpoints that verify nothing but the content.

use serde_json::{Value, json};

use super::endpoint::{Answer, Endpoint, Request};
use super::webhook::violations;
use crate::backends::bills;
use costwarden_tests::{Run, Workdir, write_private};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn accept(_: usize, _: &Request) -> Answer {
    Answer { status: 204, ..Answer::default() }
}

/// A working directory with a webhook for each endpoint, the routes, and four quiet weeks.
fn workdir(endpoints: &[(&str, &Endpoint)], routes: &str) -> Workdir {
    let workdir = bills::workdir("");
    write_private(&workdir.path().join("secret"), SECRET);
    let receivers: String = endpoints
        .iter()
        .map(|(name, endpoint)| {
            let url = &endpoint.url;
            format!(
                "[[receiver]]\nkind = \"webhook\"\nname = {name:?}\nurl = {url:?}\nsecret = \"file:secret\"\ndaily_total = false\n"
            )
        })
        .collect();
    let first = endpoints[0].0;
    let owner = format!(
        "[[owner]]\nname = \"team-shop\"\nprojects = [\"쇼*\"]\npeople = [\"@kim\"]\nreceivers = [{first:?}]\n"
    );
    let hints = "[[hint]]\nservice = \"other\"\ntext = \"no\"\n[[hint]]\nservice = \"Virtual*\"\ntext = \"Ask #shop\\nfirst\"\n";
    workdir.write("owners.toml", &format!("{owner}{hints}"));
    bills::configure(
        &workdir,
        "language = \"en\"\nownership = \"owners.toml\"\nreport_url = \"https://costs.example.com\"",
        &format!("{receivers}{routes}"),
    );
    bills::load(&workdir).expect(0);
    workdir
}

fn count(run: &Run, count: &str) -> u64 {
    run.report()["counts"][count].as_u64().unwrap_or(0)
}

fn received(endpoint: &Endpoint) -> Vec<Value> {
    endpoint.requests().iter().map(Request::json).collect()
}

fn incident(workdir: &Workdir) -> String {
    let listed = workdir.run(&["incidents", "list", "--json"]).expect(0).report();
    listed["incident"].as_str().expect("an id").to_owned()
}

#[test]
fn each_receiver_gets_the_incidents_of_its_routes() {
    let [shop, pager, other] = [(); 3].map(|()| Endpoint::start(accept));
    let routes = "[[route]]\nowner = \"team-*\"\n\
                  [[route]]\nreceivers = [\"pager\"]\nseverity = \"critical\"\n";
    let workdir = workdir(&[("shop", &shop), ("pager", &pager), ("other", &other)], routes);
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 2);
    assert_eq!([&shop, &pager, &other].map(|endpoint| endpoint.requests().len()), [1, 0, 1]);
    let document = &received(&shop)[0];
    assert_eq!(document["incidents"][0]["hint"], "Ask #shop\nfirst");
    assert_eq!(document["incidents"][0]["owner"], json!({ "name": "team-shop", "people": ["@kim"] }));
    let id = incident(&workdir);
    let rows = workdir.run(&["routes", "test", &id, "--json"]).expect(0).json();
    let summary = |row: &Value| format!("{} {} {}", row["receiver"], row["routeLine"].is_u64(), row["notification"]);
    insta::assert_snapshot!(rows.iter().map(summary).collect::<Vec<_>>().join("\n"), @r#"
    "shop" true "immediate"
    "pager" false "none"
    "other" false "immediate"
    "#);
    assert_eq!(document["incidents"][0]["link"], format!("https://costs.example.com/incidents/{id}"));
    let text = workdir.run(&["routes", "test", &id]).expect(0).stdout;
    assert!(text.contains("team-shop (@kim)") && text.contains("none: no route matches"), "{text}");
    // A closed incident without a receiver is settled.
    bills::daily(&workdir, 1, "1000").expect(0);
    let kinds = |endpoint: &Endpoint| received(endpoint).iter().map(|it| it["kind"].clone()).collect::<Vec<_>>();
    assert_eq!((kinds(&shop), kinds(&pager).len()), (vec![json!("opened"), json!("resolved")], 0));
}

#[test]
fn an_incident_without_a_route_is_counted() {
    let finance = Endpoint::start(accept);
    let workdir = workdir(&[("finance", &finance)], "[[route]]\nreceivers = [\"finance\"]\nmin_impact = 100000\n");
    let run = bills::daily(&workdir, 0, "1500").expect(0);
    assert_eq!((count(&run, "unrouted"), count(&run, "notifications"), finance.requests().len()), (1, 0, 0));
}

#[test]
fn a_daily_digest_lists_the_due_notifications_and_the_total_once() {
    let finance =
        Endpoint::start(|number, _| Answer { status: if number == 0 { 400 } else { 204 }, ..Answer::default() });
    let workdir = workdir(&[("finance", &finance)], "[[route]]\nreceivers = [\"finance\"]\nsend = \"daily\"\n");
    let hourly = bills::hourly(&workdir, 0, 23, "1500").expect(0);
    assert_eq!((count(&hourly, "deferred"), finance.requests().len()), (1, 0));
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    assert_eq!((count(&run, "undelivered"), finance.requests().len()), (1, 1), "refused");
    bills::daily(&workdir, 0, "1500").expect(0);
    bills::daily(&workdir, 0, "1500").expect(0);
    bills::daily(&workdir, 1, "1000").expect(0);
    let summary = |document: &Value| {
        let entry = |entry: &Value| entry["kind"].to_string();
        let entries: Vec<String> = document["incidents"].as_array().expect("incidents").iter().map(entry).collect();
        format!("{} {} [{}]", document["title"], document["digest"], entries.join(", "))
    };
    let digests: Vec<String> = received(&finance)[1..].iter().map(summary).collect();
    insta::assert_snapshot!(digests.join("\n"), @r#"
    "Daily digest of 19 Oct (Mon): 1,735 KRW" {"period":"daily","date":"2026-10-19","total":1734.5,"earlierTotal":1244.5,"budgets":[]} ["opened"]
    "Daily digest of 20 Oct (Tue): 1,235 KRW" {"period":"daily","date":"2026-10-20","total":1234.5,"earlierTotal":1224.5,"budgets":[]} ["resolved"]
    "#);
    assert!(received(&finance).iter().all(|digest| digest["reportLink"] == "https://costs.example.com/"));
    let Some(violations) = violations(&received(&finance)) else { return };
    assert_eq!(violations, "[]");
    let show = workdir.run(&["incidents", "show", &incident(&workdir), "--json"]).expect(0).report();
    assert_eq!(show["deliveries"]["finance"]["notifications"], 2);
}

#[test]
fn a_weekly_digest_waits_for_sunday() {
    let finance = Endpoint::start(accept);
    let workdir = workdir(&[("finance", &finance)], "[[route]]\nreceivers = [\"finance\"]\nsend = \"weekly\"\n");
    // The first day is a Monday.
    for index in 0..6 {
        bills::daily(&workdir, index, if index == 0 { "1500" } else { "1000" }).expect(0);
    }
    assert_eq!(finance.requests().len(), 0);
    bills::daily(&workdir, 6, "1000").expect(0);
    let digests = received(&finance);
    assert_eq!((digests.len(), digests[0]["incidents"].as_array().map(Vec::len)), (1, Some(2)));
    assert_eq!((&digests[0]["digest"]["total"], &digests[0]["digest"]["date"]), (&json!(9141.5), &json!("2026-10-25")));
}

#[test]
fn a_failure_is_shown_until_a_delivery() {
    let shop = Endpoint::start(|number, _| Answer { status: if number == 0 { 400 } else { 204 }, ..Answer::default() });
    let workdir = workdir(&[("shop", &shop)], "");
    bills::daily(&workdir, 0, "1500").expect(1);
    let id = incident(&workdir);
    let show = workdir.run(&["incidents", "show", &id]).expect(0).stdout;
    assert!(show.contains("failed     shop at ") && show.contains("400"), "{show}");
    bills::daily(&workdir, 0, "1500").expect(0);
    let show = workdir.run(&["incidents", "show", &id]).expect(0).stdout;
    assert!(!show.contains("failed ") && show.contains("shop 1 time"), "{show}");
}
