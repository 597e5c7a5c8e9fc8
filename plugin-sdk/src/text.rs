//! Parts of reasons in the language of the operator: percentages, ranges, days, and Korean particles.
//!
//! ```
//! use costwarden_sdk::{Language, native, text};
//!
//! let mut context = native::context("{}");
//! assert_eq!(text::range(&context, 1_000.0, 2_000.0), "1,000 to 2,000 KRW");
//! context.locale = "ko".to_owned();
//! assert_eq!(text::range(&context, 1_000.0, 2_000.0), "1,000~2,000원");
//! assert_eq!(text::percent(Language::English, 0.125), "13 %");
//! assert_eq!(text::particle("서버", "은", "는"), "서버는");
//! ```

use crate::{Context, Date, Language};

/// A part of a whole as a percentage without decimals.
#[must_use]
pub fn percent(language: Language, part: f64) -> String {
    match language {
        Language::Korean => format!("{:.0}%", (100.0 * part).round()),
        Language::English => format!("{:.0} %", (100.0 * part).round()),
    }
}

/// Two amounts with one unit.
#[must_use]
pub fn range(context: &Context, lower: f64, upper: f64) -> String {
    let plain = Context { unit: String::new(), ..context.clone() };
    let (lower, upper) = (plain.amount(lower), context.amount(upper));
    match context.language() {
        Language::Korean => format!("{lower}~{upper}"),
        Language::English => format!("{lower} to {upper}"),
    }
}

/// A day with its weekday: `2026-11-23 (Monday)`, or `11월 23일(월요일)`.
#[must_use]
pub fn day(language: Language, day: Date) -> String {
    let Date { year, month, day: day_of_month } = day;
    match language {
        Language::Korean => format!("{month}월 {day_of_month}일({})", day.weekday().korean()),
        Language::English => format!("{year:04}-{month:02}-{day_of_month:02} ({})", day.weekday().english()),
    }
}

/// A word with the Korean particle for its last sound: `after_consonant` like 은, 이, 을, 과, or `after_vowel` like 는, 가, 를,
/// 와. Digits and Latin letters count as they are read in Korean.
#[must_use]
pub fn particle(word: &str, after_consonant: &str, after_vowel: &str) -> String {
    let last = word.chars().rev().find(|letter| letter.is_alphanumeric());
    let ends_with_consonant = last.is_some_and(|letter| match letter {
        // A syllable block has one of 28 final sounds; the first is none.
        '가'..='힣' => !(u32::from(letter) - u32::from('가')).is_multiple_of(28),
        '0' | '1' | '3' | '6' | '7' | '8' => true,
        _ => matches!(letter.to_ascii_lowercase(), 'l' | 'm' | 'n' | 'r'),
    });
    format!("{word}{}", if ends_with_consonant { after_consonant } else { after_vowel })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_follow_the_last_sound() {
        let topic = |word| particle(word, "은", "는");
        assert_eq!(
            ["비용", "서버", "DNS", "VM", "GPU 2", "GPU 3"].map(topic),
            ["비용은", "서버는", "DNS는", "VM은", "GPU 2는", "GPU 3은"]
        );
        assert_eq!((topic("저장소(서울)"), topic("")), ("저장소(서울)은".to_owned(), "는".to_owned()));
    }

    #[test]
    fn days_and_percentages_have_words_in_both_languages() {
        let monday = Date { year: 2026, month: 11, day: 23 };
        assert_eq!(day(Language::English, monday), "2026-11-23 (Monday)");
        assert_eq!(day(Language::Korean, monday), "11월 23일(월요일)");
        assert_eq!((percent(Language::Korean, 0.5), percent(Language::English, -0.005)), ("50%".into(), "-1 %".into()));
    }
}
