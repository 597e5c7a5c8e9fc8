//! The checks of the services: store, archive, rules and plugins, disk, spool and receivers.

use super::facts::{Disk, Rules, StoredFacts, Waiting};
use super::{Check, State};
use crate::config::HealthOptions;

pub(super) fn store(stored: Result<&StoredFacts, &String>) -> Check {
    match stored {
        Ok(_) => Check::new("store", State::Ok, "reached"),
        Err(why) => Check::new("store", State::Critical, why),
    }
}

pub(super) fn archive(reached: Result<&(), &String>) -> Check {
    match reached {
        Ok(()) => Check::new("archive", State::Ok, "reached"),
        Err(why) => Check::new("archive", State::Critical, why),
    }
}

/// Checks the rules. A rule that cannot run is a warning; no usable rule at all is critical.
pub(super) fn rules(rules: &Rules) -> Check {
    let Rules { running, problems } = rules;
    let summary = problems.first().map(|first| match problems.len() {
        1 => first.clone(),
        count => format!("{first} (and {} more: `costwarden check` lists them)", count - 1),
    });
    match (running, summary) {
        (0, summary) => {
            let reason = summary.unwrap_or_else(|| "the rules folder contains no rule".to_owned());
            Check::new("rules", State::Critical, format!("no rule can run: {reason}"))
        }
        (_, Some(summary)) => Check::new("rules", State::Warning, summary),
        (running, None) => Check::new("rules", State::Ok, format!("{running} can run")),
    }
    .with("rules", *running as f64, "", None)
}

pub(super) fn disk(disk: Result<&Disk, &String>, config: &HealthOptions) -> Check {
    let Disk { path, percent } = match disk {
        Ok(disk) => disk,
        Err(why) => return Check::new("disk", State::Unknown, why),
    };
    let state = State::of(*percent as u64, config.disk_percent);
    let mut message = format!("{percent:.0} % used where {path} is");
    if state != State::Ok {
        message.push_str(": make room there, or documents cannot be kept while the archive is down");
    }
    Check::new("disk", state, message).with("disk", percent.round(), "%", Some(config.disk_percent))
}

pub(super) fn spool(waiting: Result<&Waiting, &String>, config: &HealthOptions) -> Check {
    let waiting = match waiting {
        Ok(waiting) => waiting.documents,
        Err(why) => return Check::new("spool", State::Unknown, why),
    };
    let message = match waiting {
        0 => "empty".to_owned(),
        1 => {
            "1 document waits in the spool: the next run uploads the document when the archive is available".to_owned()
        }
        _ => format!(
            "{waiting} documents wait in the spool: the next run uploads the documents when the archive is available"
        ),
    };
    Check::new("spool", State::of(waiting, config.spool), message).with("spool", waiting as f64, "", Some(config.spool))
}

/// Checks that the receivers are reachable.
pub(super) fn receivers(unreachable: &[String]) -> Check {
    let state = if unreachable.is_empty() { State::Ok } else { State::Critical };
    let message = if unreachable.is_empty() { "reached".to_owned() } else { unreachable.join("; ") };
    Check::new("receivers", state, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(check: &Check) -> String {
        format!("{} {}", check.state.as_str(), check.message)
    }

    #[test]
    fn rules_that_cannot_run_are_told() {
        let at = |running, problems: &[&str]| {
            text(&rules(&Rules { running, problems: problems.iter().map(|&problem| problem.to_owned()).collect() }))
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
        let at = |percent| text(&disk(Ok(&Disk { path: "/s".to_owned(), percent }), &config));
        assert_eq!(at(79.9), "OK 80 % used where /s is");
        assert!(at(80.0).starts_with("WARNING 80 % used where /s is: make room there"));
        assert!(at(90.0).starts_with("CRITICAL 90 % used"));
        assert_eq!(text(&disk(Err(&"why".to_owned()), &config)), "UNKNOWN why");
    }

    #[test]
    fn documents_that_wait_are_counted() {
        let config = HealthOptions::default();
        let states = [0, 1, 47, 48].map(|documents| spool(Ok(&Waiting { documents }), &config).state);
        assert_eq!(states, [State::Ok, State::Warning, State::Warning, State::Critical]);
    }

    #[test]
    fn what_cannot_be_reached_is_critical() {
        assert_eq!(text(&store(Err(&"down".to_owned()))), "CRITICAL down");
        assert_eq!(text(&archive(Err(&"down".to_owned()))), "CRITICAL down");
        assert_eq!(text(&archive(Ok(&()))), "OK reached");
        assert_eq!(text(&receivers(&["down".to_owned()])), "CRITICAL down");
        assert_eq!(text(&receivers(&[])), "OK reached");
    }
}
