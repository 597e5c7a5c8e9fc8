//! The command `report`: a report for cost owners, from the store, and the trials of the page.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::report::PartState;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use config_file::secret::SecretUse;
use ingest::archive::{Archive, ArchivedReport};
use jiff::Timestamp;
use jiff::civil::Date;
use model::incident::{Incident, IncidentState};
use model::language::Language;
use model::rule;
use model::series::SeriesKey;
use notify::Locale;
use serde_json::json;
use store::{Access, DateRange, Store};
use tracing::Level;

use super::present::{self, Form};
use super::stored_days::{note_outside, stored_days};
use super::{args, load, load_store};
use crate::pipeline::{ArchivedBills, CausesById, Grade, PageTrials, Trials, causes_of};
use crate::report::{self, DAYS, Reported};

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
    #[arg(long, value_name = "DIR", required_unless_present = "archive")]
    output: Option<PathBuf>,
    /// Store the report in the archive too, as `reports/year=YYYY/month=MM/report_YYYYMMDD.html`. A report of the same last day
    /// is replaced.
    #[arg(long)]
    archive: bool,
    /// Format of the file. The page is self-contained and opens from the disk.
    #[arg(long, value_enum, default_value = "html")]
    format: FormatWord,
    /// A series of daily rules to evaluate again in the page with other settings, like DOMAIN/PROJECT/SERVICE, or `incidents`
    /// for the series of the incidents. Repeat the option for further series. The page carries the detectors.
    #[arg(long = "try", value_name = "SERIES", value_parser = tried)]
    tried: Vec<Tried>,
    /// Also name the causes of the open incidents, from the archived bills.
    #[arg(long)]
    causes: bool,
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

/// The series of trials.
#[derive(Debug, Clone)]
enum Tried {
    Incidents,
    Series(SeriesKey),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LanguageWord {
    Ko,
    En,
}

/// Largest page with trials, in bytes.
const MAX_PAGE_BYTES: usize = 2_000_000;

fn tried(text: &str) -> Result<Tried, String> {
    if text == "incidents" { Ok(Tried::Incidents) } else { args::series(text).map(Tried::Series) }
}

impl ReportArgs {
    /// Whether the command is a job of a schedule: the report goes to the archive only.
    pub(super) fn is_scheduled(&self) -> bool {
        self.archive && self.output.is_none()
    }
}

pub(super) async fn report(
    config_file: Option<PathBuf>,
    args: ReportArgs,
    form: Form,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    anyhow::ensure!(
        args.output.as_deref() != Some(Path::new("-")),
        "--output -: expected a folder, because a report is a file; --output . writes into the current folder"
    );
    let config = load_store(config_file.clone()).await?;
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
    let locale = Locale { language, currency: &config.currency };
    anyhow::ensure!(
        args.tried.is_empty() || format == ::report::Format::Html,
        "--try: a detector runs in the HTML page only, expected --format html"
    );
    let store = Store::open(&config.store, Access::Read).await?;
    let Some(newest) = report::newest_days(&store, DAYS).await? else {
        anyhow::bail!("the ledger holds no day yet: costwarden backfill --from DAY loads some");
    };
    let stored = stored_days(&store).await?;
    note_outside("--from", args.from, stored, config.language);
    note_outside("--to", args.to, stored, config.language);
    let to = args.to.unwrap_or(newest.to);
    let from = args.from.unwrap_or_else(|| to.saturating_sub(newest.to - newest.from));
    anyhow::ensure!(from <= to, "--from {from} is after the last day {to}: expected a first day up to the last day");
    let range = DateRange { from, to };
    let mut reported = report::read(&store, range).await?;
    anyhow::ensure!(
        !reported.is_empty(),
        "the ledger holds no day from {from} to {to}: the ledger has days from {} to {}; name other days",
        stored.from,
        stored.to
    );
    reported.incident_pages = config.routing.incident_pages().map(String::from);
    if !args.tried.is_empty() {
        let trials =
            Trying { store: &store, locale, range }.page_trials(config_file.clone(), &args.tried, &reported).await?;
        reported.trials_state = trials.state();
        reported.trials = Arc::new(trials);
    }
    let mut grade = Grade::Done;
    if args.causes {
        grade = add_causes(config_file.clone(), locale, &mut reported).await?;
    }
    let mut text = format.text(&reported.report(&config, locale, now));
    if !args.tried.is_empty() && text.len() > MAX_PAGE_BYTES {
        let names_series = args.tried.iter().any(|tried| matches!(tried, Tried::Series(_)));
        let too_large = format!("the page has {} bytes, more than {MAX_PAGE_BYTES}", text.len());
        anyhow::ensure!(!names_series, "{too_large}: expected fewer series with --try, or fewer days with --from");
        present::complaint(Level::WARN, &format!("{too_large}: the page has no trial"));
        reported.trials = Arc::default();
        reported.trials_state = PartState::Incomplete;
        text = format.text(&reported.report(&config, locale, now));
    }
    let file = args.output.map(|folder| write(&folder, format, &text)).transpose()?;
    let key = if args.archive {
        Some(upload(config_file, ArchivedReport { date: to, extension: format.extension(), text: &text }).await?)
    } else {
        None
    };
    match form {
        Form::Json => present::out(&json!({ "file": file, "key": key, "from": from, "to": to }).to_string()),
        Form::Text => {
            let places = file.iter().map(|file| file.display().to_string()).chain(key);
            places.for_each(|place| {
                present::out(&match config.language {
                    Language::Korean => format!("{place}: {from}~{to} 보고서"),
                    Language::English => format!("{place}: the report from {from} to {to}"),
                });
            });
        }
    }
    Ok(grade)
}

/// Reads the causes of the open incidents. An unreadable archive leaves causes unknown: the report is degraded.
async fn add_causes(
    config_file: Option<PathBuf>,
    locale: Locale<'_>,
    reported: &mut Reported,
) -> anyhow::Result<Grade> {
    let config = load(config_file, SecretUse::Tables(&["archive"])).await?;
    let archive = Archive::new(&config.archive);
    let open: Vec<&Incident> =
        reported.incidents().iter().filter(|incident| incident.state == IncidentState::Open).collect();
    let archived = ArchivedBills { archive: &archive, currency: &config.currency };
    let CausesById { causes, archive_error } = causes_of(archived, &open, &rule::load(&config.rules).rules).await;
    let sentence = |incident: &&Incident| {
        Some((incident.id.clone(), notify::cause_sentence(incident, causes.get(&incident.id)?, locale)))
    };
    let sentences = open.iter().filter_map(sentence).collect();
    reported.causes = sentences;
    let Some(error) = archive_error else { return Ok(Grade::Done) };
    reported.causes_state = PartState::Incomplete;
    present::degraded(&error, config.language);
    Ok(Grade::Degraded)
}

/// Writes the file and returns its path.
fn write(folder: &Path, format: ::report::Format, text: &str) -> anyhow::Result<PathBuf> {
    let file = folder.join(format!("report.{}", format.extension()));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, text))
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}

