//! The command `report`: a report for cost owners, from the store only.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use model::language::Language;
use notify::Locale;
use serde_json::json;
use store::{Access, DateRange, Store};

use super::args;
use super::present::{self, Form};
use super::stored_days::{note_outside, stored_days};
use crate::config::StoreConfig;
use crate::pipeline::Grade;
use crate::report;

/// Number of days of a report without `--from`.
const DAYS: u16 = 90;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// First day of the charts and the incidents. Default: 89 days before the last day.
    #[arg(long, value_parser = args::day)]
    from: Option<Date>,
    /// Last day; the months of the report are the month of this day and the month before. Default: the newest day in the
    /// store.
    #[arg(long, value_parser = args::day)]
    to: Option<Date>,
    /// Folder for the file `report.html`, `report.md`, `report.csv` or `report.json`.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Format of the file. The page is self-contained and opens from the disk.
    #[arg(long, value_enum, default_value = "html")]
    format: FormatWord,
    /// Language of the report. Default: `language` of the config.
    #[arg(long, value_enum)]
    language: Option<LanguageWord>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatWord {
    Html,
    Md,
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LanguageWord {
    Ko,
    En,
}

pub(super) async fn report(config: StoreConfig, args: ReportArgs, form: Form, now: Timestamp) -> anyhow::Result<Grade> {
    let format = match args.format {
        FormatWord::Html => ::report::Format::Html,
        FormatWord::Md => ::report::Format::Markdown,
        FormatWord::Csv => ::report::Format::Csv,
        FormatWord::Json => ::report::Format::Json,
    };
    let language = match args.language {
        Some(LanguageWord::Ko) => Language::Korean,
        Some(LanguageWord::En) => Language::English,
        None => config.language,
    };
    let store = Store::open(&config.store, Access::Read).await?;
    let Some(newest) = report::newest_days(&store, DAYS).await? else {
        anyhow::bail!("the ledger holds no day yet: costwarden backfill --from DAY loads some");
    };
    let stored = stored_days(&store).await?;
    note_outside("--from", args.from, stored);
    note_outside("--to", args.to, stored);
    let to = args.to.unwrap_or(newest.to);
    let from = args.from.unwrap_or_else(|| to.saturating_sub(newest.to - newest.from));
    anyhow::ensure!(from <= to, "--from {from} is after the last day {to}: expected a first day up to the last day");
    let reported = report::read(&store, DateRange { from, to }).await?;
    anyhow::ensure!(
        !reported.is_empty(),
        "the ledger holds no day from {from} to {to}: the ledger has days from {} to {}; name other days",
        stored.from,
        stored.to
    );
    let report = reported.report(&config, Locale { language, currency: &config.currency }, now);
    let file = args.output.join(format!("report.{}", format.extension()));
    std::fs::create_dir_all(&args.output)
        .and_then(|()| std::fs::write(&file, format.text(&report)))
        .with_context(|| format!("{} cannot be written", file.display()))?;
    match form {
        Form::Json => present::out(&json!({ "file": file, "from": from, "to": to }).to_string()),
        Form::Text => present::out(&format!("{}: the report from {from} to {to}", file.display())),
    }
    Ok(Grade::Done)
}
