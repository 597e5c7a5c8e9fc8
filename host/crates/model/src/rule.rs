//! The operator's rules: detectors, watched series, and limits for notifications.
//!
//! The module reads `rules/*.toml` and validates each rule alone. The pipeline checks the detector and the settings
//! in the sandbox.

mod group_by;
pub mod image;
mod location;
mod parse;
mod select;

use std::path::{Path, PathBuf};

use config_file::toml::Diagnostic;

pub use self::group_by::GroupBy;
pub use self::location::RuleLocation;
pub use self::parse::{parse, schema};
pub use self::select::Select;
use crate::anomaly::Severity;
use crate::history::Measure;
use crate::rule::image::Image;
use crate::series::Grain;

/// The valid rules of a directory, and the errors in the invalid rules.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Sorted by id.
    pub rules: Vec<Rule>,
    /// The valid rules with `enabled = false`, sorted by id. A run does not use these rules.
    pub disabled: Vec<Rule>,
    pub errors: Vec<Diagnostic>,
}

/// A rule, valid without a check of the detector.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `[a-z0-9-]+`, usable in document keys.
    pub id: String,
    /// The purpose of the rule, for the person on call.
    pub why: String,
    /// The plugin name. Without an image, the file is `<plugins.directory>/<detector>.wasm`.
    pub detector: String,
    /// The registry image of the plugin; `None` for a file in the plugin folder.
    pub image: Option<Image>,
    pub grain: Grain,
    pub group_by: GroupBy,
    pub select: Select,
    pub measure: Measure,
    pub history_days: u16,
    /// Treatment of a known day without a row: 0 or not known.
    pub absent: Absent,
    pub direction: Directions,
    /// Minimum difference to the expected value.
    pub min_impact: Option<MinImpact>,
    /// Minimum difference relative to the bill of the 28 days before: 0.0005 is 0.05 %.
    pub min_impact_share: f64,
    /// Relative to the expected value: 0.2 is 20 %.
    pub min_change: f64,
    pub severity: Severity,
    pub mode: RuleMode,
    /// JSON for the detector, passed unchanged.
    pub settings: String,
    pub location: RuleLocation,
}

/// The minimum difference of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct MinImpact {
    pub amount: f64,
    /// Currency code of ISO 4217; `None` for a rule over a usage.
    pub currency: Option<String>,
}

/// The meaning of a known day without a row for the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Absent {
    Zero,
    Unknown,
}

/// The directions of deviations that a rule reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directions {
    Up,
    Down,
    Both,
}

/// The effect of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleMode {
    /// Anomalies open incidents, and people are notified.
    Live,
    /// Anomalies are stored and counted only: no incident, no notification, no effect on the training of any rule.
    Shadow,
}

impl RuleMode {
    /// Returns the word in a rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
        }
    }
}

/// Reads every `*.toml` of a directory. An invalid rule is reported and left out; the valid rules remain.
pub fn load(directory: &Path) -> RuleSet {
    let mut set = RuleSet::default();
    let files = match toml_files(directory) {
        Ok(files) if files.is_empty() => {
            let message = "no *.toml file in this folder, expected at least one file with rules";
            set.errors.push(Diagnostic::of_file(directory, message));
            return set;
        }
        Ok(files) => files,
        Err(error) => {
            let message = format!("cannot be read: {error}; expected a folder with rules in *.toml files");
            set.errors.push(Diagnostic::of_file(directory, message));
            return set;
        }
    };
    for file in files {
        match std::fs::read_to_string(&file) {
            Ok(text) => parse(&file, &text, &mut set),
            Err(error) => set.errors.push(Diagnostic::of_file(&file, format!("cannot be read: {error}"))),
        }
    }
    set.rules.sort_by(|one, other| one.id.cmp(&other.id));
    set.disabled.sort_by(|one, other| one.id.cmp(&other.id));
    set
}

fn toml_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