/// Stores the report in the archive and returns the key.
async fn upload(config_file: Option<PathBuf>, report: ArchivedReport<'_>) -> anyhow::Result<String> {
    let config = load(config_file, SecretUse::Tables(&["archive"])).await?;
    Ok(Archive::new(&config.archive).put_report(report).await?)
}

/// The store, the language and the range of the trials.
struct Trying<'a> {
    store: &'a Store,
    locale: Locale<'a>,
    range: DateRange,
}

impl Trying<'_> {
    async fn page_trials(
        &self,
        config_file: Option<PathBuf>,
        tried: &[Tried],
        reported: &Reported,
    ) -> anyhow::Result<PageTrials> {
        let config = load(config_file, SecretUse::Tables(&["store"])).await?;
        let trials = Trials::prepare(&config, self.locale, self.range).await?;
        let history = trials.history(self.store).await?;
        let keys = tried.iter().filter_map(|tried| match tried {
            Tried::Series(key) => Some(key.clone()),
            Tried::Incidents => None,
        });
        let keys: Vec<SeriesKey> = keys.collect();
        let has_incidents = tried.iter().any(|tried| matches!(tried, Tried::Incidents));
        let incidents = if has_incidents { reported.incidents() } else { &[] };
        let page = trials.of(&history, &keys, incidents).await?;
        page.problems.iter().for_each(|problem| present::complaint(Level::WARN, problem));
        if page.left_out > 0 {
            let trials = page.trials.len();
            let left_out = page.left_out;
            let warning = match config.language {
                Language::Korean => format!("보고서에 시험 {trials}개를 넣고 {left_out}개를 뺐습니다"),
                Language::English => format!("the page has {trials} trials, without {left_out} more"),
            };
            present::complaint(Level::WARN, &warning);
        }
        Ok(page)
    }
}
