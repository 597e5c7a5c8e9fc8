//! The report as one HTML page without requests: style, scripts and data are in the page.
//!
//! Three defences keep a hostile name a text: maud escapes every text, the data for the charts has no `<`, and the content
//! security policy of the page allows only the two scripts of this crate and no request.

mod budgets;
mod changes;
mod charts;
mod closing;
mod costs;
mod incident_page;
mod incidents;
mod summary;
mod trials;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

pub use self::incident_page::{EntryAction, EntryForm, IncidentPage};
use crate::report::Report;
use crate::texts::Texts;

const STYLE: &str = include_str!("../assets/report.css");
const SCRIPT: &str = include_str!("../assets/report.js");
const CHART_STYLE: &str = include_str!("../assets/uplot/uPlot.min.css");
const CHART_LICENCE: &str = include_str!("../assets/uplot/LICENSE");
const CHART_SCRIPT: &str = include_str!("../assets/uplot/uPlot.iife.min.js");

pub(crate) fn page(report: &Report<'_>) -> String {
    let texts = Texts::of(report);
    let library = format!("/*\n{CHART_LICENCE}*/\n{CHART_SCRIPT}");
    let trial_scripts = trials::scripts(report);
    let title = format!("{} {} – {}", texts.words.title, report.facts.from, report.facts.to);
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {} {}{}; base-uri 'none'; form-action 'none'",
        source_of(&library),
        source_of(SCRIPT),
        trials::sources(report, &trial_scripts)
    );
    let page = html! {
        (DOCTYPE)
        html lang=(report.facts.locale.language.tag()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(CHART_STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                header { h1 { (title) } p { (texts.freshness()) } }
                main { (sections(&texts)) }
                script type="application/json" id="data" { (PreEscaped(charts::data(report))) }
                script { (PreEscaped(library)) }
                script { (PreEscaped(SCRIPT)) }
                @if !trial_scripts.is_empty() {
                    script type="application/json" id="trials" { (PreEscaped(trials::data(&texts))) }
                }
                @for script in trial_scripts { script { (PreEscaped(script)) } }
            }
        }
    };
    page.into_string()
}

fn sections(texts: &Texts<'_, '_>) -> Markup {
    html! {
        (summary::tiles(texts))
        (summary::open_incidents(texts))
        (budgets::table(texts))
        (charts::daily_totals(texts))
        (changes::changes(texts))
        (incidents::cards(texts))
        (trials::section(texts))
        (costs::table(texts))
        (closing::plans(texts))
        (closing::checked(texts))
        (closing::reproduction(texts))
    }
}

/// Returns the source expression of a script in a content security policy.
fn source_of(script: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(script)))
}
