//! Files in common notations, and the errors for unreadable files.

use super::*;

fn read_text(text: &str) -> Result<SeriesFile, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, text).expect("written");
    read(&path).map_err(|error| error.fault.to_string())
}

fn points(file: &SeriesFile) -> Vec<Option<usize>> {
    file.rows.iter().map(|row| row.point).collect()
}

#[test]
fn every_format_of_a_timestamp_is_read() {
    for (first, second, start, utc_offset, step) in [
        ("2026-01-01", "2026-01-02", 1_767_225_600, 0, 86_400),
        ("20260101", "20260102", 1_767_225_600, 0, 86_400),
        ("2026-01-01 10:00:00", "2026-01-01 10:05:00", 1_767_261_600, 0, 300),
        ("2026/01/01", "2026/01/02", 1_767_225_600, 0, 86_400),
        ("2026/01/01 10:00", "2026/01/01 11:00", 1_767_261_600, 0, 3_600),
        ("2026-01-01T10:00", "2026-01-01T11:00", 1_767_261_600, 0, 3_600),
        ("2026-01-01T10:00:00+09:00", "2026-01-01T10:00:30+09:00", 1_767_229_200, 32_400, 30),
        ("2026-01-01 10:00:00Z", "2026-01-01 11:00:00Z", 1_767_261_600, 0, 3_600),
        ("1767261600", "1767261607", 1_767_261_600, 0, 7),
        ("1767261600.0", "1767261607.0", 1_767_261_600, 0, 7),
        ("1767261600000", "1767261607000", 1_767_261_600, 0, 7),
    ] {
        let series = read_text(&format!("timestamp,value\n{first},1\n{second},2\n")).expect(first).series;
        assert_eq!((series.start, series.utc_offset, series.step), (start, utc_offset, step), "{first}");
        assert_eq!(series.id, "bill");
    }
}

#[test]
fn columns_are_found_by_name() {
    let file =
        read_text("label, value ,timestamp\n0, 1.5 ,2026-01-01\n1,,2026-01-02\n0,NaN,2026-01-03\n0,3,2026-01-04\n");
    let file = file.expect("valid");
    assert_eq!(format!("{:?}", file.series.values), "[1.5, NaN, NaN, 3.0]");
    assert_eq!(file.warnings, Vec::<String>::new());
}

#[test]
fn a_gap_becomes_unknown_points() {
    let file = read_text("timestamp,value\n2026-01-01,1\n2026-01-02,2\n2026-01-05,5\n").expect("valid");
    assert_eq!(format!("{:?}", file.series.values), "[1.0, 2.0, NaN, NaN, 5.0]");
    assert_eq!(points(&file), [Some(0), Some(1), Some(4)]);
}

