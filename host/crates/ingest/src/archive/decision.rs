//! Decisions of people in the archive. The bills alone do not give the decisions, so a rebuild needs them.

use jiff::Timestamp;
use model::incident::{Decision, Resolution};
use serde::{Deserialize, Serialize};

use super::{Archive, ArchiveError};

/// The common prefix of the keys.
const ROOT: &str = "decisions/";

/// A decision of a person about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedDecision {
    /// Id of the incident.
    pub incident: String,
    pub decision: Decision,
}

/// The content of an object.
#[derive(Serialize, Deserialize)]
struct Content {
    incident: String,
    #[serde(rename = "as")]
    resolution: String,
    author: String,
    note: Option<String>,
    at: Timestamp,
}

impl ArchivedDecision {
    /// Returns the key: the time, then the incident, so that the keys are in the order of the decisions.
    fn key(&self) -> String {
        let at = self.decision.at.strftime("%Y%m%dT%H%M%S%3f");
        format!("{ROOT}{at}-{}.json", self.incident)
    }

    fn content(&self) -> Content {
        let Decision { resolution, author, note, at, .. } = self.decision.clone();
        Content { incident: self.incident.clone(), resolution: resolution.as_str().to_owned(), author, note, at }
    }

    fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let Content { incident, resolution: name, author, note, at } = serde_json::from_slice(body)?;
        let unknown = || serde::de::Error::custom(format!("unknown resolution `{name}`"));
        let resolution = Resolution::parse(&name).ok_or_else(unknown)?;
        Ok(Self { incident, decision: Decision { resolution, author, note, at, is_archived: true } })
    }
}

impl Archive {
    /// Stores a decision. A second put of the same decision has no effect.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub async fn put_decision(&self, decision: &ArchivedDecision) -> Result<(), ArchiveError> {
        let body = serde_json::to_vec(&decision.content()).expect("texts and times are JSON");
        self.write(&decision.key(), body).await
    }

    /// Returns all decisions, oldest first.
    ///
    /// # Errors
    /// The archive cannot be read, or an object is not a decision.
    pub async fn decisions(&self) -> Result<Vec<ArchivedDecision>, ArchiveError> {
        let mut keys: Vec<String> = self.keys(ROOT).await?.into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        let mut decisions = Vec::new();
        for key in keys {
            // A concurrent run may have removed the object after the listing.
            let Some(body) = self.read(&key).await? else { continue };
            let decision = ArchivedDecision::parse(&body).map_err(|why| ArchiveError::MalformedDecision {
                key,
                location: self.location(),
                why,
            });
            decisions.push(decision?);
        }
        Ok(decisions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Directory;

    #[tokio::test]
    async fn decisions_are_read_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::Directory(Directory::new(folder.path()));
        let decision = |incident: &str, second: i64, resolution| ArchivedDecision {
            incident: incident.to_owned(),
            decision: Decision {
                resolution,
                author: "김하나".to_owned(),
                note: Some("부하 시험".to_owned()),
                at: Timestamp::from_second(1_767_225_600 + second).expect("a time"),
                is_archived: true,
            },
        };
        let later = decision("20260101-a", 5, Resolution::Dismissed);
        let earlier = decision("20260102-b", 1, Resolution::NewLevel);
        for decision in [&later, &earlier, &later] {
            archive.put_decision(decision).await.expect("stored");
        }
        assert_eq!(archive.decisions().await.expect("read"), [earlier, later.clone()]);
        std::fs::write(folder.path().join(later.key()), "{}").expect("damaged");
        let error = archive.decisions().await.expect_err("damaged").to_string();
        let error = error.replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(error, @"decisions/20260101T000005000-20260101-a.json in FOLDER is not a decision about an incident (missing field `incident` at line 1 column 2): restore the object, or move it away");
    }
}
