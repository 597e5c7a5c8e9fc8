//! The filters and the tables of `anomalies list` and `incidents list`.

use super::simulated_bill::{MYSQL, Setup, SimulatedBill, TODAY};

const COLUMNS: usize = 80;

/// The commands with their value of `--state`.
const LISTS: [(&str, &str); 2] = [("anomalies", "new"), ("incidents", "open")];

/// An installation with four incidents: the service, the project, the account and the total.
fn simulated() -> SimulatedBill {
    let simulated = SimulatedBill::with_history(&Setup::default(), 60);
    simulated.hide(MYSQL, "spike", "2026-11-23T00:00:00", r#","factor":3"#);
    let told = simulated.day(TODAY).expect(0);
    assert_eq!(told.count("opened"), 4, "{told:#?}");
    simulated
}

#[test]
fn lists_select_by_each_field() {
    let simulated = simulated();
    for (command, state) in LISTS {
        let count = |filter: &[&str]| -> usize {
            let run = simulated.run(&[&[command, "list", "--json"], filter].concat()).expect(0);
            run.json().len()
        };
        let all = count(&[]);
        assert_eq!(all, 4, "{command}");
        for (filter, expected) in [
            (&["--project", "prj-01"][..], 2),
            (&["--project", "결제"], 2),
            (&["--service", "mysql"], 1),
            (&["--rule", "total-daily"], 1),
            (&["--severity", "warning"], all),
            (&["--severity", "critical"], 0),
            (&["--state", state], all),
            (&["--from", "2026-11-23", "--to", "2026-11-23"], all),
            (&["--to", "2026-11-22"], 0),
            (&["--limit", "1"], 1),
        ] {
            assert_eq!(count(filter), expected, "{command} {filter:?}");
        }
        let run = simulated.run(&[command, "list", "--from", "2026-11-24", "--to", "2026-11-23"]).expect(2);
        assert!(run.stderr.contains("--from 2026-11-24 is after --to 2026-11-23"), "{run:?}");
    }
}

#[test]
fn tables_have_eighty_columns_and_the_same_names() {
    let simulated = simulated();
    let texts = LISTS.map(|(command, _)| simulated.run(&[command, "list"]).expect(0).stdout);
    for text in &texts {
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(COLUMNS), "{widest:?}:\n{text}");
        for name in ["severity", "series"] {
            assert!(text.contains(name), "{name}:\n{text}");
        }
    }
}
