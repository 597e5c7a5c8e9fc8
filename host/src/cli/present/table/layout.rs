//! The layout of a table: the columns beside each other with their widths, and the columns below each row.

use unicode_width::UnicodeWidthStr;

use super::{Column, Content, Table};

/// The columns of padding on both sides of a cell.
const PADDING: usize = 2;
/// The least width of a column of wrapped text, if the text is not shorter: a short name of a series has one line.
const LEAST_TEXT_WIDTH: usize = 27;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) beside: Vec<PlacedColumn>,
    /// Indexes of the columns below each row.
    pub(super) below: Vec<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlacedColumn {
    pub(super) column: usize,
    /// Width without the padding.
    pub(super) width: usize,
}

impl Layout {
    pub(super) fn new(table: &Table) -> Self {
        let demands: Vec<Demand> = (0..table.columns.len()).map(|column| Demand::of(table, column)).collect();
        let mut beside: Vec<usize> = (0..demands.len()).collect();
        let mut below = Vec::new();
        let least = |columns: &[usize]| columns.iter().map(|column| demands[*column].least + PADDING).sum::<usize>();
        while beside.len() > 1 && least(&beside) > table.width {
            below.push(beside.remove(next_below(&beside, &table.columns)));
        }
        below.sort_unstable();
        let mut placed: Vec<PlacedColumn> =
            beside.iter().map(|column| PlacedColumn { column: *column, width: demands[*column].least }).collect();
        widen(&mut placed, &demands, table.width.saturating_sub(least(&beside)));
        Self { beside: placed, below }
    }

    /// Returns the width of the columns beside each other, with the padding.
    pub(super) fn width(&self) -> usize {
        self.beside.iter().map(|placed| placed.width + PADDING).sum()
    }
}

/// Returns the position of the column that moves below the row: the last text, otherwise the last column.
fn next_below(beside: &[usize], columns: &[Column]) -> usize {
    let last_text = beside.iter().rposition(|column| columns[*column].content == Content::Text);
    last_text.unwrap_or(beside.len() - 1)
}

/// Distributes the spare width: first to the names of columns without texts, then evenly to the texts.
fn widen(placed: &mut [PlacedColumn], demands: &[Demand], mut spare: usize) {
    let missing = |placed: &PlacedColumn| demands[placed.column].whole.saturating_sub(placed.width);
    for named in placed.iter_mut().filter(|placed| !demands[placed.column].is_text) {
        let added = missing(named).min(spare);
        named.width += added;
        spare -= added;
    }
    for _ in 0..spare {
        match placed.iter_mut().max_by_key(|placed| missing(placed)) {
            Some(narrowest) if missing(narrowest) > 0 => narrowest.width += 1,
            _ => return,
        }
    }
}

/// The widths that a column can use.
struct Demand {
    /// Width that breaks no word.
    least: usize,
    /// Width with one line for each cell.
    whole: usize,
    is_text: bool,
}

impl Demand {
    fn of(table: &Table, column: usize) -> Self {
        let Column { header, content } = &table.columns[column];
        let cells = table.cells(column).map(UnicodeWidthStr::width).max().unwrap_or(0);
        let whole = cells.max(header.width());
        let least = match content {
            Content::Whole | Content::Number => cells,
            Content::Text => table.cells(column).map(longest_word).max().unwrap_or(0).max(LEAST_TEXT_WIDTH.min(whole)),
        };
        Self { least: least.max(longest_word(header)), whole, is_text: *content == Content::Text }
    }
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0)
}
