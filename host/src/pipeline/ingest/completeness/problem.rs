//! The problems of the completeness check, with the texts for people and for the log.

use jiff::civil::Date;
use model::language::Language;

use super::factor::UniformFactor;
use crate::pipeline::run::{Count, Remark, Report};

/// A late bill, or a withheld day or hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CompletenessProblem {
    /// The bill of a finished day is overdue.
    LateBill {
        date: Date,
        cause: LateBillCause,
    },
    ShortDay(FewSeries),
    /// Every row of the bill, or nearly every row, occurs twice.
    RepeatedRows {
        date: Date,
        repeated: u64,
        rows: u64,
    },
    /// Most amounts of the bill differ from the usual amounts by one factor.
    UniformFactor {
        date: Date,
        factor: UniformFactor,
    },
    /// A partial day with far fewer series than usual.
    ShortHour(FewSeries),
    /// The total has not changed since hour `since`; totals of earlier days changed in the same hours.
    Stalled {
        date: Date,
        since: u8,
    },
}

/// The cause of a late bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LateBillCause {
    /// The source has no bill of the day.
    NotPublished,
    /// The source has the bill, and the daily job has not ingested the bill.
    NotIngested,
    /// The request to the source failed.
    Unknown,
}

/// Far fewer series than usual on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FewSeries {
    pub(crate) date: Date,
    pub(crate) series: u64,
    pub(crate) usual: u64,
}

/// Topics of the completeness notifications. Each topic is announced once and resolved once; late bills day by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompletenessTopic {
    LateBill,
    ShortDay,
    PartialDay,
}

impl CompletenessProblem {
    /// Whether the amounts of the withheld day are correct, but not complete: costs can only grow.
    pub(crate) fn is_partial_day(self) -> bool {
        matches!(self, Self::ShortDay(_))
    }

    pub(crate) fn report(self, report: &mut Report) {
        report.add(self.count(), 1);
        let [korean, english] = [Language::Korean, Language::English].map(|language| self.text(language));
        report.add_problem(match self.next_step() {
            None => Remark::new(korean, english),
            Some([korean_step, english_step]) => {
                Remark::new(format!("{korean}. {korean_step}"), format!("{english}; {english_step}"))
            }
        });
    }

    fn count(self) -> Count {
        match self {
            Self::LateBill { .. } => Count::LateDays,
            Self::ShortDay(_) | Self::RepeatedRows { .. } | Self::UniformFactor { .. } => Count::WithheldDays,
            Self::ShortHour(_) | Self::Stalled { .. } => Count::WithheldHours,
        }
    }

