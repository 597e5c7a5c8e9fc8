//! Tables for people. One layout rule holds for all tables.
//!
//! The first column and numbers are never broken. Other texts are wrapped at spaces. If the columns are wider than the
//! terminal, the last text columns move below the row, and then the last columns of numbers. Nothing is cut.

mod layout;
#[cfg(test)]
mod tests;
mod wrap;

use std::fmt;

use unicode_width::UnicodeWidthStr as _;

use self::layout::{Layout, PlacedColumn};
use self::wrap::wrap;

/// The indentation of the columns below a row.
const FIRST_INDENT: &str = "   ";
/// The indentation of the further lines of these columns.
const NEXT_INDENT: &str = "     ";

/// The content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// A key, a date or a word: never broken, left-aligned.
    Whole,
    /// A number: never broken, right-aligned.
    Number,
    /// A text: wrapped at spaces, left-aligned.
    Text,
}

#[derive(Debug)]
struct Column {
    header: String,
    content: Content,
}

/// A table with a header.
#[derive(Debug)]
pub(in crate::cli) struct Table {
    /// Width of the terminal in columns.
    width: usize,
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates an empty table. The columns in `numbers` are numbers, the first column is a key, the others are texts.
    pub(super) fn new(header: &[&str], numbers: &[usize], width: usize) -> Self {
        let content = |index: usize| match index {
            _ if numbers.contains(&index) => Content::Number,
            0 => Content::Whole,
            _ => Content::Text,
        };
        let header = header.iter().enumerate();
        let columns = header.map(|(index, name)| Column { header: (*name).to_owned(), content: content(index) });
        Self { width, columns: columns.collect(), rows: Vec::new() }
    }

    /// Never breaks the cells of a column, so that people can copy keys and dates.
    pub(in crate::cli) fn keep_whole(&mut self, column: usize) {
        if let Some(column) = self.columns.get_mut(column)
            && column.content == Content::Text
        {
            column.content = Content::Whole;
        }
    }

    pub(in crate::cli) fn add_row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        // Names come from outside: no control character may reach the terminal.
        let cells = cells.into_iter().map(|cell| cell.as_ref().replace(char::is_control, " "));
        self.rows.push(cells.collect());
    }

    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.get(column)).map(String::as_str)
    }

    /// Returns the lines of the columns beside each other.
    fn beside(&self, row: &[String], layout: &Layout) -> Vec<String> {
        let cell = |placed: &PlacedColumn| wrap(row.get(placed.column).map_or("", String::as_str), placed.width);
        let cells: Vec<Vec<String>> = layout.beside.iter().map(cell).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        let line = |index: usize| {
            let texts = cells.iter().map(|cell| cell.get(index).map_or("", String::as_str));
            let padded = layout.beside.iter().zip(texts).map(|(placed, text)| self.padded(placed, text));
            padded.collect::<String>().trim_end().to_owned()
        };
        (0..height).map(line).collect()
    }

    fn padded(&self, placed: &PlacedColumn, text: &str) -> String {
        let space = " ".repeat(placed.width.saturating_sub(text.width()));
        match self.columns[placed.column].content {
            Content::Number => format!(" {space}{text} "),
            Content::Whole | Content::Text => format!(" {text}{space} "),
        }
    }

    /// Returns the lines of the columns below a row: each cell that is not empty, after the name of the column.
    fn below(&self, row: &[String], layout: &Layout) -> Vec<String> {
        let cell = |column: &usize| {
            let text = row.get(*column).filter(|text| !text.is_empty())?;
            Some(format!("{} {text}", self.columns[*column].header))
        };
        let text = layout.below.iter().filter_map(cell).collect::<Vec<_>>().join(" · ");
        if text.is_empty() {
            return Vec::new();
        }
        let lines = wrap(&text, self.width.saturating_sub(NEXT_INDENT.len()));
        let indent = |index: usize| if index == 0 { FIRST_INDENT } else { NEXT_INDENT };
        lines.iter().enumerate().map(|(index, line)| format!("{}{line}", indent(index))).collect()
    }
}

impl fmt::Display for Table {
    /// Writes the table without a line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = Layout::new(self);
        let header: Vec<String> = self.columns.iter().map(|column| column.header.clone()).collect();
        let mut lines = self.beside(&header, &layout);
        lines.push("─".repeat(layout.width()));
        for row in &self.rows {
            lines.extend(self.beside(row, &layout));
            lines.extend(self.below(row, &layout));
        }
        f.write_str(&lines.join("\n"))
    }
}
