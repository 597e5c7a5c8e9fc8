//! The command `plugin run`: evaluates a series from a file, and prints the verdicts and the resource use.

use std::path::Path;

use serde_json::{Value, json};
use tracing::Level;

use super::{Format, Ground, Incidents, RunArgs, settings};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;
use model::count::counted;
use plugin::costs::Costs;
use plugin::points::{self, Points, Row};
use plugin::verdicts;
use plugin::walk::{self, Trace, Trial};
use sandbox::{Call, Detector, Limits, Verdict};

pub(super) fn run(args: &RunArgs, ground: &Ground, form: Form) -> anyhow::Result<Grade> {
    let points = points::read(&args.input)?;
    for remark in &points.remarks {
        present::complaint(Level::WARN, &format!("{}: {remark}", args.input.display()));
    }
    let detector = ground.load(&args.file, &args.load)?;
    let settings = settings(&detector, &args.settings)?;
    let step = points.series.step;
    let trial = Trial {
        detector: &detector,
        call: Call { rule: "run", settings: &settings, unit: &args.unit, locale: &args.locale },
        history: args.history_days.map_or_else(|| walk::usual_history(step), |days| walk::history(days.get(), step)),
        incidents: match args.incidents {
            Incidents::Exclude => walk::Incidents::Excluded { accept_after_days: ground.accept_after_days },
            Incidents::Learn => walk::Incidents::Learned,
        },
    };
    let trace = match args.walk {
        Some(every) => walk::walk(&trial, &points.series, every.get()),
        None => walk::once(&trial, &points.series, judge_from(&points, args)?),
    };
    let trace = trace.map_err(|stopped| {
        // A point without a row has no timestamp: the next row stands for the point.
        let row = points.rows.iter().filter(|row| row.place >= Some(stopped.place)).min_by_key(|row| row.place);
        let at = row.map_or("the end", |row| &row.timestamp);
        anyhow::anyhow!("{}: at {at}: {}", args.input.display(), stopped.failure.advised())
    })?;
    match (args.format, form) {
        (Format::Csv, _) => present::out(verdicts::csv(&points, &trace).trim_end()),
        (Format::Json, _) | (Format::Table, Form::Json) => {
            present::out(&as_json(&detector, &points, &trace).to_string());
        }
        (Format::Table, Form::Text) => table(&detector, &points, &trace, &args.input),
    }
    Ok(Grade::Done)
}

fn judge_from(points: &Points, args: &RunArgs) -> anyhow::Result<usize> {
    let Some(text) = &args.judge_from else { return Ok(walk::usual_start(points.series.values.len())) };
    points.find(text).ok_or_else(|| {
        let [first, last] = [points.rows.first(), points.rows.last()].map(|row| row.map_or("", |row| &row.timestamp));
        let rows = points.rows.len();
        let input = args.input.display();
        anyhow::anyhow!(
            "--judge-from: {text:?} is no point of {input}, expected a timestamp from {first} to {last} as written there, or a row from 0 to {}",
            rows - 1
        )
    })
}

fn verdict<'a>(trace: &'a Trace, row: &Row) -> Option<&'a Verdict> {
    trace.verdicts[row.place?].as_ref()
}

fn table(detector: &Detector, points: &Points, trace: &Trace, input: &Path) {
    let mut judged = present::table(&verdicts::HEADER, &[1, 2, 3, 4, 5]);
    let (mut rows, mut alerts) = (0, 0);
    for row in &points.rows {
        let Some(Verdict { score, expected, lower, upper, reason, .. }) = verdict(trace, row) else { continue };
        rows += 1;
        // In the contract, a score of 1 or more is an alert.
        alerts += usize::from(*score >= 1.0);
        let number = |number: f64| format!("{number:.2}");
        judged.add_row([
            row.timestamp.clone(),
            number(row.value),
            number(*score),
            number(*expected),
            number(*lower),
            number(*upper),
            reason.clone(),
        ]);
    }
    if rows > 0 {
        present::out(&judged.to_string());
        present::out("");
    }
    present::out(&costs(&trace.costs, detector.limits()).to_string());
    let missing = match trace.missing {
        Some(missing) if rows == 0 => format!(" ({} needed)", counted(missing, "more point")),
        _ => String::new(),
    };
    let (name, version) = (&detector.manifest.name, &detector.manifest.version);
    present::out(&format!(
        "{name} {version} over {}: {}, {rows} judged, {alerts} alerted, {} learning{missing}",
        input.display(),
        counted(points.rows.len(), "row"),
        trace.learning
    ));
}

fn costs(costs: &Costs, limits: &Limits) -> comfy_table::Table {
    let mut table = present::table(&["used", "at most", "limit", "%", "plugins.limits"], &[1, 2, 3]);
    for cost in costs.beside(limits) {
        table.add_row([
            cost.figure.to_owned(),
            cost.used.to_string(),
            cost.limit.to_string(),
            format!("{:.2}", cost.percent()),
            cost.keys.to_owned(),
        ]);
    }
    table
}

fn as_json(detector: &Detector, points: &Points, trace: &Trace) -> Value {
    let rows = points.rows.iter().map(|row| {
        let verdict = verdict(trace, row);
        let number = |of: fn(&Verdict) -> f64| verdict.map(of);
        json!({
            "timestamp": row.timestamp,
            "value": row.value,
            "score": number(|verdict| verdict.score),
            "expected": number(|verdict| verdict.expected),
            "lower": number(|verdict| verdict.lower),
            "upper": number(|verdict| verdict.upper),
            "reason": verdict.map(|verdict| &verdict.reason),
        })
    });
    let costs = trace.costs.beside(detector.limits());
    let costs = costs.iter().map(|cost| json!({"figure": cost.figure, "used": cost.used, "limit": cost.limit}));
    json!({
        "detector": detector.manifest.name,
        "version": detector.manifest.version,
        "digest": detector.digest,
        "step": points.series.step,
        "rows": rows.collect::<Vec<_>>(),
        "insufficient_history": trace.learning,
        "figures": trace.figures.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "costs": costs.collect::<Vec<_>>(),
    })
}