    /// Returns the next step of the operator or of costwarden in Korean and in English, for the report.
    fn next_step(self) -> Option<[String; 2]> {
        match self {
            Self::LateBill { .. } => None,
            Self::ShortDay(FewSeries { date, .. }) => Some(accept(date, "완전한", "complete")),
            Self::RepeatedRows { date, .. } | Self::UniformFactor { date, .. } => {
                Some(accept(date, "올바른", "correct"))
            }
            Self::ShortHour(_) | Self::Stalled { .. } => Some([
                "청구 내역은 보관했고, 다음 실행이 다시 확인합니다".to_owned(),
                "the bill is archived, and the next run checks again".to_owned(),
            ]),
        }
    }

    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::RepeatedRows { .. } => "REPEATED_ROWS",
            Self::UniformFactor { .. } => "UNIFORM_FACTOR",
            _ => "STALE_FEED",
        }
    }

    pub(super) fn topic(self) -> CompletenessTopic {
        match self {
            Self::LateBill { .. } => CompletenessTopic::LateBill,
            Self::ShortDay(_) | Self::RepeatedRows { .. } | Self::UniformFactor { .. } => CompletenessTopic::ShortDay,
            Self::ShortHour(_) | Self::Stalled { .. } => CompletenessTopic::PartialDay,
        }
    }

    pub(super) fn text(self, language: Language) -> String {
        match (language, self) {
            (Language::Korean, Self::LateBill { date, cause: LateBillCause::NotPublished }) => {
                format!("{date}의 청구서가 아직 공개되지 않았습니다")
            }
            (Language::English, Self::LateBill { date, cause: LateBillCause::NotPublished }) => {
                format!("the bill of {date} is late: the source has no row of the day")
            }
            (Language::Korean, Self::LateBill { date, cause: LateBillCause::Unknown }) => {
                format!("{date}의 청구서가 아직 수집되지 않았고, 청구 API 요청이 실패했습니다")
            }
            (Language::English, Self::LateBill { date, cause: LateBillCause::Unknown }) => {
                format!("the bill of {date} is not in the ledger, and the request to the source failed")
            }
            (Language::Korean, Self::LateBill { date, cause: LateBillCause::NotIngested }) => {
                format!(
                    "{date}의 청구서가 공개되었지만 아직 수집되지 않았습니다. daily 작업을 확인하세요(costwarden health)"
                )
            }
            (Language::English, Self::LateBill { date, cause: LateBillCause::NotIngested }) => format!(
                "the bill of {date} is available, and no daily run has ingested the bill: check the daily job with costwarden health"
            ),
            (Language::Korean, Self::ShortDay(FewSeries { date, series, usual })) => {
                format!("{date}의 청구서에 항목이 {series}개뿐입니다(평소 {usual}개). 판단을 미룹니다")
            }
            (Language::English, Self::ShortDay(FewSeries { date, series, usual })) => format!(
                "the bill of {date} has only {series} series, the usual number is {usual}; the day is not evaluated yet"
            ),
            (Language::Korean, Self::RepeatedRows { date, repeated, rows }) => {
                format!("{date}의 청구서에 같은 행이 두 번씩 들어 있습니다({rows}행 중 {repeated}행). 판단을 미룹니다")
            }
            (Language::English, Self::RepeatedRows { date, repeated, rows }) => format!(
                "{repeated} of {rows} rows of the bill of {date} equal an earlier row, as if every row occurred twice; the day is not evaluated yet"
            ),
            (Language::Korean, Self::UniformFactor { date, factor }) => {
                format!(
                    "{date}의 청구서에서 항목 {}개 중 {}개의 금액이 평소의 {}배입니다. 통화, 단위, 중복 내역을 확인해 주세요. 판단을 미룹니다",
                    factor.compared,
                    factor.series,
                    factor.text(),
                )
            }
            (Language::English, Self::UniformFactor { date, factor }) => {
                format!(
                    "the amounts of {} of {} series in the bill of {date} are {} times the usual amounts: check the currency, the unit and repeated exports; the day is not evaluated yet",
                    factor.series,
                    factor.compared,
                    factor.text(),
                )
            }
            (Language::Korean, Self::ShortHour(FewSeries { date, series, usual })) => {
                format!("{date} 현재 청구서에 항목이 {series}개뿐입니다(평소 {usual}개). 판단을 미룹니다")
            }
            (Language::English, Self::ShortHour(FewSeries { date, series, usual })) => format!(
                "{date} has only {series} series so far, the usual number is {usual}; the hour is not evaluated"
            ),
            (Language::Korean, Self::Stalled { date, since }) => {
                format!("{date}의 요금 합계가 {since:02}시부터 변하지 않습니다. 판단을 미룹니다")
            }
            (Language::English, Self::Stalled { date, since }) => {
                format!("the total of {date} has not changed since {since:02}:00; the hour is not evaluated")
            }
        }
    }
}

impl CompletenessTopic {
    pub(super) const ALL: [Self; 3] = [Self::LateBill, Self::ShortDay, Self::PartialDay];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::LateBill => "completeness:late",
            Self::ShortDay => "completeness:short",
            Self::PartialDay => "completeness:hours",
        }
    }
}

fn accept(date: Date, korean: &str, english: &str) -> [String; 2] {
    let command = format!("costwarden backfill --from {date} --to {date}");
    [
        format!(
            "청구 내역은 보관했고, 다음 실행이 다시 받습니다. {korean} 청구 내역이면 {command} 명령으로 받아들이세요"
        ),
        format!(
            "the bill is archived, the next run fetches the bill again, and {command} accepts the bill as {english}"
        ),
    ]
}
