//! The table of accounts, projects and services. The script adds sorting, filtering and folding.

use maud::{Markup, html};
use notify::one_line;

use crate::report::CostRow;
use crate::texts::Texts;

/// Number of rows above which the page opens with folded projects, like `MANY_ROWS` of the script.
const MANY_ROWS: usize = 60;

pub(super) fn table(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    let numbers = [words.month_so_far, words.same_days_before, words.change, words.month_end, words.range];
    html! {
        section {
            h2 { (words.costs) }
            p.note { (words.costs_note) }
            p.controls {
                label { (words.filter) " " input #filter type="search" autocomplete="off"; }
                button #fold type="button" { (words.fold) }
                button #unfold type="button" { (words.unfold) }
                output #shown aria-live="polite" {}
            }
            div.scroll tabindex="0" role="region" aria-label=(words.costs) {
                table #costs class=[(texts.report.rows.len() > MANY_ROWS).then_some("many")] {
                    thead { tr {
                        th scope="col" { button type="button" { (words.name) } }
                        @for name in numbers { th.n scope="col" { button type="button" { (name) } } }
                    } }
                    tbody {
                        @for row in &texts.report.rows { (cost_row(texts, row)) }
                    }
                    tfoot { tr { th scope="row" { (words.total) } (cells(texts, &texts.report.total)) } }
                }
            }
        }
    }
}

fn cost_row(texts: &Texts<'_, '_>, row: &CostRow) -> Markup {
    let depth = 2_u8.saturating_sub(row.key.layer());
    html! { tr data-d=(depth) { th scope="row" { (one_line(row.name())) } (cells(texts, row)) } }
}

fn cells(texts: &Texts<'_, '_>, row: &CostRow) -> Markup {
    html! {
        td { (texts.amount(row.month_so_far)) }
        td { (texts.before(row)) }
        td { (texts.change(row)) }
        td { (texts.month_end(row)) }
        td { (texts.range(row)) }
    }
}
