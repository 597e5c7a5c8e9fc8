//! Snapshots of tables in terminals of 80 and 120 columns.

use unicode_width::UnicodeWidthStr as _;

use super::Table;

/// Creates a table of incidents with long names, Hangul and large amounts.
fn incidents(currency: &str, width: usize) -> Table {
    let impact = format!("impact {currency}");
    let mut table = Table::new(&["id", "since", "state", "severity", &impact, "series"], &[4], width);
    (1..4).for_each(|column| table.keep_whole(column));
    let amounts = if currency == "KRW" { ["+1,234,567,890", "-800"] } else { ["+1,234,567.89", "-0.12"] };
    let series =
        ["우리회사 / 결제-서비스-프로덕션 / MySQL 고가용성 데이터베이스", "example-corp / shop / Object Storage"];
    for (amount, series) in amounts.iter().zip(series) {
        table.add_row(["20261112-ff2b", "2026-11-12", "not verifiable", "critical", amount, series]);
    }
    table
}

fn rules(width: usize) -> Table {
    let header = ["rule", "anomalies", "incidents", "notifications", "impact KRW", "fuel", "seconds", "precision"];
    let mut table = Table::new(&header, &Vec::from_iter(1..header.len()), width);
    table.add_row(["daily-level-of-services", "1,204", "82", "164", "1,234,567,890", "1,234,567,890", "12.4", "0.50"]);
    table.add_row(["total", "1", "1", "0", "1", "2", "0.1", ""]);
    table
}

/// Shows a table between marks of its width.
fn shown(table: &Table) -> String {
    let text = table.to_string();
    for line in text.lines().filter(|line| !line.starts_with('─')) {
        assert!(line.width() <= table.width, "{line:?} is wider than {} columns", table.width);
    }
    text
}

#[test]
fn a_table_of_won_fits_into_80_columns() {
    insta::assert_snapshot!(shown(&incidents("KRW", 80)));
}

#[test]
fn a_table_of_won_fits_into_120_columns() {
    insta::assert_snapshot!(shown(&incidents("KRW", 120)));
}

#[test]
fn a_table_of_dollars_fits_into_80_columns() {
    insta::assert_snapshot!(shown(&incidents("USD", 80)));
}

#[test]
fn a_table_of_dollars_fits_into_120_columns() {
    insta::assert_snapshot!(shown(&incidents("USD", 120)));
}

#[test]
fn columns_of_numbers_stand_below_the_row_if_the_terminal_is_narrow() {
    insta::assert_snapshot!(format!("{}\n\n{}", shown(&rules(80)), shown(&rules(120))));
}

#[test]
fn the_first_column_is_never_broken() {
    let mut table = Table::new(&["series", "name"], &[], 20);
    table.add_row(["5f2c/9a1b77/0c33ab881d", "결제 / MySQL"]);
    insta::assert_snapshot!(table, @r"
     series
    ────────────────────────
     5f2c/9a1b77/0c33ab881d
       name 결제 /
         MySQL
    ");
}

#[test]
fn names_are_broken_after_separators_and_long_words_anywhere() {
    let mut table = Table::new(&["", "name"], &[], 20);
    table.add_row(["a", "kr-central-2-mysql-프로덕션데이터베이스"]);
    insta::assert_snapshot!(table, @"
    ───
     a
       name kr-
         central-2-
         mysql-
         프로덕션데이터
         베이스
    ");
}

#[test]
fn a_control_character_is_a_space() {
    let mut table = Table::new(&["rule", "name"], &[], 80);
    table.add_row(["a", "x\u{1b}[31m\ny"]);
    insta::assert_snapshot!(table, @"
     rule  name
    ────────────────
     a     x [31m y
    ");
}
