//! Series in the store: `series export`, `series forecast`, `series show --plot` and `plugin run --series`.

use costwarden_tests::plugins;

use super::simulated_bill::{MYSQL, Setup, SimulatedBill, TODAY, later};

/// Sixty quiet days, a day with three times the cost, and a quiet day.
fn spike() -> SimulatedBill {
    let simulated = SimulatedBill::with_history(&Setup { keys: "language = \"en\"", ..Setup::default() }, 60);
    simulated.hide(MYSQL, "spike", "2026-11-23T00:00:00", r#","factor":3"#);
    simulated.day(TODAY).expect(0);
    simulated.day(later(1)).expect(0);
    simulated
}

#[test]
fn a_stored_series_is_exported_drawn_and_evaluated() {
    let simulated = spike();
    let run = |args: &[&str]| simulated.run(args).expect(0);
    let series = format!("--series={MYSQL}");

    let csv = run(&["series", "export", &series]).stdout;
    let rows: Vec<Vec<&str>> = csv.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!((rows[0].join(","), rows.len()), ("timestamp,value,label".to_owned(), 63));
    let labelled: Vec<&str> = rows[1..].iter().filter(|row| row[2] != "0").map(|row| row[0]).collect();
    assert_eq!(labelled, ["2026-11-23"], "{csv}");
    let stored = simulated.run(&["series", "show", &series, "--json"]).json();
    let costs: Vec<String> = stored.iter().map(|day| day["expectAmount"].to_string()).collect();
    let exported: Vec<String> = rows[1..].iter().map(|row| row[1].to_owned()).collect();
    let numbers = |texts: &[String]| texts.iter().map(|text| text.parse().expect("a number")).collect::<Vec<f64>>();
    assert_eq!(numbers(&exported), numbers(&costs));
    let sum = |args: &[&str]| {
        let rows = simulated.run(args).json();
        rows.iter().map(|row| row["value"].as_f64().expect("known")).sum::<f64>()
    };
    let [total, whole_series] =
        ["*/*/*", "dom-01/*/*"].map(|key| sum(&["series", "export", "--series", key, "--json"]));
    assert!(total >= whole_series && whole_series > numbers(&exported).iter().sum(), "{total} {whole_series}");

    simulated.workdir.write("forecast.csv", &csv);
    let forecast = |source: &[&str]| {
        let found = simulated.run(&[&["series", "forecast", "--json"], source].concat()).json().remove(0);
        (found["soFar"].as_f64().expect("known"), found["monthEnd"].as_f64().expect("known"))
    };
    let of_store = forecast(&[&series, "--date", "2026-11-10"]);
    assert_eq!(of_store, forecast(&["--input", "forecast.csv", "--date", "2026-11-10"]));
    assert!((2.9..3.1).contains(&(of_store.1 / of_store.0)), "a third of the month of a steady cost: {of_store:?}");

    let drawn = run(&["series", "show", &series, "--plot"]).stdout;
    assert!(drawn.starts_with(&format!("{MYSQL}, KRW\n")), "{drawn}");
    assert!(drawn.contains("X anomaly") && drawn.contains("== label"), "{drawn}");
    run(&["series", "show", &series, "--plot", "mysql.svg"]);
    let document = std::fs::read_to_string(simulated.workdir.path().join("mysql.svg")).expect("written");
    assert!(document.contains("2026-11-23: rule service-daily, score "), "{document}");

    let plugin = plugins().join("tutorial.wasm").display().to_string();
    simulated.workdir.write("mysql.csv", &csv);
    let verdicts = |source: &[&str]| {
        let args = [&["plugin", "run", &plugin, "--walk", "1", "--format", "csv"], source].concat();
        run(&args).stdout
    };
    assert_eq!(verdicts(&[&series]), verdicts(&["--input", "mysql.csv"]));
    let scored = run(&["plugin", "run", &plugin, &series, "--walk", "1"]).stdout;
    assert!(scored.contains("scores of 1 labelled series: events 1, "), "{scored}");
}

#[test]
fn a_series_outside_the_ledger_is_refused() {
    let simulated = SimulatedBill::with_history(&Setup::default(), 60);
    let early = simulated.run(&["series", "forecast", "--series=*/*/*", "--date=2020-01-31"]).expect(2);
    insta::assert_snapshot!(early.stderr, @"
    note: --date 2020-01-31 is outside the stored days 2026-09-24 to 2026-11-22
    failed: the ledger holds no cost of */*/* in these days: costwarden series list names all series
    ");
    let late = simulated.run(&["series", "forecast", "--series=*/*/*", "--date=2027-01-31"]).expect(0);
    insta::assert_snapshot!(late.stderr, @"note: --date 2027-01-31 is outside the stored days 2026-09-24 to 2026-11-22");
    let replayed = simulated.run(&["rules", "backtest", "--from=2027-01-31"]).expect(2);
    insta::assert_snapshot!(replayed.stderr, @"failed: the store holds no finished day from 2027-01-31 to 2026-11-22: its first day is 2026-09-24 and its newest day is 2026-11-22; name stored days with --from and --to");
    for command in [&["series", "export"][..], &["series", "show", "--plot"]] {
        let refused = simulated.run(&[command, &["--series=dom-01/prj-01/mysqll"]].concat()).expect(2);
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused.stderr, @"failed: the ledger holds no cost of dom-01/prj-01/mysqll in these days: costwarden series list names all series");
        }
    }
}
