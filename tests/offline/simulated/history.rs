//! The entries of people in the history of an incident, and the precision of the rules.

use costwarden_tests::Run;

use super::simulated_bill::{MYSQL, Setup, SimulatedBill, TODAY};

/// An installation with an open incident of each layer of one service, and metrics.
fn with_incidents() -> SimulatedBill {
    let keys = "[metrics]\ntextfile = \"metrics.prom\"\n";
    let simulated = SimulatedBill::with_history(&Setup { source: keys, ..Setup::default() }, 60);
    simulated.hide(MYSQL, "spike", "2026-11-23T00:00:00", r#","factor":3"#);
    assert_eq!(simulated.day(TODAY).expect(0).count("opened"), 4);
    simulated
}

/// Returns the id of the incident with the rule.
fn id_of(simulated: &SimulatedBill, rule: &str) -> String {
    let incidents = simulated.run(&["incidents", "list", "--json", "--rule", rule]).expect(0).json();
    incidents[0]["incident"].as_str().expect("an id").to_owned()
}

/// Returns a text without the times of the entries.
fn timeless(run: &Run) -> String {
    let word = |word: &str| if word.starts_with("20") && word.ends_with('Z') { "TIME" } else { word }.to_owned();
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    run.stdout.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn comments_and_assignments_stay_in_the_history_and_end_nothing() {
    let simulated = with_incidents();
    let id = id_of(&simulated, "service-daily");
    let said = simulated.run(&["incidents", "assign", &id, "team-shop", "--as=kim", "--note=they own it"]).expect(0);
    assert_eq!(said.stdout.trim_end(), format!("incident {id} is assigned to team-shop"));
    let said = simulated.run(&["incidents", "comment", &id[..13], "asked the team", "--as=lee"]).expect(0);
    assert_eq!(said.stdout.trim_end(), format!("incident {id} has a new comment"));
    simulated.run(&["incidents", "comment", &id, ""]).expect(2);

    let shown = simulated.run(&["incidents", "show", &id]).expect(0);
    let text = timeless(&shown);
    let entries: Vec<&str> = text.lines().filter(|line| line.contains("TIME by")).collect();
    assert_eq!(
        entries,
        ["assignment TIME by kim: assigned to team-shop: they own it", "comment    TIME by lee: asked the team"]
    );
    let shown = simulated.run(&["incidents", "show", &id, "--json"]).expect(0).report();
    assert_eq!((&shown["state"], &shown["assignee"]), (&"open".into(), &"team-shop".into()));

    // The next job archives both entries, and the usual cost of the next day ends the incident.
    simulated.day(TODAY.tomorrow().expect("a day"));
    let archived = std::fs::read_dir(simulated.workdir.path().join("archive/history")).expect("the entries");
    assert_eq!(archived.count(), 2);
    let later = simulated.run(&["incidents", "show", &id, "--json"]).expect(0).report();
    assert_eq!(later["history"], shown["history"]);
    assert_eq!(later["state"], "over");
}

#[test]
fn the_precision_of_a_rule_follows_from_the_decisions() {
    let simulated = with_incidents();
    let health = |simulated: &SimulatedBill| {
        let report = simulated.run(&["health", "--json"]).report();
        let mut checks = report["checks"].as_array().expect("checks").iter();
        let check = checks.find(|check| check["name"] == "decisions").expect("the check");
        check["message"].as_str().expect("a text").to_owned()
    };
    assert_eq!(health(&simulated), "no incident has a decision of a person");
    simulated.run(&["incidents", "accept", &id_of(&simulated, "service-daily"), "--once"]).expect(0);
    simulated.run(&["incidents", "dismiss", &id_of(&simulated, "total-daily")]).expect(0);

    let listed = simulated.run(&["rules", "list"]).expect(0).stdout;
    insta::assert_snapshot!(listed, @"
     rule           mode  detector     points       by                series
    ─────────────────────────────────────────────────────────────────────────
     account-daily  live  daily-level  daily        account                1
     project-daily  live  daily-level  daily        account, project       1
     service-daily  live  daily-level  daily        each                   6
       accepted 1 of 1
     service-today  live  daily-level  day-to-date  each                   6
     total-daily    live  daily-level  daily        total                  1
       accepted 0 of 1
    The series are those of 2026-11-23.
    accepted: the incidents that people accepted, of the incidents with a decision.
    ");
    let listed = simulated.run(&["rules", "list", "--json"]).expect(0).json();
    let total = listed.iter().find(|rule| rule["id"] == "total-daily").expect("the rule");
    assert_eq!(total["decisions"], serde_json::json!({ "accepted": 0, "dismissed": 1, "precision": 0.0 }));
    insta::assert_snapshot!(health(&simulated), @"incidents that people accepted, of the decided incidents: service-daily 1 of 1, total-daily 0 of 1");

    simulated.day(TODAY.tomorrow().expect("a day"));
    let metrics = std::fs::read_to_string(simulated.workdir.path().join("metrics.prom")).expect("metrics");
    let of_decisions = metrics.lines().filter(|line| line.starts_with("costwarden_incident_decisions{"));
    let counted: Vec<&str> = of_decisions.filter(|line| !line.ends_with(" 0")).collect();
    insta::assert_snapshot!(counted.join("\n"), @r#"
    costwarden_incident_decisions{rule="service-daily",plugin="daily-level",decision="accepted"} 1
    costwarden_incident_decisions{rule="total-daily",plugin="daily-level",decision="dismissed"} 1
    "#);
}
