//! The page of one incident for a server, with a form for an entry of a person. The page has no script.

use maud::{DOCTYPE, Markup, html};
use model::incident::Incident;
use notify::{Locale, amount_text, one_line, signed_amount_text};

use super::STYLE;
use super::incidents::recorded;
use crate::texts::{container, finest, moment};
use crate::words::{Words, words};

/// The form for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryForm {
    /// Nobody has a token.
    Hidden,
    Shown,
    /// The form, after an entry with an unknown token.
    WrongToken,
}

/// Returns the page of an incident.
pub fn incident_page(incident: &Incident, locale: Locale<'_>, form: EntryForm) -> String {
    let words = words(locale.language);
    let title = finest(words, &incident.series, &incident.names);
    let page = html! {
        (DOCTYPE)
        html lang=(locale.language.tag()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                header { h1 { (title) } p { (container(&incident.series, &incident.names)) } }
                main {
                    (figures(incident, locale, words))
                    @if form != EntryForm::Hidden { (entry_form(form, words)) }
                    p { a href="/" { (words.title) } }
                }
            }
        }
    };
    page.into_string()
}

fn figures(incident: &Incident, locale: Locale<'_>, words: &Words) -> Markup {
    let amount = |amount: f64| amount_text(amount, locale);
    let difference = signed_amount_text(incident.observed - incident.expected, locale);
    let newest = format!("{} ({} {}, {difference})", amount(incident.observed), words.usual, amount(incident.expected));
    let mut entries = vec![
        (words.state, words.state(incident.state).to_owned()),
        (words.severity, words.severity(incident.severity).to_owned()),
        (words.since, format!("{} – {}", moment(incident.first_seen), moment(incident.last_seen))),
        (words.newest_day, newest),
        (words.reason, one_line(&incident.reason)),
    ];
    entries.extend(incident.history.iter().map(|entry| (words.action(&entry.action), recorded(entry))));
    html! { article { dl { @for (name, value) in entries { div { dt { (name) } dd { (value) } } } } } }
}

fn entry_form(form: EntryForm, words: &Words) -> Markup {
    let actions = [
        ("accept", words.accept),
        ("accept-once", words.accept_once),
        ("dismiss", words.dismiss),
        ("comment", words.comment),
    ];
    html! {
        section {
            h2 { (words.add_entry) }
            @if form == EntryForm::WrongToken { p role="alert" { (words.wrong_token) } }
            form method="post" {
                fieldset {
                    legend { (words.entry) }
                    @for (index, (value, text)) in actions.into_iter().enumerate() {
                        p { label { input type="radio" name="action" value=(value) required checked[index == 0]; " " (text) } }
                    }
                }
                p { label { (words.note) " " input type="text" name="note" maxlength="1000" autocomplete="off"; } }
                p { label { (words.token) " " input type="password" name="token" required autocomplete="off"; } }
                p { button type="submit" { (words.add_entry) } }
            }
        }
    }
}
