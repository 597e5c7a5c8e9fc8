//! The end of the page: plans of people, the checked items, and the digests of the detectors.

use std::collections::BTreeSet;

use maud::{Markup, html};
use notify::one_line;

use crate::texts::Texts;
use crate::words::COUNTS;

pub(super) fn plans(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    let facts = &texts.report.facts;
    let events: Vec<_> = facts.planned_events.iter().filter(|event| event.plan.to >= facts.from).collect();
    let silences: Vec<_> = facts.silences.iter().filter(|silence| silence.is_active(facts.now)).collect();
    html! {
        section {
            h2 { (words.plans) }
            @if events.is_empty() && silences.is_empty() { p { (words.no_plans) } }
            ul {
                @for event in events {
                    li {
                        (words.planned_event) ": " (one_line(&event.plan.name)) ", " (event.plan.from) " – " (event.plan.to) ", "
                        (texts.difference(event.plan.daily_effect)) ", " (one_line(&event.plan.scope.to_string()))
                    }
                }
                @for silence in silences {
                    li {
                        (words.silence) ": " (one_line(&silence.scope.to_string())) ", – "
                        (silence.until.to_zoned(facts.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()) ", "
                        (one_line(&silence.reason))
                    }
                }
            }
        }
    }
}

pub(super) fn checked(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    html! {
        section {
            h2 { (words.checked) }
            @if let Some(run) = &texts.report.facts.last_run {
                p.note { (words.checked_note) @if let Some(run) = texts.run() { " (" (run) ")" } }
                dl.counts {
                    @for (index, name) in COUNTS.iter().enumerate() {
                        @if let Some(number) = run.counts.get(*name) {
                            div { dt { (words.count(index)) } dd { (number) } }
                        }
                    }
                }
            } @else {
                p { (words.not_checked) }
            }
        }
    }
}

pub(super) fn reproduction(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    let bands = texts.report.incidents.iter().flat_map(|reported| reported.incident.bands.values());
    let digests: BTreeSet<&str> = bands.map(|band| band.detector.as_str()).collect();
    html! {
        @if !digests.is_empty() {
            section {
                h2 { (words.reproduction) }
                p.note { (words.reproduction_note) }
                ul { @for digest in digests { li { code { (digest) } } } }
            }
        }
    }
}
