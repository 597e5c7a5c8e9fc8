//! Files in common notations, and the errors for unreadable files.

use super::*;

fn parsed(text: &str) -> Result<Points, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, text).expect("written");
    read(&path).map_err(|error| error.fault.to_string())
}

fn places(points: &Points) -> Vec<Option<usize>> {
    points.rows.iter().map(|row| row.place).collect()
}

#[test]
fn each_form_of_time_is_read() {
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
        let series = parsed(&format!("timestamp,value\n{first},1\n{second},2\n")).expect(first).series;
        assert_eq!((series.start, series.utc_offset, series.step), (start, utc_offset, step), "{first}");
        assert_eq!(series.id, "bill");
    }
}

#[test]
fn columns_are_found_by_their_names() {
    let points =
        parsed("label, value ,timestamp\n0, 1.5 ,2026-01-01\n1,,2026-01-02\n0,NaN,2026-01-03\n0,3,2026-01-04\n");
    let points = points.expect("valid");
    assert_eq!(format!("{:?}", points.series.values), "[1.5, NaN, NaN, 3.0]");
    assert_eq!(points.remarks, Vec::<String>::new());
}

#[test]
fn a_gap_is_points_that_are_not_known() {
    let points = parsed("timestamp,value\n2026-01-01,1\n2026-01-02,2\n2026-01-05,5\n").expect("valid");
    assert_eq!(format!("{:?}", points.series.values), "[1.0, 2.0, NaN, NaN, 5.0]");
    assert_eq!(places(&points), [Some(0), Some(1), Some(4)]);
}

