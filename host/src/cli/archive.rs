//! The commands `archive ...`: retention of the raw documents, comparison with the ledger, and rebuilding the database.

use std::sync::Arc;
use std::time::Instant;

use clap::Subcommand;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use super::args::{Invocation, SpanArgs};
use super::jobs::{billing_day, counting, end};
use super::present::{self, Form};
use super::{args, log};
use crate::config::Config;
use crate::pipeline::{self, Comparison, Difference, DifferenceKind, Grade, Mode, Services, VerifyResult};
use ingest::archive::{Archive, Lifecycle};
use model::count::{counted, one_or};
use model::language::Language;
use model::moment::Moment;
use model::run_id::RunId;
use notify::Terminal;
use store::{Access, Store};

#[derive(Debug, Subcommand)]
pub(super) enum ArchiveCommand {
    /// Set the bucket's lifecycle rules: move raw documents to a cheap storage class, later delete them.
    ///
    /// Without --apply, show the change only. Rules of other owners stay unchanged.
    Lifecycle {
        /// Write the rules.
        #[arg(long)]
        apply: bool,
    },
    /// Delete old raw documents and their superseded versions. For storages without lifecycle rules.
    ///
    /// Without --apply, show the documents only.
    Prune {
        /// First day to keep: delete documents of days before. Default: archive.lifecycle.delete_after_days before
        /// today.
        #[arg(long, value_parser = args::day)]
        before: Option<Date>,
        /// Delete the documents.
        #[arg(long)]
        apply: bool,
    },
    /// Compare raw documents with the ledger: a document for every day and hour, and equal sums.
    ///
    /// Exit codes: 0 equal; 1 different; 2 not comparable.
    Verify {
        #[command(flatten)]
        span: SpanArgs,
    },
    /// Rebuild an empty database from the archive alone, without notifications.
    Rebuild,
}

pub(super) async fn archive(config: Config, command: ArchiveCommand, invocation: Invocation) -> anyhow::Result<Grade> {
    let Invocation { form, run_id, now } = invocation;
    match command {
        ArchiveCommand::Lifecycle { apply } => lifecycle(&config, apply, form).await,
        ArchiveCommand::Prune { before, apply } => prune(&config, before, apply, form, now).await,
        ArchiveCommand::Verify { span } => verify(&config, &span, form, now).await,
        ArchiveCommand::Rebuild => rebuild(config, form, run_id, now).await,
    }
}

async fn lifecycle(config: &Config, apply: bool, form: Form) -> anyhow::Result<Grade> {
    let archive = Archive::new(&config.archive);
    let rules = archive.lifecycle_rules(&config.lifecycle).await?;
    let changed = rules.is_changed();
    if apply && changed {
        archive.set_lifecycle_rules(&rules).await?;
    }
    let place = archive.location();
    match form {
        Form::Json => {
            let (before, after) = (&rules.before, &rules.after);
            let report = json!({"place": place, "before": before, "after": after, "changed": changed, "applied": apply && changed});
            present::out(&report.to_string());
        }
        Form::Text => {
            let (before, after) = (rules.before.join("\n") + "\n", rules.after.join("\n") + "\n");
            for change in TextDiff::from_lines(before.trim_start(), after.trim_start()).iter_all_changes() {
                let sign = match change.tag() {
                    ChangeTag::Delete => '-',
                    ChangeTag::Insert => '+',
                    ChangeTag::Equal => ' ',
                };
                present::out(&format!("{sign} {}", change.value().trim_end()));
            }
            present::out(&match (config.language, changed, apply) {
                (Language::Korean, false, _) => format!("{place}: 이미 이 규칙입니다"),
                (Language::English, false, _) => format!("{place} has these rules already"),
                (Language::Korean, true, true) => format!("{place}: 이 규칙으로 바꿨습니다"),
                (Language::English, true, true) => format!("{place} has these rules now"),
                (Language::Korean, true, false) => format!("{place}: 이 규칙으로 바꾸려면 --apply를 붙이세요"),
                (Language::English, true, false) => {
                    format!("{place} would have these rules: set them with --apply")
                }
            });
        }
    }
    Ok(Grade::Done)
}

