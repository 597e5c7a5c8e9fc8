//! A grid of characters. A character holds 2 x 4 braille dots, or a mark.

use std::ops::RangeInclusive;

/// The layers of the grid. In each cell, the first present layer is visible: mark, line, put character, shade.
pub(super) struct Canvas {
    columns: usize,
    marks: Vec<Option<char>>,
    lines: Vec<u8>,
    characters: Vec<Option<char>>,
    shades: Vec<u8>,
}

/// The braille pattern without dots. The low byte of a pattern has one bit for each dot.
const BLANK: u32 = 0x2800;
/// The bits of the dots, by row and column.
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

impl Canvas {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        let cells = columns * rows;
        Self {
            columns,
            marks: vec![None; cells],
            lines: vec![0; cells],
            characters: vec![None; cells],
            shades: vec![0; cells],
        }
    }

    /// Draws a line between two dots, given as column and row of dots.
    pub(super) fn line(&mut self, from: [usize; 2], to: [usize; 2]) {
        let offset = |axis: usize| to[axis] as f64 - from[axis] as f64;
        let steps = offset(0).abs().max(offset(1).abs()).max(1.0) as usize;
        let at =
            |axis: usize, step: usize| (from[axis] as f64 + offset(axis) * step as f64 / steps as f64).round() as usize;
        for step in 0..=steps {
            let [column, row] = [at(0, step), at(1, step)];
            let cell = self.cell(column / 2, row / 4);
            self.lines[cell] |= BITS[row % 4][column % 2];
        }
    }

    /// Shades every fourth dot of a column of dots.
    pub(super) fn shade(&mut self, column: usize, rows: RangeInclusive<usize>) {
        for row in rows.filter(|row| column.is_multiple_of(2) && row.is_multiple_of(2)) {
            let cell = self.cell(column / 2, row / 4);
            self.shades[cell] |= BITS[row % 4][column % 2];
        }
    }

    /// Puts a character behind the lines.
    pub(super) fn put(&mut self, column: usize, row: usize, character: char) {
        let cell = self.cell(column, row);
        self.characters[cell] = Some(character);
    }

    /// Puts a character before all layers.
    pub(super) fn mark(&mut self, column: usize, row: usize, character: char) {
        let cell = self.cell(column, row);
        self.marks[cell] = Some(character);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let cells: Vec<char> = (0..self.marks.len()).map(|cell| self.character(cell)).collect();
        cells.chunks(self.columns).map(String::from_iter).collect()
    }

    fn character(&self, cell: usize) -> char {
        let braille = |bits: u8| char::from_u32(BLANK + u32::from(bits)).filter(|_| bits != 0);
        let layers = [self.marks[cell], braille(self.lines[cell]), self.characters[cell], braille(self.shades[cell])];
        layers.into_iter().flatten().next().unwrap_or(' ')
    }

    fn cell(&self, column: usize, row: usize) -> usize {
        row * self.columns + column
    }
}