#[test]
fn a_second_row_of_a_point_gives_a_warning() {
    let rows = [1000, 1060, 1120, 1180, 1180, 1239, 1241, 1300, 1360, 1420];
    let rows: String = rows.iter().enumerate().map(|(row, seconds)| format!("{seconds},{row}\n")).collect();
    let file = read_text(&format!("timestamp,value\n{rows}")).expect("valid");
    assert_eq!(file.series.values, [0.0, 1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0]);
    assert_eq!(points(&file)[3..7], [Some(3), None, None, Some(4)]);
    insta::assert_snapshot!(file.warnings.join("\n"), @"
    line 7: not a multiple of the step of 60 seconds after the first row (2 rows in total): each row counts for the point before
    line 6: an earlier row has the same point (2 rows in total): the earliest row counts, the other rows get no verdict
    ");
}

#[test]
fn unsorted_rows_are_sorted_by_time() {
    let file = read_text("timestamp,value\n2026-01-03,3\n2026-01-01,1\n2026-01-02,2\n2026-01-05,5\n").expect("valid");
    assert_eq!(format!("{:?}", file.series.values), "[1.0, 2.0, 3.0, NaN, 5.0]");
    assert_eq!(file.series.start, 1_767_225_600);
    assert_eq!(points(&file), [Some(2), Some(0), Some(1), Some(4)]);
    insta::assert_snapshot!(file.warnings.join("\n"), @"line 3: earlier than the row above (1 row in total): the rows are judged in time order");
    assert_eq!((file.find("2026-01-01"), file.find("2026-01-04"), file.find("2025-12-31")), (Some(0), Some(4), None));
}

#[test]
fn monthly_rows_follow_the_calendar() {
    let months = ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-05"];
    for day in ["", "-01", "-15 12:00:00"] {
        let rows = months.map(|month| format!("{month}{day},1\n")).concat();
        let file = read_text(&format!("timestamp,value\n{rows}")).expect("valid");
        assert_eq!(points(&file), [0, 1, 2, 3, 4, 6].map(Some), "{day}");
        assert_eq!((file.series.step, file.warnings.len()), (2_629_746, 0), "{day}");
    }
    let last = read_text("timestamp,value\n2025-12-31,1\n2026-01-31,1\n2026-02-28,1\n2026-03-31,1\n").expect("valid");
    assert_eq!(points(&last), [0, 1, 2, 3].map(Some));
    let quarters =
        read_text("timestamp,value\n2025-10-01,1\n2026-01-01,1\n2026-04-01,1\n2026-05-01,1\n").expect("valid");
    assert_eq!((points(&quarters), quarters.series.step), (vec![Some(0), Some(1), Some(2), None], 7_889_238));
    insta::assert_snapshot!(quarters.warnings[0], @"line 5: not a multiple of the step of 3 months after the first row (1 row in total): each row counts for the point before");
    // Every four weeks does not mean every month.
    let weeks = read_text("timestamp,value\n2026-01-01,1\n2026-01-29,1\n2026-02-26,1\n").expect("valid");
    assert_eq!(weeks.series.step, 28 * 86_400);
}

/// Notations of spreadsheets and data frames.
#[test]
fn unusual_valid_files_are_read() {
    let plain = "timestamp,value\n2026-01-01,1\n2026-01-02,-2.5\n2026-01-03,\n2026-01-04,1200\n";
    let expected = "[1.0, -2.5, NaN, 1200.0]";
    for (kind, text) in [
        ("plain", plain.to_owned()),
        ("byte order mark", format!("\u{feff}{plain}")),
        ("CRLF", plain.replace('\n', "\r\n")),
        ("CR", plain.replace('\n', "\r")),
        ("no line break at the end", plain.trim_end().to_owned()),
        ("capitals", plain.replace("timestamp,value", "Timestamp,VALUE")),
        ("quotes", plain.replace("timestamp,value", "\"timestamp\",\"value\"").replace("-2.5", "\"-2.5\"")),
        ("exponents", plain.replace("-2.5", "-2.5e+00").replace("1200", "1.2E3")),
        ("signs", plain.replace("1200", "+1200.")),
        ("blanks", plain.replace(',', " , ")),
        ("blank lines", plain.replace('\n', "\n\n") + "   \n"),
        ("commas at the end", plain.replace("-2.5", "-2.5,,")),
        (
            "other columns",
            plain.replace("value", "value,label").replace("\n2026", ",0\n2026").replacen(",0\n", "\n", 1) + "\n",
        ),
        ("not available", plain.replace("-03,", "-03,N/A")),
        ("a dash", plain.replace("-03,", "-03,-")),
        ("null", plain.replace("-03,", "-03,null")),
    ] {
        let text = if kind == "other columns" { text.replace("1200\n", "1200,0\n") } else { text };
        let file = read_text(&text).expect(kind);
        assert_eq!(format!("{:?}", file.series.values), expected, "{kind}");
        assert_eq!(file.rows.len(), 4, "{kind}");
        assert_eq!(file.warnings, Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn a_day_of_23_hours_is_one_step() {
    // Central Europe changes to summer time on 2026-03-29.
    let days = ["2026-03-28T00:00+01:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", "2026-03-31T00:00+02:00"];
    let file =
        read_text(&format!("timestamp,value\n{}", days.map(|day| format!("{day},1\n")).concat())).expect("valid");
    assert_eq!(points(&file), [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(file.warnings, Vec::<String>::new());
}

#[test]
fn a_point_is_found_by_time_or_row_number() {
    let file = read_text("timestamp,value\n2026-01-01,1\n2026-01-02,2\n2026-01-02,2\n2026-01-05,5\n").expect("valid");
    for (text, point) in [
        ("2026-01-02", Some(1)),
        ("20260105", Some(4)),
        ("2026-01-03", Some(4)),
        ("0", Some(0)),
        ("2", Some(4)),
        ("4", None),
        ("2025-12-31", None),
        ("2026-01-06", None),
        ("tomorrow", None),
    ] {
        assert_eq!(file.find(text), point, "{text}");
    }
}

#[test]
fn an_unreadable_line_is_an_error_with_the_line_number() {
    let error = |text: &str| read_text(text).expect_err("refused");
    insta::assert_snapshot!(error(""), @"empty, expected a first line `timestamp,value` and a row for each point");
    insta::assert_snapshot!(error("time,value\n"), @"line 1: no column `timestamp`, expected the columns timestamp and value, separated by commas, found `time,value`");
    insta::assert_snapshot!(error("timestamp,value\n"), @"0 rows, expected at least two rows with different times: the step is the time between rows");
    insta::assert_snapshot!(error("timestamp,value\n2026-01-01,1\n2026-01-01,2\n"), @"2 rows, expected at least two rows with different times: the step is the time between rows");
    insta::assert_snapshot!(error("timestamp,value\n2026-01-01,1\n2026-01-02\n"), @"line 3: 1 field, expected 2 as in the first line");
    insta::assert_snapshot!(error("timestamp,value\n2026-01-32,1\n"), @r#"line 2: expected a timestamp like 2026-01-31, 2026-01-31 10:00:00, 2026-01-31T10:00:00+09:00, a month like 2026-01, or Unix seconds, found "2026-01-32""#);
    insta::assert_snapshot!(error("timestamp,value\n2026-01-01,1\n2026-01-02,\"1,5\"\n"), @r#"line 3: expected a number, or an empty field for an unknown value, found "1,5""#);
    insta::assert_snapshot!(error("timestamp,value\n2026-01-01,inf\n"), @r#"line 2: expected a number, or an empty field for an unknown value, found "inf""#);
    insta::assert_snapshot!(error("timestamp,value\n2026-01-01,1\n2026-01-02,1,5\n"), @"line 3: 3 fields, expected 2 as in the first line");
    insta::assert_snapshot!(error("timestamp,value\n2026-01-02,1\n1767261600,2\n"), @"line 3: Unix seconds, expected a timestamp without an offset as in the previous lines");
    insta::assert_snapshot!(error("timestamp,value\n0,1\n1,2\n2,3\n9999999999,4\n"), @"line 5: 9999999999 is more than 1200000 steps of 1 seconds after the first row: check the timestamp, or shorten the file");
    insta::assert_snapshot!(error("timestamp,value\n0,1\n9999999999,4\n"), @"the step of 9999999999 seconds is too long, expected at most 4294967295");
    insta::assert_snapshot!(read(Path::new("absent.csv")).expect_err("absent"), @"absent.csv: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn a_line_that_is_not_utf_8_is_an_error_with_the_line_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, b"timestamp,value\n2026-01-01,\xff\n").expect("written");
    insta::assert_snapshot!(read(&path).expect_err("refused").fault, @"line 2: not UTF-8");
}
