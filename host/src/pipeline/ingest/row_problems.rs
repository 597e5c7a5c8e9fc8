//! Notifications about rows of a finished day that are left out of the sums, or that occur more than once.

use jiff::civil::Date;
use model::count::{counted, one_or};
use model::incident::Recency;
use model::language::Language;
use model::ledger::{DayLedger, RefusedRow};
use notify::{Level, Locale, refused_amount};
use store::OperationalNotification;

use crate::pipeline::notify::{OperationalProblem, has_receivers};
use crate::pipeline::run::{Run, RunError};

/// Minimum share of repeated rows in a notification. A provider may repeat some rows on every day.
const REPEATED_SHARE: f64 = 0.05;
/// The days between two notifications about the same kind of rows. A provider may send such rows on every day.
const QUIET_DAYS: i32 = 7;

/// A kind of wrong rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowProblem {
    Refused,
    Repeated,
    OtherCurrency,
}

/// A notification about the rows of a day, raised or with receivers that wait for the resolution.
struct RaisedRows {
    problem: RowProblem,
    date: Date,
    notification: OperationalNotification,
}

impl RowProblem {
    const ALL: [Self; 3] = [Self::Refused, Self::Repeated, Self::OtherCurrency];

    fn tag(self) -> &'static str {
        match self {
            Self::Refused => "REFUSED_ROWS",
            Self::Repeated => "REPEATED_ROWS",
            Self::OtherCurrency => "OTHER_CURRENCY",
        }
    }

    /// Returns the start of the notification keys. The date follows.
    fn prefix(self) -> &'static str {
        match self {
            Self::Refused => "rows:refused:",
            Self::Repeated => "rows:repeated:",
            Self::OtherCurrency => "rows:currency:",
        }
    }

    fn key(self, date: Date) -> String {
        format!("{}{date}", self.prefix())
    }

    fn of_key(key: &str) -> Option<(Self, Date)> {
        let problem = Self::ALL.into_iter().find(|problem| key.starts_with(problem.prefix()))?;
        Some((problem, key.strip_prefix(problem.prefix())?.parse().ok()?))
    }
}

impl Run<'_> {
    /// Notifies people of the refused and the repeated rows of a finished day. A new reading of the day without such rows
    /// resolves the problem. A past day raises no problem.
    pub(crate) async fn notify_row_problems(&mut self, ledger: &DayLedger, recency: Recency) -> Result<(), RunError> {
        let language = self.services.config.language;
        let locale = self.services.config.locale();
        let refused = (!ledger.refused.is_empty()).then(|| refused_rows(ledger, locale));
        let is_repeated =
            ledger.repeated_rows as f64 >= REPEATED_SHARE * ledger.rows as f64 && ledger.repeated_rows > 1;
        let repeated = is_repeated.then(|| repeated_rows(ledger, language));
        let problems =
            [(RowProblem::Refused, refused), (RowProblem::OtherCurrency, None), (RowProblem::Repeated, repeated)];
        for (problem, text) in problems {
            match text {
                None => self.resolve_problem(&problem.key(ledger.date)).await?,
                Some(text) if recency != Recency::Past => self.raise_rows(problem, ledger.date, &text).await?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Notifies people of a bill in another currency than the config.
    pub(crate) async fn notify_other_currency(&mut self, date: Date, found: &str) -> Result<(), RunError> {
        let expected = &self.services.config.currency;
        let text = match self.services.config.language {
            Language::Korean => format!(
                "{date}의 청구서 통화는 {found}이지만 설정의 통화는 {expected}입니다. 이날은 판단하지 않았습니다. 설정의 currency를 확인해 주세요"
            ),
            Language::English => format!(
                "the bill of {date} is in {found}, and the currency of the config is {expected}; the day is not evaluated: check currency in the config"
            ),
        };
        self.raise_rows(RowProblem::OtherCurrency, date, &text).await
    }

    /// Sends the notifications about rows to the remaining receivers. Forgets the notifications of days that no run reads
    /// again: nothing shows the end of these problems.
    pub(crate) async fn retry_row_problems(&mut self, newest: Date) -> Result<(), RunError> {
        let kept_days = i32::from(self.services.config.restate_days).max(QUIET_DAYS);
        for RaisedRows { problem, date, notification } in self.raised_rows().await? {
            if (newest - date).get_days() > kept_days {
                self.forget_problem(notification).await?;
            } else if notification.times == 0 {
                self.resolve_problem(&notification.key).await?;
            } else {
                self.raise_row_problem(problem, date, &notification.text).await?;
            }
        }
        Ok(())
    }

    /// Notifies people of rows, unless people know such rows of another day of the week.
    async fn raise_rows(&mut self, problem: RowProblem, date: Date, text: &str) -> Result<(), RunError> {
        let is_known = self.raised_rows().await?.iter().any(|raised| {
            raised.problem == problem
                && raised.date != date
                && raised.notification.times > 0
                && (raised.date - date).get_days().abs() < QUIET_DAYS
        });
        if is_known { Ok(()) } else { self.raise_row_problem(problem, date, text).await }
    }

    async fn raise_row_problem(&mut self, problem: RowProblem, date: Date, text: &str) -> Result<(), RunError> {
        let key = problem.key(date);
        self.raise_problem(OperationalProblem { key: &key, level: Level::Error, tag: problem.tag(), text, after: 1 })
            .await
    }

    async fn raised_rows(&self) -> Result<Vec<RaisedRows>, RunError> {
        let notifications = self.services.store.notifications().await?.into_iter().filter(has_receivers);
        let raised = |notification: OperationalNotification| {
            let (problem, date) = RowProblem::of_key(&notification.key)?;
            Some(RaisedRows { problem, date, notification })
        };
        Ok(notifications.filter_map(raised).collect())
    }
}

fn refused_rows(ledger: &DayLedger, locale: Locale<'_>) -> String {
    let DayLedger { date, refused, .. } = ledger;
    let total = ledger.refused_total();
    let row_word = if locale.language == Language::Korean { "행" } else { "row" };
    let text =
        |RefusedRow { row, defect, .. }: &RefusedRow| format!("{row_word} {row}: {}", defect.text(locale.language));
    let first = refused.first().map(text).unwrap_or_default();
    let rows = total.rows;
    let amount = refused_amount(total, locale);
    let series = ledger.entries.iter().filter(|entry| entry.is_incomplete).count() as u64;
    match locale.language {
        Language::Korean => format!(
            "{date}의 청구서에서 {rows}행을 합계에서 뺐습니다({amount}). 항목 {series}개와 그 상위 합계는 이날 판단하지 않습니다. {first}"
        ),
        Language::English => {
            let are = one_or(rows, "is", "are");
            let rows = counted(rows, "row");
            format!(
                "{rows} of the bill of {date} {are} left out of the sums ({amount}), and {series} series and the sums above are not evaluated on this day; {first}"
            )
        }
    }
}

fn repeated_rows(ledger: &DayLedger, language: Language) -> String {
    let DayLedger { date, rows, repeated_rows, .. } = ledger;
    match language {
        Language::Korean => format!(
            "{date}의 청구서에 앞의 행과 똑같은 행이 {rows}행 중 {repeated_rows}행 있습니다. 모두 합계에 넣었습니다"
        ),
        Language::English => format!(
            "{repeated_rows} of {rows} rows of the bill of {date} equal an earlier row; the sums contain each of them"
        ),
    }
}
