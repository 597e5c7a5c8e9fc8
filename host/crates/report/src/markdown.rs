//! The report as Markdown, for wikis and chats.

use std::fmt::Write as _;

use notify::one_line;

use crate::report::{Report, ReportedIncident};
use crate::texts::{Texts, moment};
use crate::words::COUNTS;

/// Number of services with a change.
const CHANGES: usize = 10;

pub(crate) fn document(report: &Report<'_>) -> String {
    let texts = Texts::of(report);
    let words = texts.words;
    let mut document =
        format!("# {} {} – {}\n\n{}\n", words.title, report.facts.from, report.facts.to, texts.freshness());
    let mut table = |title: &str, header: &[&str], rows: Vec<Vec<String>>| {
        if rows.is_empty() {
            return;
        }
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let rule = line(vec!["---".to_owned(); header.len()]);
        let rows: String = rows.into_iter().map(|row| line(row.iter().map(|cell| escaped(cell)).collect())).collect();
        write!(document, "\n## {title}\n\n{}{rule}{rows}", line(header)).expect("a string takes all that is written");
    };
    let total = &report.total;
    table(
        words.total,
        &[words.month_so_far, words.same_days_before, words.month_end, words.range],
        vec![vec![texts.amount(total.month_so_far), texts.before(total), texts.month_end(total), texts.range(total)]],
    );
    let budgets = report.budgets.iter().map(|budget| texts.budget(budget).to_vec());
    table(words.budgets, &texts.budget_columns(), budgets.collect());
    let open = report.open_incidents().map(|reported| {
        let incident = reported.incident;
        vec![
            texts.what(incident),
            texts.place(incident),
            moment(incident.first_seen),
            texts.difference(reported.newest()),
            texts.difference(reported.so_far()),
            reported.until_month_end.map(|until| texts.difference(until)).unwrap_or_default(),
            reported.why(),
            format!("costwarden incidents show {}", incident.id),
        ]
    });
    table(
        words.open_incidents,
        &[
            words.service,
            words.place,
            words.since,
            words.newest_day,
            words.so_far,
            words.until_month_end,
            words.reason,
            words.next,
        ],
        open.collect(),
    );
    let changes = report.changes().into_iter().take(CHANGES);
    let changes = changes.map(|(row, change)| {
        let place = format!("{} / {}", row.names.account, row.names.project);
        vec![row.names.service.to_string(), place, texts.difference(change)]
    });
    table(words.changes, &[words.service, words.place, words.change], changes.collect());
    let row = |reported: &ReportedIncident<'_>| {
        let incident = reported.incident;
        vec![
            texts.what(incident),
            texts.place(incident),
            words.state(incident.state).to_owned(),
            moment(incident.first_seen),
            texts.difference(reported.so_far()),
        ]
    };
    let header = [words.service, words.place, words.state, words.since, words.so_far];
    let ended = report.incidents.iter().filter(|reported| !reported.is_open() && !reported.is_explained).map(row);
    table(words.incidents, &header, ended.collect());
    let explained = report.incidents.iter().filter(|reported| reported.is_explained).map(row);
    table(words.explained_incidents, &header, explained.collect());
    let rows = report.rows.iter().map(|row| {
        let indent = "– ".repeat(usize::from(2_u8.saturating_sub(row.key.layer())));
        let name = format!("{indent}{}", row.name());
        let so_far = texts.amount(row.month_so_far);
        vec![name, so_far, texts.change(row), texts.month_end(row), texts.range(row)]
    });
    table(words.costs, &[words.name, words.month_so_far, words.change, words.month_end, words.range], rows.collect());
    let counts = report.facts.last_run.iter().flat_map(|run| {
        let count = |(index, name): (usize, &&str)| {
            Some(vec![words.count(index).to_owned(), run.counts.get(*name)?.to_string()])
        };
        COUNTS.iter().enumerate().filter_map(count).collect::<Vec<_>>()
    });
    table(words.checked, &["", ""], counts.collect());
    document
}

/// Returns a text that Markdown shows as written.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in one_line(text).chars() {
        if character.is_ascii_punctuation() && !matches!(character, '.' | ',' | '-' | '+' | ':' | '/' | '%' | '(' | ')')
        {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
