//! The commands `archive ...`: retention of the raw documents, comparison with the ledger, and rebuilding the database.

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
            present::out(&match (changed, apply) {
                (false, _) => format!("{place} has these rules already"),
                (true, true) => format!("{place} has these rules now"),
                (true, false) => format!("{place} would have these rules: set them with --apply"),
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
            Form::Text => present::out(&format!("{key}  {bytes} bytes")),
        }
    }
    let (count, bytes, place) = (old.len(), old.iter().map(|(_, bytes)| bytes).sum::<u64>(), archive.location());
    if form == Form::Text {
        let done = match (apply, count) {
            (true, 1) => "is deleted",
            (true, _) => "are deleted",
            (false, 1) => "would be deleted: repeat the command with --apply",
            (false, _) => "would be deleted: delete them with --apply",
        };
        present::out(&format!(
            "{} of days before {before}, {}, of {place} {done}; {} {} left alone",
            counted(count, "document"),
            counted(bytes, "byte"),
            counted(listing.foreign, "other file"),
            one_or(listing.foreign, "is", "are")
        ));
    }
    Ok(Grade::Done)
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
        difference(found, form);
    };
    let verified = pipeline::verify(comparison, &mut show).await?;
    let VerifyResult { days, hours, expired, differences, foreign } = verified;
    match form {
        Form::Json => {
            let report = json!({"days": days, "hours": hours, "expired": expired, "differences": differences, "foreign": foreign});
            present::out(&report.to_string());
        }
        Form::Text => present::out(&format!(
            "{} and {} compared, {}; {} {} deleted after the retention period; {} of other programs",
            counted(days, "day"),
            counted(hours, "hour"),
            counted(differences, "difference"),
            counted(expired, "document"),
            one_or(expired, "was", "were"),
            counted(foreign, "file")
        )),
    }
    if is_lacking && form == Form::Text {
        present::out("restore missing days from the archive: `costwarden archive rebuild` into an empty database");
    }
    Ok(if differences == 0 { Grade::Done } else { Grade::Degraded })
}

fn difference(found: &Difference, form: Form) {
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
    let amount = |amount: &Option<f64>| amount.map_or_else(|| "nothing".to_owned(), |amount| amount.to_string());
    present::out(&match kind {
        DifferenceKind::NotArchived => format!("{moment}: the ledger has it, the archive has no document of it"),
        DifferenceKind::NotStored => format!("{moment}: the archive has a document of it, the ledger has nothing"),
        DifferenceKind::Unreadable(why) => format!("{moment}: the archive's document cannot be read: {why}"),
        DifferenceKind::Amount { series, measure, stored, archived } => format!(
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
    let mut services = Services::open(config, Mode::Write, terminal, run, now).await?;
    let bar = counting("documents");
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
