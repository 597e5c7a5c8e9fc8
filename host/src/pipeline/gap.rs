//! Gaps too old for a run to close: reported until a part of the gap is loaded.

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::notification::Operational;
use super::report::Report;
use super::{Parts, RunError, tell};
use model::language::Language;
use notify::Level;
use store::DateRange;

/// Reports a new gap, if any, and reports or resolves the known gaps.
pub(super) async fn tell(
    parts: &mut Parts,
    met: Option<(Date, Date)>,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
    for notification in parts.store.notifications().await? {
        let Some((from, to)) = notification.key.strip_prefix(KEY).and_then(span).filter(|_| notification.times > 0)
        else {
            continue;
        };
        // A single loaded day resolves the gap.
        if !parts.store.days(DateRange { from, to }).await?.is_empty() {
            tell::resolved(parts, &notification.key, now, report).await?;
        } else if met != Some((from, to)) {
            raise(parts, from, to, now, report).await?;
        }
    }
    match met {
        Some((from, to)) => raise(parts, from, to, now, report).await,
        None => Ok(()),
    }
}

const KEY: &str = "gap:";

async fn raise(parts: &mut Parts, from: Date, to: Date, now: Timestamp, report: &mut Report) -> Result<(), RunError> {
    report.count("gap_days", from.series(1.day()).take_while(|day| *day <= to).count() as u64);
    report.problem(format!(
        "the ledger has no day from {from} to {to}, which is further back than catch_up_days: load them with costwarden backfill --from {from} --to {to}"
    ));
    let text = match parts.config.language {
        Language::Korean => format!(
            "{from}부터 {to}까지의 청구서가 없습니다. costwarden backfill --from {from} --to {to} 명령으로 불러오십시오"
        ),
        Language::English => {
            format!("there is no bill from {from} to {to}: load them with costwarden backfill --from {from} --to {to}")
        }
    };
    let key = format!("{KEY}{from}:{to}");
    let what = Operational { key: &key, level: Level::Error, tag: "GAP", text: &text, after: 1 };
    tell::operational(parts, what, now, report).await
}

fn span(text: &str) -> Option<(Date, Date)> {
    let (from, to) = text.split_once(':')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}
