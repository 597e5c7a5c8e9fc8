//! Days with a clock change: a repeated hour, a skipped hour, a skipped day. A steady cost stays steady, and a change
//! is found.

use std::fs;
use std::path::Path;

use jiff::civil::{Date, date};
use serde_json::Value;

use super::replayed_bill::{MACHINE, count};
use costwarden_tests::replay::{self, Row, after};
use costwarden_tests::{Run, Workdir, repository, run, service};

/// A rule for each grain. The detector `bare` expects the amount of the day before. One hour changes a day
/// by 4 %, three hours by 12 %.
const RULES: &str = r#"
[[rule]]
id = "day"
why = "What a day costs."
detector = "bare"
series = "daily"
direction = "both"
min_change = 0.06

[[rule]]
id = "so-far"
why = "What a day has cost by an hour."
detector = "tutorial"
series = "day-to-date"
direction = "both"
[rule.settings]
minSamples = 3

[[rule]]
id = "hour"
why = "What an hour adds."
detector = "tutorial"
series = "hourly"
direction = "both"
"#;

/// A time zone and a day with a clock change.
struct ZonedBill {
    workdir: Workdir,
    faketime: String,
    day: Date,
}

impl ZonedBill {
    /// Four weeks of a machine with a cost of 100 an hour; the last four days also have hourly bills. `None` without
    /// libfaketime.
    fn new(zone: &str, day: Date) -> Option<Self> {
        let faketime = service("COSTWARDEN_TEST_FAKETIME")?;
        let workdir = Workdir::new(&format!(
            "time_zone = {zone:?}\nlanguage = \"en\"\n{}[store]\nkind = \"embedded\"\n[archive]\nkind = \"directory\"\n\
             directory = \"archive\"\n[plugins]\ndirectory = \"plugins\"\n[rules]\ndirectory = \"rules\"\n",
            replay::source()
        ));
        workdir.write("rules/clocks.toml", RULES);
        fs::create_dir(workdir.path().join("plugins")).expect("a folder");
        for built in ["plugins/dist/tutorial.wasm", "target/test-plugins/bare.wasm"].map(Path::new) {
            let copy = workdir.path().join("plugins").join(built.file_name().expect("a file"));
            fs::copy(repository().join(built), copy).expect("make build brings it");
        }
        let zoned = Self { workdir, faketime, day };
        for index in -28..0 {
            zoned.bill(index, None, 24.0);
        }
        let [first, last] = [-28, -5].map(|index| after(day, index).to_string());
        zoned.workdir.run(&["backfill", "--from", &first, "--to", &last]).expect(0);
        for index in -4..0 {
            let date = after(day, index);
            for hour in 0..6 {
                zoned.bill(index, Some(hour), f64::from(hour) + 1.0);
                zoned.workdir.run(&["hourly", &format!("--at={date}T{hour:02}:10")]).expect(0);
            }
            zoned.workdir.run(&["daily", &format!("--date={date}")]).expect(0);
        }
        Some(zoned)
    }

    /// Writes the bill of a day after `hours` hours of cost.
    fn bill(&self, index: i64, hour: Option<u8>, hours: f64) {
        let rate = if index % 2 == 0 { 100.1 } else { 99.9 };
        let rows = [Row::of(MACHINE, &format!("{}", rate * hours))];
        replay::write(&self.workdir, "bills", after(self.day, index), hour, &rows);
    }

