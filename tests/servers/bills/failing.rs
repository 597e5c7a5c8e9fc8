//! Processes that share a bill: each counts its own failed runs, whatever becomes of the others.

use super::replayed_bill::{day, empty_on_both, told, total};
use costwarden_tests::Run;
use costwarden_tests::replay::key;

#[test]
fn a_process_that_succeeds_says_nothing_of_one_that_fails() {
    for replayed in empty_on_both("").iter().filter(|replayed| replayed.mongo.is_some()) {
        replayed.load();
        let date = format!("--date={}", day(0));
        let process = |shard: &str| -> Run { replayed.workdir.run(&["daily", &date, "--shard", shard, "--json"]) };
        let fails = |shard: &str, lines: usize| {
            replayed.workdir.write(&format!("bills/{}", key(day(0), None)), "{");
            let run = process(shard).expect(2);
            assert_eq!(told(&run).len(), lines, "{run:?}");
            told(&run).first().map(|line| (*line).to_owned())
        };
        for _ in 0..2 {
            assert_eq!(fails("0/2", 0), None);
            replayed.bill(0, "1000");
            process("1/2").expect(0);
        }
        let line = fails("0/2", 1).expect("a line");
        let begins = "[COSTWARDEN_FAILING] the daily --shard 0/2 job failed 3 times in a row; the last error: ";
        assert!(line.starts_with(begins), "{line}");

        replayed.bill(0, "1000");
        let run = process("1/2").expect(0);
        assert_eq!(told(&run), Vec::<&str>::new(), "it is not over");
        let run = process("0/2").expect(0);
        let lines = told(&run);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], total(0, 1000));
        assert!(
            lines[1].starts_with("[COSTWARDEN_RECOVERED] this is over: the daily --shard 0/2 job failed "),
            "{lines:?}"
        );
    }
}
