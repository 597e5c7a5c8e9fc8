//! The lines of a text in a width: breaks after spaces, then after separators of names, and only then in a word.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Returns the lines of a text. A width of 0 counts as 1.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for part in text.split_inclusive(' ').flat_map(|word| parts(word, width)) {
        let line = lines.last_mut().expect("the list starts with one line");
        if line.width() + part.trim_end().width() <= width {
            line.push_str(part);
        } else {
            lines.push(part.to_owned());
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Splits a word that is wider than a line.
fn parts(word: &str, width: usize) -> Vec<&str> {
    if word.trim_end().width() <= width {
        return vec![word];
    }
    let names = word.split_inclusive(['/', '-', '_', '.']);
    names.flat_map(|name| chunks(name, width)).collect()
}

/// Splits a name without separators after the last character that fits.
fn chunks(name: &str, width: usize) -> Vec<&str> {
    let mut rest = name;
    let mut chunks = Vec::new();
    while rest.trim_end().width() > width {
        let (chunk, next) = rest.split_at(fitting(rest, width));
        chunks.push(chunk);
        rest = next;
    }
    chunks.push(rest);
    chunks
}

/// Returns the number of bytes that fit, and at least one character.
fn fitting(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (index, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > width && index > 0 {
            return index;
        }
    }
    text.len()
}