    /// Runs a command at a time in UTC.
    fn at(&self, moment: &str, args: &[&str]) -> Run {
        let mut command = self.workdir.command(args, &[("TZ", "UTC")]);
        command.env("LD_PRELOAD", &self.faketime).env("FAKETIME", format!("@{moment}"));
        run(command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"))
    }

    /// Runs the hourly job at a time, with `hours` hours of cost in the bill.
    #[track_caller]
    fn hour(&self, moment: &str, hour: u8, hours: f64, period: &str) -> Value {
        self.bill(0, Some(hour), hours);
        let report = self.at(moment, &["hourly", "--json"]).expect(0).report();
        assert_eq!((&report["period"], &report["doneBy"]), (&period.into(), &Value::Null), "{report:#}");
        report
    }

    #[track_caller]
    fn quiet_hour(&self, moment: &str, hour: u8, hours: f64, period: &str) -> Value {
        let report = self.hour(moment, hour, hours, period);
        assert_eq!(count(&report, "anomalies"), 0, "{report:#}");
        assert_ne!(count(&report, "verdicts"), 0, "{report:#}");
        report
    }

    /// Runs the daily job in the night after the day.
    #[track_caller]
    fn daily(&self, moment: &str, hours: f64) -> Value {
        self.bill(0, None, hours);
        self.at(moment, &["daily", "--json"]).expect(0).report()
    }
}

/// The rules with an anomaly.
fn rules(report: &Value) -> Vec<&str> {
    let found = report["anomalies"].as_array().expect("anomalies").iter();
    found.map(|anomaly| anomaly["ruleId"].as_str().expect("a rule")).collect()
}

#[test]
fn an_hour_that_comes_twice_is_neither_lost_nor_a_doubling() {
    // Clocks go back from three to two in Berlin, from two to one in New York.
    for (zone, day, twice, moments, winter, night) in [
        ("Europe/Berlin", date(2026, 10, 25), 2, ["00", "01", "02", "03"], "+0100", "2026-10-25 23:10:00"),
        ("America/New_York", date(2026, 11, 1), 1, ["05", "06", "07", "08"], "-0500", "2026-11-02 05:10:00"),
    ] {
        let Some(zoned) = ZonedBill::new(zone, day) else { return };
        let moments = moments.map(|hour| format!("{day} {hour}:10:00"));
        let compact = replay::compact(day);
        let period = |hour: u8| format!("{compact}T{hour:02}");
        let hours = f64::from(twice) + 1.0;
        zoned.bill(0, Some(twice - 1), hours - 1.0);
        zoned.workdir.run(&["hourly", &format!("--at={day}T{:02}:10", twice - 1)]).expect(0);
        zoned.quiet_hour(&moments[0], twice, hours, &period(twice));
        zoned.quiet_hour(&moments[1], twice, hours + 1.0, &format!("{}{winter}", period(twice)));
        let document = zoned.workdir.path().join("archive").join(replay::key(day, Some(twice)));
        let kept = fs::read_dir(document.parent().expect("a folder")).expect("archived").count();
        assert!(kept > 1, "the first document is kept beside the second");
        let report = zoned.quiet_hour(&moments[2], twice + 1, hours + 2.0, &period(twice + 1));
        assert_eq!(count(&report, "verdicts"), 3, "by every rule: {report:#}");
        // An hour that adds as much as three is none of the clock's doing.
        let report = zoned.hour(&moments[3], twice + 2, hours + 5.0, &period(twice + 2));
        assert_eq!(rules(&report), ["hour", "so-far"], "{report:#}");
        zoned.workdir.run(&["archive", "verify"]).expect(0);

        let report = zoned.daily(night, 25.0);
        assert_eq!((&report["period"], count(&report, "anomalies")), (&compact.into(), 0), "{report:#}");
        // Two hours more than the day has.
        zoned.bill(0, None, 27.0);
        let report = zoned.workdir.run(&["daily", &format!("--date={day}"), "--json"]).expect(0).report();
        assert_eq!(rules(&report), ["day"], "{report:#}");
    }
}

#[test]
fn an_hour_that_was_seen_once_of_the_two_is_no_doubling_either() {
    let Some(zoned) = ZonedBill::new("Europe/Berlin", date(2026, 10, 25)) else { return };
    zoned.quiet_hour("2026-10-24 23:10:00", 1, 2.0, "20261025T01");
    zoned.quiet_hour("2026-10-25 00:10:00", 2, 3.0, "20261025T02");
    let report = zoned.quiet_hour("2026-10-25 02:10:00", 3, 5.0, "20261025T03");
    assert_eq!(count(&report, "verdicts"), 3, "{report:#}");
}

#[test]
fn an_hour_that_is_left_out_is_no_fall() {
    let Some(zoned) = ZonedBill::new("Europe/Berlin", date(2026, 3, 29)) else { return };
    zoned.quiet_hour("2026-03-29 00:10:00", 1, 2.0, "20260329T01");
    let report = zoned.quiet_hour("2026-03-29 01:10:00", 3, 3.0, "20260329T03");
    assert_eq!(count(&report, "verdicts"), 3, "what three adds is known, though there was no two: {report:#}");
    // Nobody can name it; the moment meant is the one that the clock showed instead.
    let report = zoned.workdir.run(&["hourly", "--at=2026-03-29T02:10", "--json"]).expect(0).report();
    assert_eq!(report["period"], "20260329T03", "{report:#}");
    let report = zoned.daily("2026-03-29 22:10:00", 23.0);
    assert_eq!((&report["period"], count(&report, "anomalies")), (&"20260329".into(), 0), "{report:#}");
    zoned.bill(0, None, 21.0);
    let report = zoned.workdir.run(&["daily", "--date=2026-03-29", "--json"]).expect(0).report();
    assert_eq!(rules(&report), ["day"], "{report:#}");
}

/// Samoa moved across the date line.
#[test]
fn a_day_that_never_was_is_neither_missed_nor_waited_for() {
    let Some(zoned) = ZonedBill::new("Pacific/Apia", date(2011, 12, 29)) else { return };
    // The night to the 31st follows the 29th.
    let report = zoned.daily("2011-12-30 10:10:00", 24.0);
    assert_eq!(report["period"], "20111229", "{report:#}");
    zoned.bill(2, Some(0), 1.0);
    let report = zoned.at("2011-12-30 10:15:00", &["hourly", "--json"]).expect(0).report();
    assert_eq!((&report["period"], count(&report, "late_days")), (&"20111231T00".into(), 0), "{report:#}");
    zoned.bill(2, None, 24.0);
    let report = zoned.at("2011-12-31 10:10:00", &["daily", "--json"]).expect(0).report();
    assert_eq!((&report["period"], count(&report, "missing_days")), (&"20111231".into(), 0), "{report:#}");
    assert_eq!(count(&report, "anomalies"), 0, "{report:#}");
    zoned.workdir.run(&["backfill", "--from=2011-12-28", "--to=2011-12-31"]).expect(0);
    for command in [&["daily", "--date=2011-12-30"][..], &["backfill", "--from=2011-12-30", "--to=2011-12-30"]] {
        let said = zoned.workdir.run(command).expect(2).stderr;
        let why = "2011-12-30 does not exist in Pacific/Apia, because a clock change skipped the day: name another day";
        assert!(said.contains(why), "{said}");
    }
}
