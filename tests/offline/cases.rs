//! Bills that people complained about, played day by day with the default rules: the notifications of each bill.
//!
//! The bills stand beside the repository in `shared/cases`, each with the kind of the event and the right behaviour.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use jiff::{ToSpan as _, civil};

use costwarden_tests::{Workdir, plugins, repository, shared};

/// The parameters of a case: the file `case.env`.
struct Case {
    keys: BTreeMap<String, String>,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("case.env")).expect("parameters");
        let keys = text.lines().filter_map(|line| line.split_once('='));
        Self { keys: keys.map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).to_owned())).collect() }
    }

    fn text(&self, key: &str) -> &str {
        &self.keys[key]
    }

    fn date(&self, key: &str) -> Date {
        self.text(key).parse().expect("a day")
    }
}

/// Plays a case. Returns the days with notifications, without the daily totals: the tag and the names of each line.
fn play(name: &str) -> Option<String> {
    let folder = shared("cases")?.join(name);
    let case = Case::read(&folder);
    let rules = repository().join("rules/default");
    let workdir = Workdir::new(&format!(
        "currency = {:?}\nlanguage = \"en\"\n[source]\nkind = \"replay\"\ndirectory = {folder:?}\n[archive]\n\
         kind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n[plugins]\ndirectory = {:?}\n\
         [rules]\ndirectory = {rules:?}\n[[receiver]]\nkind = \"stdout\"\n",
        case.text("currency"),
        plugins(),
    ));
    let [from, to] = ["backfill_from", "backfill_to"].map(|key| case.date(key));
    let loaded = workdir.run(&["backfill", "--from", &from.to_string(), "--to", &to.to_string()]);
    assert!(loaded.code < 2, "{loaded:?}");
    let mut told = Vec::new();
    for day in days(to.tomorrow().expect("a day"), case.date("last")) {
        let run = workdir.run(&["daily", "--date", &day.to_string()]);
        let lines = run.stdout.lines().filter(|line| line.starts_with('[') && !line.contains("_DAILY_TOTAL]"));
        told.extend(lines.map(|line| format!("{day} {line}")));
    }
    Some(told.join("\n"))
}

fn days(from: civil::Date, to: civil::Date) -> impl Iterator<Item = Date> {
    from.series(1.day()).take_while(move |day| *day <= to)
}

#[test]
fn a_lasting_step_is_never_reported_as_over() {
    let Some(told) = play("lasting-step") else { return };
    insta::assert_snapshot!(told, @"
    2026-09-05 [BILLING_ANOMALY] vm of project 우리회사/prj-a is 51.5% above its usual cost. Now 453863.28 KRW, baseline 299543.18 KRW.
    2026-09-11 [BILLING_NEW_LEVEL] vm of project 우리회사/prj-a has a new level of 450228.36 KRW a day, which is the usual cost from now on. Before: 299471.22 KRW a day, difference +4522714.35 KRW in 30 days. From 2026-09-05 to 2026-09-11.
    ");
}

#[test]
fn a_refund_is_called_a_refund() {
    let Some(told) = play("refund") else { return };
    insta::assert_snapshot!(told, @"
    2026-09-05 [BILLING_ANOMALY] VPN of project 우리회사/prj-c has a credit or refund of 800000.00 KRW. Now -800000.00 KRW, baseline 61.16 KRW.
    2026-09-05 [BILLING_ANOMALY] cache of project 우리회사/prj-b has a credit or refund of 254974.48 KRW. Now -254974.48 KRW, baseline 44959.03 KRW.
    2026-09-06 [BILLING_RESOLVED] VPN of project 우리회사/prj-c is back at its usual cost: 0.00 KRW on 2026-09-06. From 2026-09-05 to 2026-09-05, 800061.16 KRW less than usual.
    2026-09-06 [BILLING_RESOLVED] cache of project 우리회사/prj-b is back at its usual cost: 45825.66 KRW on 2026-09-06. From 2026-09-05 to 2026-09-05, 299933.51 KRW less than usual.
    ");
}

#[test]
fn a_bill_with_every_row_twice_gives_one_notification() {
    let Some(told) = play("duplicated-rows") else { return };
    insta::assert_snapshot!(told, @"2026-09-05 [COSTWARDEN_REPEATED_ROWS] 6 of 12 rows of the bill of 2026-09-05 equal an earlier row, as if every row occurred twice; the day is not evaluated yet");
}

#[test]
fn amounts_with_separators_are_read() {
    let Some(told) = play("amount-as-text") else { return };
    assert_eq!(told, "");
}

#[test]
fn money_without_a_project_is_part_of_the_bill() {
    let Some(told) = play("no-project") else { return };
    insta::assert_snapshot!(told, @"
    2026-09-05 [BILLING_ANOMALY] Support Plan of project 우리회사/(no project) is 650.0% above its usual cost. Now 1500000.00 KRW, baseline 200000.00 KRW.
    2026-09-11 [BILLING_NEW_LEVEL] Support Plan of project 우리회사/(no project) has a new level of 1500000.00 KRW a day, which is the usual cost from now on. Before: 200000.00 KRW a day, difference +39000000.00 KRW in 30 days. From 2026-09-05 to 2026-09-11.
    ");
}

#[test]
fn the_minimum_impact_follows_a_bill_in_dollars() {
    let Some(told) = play("dollars") else { return };
    insta::assert_snapshot!(told, @"
    2026-09-05 [BILLING_ANOMALY] vm of project 우리회사/prj-a is 632.0% above its usual cost. Now 162.41 USD, baseline 22.19 USD.
    2026-09-11 [BILLING_NEW_LEVEL] vm of project 우리회사/prj-a has a new level of 162.23 USD a day, which is the usual cost from now on. Before: 22.18 USD a day, difference +4201.36 USD in 30 days. From 2026-09-05 to 2026-09-11.
    ");
}

#[test]
fn a_weekly_charge_has_stopped_after_the_second_missing_charge() {
    let Some(told) = play("weekly-backup-stops") else { return };
    insta::assert_snapshot!(told, @"
    2026-09-13 [BILLING_ANOMALY] Backup of project 우리회사/prj-c no longer costs money. Now 0.00 KRW, baseline 118577.82 KRW.
    2026-09-20 [BILLING_NEW_LEVEL] Backup of project 우리회사/prj-c has stopped, and no cost is usual from now on. Before: 118577.82 KRW every 7 days, difference -508190.66 KRW in 30 days. From 2026-09-13 to 2026-09-20.
    ");
}