#[test]
fn a_row_for_a_point_that_has_one_already_is_told() {
    let rows = [1000, 1060, 1120, 1180, 1180, 1239, 1241, 1300, 1360, 1420];
    let rows: String = rows.iter().enumerate().map(|(row, seconds)| format!("{seconds},{row}\n")).collect();
    let points = parsed(&format!("timestamp,value\n{rows}")).expect("valid");
    assert_eq!(points.series.values, [0.0, 1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0]);
    assert_eq!(places(&points)[3..7], [Some(3), None, None, Some(4)]);
    insta::assert_snapshot!(points.remarks.join("\n"), @"
    line 7: not a multiple of the step of 60 seconds after the first row (2 rows in all): each stands for the point before it
    line 6: an earlier row stands for the same point (2 rows in all): the earliest counts, the others get no verdict
    ");
}

#[test]
fn rows_that_go_back_in_time_are_put_in_order() {
    let points = parsed("timestamp,value\n2026-01-03,3\n2026-01-01,1\n2026-01-02,2\n2026-01-05,5\n").expect("valid");
    assert_eq!(format!("{:?}", points.series.values), "[1.0, 2.0, 3.0, NaN, 5.0]");
    assert_eq!(points.series.start, 1_767_225_600);
    assert_eq!(places(&points), [Some(2), Some(0), Some(1), Some(4)]);
    insta::assert_snapshot!(points.remarks.join("\n"), @"line 3: before the row above it (1 row in all): the rows are judged in the order of time");
    assert_eq!(
        (points.find("2026-01-01"), points.find("2026-01-04"), points.find("2025-12-31")),
        (Some(0), Some(4), None)
    );
}

#[test]
fn months_are_the_calendars() {
    let months = ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-05"];
    for day in ["", "-01", "-15 12:00:00"] {
        let rows = months.map(|month| format!("{month}{day},1\n")).concat();
        let points = parsed(&format!("timestamp,value\n{rows}")).expect("valid");
        assert_eq!(places(&points), [0, 1, 2, 3, 4, 6].map(Some), "{day}");
        assert_eq!((points.series.step, points.remarks.len()), (2_629_746, 0), "{day}");
    }
    let last = parsed("timestamp,value\n2025-12-31,1\n2026-01-31,1\n2026-02-28,1\n2026-03-31,1\n").expect("valid");
    assert_eq!(places(&last), [0, 1, 2, 3].map(Some));
    let quarters = parsed("timestamp,value\n2025-10-01,1\n2026-01-01,1\n2026-04-01,1\n2026-05-01,1\n").expect("valid");
    assert_eq!((places(&quarters), quarters.series.step), (vec![Some(0), Some(1), Some(2), None], 7_889_238));
    insta::assert_snapshot!(quarters.remarks[0], @"line 5: not a multiple of the step of 3 months after the first row (1 row in all): each stands for the point before it");
    // Every four weeks does not mean every month.
    let weeks = parsed("timestamp,value\n2026-01-01,1\n2026-01-29,1\n2026-02-26,1\n").expect("valid");
    assert_eq!(weeks.series.step, 28 * 86_400);
}

/// Notations of spreadsheets and data frames.
#[test]
fn odd_but_legal_files_are_read() {
    let plain = "timestamp,value\n2026-01-01,1\n2026-01-02,-2.5\n2026-01-03,\n2026-01-04,1200\n";
    let expected = "[1.0, -2.5, NaN, 1200.0]";
    for (what, text) in [
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
        let text = if what == "other columns" { text.replace("1200\n", "1200,0\n") } else { text };
        let points = parsed(&text).expect(what);
        assert_eq!(format!("{:?}", points.series.values), expected, "{what}");
        assert_eq!(points.rows.len(), 4, "{what}");
        assert_eq!(points.remarks, Vec::<String>::new(), "{what}");
    }
}

#[test]
fn a_day_of_23_hours_is_a_day() {
    // Central Europe changes to summer time on 2026-03-29.
    let days = ["2026-03-28T00:00+01:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", "2026-03-31T00:00+02:00"];
    let points = parsed(&format!("timestamp,value\n{}", days.map(|day| format!("{day},1\n")).concat())).expect("valid");
    assert_eq!(places(&points), [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(points.remarks, Vec::<String>::new());
}

#[test]
fn a_point_is_found_by_its_time_or_its_row() {
    let points = parsed("timestamp,value\n2026-01-01,1\n2026-01-02,2\n2026-01-02,2\n2026-01-05,5\n").expect("valid");
    for (text, place) in [
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
        assert_eq!(points.find(text), place, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let told = |text: &str| parsed(text).expect_err("refused");
    insta::assert_snapshot!(told(""), @"empty, expected a first line `timestamp,value` and a row for each point");
    insta::assert_snapshot!(told("time,value\n"), @"line 1: no column `timestamp`, expected the columns timestamp and value with a comma between, found `time,value`");
    insta::assert_snapshot!(told("timestamp,value\n"), @"0 rows, expected at least two at different times: the step is the time between rows");
    insta::assert_snapshot!(told("timestamp,value\n2026-01-01,1\n2026-01-01,2\n"), @"2 rows, expected at least two at different times: the step is the time between rows");
    insta::assert_snapshot!(told("timestamp,value\n2026-01-01,1\n2026-01-02\n"), @"line 3: 1 field, expected 2 as in the first line");
    insta::assert_snapshot!(told("timestamp,value\n2026-01-32,1\n"), @r#"line 2: expected a timestamp like 2026-01-31, 2026-01-31 10:00:00, 2026-01-31T10:00:00+09:00, a month like 2026-01, or unix seconds, found "2026-01-32""#);
    insta::assert_snapshot!(told("timestamp,value\n2026-01-01,1\n2026-01-02,\"1,5\"\n"), @r#"line 3: expected a number, or nothing where it is not known, found "1,5""#);
    insta::assert_snapshot!(told("timestamp,value\n2026-01-01,inf\n"), @r#"line 2: expected a number, or nothing where it is not known, found "inf""#);
    insta::assert_snapshot!(told("timestamp,value\n2026-01-01,1\n2026-01-02,1,5\n"), @"line 3: 3 fields, expected 2 as in the first line");
    insta::assert_snapshot!(told("timestamp,value\n2026-01-02,1\n1767261600,2\n"), @"line 3: unix seconds, expected a timestamp without an offset as in the lines before");
    insta::assert_snapshot!(told("timestamp,value\n0,1\n1,2\n2,3\n9999999999,4\n"), @"line 5: 9999999999 is more than 1200000 steps of 1 seconds after the first row: look whether it is meant, or cut the file");
    insta::assert_snapshot!(told("timestamp,value\n0,1\n9999999999,4\n"), @"a step of 9999999999 seconds is too long, expected at most 4294967295");
    insta::assert_snapshot!(read(Path::new("absent.csv")).expect_err("absent"), @"absent.csv: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn text_that_is_no_text_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bill.csv");
    std::fs::write(&path, b"timestamp,value\n2026-01-01,\xff\n").expect("written");
    insta::assert_snapshot!(read(&path).expect_err("refused").fault, @"line 2: not UTF-8");
}
