//! The jobs of ten days.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::super::JobStart;
use super::expected::{Expected, NEW_RULE, RESTATED};
use super::installation::{Installation, runtime};
use super::outage;
use crate::cli::args::ALL_DAYS;
use crate::pipeline::{self, DailyDays, Grade, Mode, Repeat, Report, Services};
use model::run_id::RunId;
use notify::{Level, Terminal};
use simulator::Simulation;
use store::{FitRequest, Store};

thread_local! {
    /// The notifications of the newest run. Each thread plays one seed at a time.
    static NOTIFICATIONS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The results of ten days.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Notifications in the order of delivery, with the start of the run.
    pub(super) notifications: Vec<(Timestamp, String)>,
    /// The first evaluation of each finished day.
    pub(super) evaluated: Vec<Evaluation>,
    /// The runs with a problem or an error.
    pub(super) incomplete: Vec<(Timestamp, String)>,
    pub(super) restated: Vec<Restated>,
    /// Whether the new rule has a fit.
    pub(super) has_new_fit: bool,
}

/// The announcement of corrected bills, and the totals in the store at that time.
#[derive(Debug)]
pub(super) struct Restated {
    pub(super) text: String,
    pub(super) totals: Vec<(Date, f64)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Evaluation {
    pub(super) day: Date,
    due: Timestamp,
    at: Timestamp,
}

impl Played {
    /// The delays of the evaluations after the first start of cron, in minutes.
    pub(super) fn delays(&self) -> impl Iterator<Item = i64> {
        self.evaluated.iter().map(|Evaluation { due, at, .. }| at.duration_since(*due).as_mins())
    }
}

pub(super) fn play(installation: &Installation, expected: &Expected) -> Played {
    runtime().block_on(play_days(installation, expected))
}

async fn play_days(installation: &Installation, expected: &Expected) -> Played {
    let folder = installation.copied();
    let start = installation.start_of_day(installation.first);
    let simulation = installation.simulate(vec![expected.correction.flaw()], start).await;
    let mut host = Host { installation, folder: folder.path(), simulation, services: None, played: Played::default() };
    let mut is_out = false;
    for now in expected.starts_of_cron() {
        if expected.outage.contains(now) != is_out {
            is_out = !is_out;
            host.services = None;
            let part = expected.outage.part;
            if is_out { part.begin(host.folder, &host.simulation) } else { part.end(host.folder, &host.simulation) }
        }
        if now == expected.rule_change {
            host.services = None;
            fs::write(host.folder.join("rules/new.toml"), NEW_RULE).expect("written");
        }
        if !is_out || expected.outage.part != outage::Part::Host {
            host.simulation.set_now(now);
            host.start("daily", now).await;
            if expected.has_hourly_job(now) {
                host.start("hourly", now).await;
            }
        }
    }
    host.played.has_new_fit = host.has_new_fit().await;
    host.simulation.shutdown().await.expect("ended");
    host.played
}

/// The host of the installation.
struct Host<'h> {
    installation: &'h Installation,
    folder: &'h Path,
    simulation: Simulation,
    /// The open services. The start of a process takes longer than a job, so several jobs share the services: until the
    /// next day, the next outage or the next change of the rules.
    services: Option<(Date, Services)>,
    played: Played,
}

impl Host<'_> {
    /// Starts a job, and keeps the results.
    async fn start(&mut self, job: &'static str, now: Timestamp) {
        let report = self.run(job, now).await;
        let notifications = NOTIFICATIONS.take();
        if let Some(text) = notifications.iter().find(|text| text.starts_with(RESTATED)) {
            let totals = self.store().day_totals(ALL_DAYS).await.expect("read");
            self.played.restated.push(Restated { text: text.clone(), totals });
        }
        self.played.notifications.extend(notifications.into_iter().map(|text| (now, text)));
        let Ok(report) = report else {
            self.played.incomplete.push((now, format!("{job}: {report:?}")));
            return;
        };
        if report.grade() != Grade::Done {
            self.played.incomplete.push((now, format!("{job}: {:?} {:?}", report.error, report.problems)));
        }
        if job == "daily" && report.total.is_some() {
            let evaluation = self.evaluation(&report, now);
            // A run repeats the evaluation of a day with an undelivered notification.
            if self.played.evaluated.last().is_none_or(|last| last.day != evaluation.day) {
                self.played.evaluated.push(evaluation);
            }
        }
    }

    async fn run(&mut self, job: &'static str, now: Timestamp) -> anyhow::Result<Report> {
        let newest = now.to_zoned(self.installation.zone.clone()).date().yesterday()?;
        let services = self.open(job, newest, now).await?;
        Ok(match job {
            "daily" => pipeline::daily(services, DailyDays::Through(newest), Repeat::Once, now).await,
            _ => pipeline::hourly(services, now, Repeat::Once, now).await,
        })
    }

    async fn open(&mut self, job: &'static str, newest: Date, now: Timestamp) -> anyhow::Result<&mut Services> {
        let open = self.services.take().filter(|(day, _)| *day == newest);
        let services = match open {
            Some((_, services)) => services,
            None => {
                let config = self.installation.config(self.folder, self.simulation.url());
                let terminal = Terminal::Writer(receive);
                let start = JobStart { job, config, mode: Mode::Write, terminal, run_id: RunId::new(now), now };
                start.open().await?
            }
        };
        let (_, services) = self.services.insert((newest, services));
        services.is_period_by_clock = true;
        Ok(services)
    }

    fn evaluation(&self, report: &Report, at: Timestamp) -> Evaluation {
        let day = Date::strptime("%Y%m%d", &report.period).expect("a single day");
        let due = self.installation.start_of_day(day.saturating_add(1.day())) + 10.minutes();
        Evaluation { day, due, at }
    }

    fn store(&self) -> &Store {
        let (_, services) = self.services.as_ref().expect("open");
        &services.store
    }

    /// Whether the new rule has a fit.
    async fn has_new_fit(&self) -> bool {
        let request = FitRequest { rule: "new".to_owned(), hour: None };
        let fits = self.store().baselines(&[request]).await.expect("read");
        fits.iter().any(|baseline| baseline.fits.contains_key("new"))
    }
}

fn receive(_: Level, text: &str) -> std::io::Result<()> {
    if outage::receiver_refuses() {
        return Err(std::io::Error::other("the receiver refuses notifications"));
    }
    NOTIFICATIONS.with_borrow_mut(|notifications| notifications.push(text.to_owned()));
    Ok(())
}
