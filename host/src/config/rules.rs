//! The table `[rules]`.

use std::path::PathBuf;

use config_file::toml::Section;

/// The folder of the rules, and the limits of `rules apply`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RulesOptions {
    /// Every `*.toml` file of the folder is read.
    pub(crate) directory: PathBuf,
    pub(crate) limits: RuleLimits,
}

/// The limits of a new rule set in its backtest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RuleLimits {
    /// Largest number of notifications per 30 days.
    pub(crate) max_notifications_per_month: Option<u32>,
}

pub(super) fn read(mut section: Section<'_, '_>) -> Option<RulesOptions> {
    section.need("directory", "a folder, like \"some/folder\"");
    let directory = section
        .key(
            "directory",
            "The folder of the rules: every *.toml file there is read. A path is relative to the folder of this file.",
        )
        .path();
    let max_notifications_per_month = section
        .key(
            "max_notifications_per_month",
            "The largest number of notifications per 30 days in the backtest of a new rule set. `rules apply` refuses a rule set with more.",
        )
        .whole(0..=1_000_000);
    section.finish();
    let max_notifications_per_month = max_notifications_per_month.and_then(|most| u32::try_from(most).ok());
    Some(RulesOptions { directory: directory?, limits: RuleLimits { max_notifications_per_month } })
}
