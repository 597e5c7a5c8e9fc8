//! What a process is told of its share, and what it says of it.

use crate::bills::{self, EMBEDDED, FIRST, day};
use crate::labs::{Order, Shared};

#[test]
fn a_job_of_a_cluster_says_which_share_it_is() {
    let Some(shared) = Shared::new(3, Order::OneByOne) else { return };
    let span = ["backfill", &format!("--from={FIRST}"), &format!("--to={}", day(2)), "--json"];
    let variables = |index, of| [("JOB_COMPLETION_INDEX", index), ("JOB_COMPLETIONS", of)];
    let series = |index| {
        let run = shared.lab.run_with(&span, &variables(index, "3"));
        assert!(run.code < 2, "{run:?}");
        shared.mongo.documents("billing_daily").len()
    };
    let seen = [series("0"), series("1"), series("2"), series("2")];
    assert!(seen[0] < seen[1] && seen[1] < seen[2] && seen[2] == seen[3], "{seen:?}");
    let periods: Vec<String> = shared
        .mongo
        .documents("job_runs")
        .iter()
        .filter(|run| run.get_str("job") == Ok("backfill"))
        .map(|run| run.get_str("period").expect("a period").to_owned())
        .collect();
    let expected: Vec<String> = (0..3).map(|index| format!("20260921-20260923.shard-{index}-of-3")).collect();
    assert_eq!(periods.into_iter().collect::<std::collections::BTreeSet<_>>(), expected.into_iter().collect());

    // The command line has the last word.
    let run = shared.lab.run_with(&[&span[..], &["--shard=1/3"]].concat(), &variables("9", "3"));
    assert!(run.code < 2, "{run:?}");
    let run = shared.lab.run_with(&span, &variables("3", "3")).expect(2);
    let said =
        "failed: JOB_COMPLETION_INDEX and JOB_COMPLETIONS say 3/3: expected I/N with I from 0 to N - 1, like 0/7";
    assert!(run.stderr.contains(said), "{run:?}");
}

#[test]
fn a_share_that_makes_no_sense_is_told() {
    let lab = bills::lab(EMBEDDED);
    let day = format!("--date={FIRST}");
    for text in ["7/7", "1", "x/2"] {
        let run = lab.run(&["daily", &day, &format!("--shard={text}")]).expect(2);
        assert!(run.stderr.contains("expected I/N with I from 0 to N - 1, like 0/7"), "{run:?}");
    }
    let run = lab.run(&["daily", &day, "--shard=0/2"]).expect(2);
    let said = "--shard 0/2 needs [store] kind = \"mongodb\": the embedded database has one user at a time";
    assert!(run.stderr.contains(said), "{run:?}");
    assert!(!lab.path().join("archive").exists(), "nothing was begun");
    lab.run(&["daily", &day, "--shard=0/1"]).expect(1);
}
