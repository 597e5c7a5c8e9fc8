//! A silence: for a time, people are not notified of the incidents in a scope.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::scope::Scope;

/// A silence of incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Consists of the creation date and a hash of the content.
    pub id: String,
    pub scope: Scope,
    pub reason: String,
    /// Name of the person.
    pub author: String,
    pub created_at: Timestamp,
    /// The end. A person may move the end to an earlier time.
    pub until: Timestamp,
    /// The person that ended the silence early.
    pub expired_by: Option<String>,
}

/// The content of a new silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSilence {
    pub scope: Scope,
    pub reason: String,
    pub author: String,
    pub until: Timestamp,
}

impl Silence {
    pub fn new(content: NewSilence, now: Timestamp) -> Self {
        let NewSilence { scope, reason, author, until } = content;
        let id = record_id(now, &format!("{scope} {reason} {author} {until} {now}"));
        Self { id, scope, reason, author, created_at: now, until, expired_by: None }
    }

    pub fn is_active(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Ends the silence now. The end of an ended silence stays.
    pub fn expire(&mut self, author: &str, now: Timestamp) {
        if self.is_active(now) {
            self.until = now;
            self.expired_by = Some(author.to_owned());
        }
    }
}

/// Returns an id of a date and a hash, in the form of the ids of incidents.
pub(crate) fn record_id(now: Timestamp, content: &str) -> String {
    let date = now.strftime("%Y%m%d");
    format!("{date}-{}", hex::encode(&Sha256::digest(content)[..6]))
}
