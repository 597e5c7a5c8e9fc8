//! Goes over labelled or plain series as production does, and writes what seasonal-mad says of each point.
//!
//! `cargo run --release -p seasonal-mad --example walk -- [--exclude-alerts] IN_DIR OUT_DIR [SETTINGS_JSON]`
//!
//! Each CSV of IN_DIR has the columns timestamp (`2026-01-31` or `2026-01-31 13:05:00`) and value first; OUT_DIR gets
//! a file of the same name with a row for each: timestamp, value, score, expected, lower, upper, reason. The score is
//! empty while the detector is learning. Fits see at most 90 days, or 28 days of shorter steps, and are a day apart.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use costwarden_sdk::Series;
use costwarden_sdk::native::{self, Walk};
use seasonal_mad::SeasonalMad;

const DAY: i64 = 86_400;

fn main() -> ExitCode {
    let (flags, paths): (Vec<String>, Vec<String>) = env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let exclude_alerts = match flags.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--exclude-alerts"] => true,
        _ => return usage(),
    };
    let ([from, to] | [from, to, _]) = &paths[..] else { return usage() };
    let settings = paths.get(2).map_or("{}", String::as_str);
    match walk_all(Path::new(from), Path::new(to), settings, exclude_alerts) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("walk: {why}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: walk [--exclude-alerts] IN_DIR OUT_DIR [SETTINGS_JSON]");
    ExitCode::FAILURE
}

fn walk_all(from: &Path, to: &Path, settings: &str, exclude_alerts: bool) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|error| format!("{}: {error}", to.display()))?;
    for entry in fs::read_dir(from).map_err(|error| format!("{}: {error}", from.display()))? {
        let path = entry.map_err(|error| format!("{}: {error}", from.display()))?.path();
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let rows = walk_one(&text, settings, exclude_alerts).map_err(|why| format!("{}: {why}", path.display()))?;
        let out = to.join(path.file_name().expect("an entry has a name"));
        fs::write(&out, rows).map_err(|error| format!("{}: {error}", out.display()))?;
    }
    Ok(())
}

/// One row out for each row in. Rows may be missing, doubled or between two steps; the series takes one value a step.
fn walk_one(text: &str, settings: &str, exclude_alerts: bool) -> Result<String, String> {
    let rows = text.lines().skip(1).map(row).collect::<Option<Vec<_>>>().ok_or("a row is not timestamp,value,...")?;
    let mut gaps: Vec<i64> = rows.windows(2).map(|pair| pair[1].1 - pair[0].1).filter(|gap| *gap > 0).collect();
    gaps.sort_unstable();
    let (Some(first), Some(step)) = (rows.first().map(|row| row.1), gaps.get(gaps.len() / 2).copied()) else {
        return Err("fewer than two points".to_owned());
    };
    let place = |seconds: i64| ((seconds - first) / step) as usize;
    let length = rows.iter().map(|row| place(row.1)).max().unwrap_or(0) + 1;
    let mut values = vec![f64::NAN; length];
    for (_, seconds, value) in &rows {
        values[place(*seconds)] = *value;
    }
    let series = Series {
        id: "walk".to_owned(),
        start: first,
        utc_offset: 0,
        step: u32::try_from(step).map_err(|_| "steps are too long")?,
        values,
        excluded: Vec::new(),
    };
    let day = (DAY / step).max(1) as usize;
    let history = if step < DAY { 28 * day } else { 90 };
    let verdicts = native::walk::<SeasonalMad>(
        &native::context(settings),
        &series,
        Walk { history, refit_every: day, exclude_alerts },
    );
    let mut out = String::from("timestamp,value,score,expected,lower,upper,reason\n");
    for (stamp, seconds, value) in &rows {
        let written = match &verdicts[place(*seconds)] {
            Some(v) => {
                writeln!(out, "{stamp},{value},{},{},{},{},\"{}\"", v.score, v.expected, v.lower, v.upper, v.reason)
            }
            None => writeln!(out, "{stamp},{value},,,,,"),
        };
        written.map_err(|error| error.to_string())?;
    }
    Ok(out)
}

/// Timestamp as written, unix seconds, value; NaN where there is none.
fn row(line: &str) -> Option<(&str, i64, f64)> {
    let mut fields = line.split(',');
    let (stamp, value) = (fields.next()?, fields.next()?.trim());
    let value = if value.is_empty() { f64::NAN } else { value.parse().ok()? };
    Some((stamp, seconds(stamp)?, value))
}

fn seconds(stamp: &str) -> Option<i64> {
    let (date, time) = stamp.split_once([' ', 'T']).unwrap_or((stamp, "00:00:00"));
    let midnight = Series::daily(date, []).start;
    let mut seconds = 0;
    for (part, unit) in time.trim_end_matches('Z').split(':').zip([3_600.0, 60.0, 1.0]) {
        seconds += (part.parse::<f64>().ok()? * unit) as i64;
    }
    Some(midnight + seconds)
}
