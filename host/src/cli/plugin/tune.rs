//! The command `plugin tune`: the number of alerts over series for several values of a setting.

use std::path::PathBuf;

use plugin::authoring::score::AlertRate;
use plugin::authoring::series_file::SeriesFile;
use plugin::authoring::tuning::candidates;
use sandbox::Detector;
use sandbox::packed::PackedManifest;
use serde_json::{Map, Number, Value, json};

use super::run::series_of;
use super::trial::Trial;
use super::{TrialEnvironment, TuneArgs, settings_text};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

/// A value of the setting, with the alerts over all series.
struct TriedValue {
    value: Number,
    rate: AlertRate,
    per_30_days: f64,
}

pub(super) async fn tune(args: &TuneArgs, config: Option<PathBuf>, form: Form) -> anyhow::Result<Grade> {
    let TuneArgs { file, setting, alerts_per_30d, input, load, .. } = args;
    let environment = TrialEnvironment::new(config.clone())?;
    let detector = environment.load(file, load)?;
    let schema = PackedManifest::from_manifest(&detector.manifest).settings_schema;
    let files = series_of(input, config).await?;
    let mut tried = Vec::new();
    for value in candidates(&schema, setting)? {
        let rate = rate(args, &environment, &detector, TriedSetting { value: &value, files: &files })?;
        let per_30_days = rate.per_30_days().ok_or_else(|| {
            let points = detector.manifest.min_points;
            anyhow::anyhow!(
                "no point of the series was judged: the plugin needs a history of {points} points before the judged points: give longer series"
            )
        })?;
        tried.push(TriedValue { value, rate, per_30_days });
    }
    // The number of alerts may rise again at a larger value: consecutive alerts count once.
    let few = tried.iter().rev().take_while(|tried| tried.per_30_days <= *alerts_per_30d);
    let chosen = few.last();
    match form {
        Form::Text => text(setting, &tried, chosen, *alerts_per_30d),
        Form::Json => {
            tried.iter().for_each(|tried| present::out(&as_json(tried).to_string()));
            present::out(&json!({"setting": setting, "value": chosen.map(|tried| &tried.value)}).to_string());
        }
    }
    Ok(if chosen.is_some() { Grade::Done } else { Grade::Degraded })
}

/// A value of the setting, and the series.
#[derive(Clone, Copy)]
struct TriedSetting<'a> {
    value: &'a Number,
    files: &'a [SeriesFile],
}

/// Returns the alerts over all series with a value of the setting.
fn rate(
    args: &TuneArgs,
    environment: &TrialEnvironment,
    detector: &Detector,
    tried: TriedSetting<'_>,
) -> anyhow::Result<AlertRate> {
    let mut settings: Map<String, Value> = serde_json::from_str(&settings_text(&args.trial.settings)?)?;
    settings.insert(args.setting.clone(), Value::Number(tried.value.clone()));
    let trial =
        Trial::with_settings(detector, &Value::Object(settings).to_string(), &args.trial, environment)?.by_daily_walk();
    let mut rate = AlertRate::default();
    for file in tried.files {
        rate.add(file, &trial.run(file)?);
    }
    Ok(rate)
}

fn text(setting: &str, tried: &[TriedValue], chosen: Option<&TriedValue>, wanted: f64) {
    let mut table = present::table(&[setting, "alerts", "judged days", "alerts per 30 days"], &[0, 1, 2, 3]);
    for TriedValue { value, rate, per_30_days } in tried {
        let per_30_days = format!("{per_30_days:.2}");
        table.add_row([value.to_string(), rate.alerts.to_string(), format!("{:.0}", rate.days), per_30_days]);
    }
    present::out(&table.to_string());
    present::out(&match chosen {
        Some(TriedValue { value, .. }) => format!(
            "{setting} = {value}: from this value on, every tried value gives at most {wanted} alerts per 30 days of a series"
        ),
        None => format!("{setting}: the largest tried value gives more than {wanted} alerts per 30 days of a series"),
    });
}

fn as_json(tried: &TriedValue) -> Value {
    let TriedValue { value, rate, per_30_days } = tried;
    json!({"value": value, "alerts": rate.alerts, "days": rate.days, "per30d": per_30_days})
}
