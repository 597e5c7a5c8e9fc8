//! The cause of a failed call, without the file and the collection.

use std::fmt::Display;

/// The cause of a failed call.
pub(crate) enum Cause {
    Redb(Box<redb::Error>),
    Unreadable { key: String, cause: String },
}

impl Cause {
    pub(super) fn unreadable(key: impl Into<String>, cause: impl Display) -> Self {
        Self::Unreadable { key: key.into(), cause: cause.to_string() }
    }
}

impl<E: Into<redb::Error>> From<E> for Cause {
    fn from(error: E) -> Self {
        Self::Redb(Box::new(error.into()))
    }
}