async fn prune(
    config: &Config,
    before: Option<Date>,
    apply: bool,
    form: Form,
    now: Timestamp,
) -> anyhow::Result<Grade> {
    // Recent bills are still restated, so their earlier versions must stay in the archive.
    let newest = days_before(config, now, Lifecycle::KEPT_DAYS);
    let before = before.unwrap_or_else(|| days_before(config, now, config.lifecycle.delete_after_days));
    anyhow::ensure!(
        before <= newest,
        "--before {before} would delete documents of the last {} days; the provider still corrects these bills: expected {newest} or earlier",
        Lifecycle::KEPT_DAYS
    );
    let archive = Archive::new(&config.archive);
    let listing = archive.list().await?;
    let old: Vec<_> = listing.documents.into_iter().filter(|(key, _)| key.date < before).collect();
    // Reverse order: the superseded versions of a day go first, the valid document last.
    for (key, bytes) in old.iter().rev() {
        if apply {
            archive.remove(key).await?;
        }
        match form {
            Form::Json => present::out(&json!({"key": key.to_string(), "bytes": bytes, "deleted": apply}).to_string()),
            Form::Text => present::out(&format!("{key}  {bytes}{}", config.language.choose("바이트", " bytes"))),
        }
    }
    if form == Form::Text {
        let pruned = Pruned {
            place: archive.location(),
            before,
            count: old.len() as u64,
            bytes: old.iter().map(|(_, bytes)| bytes).sum(),
            foreign: listing.foreign,
        };
        present::out(&match config.language {
            Language::Korean => pruned.korean(apply),
            Language::English => pruned.english(apply),
        });
    }
    Ok(Grade::Done)
}

/// The documents of the days before a day.
struct Pruned {
    place: Arc<str>,
    before: Date,
    count: u64,
    bytes: u64,
    /// Number of files of other programs.
    foreign: u64,
}

impl Pruned {
    fn korean(&self, is_deleted: bool) -> String {
        let Self { place, before, count, bytes, foreign } = self;
        let done = if is_deleted { "지웠습니다" } else { "지우려면 --apply를 붙이세요" };
        format!("{place}: {before} 전의 원본 {count}개({bytes}바이트). {done}. 다른 파일 {foreign}개는 그대로 둡니다")
    }

    fn english(&self, is_deleted: bool) -> String {
        let Self { place, before, count, bytes, foreign } = self;
        let done = match (is_deleted, count) {
            (true, 1) => "is deleted",
            (true, _) => "are deleted",
            (false, 1) => "would be deleted: repeat the command with --apply",
            (false, _) => "would be deleted: delete them with --apply",
        };
        format!(
            "{} of days before {before}, {}, of {place} {done}; {} {} left alone",
            counted(*count, "document"),
            counted(*bytes, "byte"),
            counted(*foreign, "other file"),
            one_or(*foreign, "is", "are")
        )
    }
}

async fn verify(config: &Config, span: &SpanArgs, form: Form, now: Timestamp) -> anyhow::Result<Grade> {
    let store = Store::open(&config.store, Access::Read).await?;
    let archive = Archive::new(&config.archive);
    let kept_since = days_before(config, now, config.lifecycle.delete_after_days);
    let comparison =
        Comparison { store: &store, archive: &archive, currency: &config.currency, range: span.range()?, kept_since };
    let mut is_lacking = false;
    let mut show = |found: &Difference| {
        is_lacking |= matches!(found.kind, DifferenceKind::NotStored);
        difference(found, config.language, form);
    };
    let verified = pipeline::verify(comparison, &mut show).await?;
    let VerifyResult { days, hours, expired, differences, foreign } = verified;
    match form {
        Form::Json => {
            let report = json!({"days": days, "hours": hours, "expired": expired, "differences": differences, "foreign": foreign});
            present::out(&report.to_string());
        }
        Form::Text => present::out(&match config.language {
            Language::Korean => format!(
                "{days}일과 {hours}시간을 비교했고 다른 곳은 {differences}곳입니다. 보관 기간이 지나 지운 원본 {expired}개, 다른 프로그램의 파일 {foreign}개"
            ),
            Language::English => format!(
                "{} and {} compared, {}; {} {} deleted after the retention period; {} of other programs",
                counted(days, "day"),
                counted(hours, "hour"),
                counted(differences, "difference"),
                counted(expired, "document"),
                one_or(expired, "was", "were"),
                counted(foreign, "file")
            ),
        }),
    }
    if is_lacking && form == Form::Text {
        present::out(config.language.choose(
            "빠진 날을 보관소에서 되살리려면 빈 데이터베이스에 `costwarden archive rebuild` 명령을 실행하세요",
            "restore missing days from the archive: `costwarden archive rebuild` into an empty database",
        ));
    }
    Ok(if differences == 0 { Grade::Done } else { Grade::Degraded })
}

