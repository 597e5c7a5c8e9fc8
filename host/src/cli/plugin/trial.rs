//! A trial: a loaded detector with settings, over series from files.

use std::num::NonZero;

use plugin::authoring::series_file::SeriesFile;
use plugin::authoring::walk::{self, IncidentTraining, TrialParameters, TrialResult};
use sandbox::{CallContext, Detector};

use super::{IncidentPolicy, TrialArgs, TrialEnvironment, read_settings};

/// A detector with checked settings and the options of the trial.
pub(super) struct Trial<'a> {
    pub(super) detector: &'a Detector,
    settings: String,
    args: &'a TrialArgs,
    /// Unit of the values.
    pub(super) unit: &'a str,
    accept_after_days: u16,
    /// Whether the trial is a walk with a fit per day, unless the options name another one.
    is_daily_walk: bool,
}

impl<'a> Trial<'a> {
    /// Checks the settings with the detector.
    pub(super) fn new(
        detector: &'a Detector,
        args: &'a TrialArgs,
        environment: &'a TrialEnvironment,
    ) -> anyhow::Result<Self> {
        Self::with_settings(detector, &args.settings, args, environment)
    }

    /// Checks the given settings, in place of the settings of the options.
    pub(super) fn with_settings(
        detector: &'a Detector,
        settings: &str,
        args: &'a TrialArgs,
        environment: &'a TrialEnvironment,
    ) -> anyhow::Result<Self> {
        let settings = read_settings(detector, settings)?;
        let unit = args.unit.as_deref().unwrap_or(&environment.currency);
        let accept_after_days = environment.accept_after_days;
        Ok(Self { detector, settings, args, unit, accept_after_days, is_daily_walk: false })
    }

    /// Judges as many points as possible, as production does: the last tenth of a series says little about alerts.
    pub(super) fn by_daily_walk(self) -> Self {
        Self { is_daily_walk: true, ..self }
    }

    /// Evaluates a series. Errors name the input and the point.
    pub(super) fn run(&self, file: &SeriesFile) -> anyhow::Result<TrialResult> {
        let TrialArgs { walk, history_days, locale, incidents, .. } = self.args;
        let step = file.series.step;
        let parameters = TrialParameters {
            detector: self.detector,
            context: CallContext { rule: "run", settings: &self.settings, unit: self.unit, locale },
            history_points: history_days
                .map_or_else(|| walk::default_history_points(step), |days| walk::points_of_days(days.get(), step)),
            incidents: match incidents {
                IncidentPolicy::Exclude => IncidentTraining::Excluded { accept_after_days: self.accept_after_days },
                IncidentPolicy::Include => IncidentTraining::Included,
            },
            known_incidents: &[],
        };
        let is_daily_walk = self.is_daily_walk && self.args.judge_from.is_none();
        let every = walk.map(NonZero::get).or_else(|| is_daily_walk.then(|| walk::points_of_days(1, step)));
        anyhow::ensure!(
            every.is_some() || *incidents == IncidentPolicy::Exclude,
            "--incidents include: expected --walk N, because a trial without a walk has no later fit"
        );
        let result = match every {
            Some(every) => walk::walk(&parameters, &file.series, every),
            None => walk::fit_and_judge(&parameters, &file.series, self.judge_from(file)?),
        };
        result.map_err(|error| {
            // A point without a row has no timestamp: the next row stands for the point.
            let row = file.rows.iter().filter(|row| row.point >= Some(error.point)).min_by_key(|row| row.point);
            let at = row.map_or("the end", |row| &row.timestamp);
            anyhow::anyhow!("{}: at {at}: {}", file.origin, error.failure.with_advice())
        })
    }

    fn judge_from(&self, file: &SeriesFile) -> anyhow::Result<usize> {
        let Some(text) = &self.args.judge_from else { return Ok(walk::default_judge_from(file.series.values.len())) };
        file.find(text).ok_or_else(|| {
            let [first, last] = [file.rows.first(), file.rows.last()].map(|row| row.map_or("", |row| &row.timestamp));
            let last_row = file.rows.len() - 1;
            let input = &file.origin;
            anyhow::anyhow!(
                "--judge-from: {text:?} is not a point of {input}, expected a timestamp of the file from {first} to {last}, or a row number from 0 to {last_row}"
            )
        })
    }
}
