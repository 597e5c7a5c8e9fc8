//! Delivery: each receiver gets each notification once.

use jiff::Timestamp;
use jiff::civil::Date;

use super::days::back;
use super::notification::{self, Operational};
use super::report::Report;
use super::{Mode, Parts, RunError, run};
use crate::config::Config;
use model::incident::Incident;
use notify::{self, TextOptions};
use store::checkpoint::Checkpoint;
use store::{IncidentWrite, RunRecord, failpoint};

/// Sends the pending notifications of incidents to each receiver, and stores the deliveries. An unreachable receiver
/// waits for the next run.
pub(super) async fn incidents(
    parts: &mut Parts,
    incidents: Vec<Incident>,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
    if parts.mode == Mode::DryRun {
        return Ok(());
    }
    let factor = parts.config.renotify_factor;
    let Config { language, currency, .. } = &parts.config;
    for mut incident in incidents {
        let (mut told, mut held_up) = (false, false);
        for receiver in &mut parts.receivers {
            let speech = TextOptions { language: *language, currency, words: receiver.words };
            for notification in incident.due(&receiver.name, factor) {
                // With an expired lease, another host may send the same notification.
                if parts.turn.as_ref().is_some_and(|turn| !turn.is_fresh()) {
                    held_up = true;
                    break;
                }
                let line = notify::of_incident(&incident, notification, speech);
                match receiver.tell(&line, now) {
                    Ok(()) => {
                        failpoint::pass(Checkpoint::Delivered);
                        incident.told(&receiver.name, notification);
                        report.count("notifications", 1);
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
        let settled = incident.settled(parts.receivers.iter().map(|receiver| receiver.name.as_str()), factor);
        if told || settled {
            parts.store.put_incidents(&[IncidentWrite { incident, is_settled: settled }], now).await?;
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
) -> Result<(), RunError> {
    if parts.mode == Mode::DryRun {
        return Ok(());
    }
    let known = parts.store.notifications().await?.into_iter().find(|notification| notification.key == what.key);
    let mut notification = notification::raised(known, what, now);
    let told = notification::tell(&mut parts.receivers, &mut notification, what, now);
    told.into_report(report);
    Ok(parts.store.put_notification(&notification, now).await?)
}

/// Sends the resolution to receivers of the problem. Does nothing without a raised problem.
pub(super) async fn resolved(
    parts: &mut Parts,
    key: &str,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
    if parts.mode == Mode::DryRun {
        return Ok(());
    }
    let known = parts.store.notifications().await?.into_iter().find(|notification| notification.key == key);
    let Some(mut notification) =
        known.filter(|notification| notification.times > 0 || !notification.delivered.is_empty())
    else {
        return Ok(());
    };
    let told = notification::recall(&mut parts.receivers, &mut notification, parts.config.language, now);
    told.into_report(report);
    Ok(parts.store.put_notification(&notification, now).await?)
}

/// Sends the totals of the last days to receivers that were unreachable.
pub(super) async fn totals_left_behind(
    parts: &mut Parts,
    before: Date,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
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
    run: &mut RunRecord,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
    let Some(total) = run.total.clone().filter(|_| parts.mode == Mode::Write) else {
        return Ok(());
    };
    let told = run.total_delivered.len();
    let line = notify::daily_total(date, &total, parts.config.language, &parts.config.currency);
    for receiver in &mut parts.receivers {
        if run.total_delivered.contains(&receiver.name) {
            continue;
        }
        match receiver.tell(&line, now) {
            Ok(()) => {
                failpoint::pass(Checkpoint::Delivered);
                run.total_delivered.insert(receiver.name.clone());
                report.count("notifications", 1);
            }
            Err(error) => {
                report.count("undelivered", 1);
                report.problem(error.to_string());
            }
        }
    }
    // Stored right after the delivery, like incidents.
    if run.total_delivered.len() > told {
        parts.store.put_run(run, now).await?;
    }
    Ok(())
}
