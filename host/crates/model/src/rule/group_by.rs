//! The grouping of a rule: the dimensions that the rule keeps apart.

use std::sync::Arc;

use config_file::toml::{ListChoice, Section};

use crate::series::{ALL, Names, SeriesKey};

/// The dimensions kept apart by a rule. The rule sums over the remaining dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupBy {
    pub account: bool,
    pub project: bool,
    pub service: bool,
}

impl GroupBy {
    /// All dimensions apart: the series of the ledger.
    pub const EACH: Self = Self { account: true, project: true, service: true };

    /// Returns the grouped series of a ledger series.
    pub fn group(self, key: &SeriesKey) -> SeriesKey {
        SeriesKey {
            account: if self.account { Arc::clone(&key.account) } else { ALL.into() },
            project: if self.project { Arc::clone(&key.project) } else { ALL.into() },
            service: if self.service { Arc::clone(&key.service) } else { ALL.into() },
        }
    }

    /// Returns the names of the grouped series of a ledger series.
    pub fn names(self, names: &Names) -> Names {
        Names {
            account: if self.account { Arc::clone(&names.account) } else { ALL.into() },
            project: if self.project { Arc::clone(&names.project) } else { ALL.into() },
            service: if self.service { Arc::clone(&names.service) } else { ALL.into() },
        }
    }
}

#[derive(Clone, Copy)]
enum Dimension {
    Account,
    Project,
    Service,
}

const DIMENSIONS: [(&str, Dimension); 3] =
    [("account", Dimension::Account), ("project", Dimension::Project), ("service", Dimension::Service)];
const TEXT: &str =
    "The dimensions that the rule keeps apart. The rule sums over the other dimensions; an empty list means the total.";

impl Dimension {
    fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Project => "project",
            Self::Service => "service",
        }
    }
}

/// Reads the grouping. The default keeps all dimensions apart; an empty list means the total.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<GroupBy> {
    if !section.has("group_by") {
        return Some(GroupBy::EACH);
    }
    let mut group_by = GroupBy { account: false, project: false, service: false };
    let key = section.key("group_by", TEXT).default(vec!["account", "project", "service"]).unique();
    for ListChoice { choice: dimension, offset } in key.choices(&DIMENSIONS)? {
        let is_kept = match dimension {
            Dimension::Account => &mut group_by.account,
            Dimension::Project => &mut group_by.project,
            Dimension::Service => &mut group_by.service,
        };
        if std::mem::replace(is_kept, true) {
            section.fail_at(
                "group_by",
                offset,
                format!("{:?} occurs twice, expected each dimension at most once", dimension.as_str()),
            );
        }
    }
    Some(group_by)
}
