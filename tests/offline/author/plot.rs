//! `plugin run --plot` and `--alerts`: the figure in the terminal, the SVG file, and the anomalous points alone.

use std::process::Command;

use super::project::{AuthorProject, bundled, golden, trimmed};

/// Five months of days. The fee on the first day of a month is missing in October.
fn project() -> AuthorProject {
    let project = AuthorProject::new();
    project.write("fee.csv", std::fs::read(golden("daily-level", "monthly-fee", "input.csv")).expect("a file"));
    project
}

fn run<'a>(plugin: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", plugin, "--input", "fee.csv", "--walk", "1"], more].concat()
}

#[test]
fn a_plot_replaces_the_table_of_points() {
    let plugin = bundled("daily-level");
    let shown = project().plugin(&run(&plugin, &["--plot"])).expect(0).stdout;
    let figure: String =
        shown.lines().take_while(|line| !line.contains("resource")).map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!(trimmed(&figure));
}

#[test]
fn alerts_are_the_points_with_a_score_of_one_or_more() {
    let plugin = bundled("daily-level");
    let project = project();
    insta::assert_snapshot!(project.plugin(&run(&plugin, &["--alerts", "--format", "csv"])).expect(0).stdout);
    let report = project.plugin(&run(&plugin, &["--alerts", "--format", "json"])).expect(0).report();
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.iter().map(|row| &row["timestamp"]).collect::<Vec<_>>(), ["2026-07-01", "2026-10-01"]);
    let table = project.plugin(&run(&plugin, &["--alerts", "--plot"])).expect(0).stdout;
    assert!(table.contains("X anomaly") && table.contains("2026-10-01  12381.15"), "{table}");
}

#[test]
fn a_plot_file_is_a_document_of_svg() {
    let plugin = bundled("daily-level");
    let project = project();
    let shown = project.plugin(&run(&plugin, &["--plot", "fee.svg", "--format", "csv"])).expect(0);
    assert!(shown.stdout.starts_with("timestamp,value,"), "{shown:?}");
    insta::assert_snapshot!(shown.stderr, @"fee.svg: the plot of fee, daily-level 0.1.0");
    let script = "import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); \
                  print(r.tag, len(r.findall('.//{*}circle')), [e.text.strip() for e in r.iter() if e.tag.endswith('title')][1])";
    let mut python = Command::new("python3");
    let read = costwarden_tests::run(python.args(["-c", script]).arg(project.path().join("fee.svg"))).expect(0);
    insta::assert_snapshot!(read.stdout, @"{http://www.w3.org/2000/svg}svg 2 2026-07-01: score 10.04, 57,278 KRW is 388 % above the usual 11,731 KRW on Wednesdays (the largest rise in 42 days)");
}

#[test]
fn a_plot_overwrites_no_other_file() {
    let plugin = bundled("daily-level");
    let project = project();
    insta::assert_snapshot!(project.refused(&run(&plugin, &["--plot", "fee.csv"])), @"failed: --plot: fee.csv does not end in .svg, expected a file like plot.svg, or no file for the terminal");
    insta::assert_snapshot!(project.refused(&run(&plugin, &["--format", "csv", "--plot"])), @"failed: --plot without a file draws between the lines of --format table: name a file with --plot FILE.svg");
    assert!(project.read("fee.csv").starts_with("timestamp,"));
}
