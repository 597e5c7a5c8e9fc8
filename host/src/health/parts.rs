//! The checks of the services: store, archive, rules and plugins, disk, spool and receivers.

use super::facts::{Disk, Rules, StoredFacts, Waiting};
use super::{Check, State};
use crate::config::HealthOptions;
use model::language::Language;

/// The words for a service that answers.
fn reached(language: Language) -> &'static str {
    language.choose("접속됨", "reached")
}

pub(super) fn store(stored: Result<&StoredFacts, &String>, language: Language) -> Check {
    match stored {
        Ok(_) => Check::new("store", State::Ok, reached(language)),
        Err(why) => Check::new("store", State::Critical, why),
    }
}

pub(super) fn archive(checked: Result<&(), &String>, language: Language) -> Check {
    match checked {
        Ok(()) => Check::new("archive", State::Ok, reached(language)),
        Err(why) => Check::new("archive", State::Critical, why),
    }
}

/// Checks the rules. A rule that cannot run is a warning; no usable rule at all is critical.
pub(super) fn rules(rules: &Rules, language: Language) -> Check {
    let Rules { running, problems } = rules;
    let summary = problems.first().map(|first| match (language, first.text(language), problems.len()) {
        (_, first, 1) => first.to_owned(),
        (Language::Korean, first, count) => format!("{first} (외 {}건: `costwarden check` 참고)", count - 1),
        (Language::English, first, count) => {
            format!("{first} (and {} more: `costwarden check` lists them)", count - 1)
        }
    });
    match (running, summary) {
        (0, summary) => {
            let empty = language.choose("규칙 폴더에 규칙이 없습니다", "the rules folder contains no rule");
            let reason = summary.unwrap_or_else(|| empty.to_owned());
            let none = language.choose("실행할 수 있는 규칙이 없습니다", "no rule can run");
            Check::new("rules", State::Critical, format!("{none}: {reason}"))
        }
        (_, Some(summary)) => Check::new("rules", State::Warning, summary),
        (running, None) => {
            let message = language.choose(format!("{running}개 실행 가능"), format!("{running} can run"));
            Check::new("rules", State::Ok, message)
        }
    }
    .with("rules", *running as f64, "", None)
}

pub(super) fn disk(disk: Result<&Disk, &String>, config: &HealthOptions, language: Language) -> Check {
    let Disk { path, percent } = match disk {
        Ok(disk) => disk,
        Err(why) => return Check::new("disk", State::Unknown, why),
    };
    let state = State::of(*percent as u64, config.disk_percent);
    let mut message = match language {
        Language::Korean => format!("{path} 디스크를 {percent:.0}% 썼습니다"),
        Language::English => format!("{percent:.0} % used where {path} is"),
    };
    if state != State::Ok {
        message.push_str(language.choose(
            ". 공간을 비우지 않으면 보관소에 접속되지 않을 때 원본을 둘 곳이 없습니다",
            ": make room there, or documents cannot be kept while the archive is down",
        ));
    }
    Check::new("disk", state, message).with("disk", percent.round(), "%", Some(config.disk_percent))
}

pub(super) fn spool(waiting: Result<&Waiting, &String>, config: &HealthOptions, language: Language) -> Check {
    let waiting = match waiting {
        Ok(waiting) => waiting.documents,
        Err(why) => return Check::new("spool", State::Unknown, why),
    };
    let message = match (language, waiting) {
        (Language::Korean, 0) => "비어 있음".to_owned(),
        (Language::English, 0) => "empty".to_owned(),
        (Language::Korean, _) => {
            format!("원본 {waiting}개를 임시 보관 중입니다. 보관소에 접속되면 다음 실행이 올립니다")
        }
        (Language::English, 1) => {
            "1 document waits in the spool: the next run uploads the document when the archive is available".to_owned()
        }
        (Language::English, _) => format!(
            "{waiting} documents wait in the spool: the next run uploads the documents when the archive is available"
        ),
    };
    Check::new("spool", State::of(waiting, config.spool), message).with("spool", waiting as f64, "", Some(config.spool))
}

/// Checks that the receivers are reachable.
pub(super) fn receivers(unreachable: &[String], language: Language) -> Check {
    let state = if unreachable.is_empty() { State::Ok } else { State::Critical };
    let message = if unreachable.is_empty() { reached(language).to_owned() } else { unreachable.join("; ") };
    Check::new("receivers", state, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Remark;

    fn text(check: &Check) -> String {
        format!("{} {}", check.state.as_str(), check.message)
    }

    #[test]
    fn rules_that_cannot_run_are_told() {
        let at = |running, problems: &[&str]| {
            text(&rules(&Rules { running, problems: problems.iter().map(Remark::of).collect() }, Language::English))
        };
        assert_eq!(at(3, &[]), "OK 3 can run");
        assert_eq!(at(2, &["a"]), "WARNING a");
        assert_eq!(at(1, &["a", "b", "c"]), "WARNING a (and 2 more: `costwarden check` lists them)");
        assert_eq!(at(0, &["a"]), "CRITICAL no rule can run: a");
        assert_eq!(at(0, &[]), "CRITICAL no rule can run: the rules folder contains no rule");
    }

    #[test]
    fn a_disk_that_fills_up_is_told_before_it_is_full() {
        let config = HealthOptions::default();
        let at = |percent| text(&disk(Ok(&Disk { path: "/s".to_owned(), percent }), &config, Language::English));
        assert_eq!(at(79.9), "OK 80 % used where /s is");
        assert!(at(80.0).starts_with("WARNING 80 % used where /s is: make room there"));
        assert!(at(90.0).starts_with("CRITICAL 90 % used"));
        assert_eq!(text(&disk(Err(&"why".to_owned()), &config, Language::English)), "UNKNOWN why");
    }

    #[test]
    fn documents_that_wait_are_counted() {
        let config = HealthOptions::default();
        let states =
            [0, 1, 47, 48].map(|documents| spool(Ok(&Waiting { documents }), &config, Language::English).state);
        assert_eq!(states, [State::Ok, State::Warning, State::Warning, State::Critical]);
    }

    #[test]
    fn what_cannot_be_reached_is_critical() {
        assert_eq!(text(&store(Err(&"down".to_owned()), Language::English)), "CRITICAL down");
        assert_eq!(text(&archive(Err(&"down".to_owned()), Language::English)), "CRITICAL down");
        assert_eq!(text(&archive(Ok(&()), Language::English)), "OK reached");
        assert_eq!(text(&receivers(&["down".to_owned()], Language::English)), "CRITICAL down");
        assert_eq!(text(&receivers(&[], Language::English)), "OK reached");
    }
}
