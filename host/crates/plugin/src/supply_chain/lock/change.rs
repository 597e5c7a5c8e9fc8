//! Differences between two locks.

use std::fmt;

use super::{Lock, LockEntry};

/// A difference between two locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockChange {
    Added { name: String, after: LockEntry },
    Changed { name: String, before: LockEntry, after: LockEntry },
    Removed { name: String, before: LockEntry },
}

impl Lock {
    /// Returns the changes from this lock to `after`, sorted by name.
    pub fn changes(&self, after: &Self) -> Vec<LockChange> {
        let mut names: Vec<&String> = self.entries.keys().chain(after.entries.keys()).collect();
        names.sort();
        names.dedup();
        let change = |name: &String| match (self.entries.get(name), after.entries.get(name)) {
            (None, Some(after)) => Some(LockChange::Added { name: name.clone(), after: after.clone() }),
            (Some(before), None) => Some(LockChange::Removed { name: name.clone(), before: before.clone() }),
            (Some(before), Some(after)) if before.fields() != after.fields() => {
                Some(LockChange::Changed { name: name.clone(), before: before.clone(), after: after.clone() })
            }
            _ => None,
        };
        names.into_iter().filter_map(change).collect()
    }
}

impl LockChange {
    pub fn name(&self) -> &str {
        match self {
            Self::Added { name, .. } | Self::Changed { name, .. } | Self::Removed { name, .. } => name,
        }
    }
}

/// Formats a change in a single line with the old and the new values.
impl fmt::Display for LockChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |entry: &LockEntry| {
            let fields = entry.fields().into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value?)));
            fields.collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Added { name, after } => write!(f, "added {name}: {}", list(after)),
            Self::Removed { name, before } => write!(f, "removed {name}: {}", list(before)),
            Self::Changed { name, before, after } => {
                let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
                let fields = before.fields().into_iter().zip(after.fields()).filter(|(before, after)| before != after);
                let fields =
                    fields.map(|((key, before), (_, after))| format!("{key} {} -> {}", text(before), text(after)));
                write!(f, "changed {name}: {}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
