//! Delivery: each receiver gets each notification once.

use jiff::Timestamp;
use jiff::civil::Date;

use super::days::back;
use super::notice::{self, Operational};
use super::report::Report;
use super::{JobError, Mode, Parts, run};
use crate::config::Config;
use model::incident::Episode;
use notify::{self, Speech};
use store::checkpoint::{self, Step};
use store::JobRun;

/// Sends the pending notifications of incidents to each receiver, and stores the deliveries. An unreachable receiver
/// waits for the next run.
pub(super) async fn episodes(
    parts: &mut Parts,
    episodes: Vec<Episode>,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), JobError> {
    if parts.mode == Mode::DryRun {
        return Ok(());
    }
    let factor = parts.config.renotify_factor;
    let Config { language, currency, .. } = &parts.config;
    for mut episode in episodes {
        let (mut told, mut held_up) = (false, false);
        for sink in &mut parts.sinks {
            let speech = Speech { language: *language, currency, words: sink.words };
            for notice in episode.due(&sink.name, factor) {
                // With an expired lease, another host may send the same notification.
                if parts.turn.as_ref().is_some_and(|turn| !turn.is_fresh()) {
                    held_up = true;
                    break;
                }
                let line = notify::of_episode(&episode, notice, speech);
                match sink.tell(&line, now) {
                    Ok(()) => {
                        checkpoint::reached(Step::Accepted);
                        episode.told(&sink.name, notice);
                        report.count("notices", 1);
                        told = true;
                    }
                    Err(error) => {
                        report.count("undelivered", 1);
                        report.problem(error.to_string());
                        // Later notifications of the incident must not overtake the failed notification.
                        break;
                    }
                }
            }
        }
        // Stored right after the delivery: a kill repeats at most the notifications of a single incident.
        let settled = episode.settled(parts.sinks.iter().map(|sink| sink.name.as_str()), factor);
        if told || settled {
            parts.store.put_episodes(&[(episode, settled)], now).await?;
        }
        if held_up {
            // Ends the run if another host holds the lease now.
            parts.may_write().await?;
        }
    }
    Ok(())
}

/// Sends a problem of costwarden to the remaining receivers, and stores the deliveries.
pub(super) async fn operational(
    parts: &mut Parts,
    what: Operational<'_>,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), JobError> {
    if parts.mode == Mode::DryRun {
        return Ok(());
    }
    let known = parts.store.notices().await?.into_iter().find(|notice| notice.key == what.key);
    let mut notice = notice::raised(known, what, now);
    let told = notice::tell(&mut parts.sinks, &mut notice, what, now);
    told.into_report(report);
    Ok(parts.store.put_notice(&notice, now).await?)
}

/// Sends the resolution to receivers of the problem. Does nothing without a raised problem.
pub(super) async fn resolved(
    parts: &mut Parts,
    key: &str,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), JobError> {
    if parts.mode == Mode::DryRun {
        return Ok(());
    }
    let known = parts.store.notices().await?.into_iter().find(|notice| notice.key == key);
    let Some(mut notice) = known.filter(|notice| notice.times > 0 || !notice.told.is_empty()) else { return Ok(()) };
    let told = notice::recall(&mut parts.sinks, &mut notice, parts.config.language, now);
    told.into_report(report);
    Ok(parts.store.put_notice(&notice, now).await?)
}

/// Sends the totals of the last days to receivers that were unreachable.
pub(super) async fn totals_left_behind(
    parts: &mut Parts,
    before: Date,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), JobError> {
    if parts.mode == Mode::DryRun {
        return Ok(());
    }
    for days in (1..=parts.config.catch_up_days).rev() {
        let date = back(before, days);
        let period = run::days(date, date);
        let Some(mut record) = parts.store.run("daily", &period).await? else { continue };
        total(parts, date, &mut record, now, report).await?;
    }
    Ok(())
}

/// Sends the total of the day to the remaining receivers, and stores the deliveries.
pub(super) async fn total(
    parts: &mut Parts,
    date: Date,
    run: &mut JobRun,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), JobError> {
    let Some(total) = run.total.clone().filter(|_| parts.mode == Mode::Write) else {
        return Ok(());
    };
    let told = run.total_told.len();
    let line = notify::daily_total(date, &total, parts.config.language, &parts.config.currency);
    for sink in &mut parts.sinks {
        if run.total_told.contains(&sink.name) {
            continue;
        }
        match sink.tell(&line, now) {
            Ok(()) => {
                checkpoint::reached(Step::Accepted);
                run.total_told.insert(sink.name.clone());
                report.count("notices", 1);
            }
            Err(error) => {
                report.count("undelivered", 1);
                report.problem(error.to_string());
            }
        }
    }
    // Stored right after the delivery, like incidents.
    if run.total_told.len() > told {
        parts.store.put_run(run, now).await?;
    }
    Ok(())
}
