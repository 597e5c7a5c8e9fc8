//! The words of a planned event that has ended.

use super::super::{Words, amount};
use super::span;
use crate::notification::PlannedEventContent;
use crate::text::Locale;

/// Returns the comparison of a plan with the bill.
pub(super) fn words(content: &PlannedEventContent<'_>, locale: Locale<'_>) -> Words {
    let plan = &content.event.plan;
    let planned = amount::signed(content.planned(), locale);
    let span = span(plan.from, plan.to);
    let (result, lines) = match content.result {
        Some(result) => {
            let [bill, earlier] = [result.bill, result.earlier_bill].map(|bill| amount::plain(bill, locale));
            let days = super::span(result.first_earlier_day, result.last_earlier_day);
            let line = format!(
                "청구 금액 {bill}, 이전 같은 요일({days}) {earlier}, 범위 {}",
                plan.scope.text(locale.language)
            );
            (amount::signed(result.difference(), locale), vec![line])
        }
        None => ("청구 내역이 없는 날이 있어 알 수 없음".to_owned(), Vec::new()),
    };
    Words {
        title: format!("예정된 변경 {} 기간이 끝났습니다", plan.name),
        figures: format!("{span}: 계획 {planned} · 결과 {result}"),
        lines,
        footer: format!("담당 {} · ID {}", plan.owner, content.event.id),
    }
}
