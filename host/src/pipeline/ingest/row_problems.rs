//! Notifications about rows of a finished day that are left out of the sums, or that occur more than once.

use jiff::civil::Date;
use model::count::{counted, one_or};
use model::language::Language;
use model::ledger::{DayLedger, RefusedRow};
use notify::{Level, Locale, refused_amount};

use crate::pipeline::notify::OperationalProblem;
use crate::pipeline::run::{Run, RunError};

/// Key of the notification about another currency.
const OTHER_CURRENCY: &str = "rows:currency";

/// Minimum share of repeated rows in a notification. A provider may repeat some rows on every day.
const REPEATED_SHARE: f64 = 0.05;

impl Run<'_> {
    /// Notifies people of the refused and the repeated rows of a finished day, once until a day without such rows.
    pub(crate) async fn notify_row_problems(&mut self, ledger: &DayLedger) -> Result<(), RunError> {
        let language = self.services.config.language;
        let refused = (!ledger.refused.is_empty()).then(|| {
            let text = refused_rows(ledger, self.services.config.locale());
            OperationalText { tag: "REFUSED_ROWS", text }
        });
        self.raise_or_resolve("rows:refused", refused).await?;
        self.raise_or_resolve(OTHER_CURRENCY, None).await?;
        let is_repeated =
            ledger.repeated_rows as f64 >= REPEATED_SHARE * ledger.rows as f64 && ledger.repeated_rows > 1;
        let repeated =
            is_repeated.then(|| OperationalText { tag: "REPEATED_ROWS", text: repeated_rows(ledger, language) });
        self.raise_or_resolve("rows:repeated", repeated).await
    }

    /// Notifies people of a bill in another currency than the config, once until a usable bill.
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
        self.raise_or_resolve(OTHER_CURRENCY, Some(OperationalText { tag: "OTHER_CURRENCY", text })).await
    }

    async fn raise_or_resolve(&mut self, key: &str, problem: Option<OperationalText>) -> Result<(), RunError> {
        let Some(OperationalText { tag, text }) = problem else { return self.resolve_problem(key).await };
        self.raise_problem(OperationalProblem { key, level: Level::Error, tag, text: &text, after: 1 }).await
    }
}

/// A tag and a text.
struct OperationalText {
    tag: &'static str,
    text: String,
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
