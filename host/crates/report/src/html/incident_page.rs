//! The page of one incident for a server, with a form for an entry of a person. The page has no script.

use maud::{DOCTYPE, Markup, html};
use model::incident::Incident;
use notify::{Locale, amount_text, one_line, signed_amount_text};
use serde::Deserialize;

use super::STYLE;
use super::incidents::recorded;
use crate::facts::PartState;
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

/// The action of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryAction {
    /// The change is the new level.
    #[default]
    Accept,
    /// The change does not last.
    AcceptOnce,
    Dismiss,
    /// The note is the comment.
    Comment,
}

impl EntryAction {
    const ALL: [Self; 4] = [Self::Accept, Self::AcceptOnce, Self::Dismiss, Self::Comment];

    /// Returns the value in a form, as deserialized.
    fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::AcceptOnce => "accept-once",
            Self::Dismiss => "dismiss",
            Self::Comment => "comment",
        }
    }
}

/// The page of an incident.
#[derive(Debug, Clone, Copy)]
pub struct IncidentPage<'a> {
    pub incident: &'a Incident,
    pub locale: Locale<'a>,
    /// The sentence about the cause; `None` if not read.
    pub cause: Option<&'a str>,
    pub cause_state: PartState,
    pub form: EntryForm,
    /// The action that the form selects at first.
    pub action: EntryAction,
}

impl IncidentPage<'_> {
    /// Returns the page as HTML.
    pub fn html(&self) -> String {
        let Self { incident, locale, form, action, .. } = *self;
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
                        (self.figures(words))
                        @if form != EntryForm::Hidden { (entry_form(form, action, words)) }
                        // Relative, because a proxy may serve the report below a folder.
                        p { a href="../" { (words.title) } }
                    }
                }
            }
        };
        page.into_string()
    }

    fn figures(&self, words: &Words) -> Markup {
        let Self { incident, locale, .. } = *self;
        let amount = |amount: f64| amount_text(amount, locale);
        let difference = signed_amount_text(incident.observed - incident.expected, locale);
        let newest =
            format!("{} ({} {}, {difference})", amount(incident.observed), words.usual, amount(incident.expected));
        let mut entries = vec![
            (words.state, words.state(incident.state).to_owned()),
            (words.severity, words.severity(incident.severity).to_owned()),
            (words.since, format!("{} – {}", moment(incident.first_seen), moment(incident.last_seen))),
            (words.newest_day, newest),
            (words.reason, one_line(&incident.reason)),
        ];
        let cause = self.cause.or_else(|| words.causes_note_of(self.cause_state));
        entries.extend(cause.map(|cause| (words.cause, one_line(cause))));
        entries.extend(incident.history.iter().map(|entry| (words.action(&entry.action), recorded(entry))));
        html! { article { dl { @for (name, value) in entries { div { dt { (name) } dd { (value) } } } } } }
    }
}

fn entry_form(form: EntryForm, selected: EntryAction, words: &Words) -> Markup {
    let text = |action: EntryAction| match action {
        EntryAction::Accept => words.accept,
        EntryAction::AcceptOnce => words.accept_once,
        EntryAction::Dismiss => words.dismiss,
        EntryAction::Comment => words.comment,
    };
    html! {
        section {
            h2 { (words.add_entry) }
            @if form == EntryForm::WrongToken { p role="alert" { (words.wrong_token) } }
            form method="post" {
                fieldset {
                    legend { (words.entry) }
                    @for action in EntryAction::ALL {
                        p { label {
                            input type="radio" name="action" value=(action.as_str()) required checked[action == selected];
                            " " (text(action))
                        } }
                    }
                }
                p { label { (words.note) " " input type="text" name="note" maxlength="1000" autocomplete="off"; } }
                p { label { (words.token) " " input type="password" name="token" required autocomplete="off"; } }
                p { button type="submit" { (words.add_entry) } }
            }
        }
    }
}