fn difference(found: &Difference, language: Language, form: Form) {
    let Difference { moment: Moment { date, hour }, kind } = found;
    if form == Form::Json {
        let mut report = json!({"date": date.strftime("%Y%m%d").to_string(), "hour": hour});
        let more = match kind {
            DifferenceKind::NotArchived => json!({"what": "not archived"}),
            DifferenceKind::NotStored => json!({"what": "not in the ledger"}),
            DifferenceKind::Unreadable(why) => json!({"what": "unreadable", "why": why}),
            DifferenceKind::Amount { series, measure, stored, archived } => {
                let (series, field) = (series.to_string(), measure.name());
                json!({"what": "amount", "series": series, "field": field, "ledger": stored, "archive": archived})
            }
        };
        if let (Some(report), Some(more)) = (report.as_object_mut(), more.as_object()) {
            report.extend(more.clone());
        }
        return present::out(&report.to_string());
    }
    let moment = hour.map_or_else(|| date.to_string(), |hour| format!("{date} {hour:02}:00"));
    let none = language.choose("없음", "nothing");
    let amount = |amount: &Option<f64>| amount.map_or_else(|| none.to_owned(), |amount| amount.to_string());
    present::out(&match (language, kind) {
        (Language::Korean, DifferenceKind::NotArchived) => {
            format!("{moment}: 데이터베이스에는 있지만 보관소에 원본이 없습니다")
        }
        (Language::English, DifferenceKind::NotArchived) => {
            format!("{moment}: the ledger has it, the archive has no document of it")
        }
        (Language::Korean, DifferenceKind::NotStored) => {
            format!("{moment}: 보관소에 원본이 있지만 데이터베이스에는 없습니다")
        }
        (Language::English, DifferenceKind::NotStored) => {
            format!("{moment}: the archive has a document of it, the ledger has nothing")
        }
        (Language::Korean, DifferenceKind::Unreadable(why)) => {
            format!("{moment}: 보관소의 원본을 읽을 수 없습니다: {why}")
        }
        (Language::English, DifferenceKind::Unreadable(why)) => {
            format!("{moment}: the archive's document cannot be read: {why}")
        }
        (Language::Korean, DifferenceKind::Amount { series, measure, stored, archived }) => format!(
            "{moment} {series}: {} 데이터베이스 {}, 보관소 {}",
            measure.name(),
            amount(stored),
            amount(archived)
        ),
        (Language::English, DifferenceKind::Amount { series, measure, stored, archived }) => format!(
            "{moment} {series}: {} is {} in the ledger, {} in the archive",
            measure.name(),
            amount(stored),
            amount(archived)
        ),
    });
}

async fn rebuild(config: Config, form: Form, run: RunId, now: Timestamp) -> anyhow::Result<Grade> {
    let started = Instant::now();
    let terminal = match form {
        Form::Text => Terminal::Stdout,
        // Standard output has the JSON report, so notifications go to standard error.
        Form::Json => Terminal::Writer(log::notification),
    };
    let language = config.language;
    let mut services = Services::open(config, Mode::Write, terminal, run, now).await?;
    let bar = counting(language.choose("원본", "documents"), language);
    let report = pipeline::rebuild(&mut services, now, &|done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })
    .await;
    bar.finish_and_clear();
    Ok(end(&services, report, form, started, now).await)
}

/// Returns the date `days` before today, in the bill's time zone.
fn days_before(config: &Config, now: Timestamp, days: u16) -> Date {
    let today = billing_day(config, now);
    today.checked_sub(i64::from(days).days()).unwrap_or(Date::MIN)
}
