//! The summary lines of a job and of a rule preview.

use model::count::counted;
use model::language::Language;
use store::DateRange;

use crate::pipeline::{Count, Outcome, Report};

/// Returns the summary line of a job.
pub(super) fn of_job(report: &Report, language: Language) -> String {
    if let Some(owner) = &report.done_by {
        let done = match language {
            Language::Korean => {
                format!("{owner}: 이미 처리했습니다. 다시 실행하려면 날짜나 시각을 지정하세요")
            }
            Language::English => format!("completed by {owner}; name the day or the hour to repeat the run"),
        };
        return format!("{}: {done}", heading(report, report.outcome(), language));
    }
    let count = |count: Count| report.count(count);
    let counts = match language {
        Language::Korean => format!(
            "행 {}개, 시리즈 {}개, 규칙 {}개, 판정 {}개, 기록이 짧은 시리즈 {}개, 이상 징후 {}건, 알림 {}건",
            count(Count::Rows),
            count(Count::Series),
            count(Count::Rules),
            count(Count::Verdicts),
            count(Count::InsufficientHistory),
            count(Count::Anomalies),
            count(Count::Notifications),
        ),
        Language::English => format!(
            "{}, {} series, {}, {}, {} with insufficient history, {}, {}",
            counted(count(Count::Rows), "row"),
            count(Count::Series),
            counted(count(Count::Rules), "rule"),
            counted(count(Count::Verdicts), "verdict"),
            count(Count::InsufficientHistory),
            counted(count(Count::Anomalies), "anomaly"),
            counted(count(Count::Notifications), "notification"),
        ),
    };
    let parts: Vec<String> = [counts].into_iter().chain(further_parts(report, language)).collect();
    format!("{}: {}", heading(report, report.outcome(), language), parts.join(", "))
}

/// Returns the summary line of a rule preview.
pub(super) fn of_preview(report: &Report, language: Language) -> String {
    let count = |count: Count| report.count(count);
    let counts = match language {
        Language::Korean => format!(
            "시리즈 {}개, 규칙 {}개, 판정 {}개, 기록이 짧은 시리즈 {}개, 이상 징후 {}건. 아무것도 쓰지 않았습니다",
            count(Count::Series),
            count(Count::Rules),
            count(Count::Verdicts),
            count(Count::InsufficientHistory),
            count(Count::Anomalies),
        ),
        Language::English => format!(
            "{} series, {}, {}, {} with insufficient history, {}; nothing was written",
            count(Count::Series),
            counted(count(Count::Rules), "rule"),
            counted(count(Count::Verdicts), "verdict"),
            count(Count::InsufficientHistory),
            counted(count(Count::Anomalies), "anomaly"),
        ),
    };
    format!("{}: {counts}", heading(report, report.grade().into(), language))
}

/// Returns the job, the period and the outcome.
pub(in crate::cli) fn heading(report: &Report, outcome: Outcome, language: Language) -> String {
    format!("{} {} {}", report.job, report.period, outcome.text(language))
}

/// Returns the parts that most runs do not have.
fn further_parts(report: &Report, language: Language) -> Vec<String> {
    let count = |count: Count| Some(report.count(count)).filter(|count| *count > 0);
    let shadow = count(Count::ShadowAnomalies).map(|count| match language {
        Language::Korean => format!("섀도 규칙의 이상 징후 {count}건"),
        Language::English => format!("{} of shadow rules", counted(count, "anomaly")),
    });
    let suppressed = count(Count::Suppressed).map(|count| match language {
        Language::Korean => format!("알림을 끄거나 예정된 이상 {count}건"),
        Language::English => format!("{} silenced or planned", counted(count, "incident")),
    });
    let deferred = count(Count::Deferred).map(|count| match language {
        Language::Korean => format!("모아 보내거나 조용한 시간 뒤에 보낼 알림 {count}건"),
        Language::English => format!("{} for a digest or after quiet hours", counted(count, "notification")),
    });
    let unrouted = count(Count::Unrouted).map(|count| match language {
        Language::Korean => format!("맞는 라우팅이 없는 이상 {count}건"),
        Language::English => format!("{} without a route", counted(count, "incident")),
    });
    let total = report.total.as_ref().map(|total| format!("{} {total}", language.choose("합계", "total")));
    let parts = [shadow, suppressed, deferred, unrouted, reevaluated(report, language), total];
    parts.into_iter().flatten().collect()
}

/// Returns the days evaluated again after a change of earlier days.
fn reevaluated(report: &Report, language: Language) -> Option<String> {
    let DateRange { from, to } = report.reevaluated?;
    let days = report.count(Count::ReevaluatedDays);
    Some(match language {
        Language::Korean if from == to => format!("다시 평가한 날 {days}일({from})"),
        Language::Korean => format!("다시 평가한 날 {days}일({from}~{to})"),
        Language::English if from == to => format!("{} evaluated again ({from})", counted(days, "day")),
        Language::English => format!("{} evaluated again from {from} to {to}", counted(days, "day")),
    })
}
