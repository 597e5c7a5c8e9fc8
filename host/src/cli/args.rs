//! Arguments of several commands: days, moments, series keys, and the selection of listed rows.

use clap::{Args, ValueEnum};
use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use model::anomaly::Severity;
use model::run_id::RunId;
use model::scope::{Pattern, Scope};
use model::series::{SeriesKey, parse_day};
use serde_json::{Value, json};
use store::DateRange;

use super::present::Form;

/// A moment with an offset, or a civil time in the bill's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Exact(Timestamp),
    Billing(DateTime),
}

/// A moment, or the end of a day in the bill's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AsOf {
    EndOf(Date),
    At(Moment),
}

impl AsOf {
    pub(super) fn in_zone(self, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        match self {
            // Not start plus 24 hours: a day with a change of daylight saving time has 23 or 25 hours.
            Self::EndOf(date) => zone.to_timestamp(date.tomorrow()?.at(0, 0, 0, 0))?.checked_sub(1.millisecond()),
            Self::At(moment) => moment.in_zone(zone),
        }
    }
}

impl Moment {
    pub(super) fn in_zone(self, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        match self {
            Self::Exact(timestamp) => Ok(timestamp),
            Self::Billing(civil) => zone.to_timestamp(civil),
        }
    }
}

/// Parses a day like 2026-11-23 or 20261123.
pub(super) fn day(text: &str) -> Result<Date, String> {
    parse_day(text).ok_or_else(|| "expected a day like 2026-11-23 or 20261123".to_owned())
}

pub(super) fn moment(text: &str) -> Result<Moment, String> {
    let exact = text.parse().map(Moment::Exact);
    // A bare date would mean midnight, and a person means the day.
    let has_time = text.contains(['T', 't', ' ']);
    exact
        .or_else(|error| if has_time { text.parse().map(Moment::Billing) } else { Err(error) })
        .map_err(|_| "expected a moment like 2026-11-23T10:10 or 2026-11-23T01:10Z".to_owned())
}

pub(super) fn as_of(text: &str) -> Result<AsOf, String> {
    let day = parse_day(text).map(AsOf::EndOf);
    day.map_or_else(|| moment(text).map(AsOf::At), Ok).map_err(|_| {
        "expected a day like 2026-11-23, or a moment like 2026-11-23T10:10 or 2026-11-23T01:10Z".to_owned()
    })
}

pub(super) fn series(text: &str) -> Result<SeriesKey, String> {
    SeriesKey::parse(text).ok_or_else(|| "expected domainId/projectId/serviceId".to_owned())
}

/// The range of all days: the ledger has no day outside.
pub(super) const ALL_DAYS: DateRange = DateRange { from: date(1970, 1, 1), to: date(9999, 12, 31) };

/// A range of days, open at either end.
#[derive(Debug, Args)]
pub(super) struct SpanArgs {
    /// First day.
    #[arg(long, value_parser = day)]
    from: Option<Date>,
    /// Last day.
    #[arg(long, value_parser = day)]
    to: Option<Date>,
}

impl SpanArgs {
    /// # Errors
    /// The range ends before the start.
    pub(super) fn range(&self) -> anyhow::Result<DateRange> {
        let range = DateRange { from: self.from.unwrap_or(ALL_DAYS.from), to: self.to.unwrap_or(ALL_DAYS.to) };
        if range.to < range.from {
            anyhow::bail!("--from {} is after --to {}: expected a first day up to the last day", range.from, range.to);
        }
        Ok(range)
    }
}

/// The options that select rows of a list.
#[derive(Debug, Args)]
pub(super) struct SelectionArgs {
    #[command(flatten)]
    pub(super) span: SpanArgs,
    /// Project, by id or by name.
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Service, by id or by name.
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Rule, by id.
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Severity.
    #[arg(long, value_enum)]
    severity: Option<SeverityWord>,
    /// Maximum number of rows: the newest rows are listed.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SeverityWord {
    Info,
    Warning,
    Critical,
}

/// The options of a scope: globs against ids and names.
#[derive(Debug, Args)]
pub(super) struct ScopeArgs {
    /// Account, by id or name; a glob like "shop-*".
    #[arg(long, value_name = "GLOB", value_parser = Pattern::parse)]
    account: Option<Pattern>,
    /// Project, by id or name; a glob.
    #[arg(long, value_name = "GLOB", value_parser = Pattern::parse)]
    project: Option<Pattern>,
    /// Service, by id or name; a glob.
    #[arg(long, value_name = "GLOB", value_parser = Pattern::parse)]
    service: Option<Pattern>,
    /// Rule, by id; a glob. Every rule of an incident must match.
    #[arg(long, value_name = "GLOB", value_parser = Pattern::parse)]
    rule: Option<Pattern>,
}

