//! Text from plugins and libraries, made safe for terminals, logs and messages.

use std::fmt::Display;

/// Maximum length of a library's error message, in bytes.
const ERROR_BYTES: usize = 1024;

/// Returns a single line, safe in terminals and logs. Control characters (including the escape of an ANSI sequence),
/// line and paragraph separators, and bidirectional control characters become spaces.
pub fn single_line(text: String) -> String {
    // Fast path: most text is plain ASCII, and this test needs no decoding.
    let is_plain_ascii = text.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, b' '..=b'~'));
    if is_plain_ascii || !text.contains(is_control) { text } else { text.replace(is_control, " ") }
}

/// Formats a library's error about a plugin. The length is limited, because the error may repeat long names from the
/// plugin.
pub(crate) fn error_text(error: impl Display) -> String {
    // The alternate form includes all causes, if the error type supports it.
    single_line(truncated(format!("{error:#}"), ERROR_BYTES))
}

/// Cuts the text at the limit and marks the cut with `…`.
pub(crate) fn truncated(mut text: String, limit_bytes: usize) -> String {
    if text.len() > limit_bytes {
        text.truncate(text.floor_char_boundary(limit_bytes));
        text.push('…');
    }
    text
}

fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_spaces() {
        assert_eq!(single_line("a\u{202e}b\u{2028}c\u{9b}d".to_owned()), "a b c d");
        assert_eq!(single_line("\u{1b}[2J한\r\nb".to_owned()), " [2J한  b");
    }

    #[test]
    fn a_cut_does_not_split_a_character() {
        assert_eq!(truncated("한국어".to_owned(), 4), "한…");
        assert_eq!(truncated("abc".to_owned(), 3), "abc");
    }
}
