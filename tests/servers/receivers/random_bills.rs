//! Random bills with hidden incidents and corrected days, with the default rules: the notifications replay to the incidents
//! of the store.

use std::collections::BTreeMap;
use std::io::Write as _;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::endpoint::{Answer, Endpoint};
use super::notified_incidents::NotifiedIncidents;
use costwarden_tests::{Simulator, Workdir, repository, write_private};

const SEEDS: [u64; 4] = [11, 12, 13, 14];
/// A Monday.
const FIRST: Date = date(2026, 10, 5);
const HISTORY: i32 = 60;
const DAYS: i32 = 21;

/// Changes of the services, as the kind and the JSON after the start.
const CHANGES: [(&str, &str); 6] = [
    ("spike", r#","factor":4"#),
    ("step", r#","factor":1.8"#),
    ("drop", r#","factor":0.4"#),
    ("stop", ""),
    ("ramp", r#","factor":3"#),
    ("runaway", r#","amount":9000"#),
];

fn moment(day: Date) -> String {
    format!("{day}T00:10:00+09:00")
}

/// The keys of the services with a cost on the last day of the history.
fn services(workdir: &Workdir) -> Vec<String> {
    let last = FIRST.saturating_sub(1.day()).strftime("%Y%m%d").to_string();
    let days = workdir.json(&["series", "show", "--series=*/*/*", "--json"]);
    let of_last = days.iter().filter(|day| day["date"] == last.as_str() && day["expectAmount"].as_f64() > Some(1000.0));
    let key = |field: &str, day: &serde_json::Value| day[field].as_str().expect("an id").to_owned();
    of_last.map(|day| ["domainId", "projectId", "serviceId"].map(|field| key(field, day)).join("/")).collect()
}

/// Plays a random bill and returns the ends of its incidents.
fn play(seed: u64) -> BTreeMap<String, usize> {
    let bill = Simulator::start(&[
        "--seed",
        &seed.to_string(),
        "--services",
        "8",
        "--days",
        "90",
        "--catalogue",
        "irregular",
        "--incidents",
        "off",
        "--now",
        &moment(FIRST),
    ]);
    let endpoint = Endpoint::start(|_, _| Answer { status: 204, ..Answer::default() });
    let rules = repository().join("rules/default");
    let workdir = Workdir::new(&format!(
        "{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n\
         [rules]\ndirectory = {rules:?}\n\
         [[receiver]]\nkind = \"webhook\"\nname = \"hook\"\nurl = {:?}\nsecret = \"file:secret\"\ndaily_total = false\n",
        bill.source(),
        endpoint.url
    ));
    write_private(&workdir.path().join("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let run = |args: &[&str]| workdir.run_with(args, &[Simulator::ENV]).expect(0);
    let [from, to] = [HISTORY, 1].map(|days| FIRST.saturating_sub(days.days()).to_string());
    run(&["backfill", "--from", &from, "--to", &to]);
    for (index, (kind, rest)) in CHANGES.iter().enumerate() {
        let services = services(&workdir);
        let service = &services[index % services.len()];
        let from = FIRST.saturating_add((index as i32 + (seed % 3) as i32).days());
        let incident = format!(r#"{{"service":"{service}","kind":"{kind}","from":"{from}T00:00:00"{rest}}}"#);
        bill.send("POST", "/simulate/incidents", &incident);
    }
    for day in (0..DAYS).map(|days| FIRST.saturating_add(days.days())) {
        bill.set_now(&moment(day.saturating_add(1.day())));
        let [from, to] = [2, 0].map(|days| day.saturating_sub(days.days()).to_string());
        let before = endpoint.requests().len();
        run(&["daily", "--from", &from, "--to", &to]);
        if endpoint.requests().len() > before {
            NotifiedIncidents::since(&endpoint, before).check_excess(&workdir);
        }
    }
    let notified = NotifiedIncidents::since(&endpoint, 0);
    notified.check(&workdir);
    notified.ends().into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect()
}

#[test]
fn the_notifications_of_random_bills_replay_to_the_incidents_of_the_store() {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for seed in SEEDS {
        // A failure shows the last line.
        writeln!(std::io::stdout(), "seed {seed}").expect("written");
        for (kind, count) in play(seed) {
            *ends.entry(kind).or_default() += count;
        }
    }
    let seen = |kind: &str| ends.contains_key(kind);
    assert!(seen("resolved") && seen("new-level"), "{ends:?}");
}
