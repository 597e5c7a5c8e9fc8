//! The commands `series list`, `series show`, `series export` and `series forecast`.

mod forecast;

use std::path::PathBuf;

use clap::Subcommand;
use jiff::civil::Date;
use model::history::Measure;
use serde_json::{Value, json};
use tracing::Level;

pub(super) use self::forecast::forecast;
use super::args;
use super::args::SpanArgs;
use super::plot::PlotTarget;
use super::present::{self, Form};
use crate::config::StoreConfig;
use crate::pipeline::Grade;
use crate::stored_series::{self, StoredDay, StoredSeries};
use model::language::Language;
use model::money;
use model::series::{ALL, SeriesKey};
use notify::Locale;
use store::{Access, DailyRecord, DateRange, Store};

#[derive(Debug, Subcommand)]
pub(super) enum SeriesCommand {
    /// List the series of a day with keys and names, most expensive first.
    List {
        /// Day, like 2026-11-23. Default: the newest day in the store.
        #[arg(long, value_parser = args::day)]
        date: Option<Date>,
    },
    /// Show the days of a series in the ledger.
    Show {
        /// Series key domainId/projectId/serviceId, from `series list` or from an anomaly.
        #[arg(long, value_parser = args::series)]
        series: SeriesKey,
        /// Moment of knowledge: show the amounts known at the end of a day, or at a moment.
        #[arg(long, value_parser = args::as_of, value_name = "DAY|MOMENT")]
        as_of: Option<args::AsOf>,
        /// Draw the cost, the anomalies and the incidents in the terminal instead of a table, or write an SVG file. An id
        /// `*` sums over all ids.
        #[arg(long, value_name = "FILE.svg", num_args = 0..=1, conflicts_with = "as_of")]
        plot: Option<Option<PathBuf>>,
        #[command(flatten)]
        span: SpanArgs,
    },
    /// Write the days of a series as CSV with the columns timestamp, value and label, for `plugin run --input`.
    ///
    /// The label of a day is the number of the incident that covers the day, and 0 without an incident. Dismissed and
    /// retracted incidents do not count.
    Export {
        /// Series key domainId/projectId/serviceId. An id `*` sums over all ids.
        #[arg(long, value_parser = args::series)]
        series: SeriesKey,
        #[command(flatten)]
        span: SpanArgs,
    },
    /// Forecast the cost of a series at the end of the month, with a range.
    ///
    /// The forecast is the known days of the month and an expected cost of each remaining day: the level of the last two
    /// weeks, the weekday, and the charges on the same day of each month. The range is the forecast with
    /// the middle 80 % of the errors of earlier forecasts.
    Forecast(forecast::ForecastArgs),
}

/// The measures of a day.
const MEASURES: [Measure; 5] =
    [Measure::BilledCost, Measure::ListCost, Measure::Discount, Measure::UsageTime, Measure::UsageQuantity];

pub(super) async fn series(config: StoreConfig, command: SeriesCommand, form: Form) -> anyhow::Result<Grade> {
    match command {
        SeriesCommand::List { date } => list(&config, date, form).await?,
        SeriesCommand::Show { series, span, plot: Some(plot), .. } => {
            let target = PlotTarget::of_form(Some(&plot), form)?.unwrap_or(PlotTarget::Terminal);
            let stored = stored(&config, &series, span.range()?).await?;
            target.draw(&stored.figure(config.locale()))?;
        }
        SeriesCommand::Export { series, span } => {
            let stored = stored(&config, &series, span.range()?).await?;
            match form {
                Form::Text => present::out(stored.csv().trim_end()),
                Form::Json => stored.days.iter().for_each(|StoredDay { date, cost, label, .. }| {
                    present::out(&json!({ "timestamp": date, "value": cost, "label": label }).to_string());
                }),
            }
        }
        SeriesCommand::Forecast(_) => unreachable!("forecast may read a file without a config"),
        SeriesCommand::Show { series, as_of, span, plot: None } => {
            let range = span.range()?;
            let store = Store::open(&config.store, Access::Read).await?;
            let records = match as_of {
                Some(as_of) => store.daily_as_of(range, &series, as_of.in_zone(&config.zone)?).await?,
                None => store.daily(range, &series).await?,
            };
            if records.is_empty() {
                let message = match (config.language, as_of) {
                    (Language::Korean, None) => {
                        format!(
                            "{series}: 저장된 날이 없습니다. costwarden series list 명령이 모든 시리즈를 보여 줍니다"
                        )
                    }
                    (Language::English, None) => {
                        format!("the ledger holds no such day of {series}: costwarden series list names all series")
                    }
                    (Language::Korean, Some(_)) => {
                        format!(
                            "{series}: --as-of 시점에 알려진 금액이 없습니다. --as-of 없이 실행하면 지금 알려진 금액을 보여 줍니다"
                        )
                    }
                    (Language::English, Some(_)) => format!(
                        "no amount of {series} was known at the moment of --as-of: without --as-of, the command shows the amounts known now"
                    ),
                };
                present::complaint(Level::WARN, &message);
                return Ok(Grade::Done);
            }
            show(&records, config.locale(), form);
        }
    }
    Ok(Grade::Done)
}

