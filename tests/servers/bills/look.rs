//! Series by name, and the messages for empty results.

use super::replayed_bill::{empty_on_both, on_both};

#[test]
fn series_are_listed_with_their_names_the_dearest_first() {
    on_both("", |replayed| {
        let listed = replayed.workdir.run(&["series", "list", "--date=2026-10-18", "--json"]).expect(0).json();
        assert_eq!(listed.len(), 6, "{listed:#?}");
        let costs: Vec<f64> = listed.iter().map(|day| day["expectAmount"].as_f64().expect("a number")).collect();
        assert!(listed[0]["serviceId"] == "vm" && costs.is_sorted_by(|one, other| one >= other), "{listed:#?}");
        let newest = replayed.workdir.run(&["series", "list"]).expect(0).stdout;
        for part in ["2026-10-18", "d-1/p-1/vm", "acme / shop / Virtual Machine", "  100  "] {
            assert!(newest.contains(part), "{part}: {newest}");
        }
        let absent = replayed.workdir.run(&["series", "list", "--date=2026-10-19"]).expect(2);
        let told = "failed: the ledger does not hold 2026-10-19: costwarden daily --date 2026-10-19 fetches it\n";
        assert_eq!(absent.stderr, told);
        let misspelt = replayed.workdir.run(&["series", "show", "--series=d-1/p-1/mv"]).expect(0);
        let told = "the ledger holds no such day of d-1/p-1/mv: costwarden series list names all series\n";
        assert_eq!(misspelt.stderr, told);
    });
}

#[test]
fn an_empty_ledger_has_no_series_and_says_how_to_get_some() {
    for replayed in empty_on_both("") {
        let empty = replayed.workdir.run(&["series", "list"]).expect(2);
        assert_eq!(empty.stderr, "failed: the ledger holds no day yet: costwarden backfill --from DAY loads some\n");
    }
}
