//! The health of costwarden: facts are gathered without writing, except the last states with `--changes`. A pure
//! function judges each fact.
//!
//! No notification is sent. cron, systemd or a monitoring system runs the check.

mod api;
mod data;
mod facts;
mod jobs;
mod last_states;
mod lease;
mod parts;

use std::fmt;

use self::data::DataChecks;
use self::facts::Facts;
pub(crate) use self::facts::{disk, gather};
use self::jobs::JobFacts;
pub(crate) use self::last_states::LastStates;
use crate::config::{HealthOptions, Levels};
use model::language::Language;

/// The state of a check, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Ok,
    /// The check could not run.
    Unknown,
    Warning,
    Critical,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    /// The name for programs, the same in all languages.
    pub(crate) name: String,
    pub(crate) state: State,
    /// The state in words, and the remedy if the state is not ok.
    pub(crate) message: String,
    pub(crate) figure: Option<Figure>,
}

/// A number for monitoring.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// `s`, `%`, or empty for a count.
    pub(crate) unit: &'static str,
    pub(crate) levels: Option<Levels>,
}

impl State {
    /// Returns the name of the state for monitoring plugins.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }

    /// Returns the exit code of a monitoring plugin.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// Returns the state of a value with thresholds.
    fn of(value: u64, levels: Levels) -> Self {
        if value >= levels.critical {
            Self::Critical
        } else if value >= levels.warning {
            Self::Warning
        } else {
            Self::Ok
        }
    }
}

impl Check {
    pub(crate) fn new(name: impl Into<String>, state: State, message: impl Into<String>) -> Self {
        Self { name: name.into(), state, message: message.into(), figure: None }
    }

    /// Returns the name for people.
    pub(crate) fn title(&self, language: Language) -> String {
        let name = self.name.as_str();
        let korean = match name {
            "config" => "설정",
            "store" => "데이터베이스",
            "archive" => "보관소",
            "rules" => "규칙",
            "disk" => "디스크",
            "spool" => "임시 보관",
            "receivers" => "받는 곳",
            "lease" => "쓰기 권한",
            "api latency" => "API 응답 시간",
            "api errors" => "API 오류",
            "notifications" => "알림",
            "freshness" => "최근 날짜",
            "silences" => "꺼 둔 알림",
            "decisions" => "사람의 결정",
            "anomalies" => "이상 징후",
            job => &match job.split_once(' ') {
                Some((job, "age")) => format!("{job} 시작"),
                Some((job, "outcome")) => format!("{job} 결과"),
                Some((job, "duration")) => format!("{job} 소요 시간"),
                Some(_) | None => job.to_owned(),
            },
        };
        language.choose(korean, name).to_owned()
    }

    fn with(self, label: impl Into<String>, value: f64, unit: &'static str, levels: Option<Levels>) -> Self {
        Self { figure: Some(Figure { label: label.into(), value, unit, levels }), ..self }
    }
}

/// Performance data of a monitoring plugin: `'label'=value[unit];warning;critical`.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}{}", self.label, self.value, self.unit)?;
        match self.levels {
            Some(Levels { warning, critical }) => write!(f, ";{warning};{critical}"),
            None => Ok(()),
        }
    }
}

/// Judges all facts. The language is the language of the messages.
pub(crate) fn checks(facts: &Facts, config: &HealthOptions, language: Language) -> Vec<Check> {
    let mut checks =
        vec![parts::store(facts.store.as_ref(), language), parts::archive(facts.archive.as_ref(), language)];
    checks.push(parts::rules(&facts.rules, language));
    checks.push(parts::disk(facts.disk.as_ref(), config, language));
    checks.push(parts::spool(facts.spool.as_ref(), config, language));
    checks.push(parts::receivers(&facts.unreachable_receivers, language));
    // Without a store the checks below have no facts, and the store check is critical.
    if let Ok(remembered) = &facts.store {
        for job in &config.jobs {
            let runs = remembered.runs.get(job).map_or(&[][..], Vec::as_slice);
            let failing = remembered.failing.get(job).copied().unwrap_or(0);
            checks.extend(jobs::checks(
                &JobFacts { job, runs, failing, leases: remembered.leases.as_deref(), now: facts.now, language },
                config,
            ));
        }
        checks.push(lease::check(remembered.leases.as_deref(), language));
        checks.extend(api::checks(remembered.runs.values().flatten(), config, language));
        let data = DataChecks { config, today: facts.today, restate_days: facts.restate_days, language };
        checks.push(data.undelivered(remembered.undelivered));
        checks.push(data.freshness(remembered.newest_day));
        checks.push(data.silences(&remembered.silences, facts.now));
        checks.push(data.decisions(&remembered.decided));
        checks.push(data.surge(&remembered.found));
    }
    checks
}

/// Returns the worst state.
pub(crate) fn overall(checks: &[Check]) -> State {
    checks.iter().map(|check| check.state).max().unwrap_or(State::Unknown)
}

/// Returns the first line of a monitoring plugin: the state, the checks that are not ok, and the figures.
pub(crate) fn headline(checks: &[Check], language: Language) -> String {
    let mut unwell: Vec<_> = checks.iter().filter(|check| check.state != State::Ok).collect();
    // Monitoring shows the start of the line: the worst check comes first.
    unwell.sort_by_key(|check| std::cmp::Reverse(check.state));
    let text = if unwell.is_empty() {
        match language {
            Language::Korean => format!("검사 {}개", checks.len()),
            Language::English => format!("{} checks", checks.len()),
        }
    } else {
        let text = |check: &&Check| format!("{}: {}", check.title(language), check.message);
        unwell.iter().map(text).collect::<Vec<_>>().join("; ")
    };
    // `|` starts the figures, and a line break ends the text. Alert policies would match the mark of an anomaly.
    let text = text.replace('|', "/").replace(char::is_control, " ").replace("BILLING_ANOMALY", "BILLING-ANOMALY");
    let figures: Vec<_> = checks.iter().filter_map(|check| check.figure.as_ref()).map(ToString::to_string).collect();
    let figures = if figures.is_empty() { String::new() } else { format!(" | {}", figures.join(" ")) };
    format!("COSTWARDEN {} - {text}{figures}", overall(checks).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_speaks_first_and_for_all() {
        let levels = Levels { warning: 1, critical: 3 };
        let mut checks = vec![Check::new("store", State::Ok, "reached").with("spool", 0.0, "", Some(levels))];
        assert_eq!(headline(&checks, Language::English), "COSTWARDEN OK - 1 checks | spool=0;1;3");
        checks.push(Check::new("freshness", State::Unknown, "nothing\nis remembered"));
        assert_eq!(overall(&checks).exit_code(), 3);
        checks.push(Check::new("disk", State::Warning, "80 | 90 %").with("disk", 81.5, "%", None));
        assert_eq!(overall(&checks).exit_code(), 1);
        checks.push(Check::new("daily", State::Critical, "failed"));
        assert_eq!(
            headline(&checks, Language::English),
            "COSTWARDEN CRITICAL - daily: failed; disk: 80 / 90 %; freshness: nothing is remembered | spool=0;1;3 disk=81.5%"
        );
        assert_eq!(overall(&checks).exit_code(), 2);
        assert_eq!(overall(&[]), State::Unknown);
    }

    #[test]
    fn a_level_is_reached_by_its_own_value() {
        let levels = Levels { warning: 1, critical: 3 };
        let states: Vec<_> = (0..4).map(|value| State::of(value, levels)).collect();
        assert_eq!(states, [State::Ok, State::Warning, State::Warning, State::Critical]);
    }
}