impl ScopeArgs {
    /// # Errors
    /// The scope has no pattern.
    pub(super) fn scope(self) -> anyhow::Result<Scope> {
        let Self { account, project, service, rule } = self;
        let scope = Scope { account, project, service, rule };
        if scope.is_empty() {
            anyhow::bail!(
                "no scope: expected at least one of --account, --project, --service and --rule; --account '*' is everything"
            );
        }
        Ok(scope)
    }
}

/// Returns the patterns of a scope; `null` for a missing pattern.
pub(super) fn scope_json(scope: &Scope) -> Value {
    let patterns = scope.patterns();
    patterns.iter().map(|(name, pattern)| ((*name).to_owned(), json!(pattern.map(Pattern::as_str)))).collect()
}

/// The output format, and the id and the time of the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invocation {
    pub(super) form: Form,
    pub(super) run_id: RunId,
    pub(super) now: Timestamp,
}

/// Returns the name of the user of the system, or the number of a user without a name: `uid 1000`.
pub(super) fn system_user() -> String {
    let uid = rustix::process::getuid().as_raw();
    let name = ["LOGNAME", "USER"].into_iter().find_map(|variable| std::env::var(variable).ok());
    let of_system = || user_name(&std::fs::read_to_string("/etc/passwd").ok()?, uid);
    name.filter(|name| !name.is_empty()).or_else(of_system).unwrap_or_else(|| format!("uid {uid}"))
}

/// Returns the name of a user in the text of `/etc/passwd`.
fn user_name(users: &str, uid: u32) -> Option<String> {
    let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = users.find(|fields| fields.get(2).and_then(|field| field.parse().ok()) == Some(uid))?;
    Some(user[0].to_owned())
}

/// Returns a time in the bill's time zone to the minute: `2026-11-23 10:10`.
pub(super) fn minute(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The fields of a row that a selection compares.
pub(super) struct Row<'r> {
    /// Id and name of the project.
    pub(super) project: [&'r str; 2],
    /// Id and name of the service.
    pub(super) service: [&'r str; 2],
    pub(super) rules: Vec<&'r str>,
    pub(super) severity: &'r str,
}

impl SelectionArgs {
    /// Returns the selected rows, in the given order.
    pub(super) fn select<T>(&self, mut rows: Vec<T>, row: impl Fn(&T) -> Row<'_>) -> Vec<T> {
        rows.retain(|item| self.matches(&row(item)));
        if let Some(limit) = self.limit {
            rows.drain(..rows.len().saturating_sub(limit));
        }
        rows
    }

    fn matches(&self, row: &Row<'_>) -> bool {
        let severity = self.severity.map(|word| match word {
            SeverityWord::Info => Severity::Info.as_str(),
            SeverityWord::Warning => Severity::Warning.as_str(),
            SeverityWord::Critical => Severity::Critical.as_str(),
        });
        let is_any = |wanted: Option<&str>, values: &[&str]| wanted.is_none_or(|wanted| values.contains(&wanted));
        is_any(self.project.as_deref(), &row.project)
            && is_any(self.service.as_deref(), &row.service)
            && is_any(self.rule.as_deref(), &row.rules)
            && is_any(severity, &[row.severity])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_user_is_found_by_the_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nbroken\nbilling:x:998:998::/nonexistent:/usr/sbin/nologin\n";
        assert_eq!([0, 998, 7].map(|uid| user_name(users, uid)), [Some("root".into()), Some("billing".into()), None]);
    }

    #[test]
    fn days_are_read_in_two_forms() {
        let expected = Ok(jiff::civil::date(2026, 11, 23));
        assert_eq!((day("2026-11-23"), day("20261123")), (expected.clone(), expected));
        for text in ["2026-13-01", "yesterday", "2026112", ""] {
            assert!(day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_without_an_offset_is_in_the_bills_time_zone() {
        let seoul = TimeZone::get("Asia/Seoul").expect("bundled");
        let in_seoul = |text| moment(text).expect("a moment").in_zone(&seoul).expect("not ambiguous").to_string();
        assert_eq!(in_seoul("2026-11-23T10:10"), "2026-11-23T01:10:00Z");
        assert_eq!(in_seoul("2026-11-23T10:10Z"), "2026-11-23T10:10:00Z");
        assert!(moment("10:10").is_err());
        let as_of = |text| as_of(text).expect("a moment").in_zone(&seoul).expect("there is such a moment").to_string();
        assert_eq!(as_of("2026-11-23"), "2026-11-23T14:59:59.999Z");
        assert_eq!(as_of("2026-11-23T10:10"), "2026-11-23T01:10:00Z");
    }
}
