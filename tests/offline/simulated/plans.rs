//! Silences and planned events: a job archives them, and a rebuild stores them again.

use costwarden_tests::Workdir;
use serde_json::Value;

use super::simulated_bill::{PLAIN_RULE, Setup, SimulatedBill, TODAY, ago, later};

fn plans(run: impl Fn(&[&str]) -> Vec<Value>) -> [Vec<Value>; 2] {
    let mut plans = [run(&["silences", "list", "--all", "--json"]), run(&["events", "list", "--json"])];
    for event in &mut plans[1] {
        event.as_object_mut().expect("an object").remove("delivered");
    }
    plans
}

#[test]
fn silences_and_planned_events_survive_a_rebuild() {
    let simulated = SimulatedBill::with_history(&Setup { rules: PLAIN_RULE, ..Setup::default() }, 20);
    let until = later(400).to_string() + "T10:00";
    let silence = |reason: &str| {
        let args = ["silences", "add", "--project", "prj-*", "--until", &until, "--reason", reason, "--as", "kim"];
        simulated.run(&[&args[..], &["--json"]].concat()).expect(0).json().remove(0)
    };
    let ended = silence("a load test")["silence"].as_str().expect("an id").to_owned();
    silence("a migration");
    let days = [ago(3).to_string(), ago(2).to_string()];
    let event = ["events", "add", "sale", "--service", "mysql", "--from", &days[0], "--to", &days[1]];
    simulated.run(&[&event[..], &["--daily-effect", "1000", "--owner", "shop", "--as", "kim"]].concat()).expect(0);
    simulated.day(TODAY);
    simulated.run(&["silences", "expire", &ended, "--as", "lee"]).expect(0);
    simulated.day(TODAY).expect(0);
    let before = plans(|args| simulated.run(args).expect(0).json());
    assert_eq!(before.each_ref().map(Vec::len), [2, 1], "{before:#?}");
    assert_eq!(before[0].iter().filter(|silence| silence["expiredBy"] == "lee").count(), 1, "{before:#?}");

    let archive = simulated.workdir.path().join("archive");
    let rebuilt = Workdir::new(&format!(
        "language = \"en\"\n[source]\naccount = \"suite\"\nkind = \"archive\"\n[store]\nkind = \"embedded\"\n\
         [archive]\nkind = \"directory\"\ndirectory = {archive:?}\n[rules]\ndirectory = {:?}\n",
        simulated.workdir.path().join("rules")
    ));
    let run = rebuilt.run(&["archive", "rebuild", "--json"]);
    assert!(run.code < 2, "{run:?}");
    assert_eq!(plans(|args| rebuilt.run(args).expect(0).json()), before);
    let delivered = &rebuilt.run(&["events", "list", "--json"]).expect(0).json()[0]["delivered"];
    assert_eq!(delivered.as_array().map(Vec::len), Some(1), "people know the result: {delivered}");
}
