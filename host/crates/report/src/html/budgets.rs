//! The budgets: the amount, the spent cost and the forecast of the month.

use maud::{Markup, html};

use crate::texts::Texts;

/// Number of columns of text before the amounts.
const TEXT_COLUMNS: usize = 2;

pub(super) fn table(texts: &Texts<'_, '_>) -> Markup {
    let budgets = &texts.report.budgets;
    html! {
        @if !budgets.is_empty() {
            section {
                h2 { (texts.words.budgets) }
                div.scroll tabindex="0" role="region" aria-label=(texts.words.budgets) {
                    table {
                        thead { tr {
                            @for (index, name) in texts.budget_columns().into_iter().enumerate() {
                                th.n[index >= TEXT_COLUMNS] scope="col" { (name) }
                            }
                        } }
                        tbody {
                            @for budget in budgets {
                                @let [name, scope, amounts @ ..] = texts.budget(budget);
                                tr {
                                    th scope="row" { (name) }
                                    td { (scope) }
                                    @for amount in amounts { td.n { (amount) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
