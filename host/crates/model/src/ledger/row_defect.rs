//! The defects of refused rows of a bill.

use std::fmt;

use crate::language::Language;

/// The defect of a row that cannot be summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowDefect {
    /// The row is no object of the billing API.
    NotARow {
        cause: String,
    },
    Missing {
        field: &'static str,
    },
    /// The row is of another day than the bill.
    OtherDay {
        field: &'static str,
        found: String,
        expected: String,
    },
    /// The row has another currency than the config.
    OtherCurrency {
        found: String,
        expected: String,
    },
    NotANumber {
        field: &'static str,
        found: String,
    },
}

impl RowDefect {
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::Korean => self.korean(),
            Language::English => self.english(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::NotARow { cause } => format!("not a billing row: {cause}"),
            Self::Missing { field } => format!("{field} is missing or empty"),
            Self::OtherDay { field, found, expected } => format!("{field} is {found:?}, expected {expected:?}"),
            Self::OtherCurrency { found, expected } => {
                format!("currency is {found:?}, expected {expected:?}, the currency of the config")
            }
            Self::NotANumber { field, found } => format!("{field} is {found:?}, expected a number"),
        }
    }

    fn korean(&self) -> String {
        match self {
            Self::NotARow { cause } => format!("청구 행이 아닙니다({cause})"),
            Self::Missing { field } => format!("{field} 값이 없습니다"),
            Self::OtherDay { field, found, expected } => {
                format!("{field} 값이 {found:?}이지만 청구서의 날짜는 {expected:?}입니다")
            }
            Self::OtherCurrency { found, expected } => {
                format!("currency 값이 {found:?}이지만 설정의 통화는 {expected:?}입니다")
            }
            Self::NotANumber { field, found } => format!("{field} 값이 숫자가 아닙니다({found:?})"),
        }
    }
}

impl fmt::Display for RowDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}
