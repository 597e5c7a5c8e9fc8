//! The history of incidents in the archive. The bills alone do not give the entries of people, so a rebuild needs them.

use jiff::Timestamp;
use model::incident::{Action, HistoryEntry, Resolution};
use serde::{Deserialize, Serialize};

use super::{Archive, ArchiveError};

/// The common prefix of the keys.
const ROOT: &str = "history/";

/// An entry of a person in the history of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedEntry {
    /// Id of the incident.
    pub incident: String,
    pub entry: HistoryEntry,
}

/// The content of an object.
#[derive(Serialize, Deserialize)]
struct Content {
    incident: String,
    #[serde(flatten)]
    action: ArchivedAction,
    author: String,
    note: Option<String>,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
enum ArchivedAction {
    Decision { resolution: String },
    Assignment { assignee: String },
    Comment,
}

impl ArchivedAction {
    fn new(action: &Action) -> Self {
        match action {
            Action::Decision(resolution) => Self::Decision { resolution: resolution.as_str().to_owned() },
            Action::Assignment(assignee) => Self::Assignment { assignee: assignee.clone() },
            Action::Comment => Self::Comment,
        }
    }

    fn parse(self) -> Result<Action, serde_json::Error> {
        let unknown = |name: &str| serde::de::Error::custom(format!("unknown resolution `{name}`"));
        Ok(match self {
            Self::Decision { resolution: name } => {
                Action::Decision(Resolution::parse(&name).ok_or_else(|| unknown(&name))?)
            }
            Self::Assignment { assignee } => Action::Assignment(assignee),
            Self::Comment => Action::Comment,
        })
    }
}

impl ArchivedEntry {
    /// Returns the key: the time, then the incident, so that the keys are in the order of the entries.
    fn key(&self) -> String {
        let at = self.entry.at.strftime("%Y%m%dT%H%M%S%3f");
        format!("{ROOT}{at}-{}-{}.json", self.incident, self.entry.action.as_str())
    }

    fn content(&self) -> Content {
        let HistoryEntry { action, author, note, at, .. } = self.entry.clone();
        Content { incident: self.incident.clone(), action: ArchivedAction::new(&action), author, note, at }
    }

    fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let Content { incident, action, author, note, at } = serde_json::from_slice(body)?;
        Ok(Self { incident, entry: HistoryEntry { action: action.parse()?, author, note, at, is_archived: true } })
    }
}

impl Archive {
    /// Stores an entry. A second put of the same entry has no effect.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub async fn put_history_entry(&self, entry: &ArchivedEntry) -> Result<(), ArchiveError> {
        let body = serde_json::to_vec(&entry.content()).expect("texts and times are JSON");
        self.write(&entry.key(), body).await
    }

    /// Returns all entries, oldest first.
    ///
    /// # Errors
    /// The archive cannot be read, or an object is not an entry.
    pub async fn history(&self) -> Result<Vec<ArchivedEntry>, ArchiveError> {
        let mut keys: Vec<String> = self.keys(ROOT).await?.into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        let mut entries = Vec::new();
        for key in keys {
            // A concurrent run may have removed the object after the listing.
            let Some(body) = self.read(&key).await? else { continue };
            let entry = ArchivedEntry::parse(&body).map_err(|why| ArchiveError::MalformedHistoryEntry {
                key,
                location: self.location(),
                why,
            });
            entries.push(entry?);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Directory;

    #[tokio::test]
    async fn entries_are_read_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::Directory(Directory::new(folder.path()));
        let entry = |incident: &str, second: i64, action| ArchivedEntry {
            incident: incident.to_owned(),
            entry: HistoryEntry {
                action,
                author: "김하나".to_owned(),
                note: Some("부하 시험".to_owned()),
                at: Timestamp::from_second(1_767_225_600 + second).expect("a time"),
                is_archived: true,
            },
        };
        let last = entry("20260101-a", 5, Action::Decision(Resolution::Dismissed));
        let first = entry("20260102-b", 1, Action::Assignment("team-shop".to_owned()));
        let comment = entry("20260101-a", 2, Action::Comment);
        for entry in [&last, &first, &comment, &last] {
            archive.put_history_entry(entry).await.expect("stored");
        }
        assert_eq!(archive.history().await.expect("read"), [first, comment, last.clone()]);
        std::fs::write(folder.path().join(last.key()), "{}").expect("damaged");
        let error = archive.history().await.expect_err("damaged").to_string();
        let error = error.replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(error, @"history/20260101T000005000-20260101-a-decision.json in FOLDER is not an entry of an incident's history (missing field `incident` at line 1 column 2): restore the object, or move it away");
    }
}
