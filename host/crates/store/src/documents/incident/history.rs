//! The history of an incident as a list of documents.

use model::incident::{Action, HistoryEntry};
use mongodb::bson::{Bson, Document, doc};

use super::super::field::{bson_time, timestamp};
use super::parse_resolution;

pub(super) fn document(entry: &HistoryEntry) -> Document {
    let HistoryEntry { action, author, note, at, is_archived } = entry;
    let mut document = doc! { "action": action.as_str() };
    match action {
        Action::Decision(resolution) => drop(document.insert("resolution", resolution.as_str())),
        Action::Assignment(assignee) => drop(document.insert("assignee", assignee)),
        Action::Comment => {}
    }
    document.extend(doc! {
        "author": author,
        "note": note.as_deref(),
        "at": bson_time(*at),
        "archived": *is_archived,
    });
    document
}

/// Reads the history of the document of an incident.
pub(super) fn read(incident: &Document) -> Result<Vec<HistoryEntry>, String> {
    let Ok(entries) = incident.get_array("history") else { return Ok(Vec::new()) };
    let read = |entry: &Bson| read_entry(entry.as_document().ok_or("history has a value that is no document")?);
    entries.iter().map(read).collect()
}

fn read_entry(document: &Document) -> Result<HistoryEntry, String> {
    let text = |field| document.get_str(field).map_err(|error| format!("history.{field}: {error}"));
    let action = match text("action")? {
        "decision" => Action::Decision(parse_resolution(text("resolution")?)?),
        "assignment" => Action::Assignment(text("assignee")?.to_owned()),
        "comment" => Action::Comment,
        other => return Err(format!("history.action is `{other}`, expected decision, assignment or comment")),
    };
    Ok(HistoryEntry {
        action,
        author: text("author")?.to_owned(),
        note: document.get_str("note").ok().map(str::to_owned),
        at: timestamp(*document.get_datetime("at").map_err(|error| format!("history.at: {error}"))?)?,
        is_archived: document.get_bool("archived").map_err(|error| format!("history.archived: {error}"))?,
    })
}
