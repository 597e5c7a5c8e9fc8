//! The trials: the settings of a rule as a form, and the verdicts of the host. The script evaluates the series with the
//! core module of the detector.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};
use notify::one_line;
use serde_json::{Value, json};

use super::source_of;
use crate::report::Report;
use crate::texts::{Texts, container, finest};
use crate::trial::{Trial, TrialVerdict};

const DETECTOR_SCRIPT: &str = include_str!("../../assets/detector.js");
const SCRIPT: &str = include_str!("../../assets/trials.js");

/// Returns the scripts of a page with trials.
pub(super) fn scripts(report: &Report<'_>) -> Vec<&'static str> {
    if report.facts.trials.is_empty() { Vec::new() } else { vec![DETECTOR_SCRIPT, SCRIPT] }
}

/// Returns the part of the content security policy for the scripts. Only a page with a module compiles WebAssembly.
pub(super) fn sources(report: &Report<'_>, scripts: &[&str]) -> String {
    let sources: String = scripts.iter().map(|script| format!(" {}", source_of(script))).collect();
    let has_module = report.facts.detectors.values().any(|detector| detector.module.is_ok());
    if has_module { format!("{sources} 'wasm-unsafe-eval'") } else { sources }
}

pub(super) fn section(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    let trials = texts.report.facts.trials;
    let note = words.trials_note_of(texts.report.facts.trials_state);
    html! {
        @if !trials.is_empty() || note.is_some() {
            section {
                h2 { (words.trials) }
                @if !trials.is_empty() { p.note { (words.trials_note) } }
                @if let Some(note) = note { p.note { (note) } }
                @for (index, trial) in trials.iter().enumerate() { (card(texts, index, trial)) }
            }
        }
    }
}

fn card(texts: &Texts<'_, '_>, index: usize, trial: &Trial) -> Markup {
    let words = texts.words;
    let detector = &texts.report.facts.detectors[&trial.detector];
    let what = finest(words, &trial.key, &trial.names);
    let title =
        format!("{what}: {}, {} {}", one_line(&trial.rule), one_line(&detector.name), one_line(&detector.version));
    let place = container(&trial.key, &trial.names);
    // Services of two projects may have one name.
    let label = format!("{title} ({place})");
    html! {
        article.trial data-trial=(index) {
            h3 { (title) " " span.place { (place) } }
            @match &detector.module {
                Ok(_) => { form.controls aria-label=(label) {} }
                Err(reason) => { p.note { (words.no_module) " " (one_line(reason)) } }
            }
            p.status role="status" {}
            div.chart role="img" aria-label=(label) {}
            div.scroll tabindex="0" role="region" aria-label={ (words.changed_verdicts) ", " (label) } {
                table hidden {
                    caption { (words.changed_verdicts) }
                    thead { tr {
                        th scope="col" { (words.day) }
                        th.n scope="col" { (words.cost) }
                        @for name in [words.host_verdict, words.page_verdict] { th scope="col" { (name) } }
                    } }
                    tbody {}
                }
            }
        }
    }
}

/// Returns the data of the trials as JSON without `<`.
pub(super) fn data(texts: &Texts<'_, '_>) -> String {
    let facts = &texts.report.facts;
    let words = texts.words;
    let detectors: serde_json::Map<String, Value> = facts
        .detectors
        .iter()
        .map(|(digest, detector)| {
            let schema: Value = serde_json::from_str(&detector.settings_schema).unwrap_or(Value::Null);
            let module = detector.module.as_ref().ok().map(|module| BASE64_STANDARD.encode(module));
            (digest.clone(), json!({ "schema": schema, "module": module }))
        })
        .collect();
    let data = json!({
        "unit": facts.locale.currency,
        "locale": facts.locale.language.tag(),
        "words": {
            "evaluate": words.evaluate,
            "reset": words.reset,
            "equal": words.verdicts_equal,
            "different": words.verdicts_different,
            "result": words.trial_result,
            "anomalous": words.anomalous,
            "usual": words.usual.to_lowercase(),
            "noVerdict": words.no_verdict,
            "failed": words.trial_failed,
            "notJson": words.not_json,
        },
        "detectors": detectors,
        "trials": facts.trials.iter().map(trial).collect::<Vec<_>>(),
    });
    data.to_string().replace('<', "\\u003c")
}

fn trial(trial: &Trial) -> Value {
    json!({
        "id": trial.key.to_string(),
        "rule": trial.rule,
        "detector": trial.detector,
        "settings": trial.settings,
        "historyPoints": trial.history_days,
        "acceptAfterDays": trial.accept_after_days,
        "first": trial.first,
        "start": trial.start,
        "utcOffset": trial.utc_offset,
        "values": trial.values,
        "verdicts": trial.verdicts.iter().map(|verdict| verdict.as_ref().map(figures)).collect::<Vec<_>>(),
    })
}

/// Returns every digit of the figures. JSON has no infinite number: an infinite bound is null.
fn figures(verdict: &TrialVerdict) -> Value {
    let TrialVerdict { score, expected, lower, upper, reason } = verdict;
    json!({ "score": score, "expected": expected, "lower": lower, "upper": upper, "reason": reason })
}