/// Reads a series with costs.
///
/// # Errors
/// Fails without a cost in the range.
pub(super) async fn stored(config: &StoreConfig, key: &SeriesKey, range: DateRange) -> anyhow::Result<StoredSeries> {
    let store = Store::open(&config.store, Access::Read).await?;
    let stored = stored_series::read(&store, key, range).await?;
    anyhow::ensure!(
        !stored.is_empty(),
        "the ledger holds no cost of {key} in these days: costwarden series list names all series"
    );
    Ok(stored)
}

async fn list(config: &StoreConfig, date: Option<Date>, form: Form) -> anyhow::Result<()> {
    let store = Store::open(&config.store, Access::Read).await?;
    let Some(day) = date.or(store.newest_day().await?) else {
        anyhow::bail!("the ledger holds no day yet: costwarden backfill --from DAY loads some");
    };
    let every = SeriesKey::new(ALL, ALL, ALL);
    let mut records = store.daily(DateRange { from: day, to: day }, &every).await?;
    if records.is_empty() {
        anyhow::bail!("the ledger does not hold {day}: costwarden daily --date {day} fetches it");
    }
    let cost = |record: &DailyRecord| record.amounts.get(&Measure::BilledCost).copied().unwrap_or(0.0);
    records.sort_by(|one, other| cost(other).total_cmp(&cost(one)));
    if form == Form::Json {
        print(&records);
        return Ok(());
    }
    let language = config.language;
    let header = language.choose(["시리즈", "비용", "이상", "이름"], ["series", "cost", "anomalous", "name"]);
    let mut table = present::table(&header, &[1]);
    for record in &records {
        let name = |field: &str| record.json.get(field).and_then(Value::as_str).unwrap_or_default();
        table.add_row([
            record.key.to_string(),
            money::amount(cost(record), &config.currency),
            anomalous(record, language).to_owned(),
            present::series_label(["domainName", "projectName", "serviceName"].map(name)),
        ]);
    }
    let currency = &config.currency;
    present::out(&match language {
        Language::Korean => format!("{day}, 금액 단위 {currency}\n{table}"),
        Language::English => format!("{day}, amounts in {currency}\n{table}"),
    });
    Ok(())
}

fn show(records: &[DailyRecord], locale: Locale<'_>, form: Form) {
    if form == Form::Json {
        return print(records);
    }
    let Locale { language, currency } = locale;
    let text = |measure: Measure, value: f64| match measure {
        Measure::UsageTime | Measure::UsageQuantity => money::text(value),
        _ => money::amount(value, currency),
    };
    let header = language.choose(
        ["날짜", "비용", "정가", "할인", "사용 시간", "사용량", "이상"],
        ["date", "cost", "list cost", "discount", "usage time", "quantity", "anomalous"],
    );
    let mut table = present::table(&header, &[1, 2, 3, 4, 5]);
    for record in records {
        let amount = |measure: Measure| record.amounts.get(&measure).map(|value| text(measure, *value));
        let amounts = MEASURES.map(|measure| amount(measure).unwrap_or_default());
        let anomalous = anomalous(record, language).to_owned();
        let cells = [record.date.to_string()].into_iter().chain(amounts).chain([anomalous]);
        table.add_row(cells);
    }
    present::out(&table.to_string());
}

fn print(records: &[DailyRecord]) {
    records.iter().for_each(|record| present::out(&Value::Object(record.json.clone()).to_string()));
}

fn anomalous(record: &DailyRecord, language: Language) -> &'static str {
    match record.json.get("isAnomaly").and_then(Value::as_bool) {
        Some(true) => language.choose("예", "yes"),
        Some(false) | None => language.choose("아니요", "no"),
    }
}
