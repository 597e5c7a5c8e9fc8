//! The command `series forecast`: the cost of a series at the end of the month.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::ToSpan as _;
use jiff::civil::Date;
use model::forecast::{self, DailyCosts, FORECAST_DAYS, MonthForecast};
use model::language::Language;
use model::money;
use model::series::SeriesKey;
use notify::Locale;
use plugin::authoring::series_file;
use serde_json::json;
use store::{Access, DateRange, Store};

use crate::cli::args::{self, ALL_DAYS};
use crate::cli::present::{self, Form};
use crate::cli::stored_days::{note_outside, stored_days};
use crate::cli::{load_store, series};
use crate::pipeline::Grade;

#[derive(Debug, Args)]
pub(in crate::cli) struct ForecastArgs {
    /// Series key domainId/projectId/serviceId. An id `*` sums over all ids.
    #[arg(long, value_parser = args::series, required_unless_present = "input", conflicts_with = "input")]
    series: Option<SeriesKey>,
    /// CSV file with one row per day: the columns timestamp and value.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Last known day of the forecast. Default: the last day of the series.
    #[arg(long, value_parser = args::day)]
    date: Option<Date>,
}

/// The costs of consecutive days.
struct Costs {
    name: String,
    language: Language,
    /// Currency code; `None` for a file.
    currency: Option<String>,
    first: Date,
    costs: Vec<f64>,
}

pub(in crate::cli) async fn forecast(args: ForecastArgs, config: Option<PathBuf>, form: Form) -> anyhow::Result<Grade> {
    let date = args.date;
    let costs = match (&args.series, &args.input) {
        (Some(key), _) => of_store(config, key, date).await?,
        (None, Some(file)) => of_file(file, date, language(config).await)?,
        (None, None) => unreachable!("the command line requires --series or --input"),
    };
    let known = DailyCosts { first: costs.first, costs: &costs.costs };
    let Some(forecast) = forecast::month_end(&known) else {
        anyhow::bail!(
            "{}: {} days are too few for a forecast, expected at least {} known days and one in the last two weeks",
            costs.name,
            costs.costs.iter().filter(|cost| !cost.is_nan()).count(),
            forecast::MIN_DAYS
        );
    };
    match form {
        Form::Json => present::out(&json(&costs.name, &forecast).to_string()),
        Form::Text => present::out(&text(&costs, &forecast)),
    }
    Ok(Grade::Done)
}

async fn of_store(config: Option<PathBuf>, key: &SeriesKey, date: Option<Date>) -> anyhow::Result<Costs> {
    let config = load_store(config).await?;
    if date.is_some() {
        let store = Store::open(&config.store, Access::Read).await?;
        note_outside("--date", date, stored_days(&store).await?, config.language);
    }
    let range = date.map_or(ALL_DAYS, |date| DateRange { from: start(date), to: date });
    let stored = series::stored(&config, key, range).await?;
    let first = stored.days.first().map_or(range.from, |day| day.date);
    let costs = stored.days.iter().map(|day| day.cost).collect();
    let name = key.to_string();
    Ok(recent(Costs { name, language: config.language, currency: Some(config.currency), first, costs }))
}

/// Returns the language of the config. A file needs no config: without a config, the language is English.
async fn language(config: Option<PathBuf>) -> Language {
    load_store(config).await.map_or(Language::English, |config| config.language)
}

fn of_file(file: &Path, date: Option<Date>, language: Language) -> anyhow::Result<Costs> {
    const DAY_SECONDS: u32 = 86_400;
    let read = series_file::read(file)?;
    anyhow::ensure!(
        read.series.step == DAY_SECONDS,
        "{}: the rows are {} seconds apart, expected one row per day",
        read.origin,
        read.series.step
    );
    let times = read.times();
    let first = times.first().map_or(Date::MIN, |time| time.date());
    let is_known = |day: Date| date.is_none_or(|date| day <= date);
    let count = times.iter().filter(|time| is_known(time.date())).count();
    anyhow::ensure!(count > 0, "{}: the first day is {first}, expected --date on or after this day", read.origin);
    let costs = read.series.values[..count].to_vec();
    Ok(recent(Costs { name: read.origin, language, currency: None, first, costs }))
}

/// Removes the days that a forecast does not read.
fn recent(costs: Costs) -> Costs {
    let removed = costs.costs.len().saturating_sub(usize::from(FORECAST_DAYS));
    let first = costs.first.saturating_add(i64::try_from(removed).unwrap_or(0).days());
    Costs { first, costs: costs.costs[removed..].to_vec(), ..costs }
}

/// Returns the first day that a forecast reads.
fn start(last: Date) -> Date {
    last.saturating_sub(i64::from(FORECAST_DAYS - 1).days())
}

fn text(costs: &Costs, forecast: &MonthForecast) -> String {
    let Costs { name, language, currency, .. } = costs;
    let amount = |amount: f64| match currency {
        Some(currency) => present::amount(amount, Locale { language: *language, currency }),
        None => money::text(amount),
    };
    let through = forecast.through;
    let month = through.strftime("%Y-%m");
    let [so_far, month_end] = [forecast.so_far, forecast.month_end].map(amount);
    let range = forecast.range.map(|range| [range.lower, range.upper].map(amount));
    match language {
        Language::Korean => {
            let range = range.map_or_else(
                || "범위 없음: 지난 기간이 짧습니다".to_owned(),
                |[lower, upper]| format!("예상 범위 {lower}~{upper}"),
            );
            format!("{name}, {month}: {through}까지 {so_far}, 월말 예상 {month_end}({range})")
        }
        Language::English => {
            let range = range.map_or_else(
                || "no range: too few earlier days".to_owned(),
                |[lower, upper]| format!("likely range: {lower} to {upper}"),
            );
            format!("{name}, {month}: {so_far} through {through}, {month_end} by the end of the month ({range})")
        }
    }
}

fn json(name: &str, forecast: &MonthForecast) -> serde_json::Value {
    json!({
        "series": name,
        "through": forecast.through,
        "soFar": forecast.so_far,
        "monthEnd": forecast.month_end,
        "lower": forecast.range.map(|range| range.lower),
        "upper": forecast.range.map(|range| range.upper),
        "openDays": forecast.open_days,
    })
}
