//! Gaps too old for a run to close: reported until a part of the gap is loaded.

use jiff::ToSpan as _;
use model::language::Language;
use notify::Level;
use store::DateRange;

use crate::pipeline::notify::OperationalProblem;
use crate::pipeline::run::{Count, Remark, Run, RunError};

/// Prefix of the notification ids.
const KEY: &str = "gap:";

impl Run<'_> {
    /// Reports a new gap, if any, and reports or resolves the known gaps.
    pub(crate) async fn report_gaps(&mut self, gap: Option<DateRange>) -> Result<(), RunError> {
        let gap_key = gap.map(key);
        for notification in self.services.store.notifications().await? {
            let Some(known) = parse_key(&notification.key).filter(|_| notification.times > 0) else { continue };
            // A single loaded day resolves the gap.
            if !self.services.store.days(known).await?.is_empty() {
                self.resolve_problem(&notification.key).await?;
            } else if gap_key.as_ref() != Some(&notification.key) {
                self.report_gap(known).await?;
            }
        }
        match gap {
            Some(gap) => self.report_gap(gap).await,
            None => Ok(()),
        }
    }

    async fn report_gap(&mut self, gap: DateRange) -> Result<(), RunError> {
        let DateRange { from, to } = gap;
        self.report.add(Count::GapDays, from.series(1.day()).take_while(|day| *day <= to).count() as u64);
        self.report.add_problem(Remark::new(
            format!(
                "{from}부터 {to}까지 저장된 날이 없고, daily 작업은 catch_up_days까지만 되돌아봅니다. costwarden backfill --from {from} --to {to} 명령으로 불러오세요"
            ),
            format!(
                "the ledger has no day from {from} to {to}, and the daily job looks back only catch_up_days: load the days with costwarden backfill --from {from} --to {to}"
            ),
        ));
        let text = match self.services.config.language {
            Language::Korean => format!(
                "{from}부터 {to}까지의 청구서가 없습니다. costwarden backfill --from {from} --to {to} 명령으로 불러오십시오"
            ),
            Language::English => format!(
                "the ledger has no bill from {from} to {to}: load the days with costwarden backfill --from {from} --to {to}"
            ),
        };
        let key = key(gap);
        self.raise_problem(OperationalProblem { key: &key, level: Level::Error, tag: "GAP", text: &text, after: 1 })
            .await
    }
}

fn key(gap: DateRange) -> String {
    format!("{KEY}{}:{}", gap.from, gap.to)
}

fn parse_key(key: &str) -> Option<DateRange> {
    let (from, to) = key.strip_prefix(KEY)?.split_once(':')?;
    Some(DateRange { from: from.parse().ok()?, to: to.parse().ok()? })
}
