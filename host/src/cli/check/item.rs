//! A line of the checklist of `check --online`.

use model::language::Language;

use super::super::present;
use crate::pipeline::Remark;

/// A line of the checklist.
#[derive(Debug)]
pub(in crate::cli) struct Item {
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) state: CheckState,
    pub(in crate::cli) message: Remark,
}

/// The result of a line of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum CheckState {
    Ok,
    /// A defect without effect on a run.
    Warning,
    Failed,
}

impl CheckState {
    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "error",
        }
    }

    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Ok => language.choose("정상", self.as_str()),
            Self::Warning => language.choose("주의", self.as_str()),
            Self::Failed => language.choose("오류", self.as_str()),
        }
    }
}

impl Item {
    pub(super) fn new(name: &'static str, state: CheckState, message: Remark) -> Self {
        Self { name, state, message }
    }

    pub(super) fn failed(name: &'static str, error: &impl ToString) -> Self {
        Self::new(name, CheckState::Failed, Remark::of(error))
    }

    /// Returns a good item for a message, a bad item for an error.
    pub(super) fn of(name: &'static str, result: Result<Remark, impl ToString>) -> Self {
        match result {
            Ok(message) => Self::new(name, CheckState::Ok, message),
            Err(error) => Self::failed(name, &error),
        }
    }

    /// Returns the line for people.
    pub(in crate::cli) fn line(&self, language: Language) -> String {
        let korean = match self.name {
            "source" => "청구 출처",
            "clock" => "시계",
            "archive" => "보관소",
            "store" => "데이터베이스",
            "rules" => "규칙",
            "state_dir" => "상태 폴더",
            "tags" => "태그",
            "metrics" => "지표",
            "receiver" => "받는 곳",
            "schedule" => "예약",
            "log" => "로그",
            name => name,
        };
        let message = match language {
            Language::Korean => present::labelled(korean, 12, self.message.text(language)),
            Language::English => present::labelled(self.name, 10, self.message.text(language)),
        };
        present::labelled(self.state.text(language), language.choose(4, 8), &message)
    }
}
