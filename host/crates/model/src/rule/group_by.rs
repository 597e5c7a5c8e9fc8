//! The grouping of a rule: the dimensions that the rule keeps apart.

use std::sync::Arc;

use config_file::toml::Section;

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

/// Reads the grouping. The default keeps all dimensions apart; an empty list means the total.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<GroupBy> {
    if !section.has("group_by") {
        return Some(GroupBy::EACH);
    }
    let mut group_by = GroupBy { account: false, project: false, service: false };
    for (dimension, offset) in section.texts("group_by")? {
        let is_kept = match dimension.as_str() {
            "account" => &mut group_by.account,
            "project" => &mut group_by.project,
            "service" => &mut group_by.service,
            other => {
                let expected = "expected \"account\", \"project\" or \"service\"";
                section.fail_at("group_by", offset, format!("{expected}, found {other:?}"));
                return None;
            }
        };
        if std::mem::replace(is_kept, true) {
            section.fail_at(
                "group_by",
                offset,
                format!("{dimension:?} occurs twice, expected each dimension at most once"),
            );
        }
    }
    Some(group_by)
}
