//! The operator's rules: detectors, watched series, and limits for notifications.
//!
//! The module reads `rules/*.toml` and validates each rule alone. The pipeline checks the detector and the settings
//! in the sandbox.

mod select;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::anomaly::Severity;
use crate::history::Measure;
use crate::image::{Image, SCHEME};
pub use crate::rule::select::Select;
use crate::series::{Grain, Names, SeriesKey};
use config_file::toml::{Diagnostic, Document, Section};

/// The valid rules of a directory, and the errors in the invalid rules.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Sorted by id.
    pub rules: Vec<Rule>,
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
    pub direction: Watch,
    /// In the currency of the bill.
    pub min_impact: f64,
    /// Relative to the expected value: 0.2 is 20 %.
    pub min_change: f64,
    pub severity: Severity,
    /// JSON for the detector, passed unchanged.
    pub settings: String,
    pub places: Places,
}

/// The source locations of a rule, for messages.
#[derive(Debug, Clone, Default)]
pub struct Places {
    pub file: PathBuf,
    pub line: usize,
    pub detector: usize,
    pub history_days: usize,
    /// Lines by JSON pointer; "" is the whole table.
    settings: BTreeMap<String, usize>,
}

/// The dimensions kept apart by a rule. The rule sums over the remaining dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupBy {
    pub account: bool,
    pub project: bool,
    pub service: bool,
}

/// The meaning of a known day without a row for the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Absent {
    Zero,
    Unknown,
}

/// The direction of reported deviations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    Up,
    Down,
    Both,
}

const GRAINS: [(&str, Grain); 3] =
    [("daily", Grain::Daily), ("day-to-date", Grain::DayToDate), ("hourly", Grain::Hourly)];

impl GroupBy {
    /// All dimensions apart: the series of the ledger.
    pub const EACH: Self = Self { account: true, project: true, service: true };

    /// Returns the grouped series of a ledger series.
    pub fn group(self, key: &SeriesKey) -> SeriesKey {
        let keep = |keep: bool, id: &std::sync::Arc<str>| if keep { id.clone() } else { crate::series::ALL.into() };
        SeriesKey {
            account: keep(self.account, &key.account),
            project: keep(self.project, &key.project),
            service: keep(self.service, &key.service),
        }
    }

    /// Returns the names of the grouped series of a ledger series.
    pub fn names(self, names: &Names) -> Names {
        let keep = |keep: bool, name: &std::sync::Arc<str>| if keep { name.clone() } else { crate::series::ALL.into() };
        Names {
            account: keep(self.account, &names.account),
            project: keep(self.project, &names.project),
            service: keep(self.service, &names.service),
        }
    }
}

impl Places {
    /// Returns the line for a detector's JSON pointer into the settings, or the line of the nearest enclosing table.
    pub fn settings(&self, pointer: &str) -> usize {
        let mut pointer = pointer;
        loop {
            match self.settings.get(pointer) {
                Some(line) => return *line,
                None if pointer.is_empty() => return self.line,
                None => pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent),
            }
        }
    }
}

/// Reads every `*.toml` of a directory. An invalid rule is reported and left out; the valid rules remain.
pub fn load(directory: &Path) -> RuleSet {
    let mut set = RuleSet::default();
    let files = match toml_files(directory) {
        Ok(files) if files.is_empty() => {
            set.errors.push(Diagnostic::of_file(directory, "holds no *.toml, expected at least one file of rules"));
            return set;
        }
        Ok(files) => files,
        Err(error) => {
            let message = format!("cannot be read ({error}), expected a folder of rules in *.toml");
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
    set
}

/// Parses the rules of one file into a set.
pub fn parse(file: &Path, text: &str, set: &mut RuleSet) {
    let document = Document::new(file, text);
    if let Some(mut root) = document.root() {
        root.need("rule", "at least one rule under [[rule]]");
        for section in root.sections("rule") {
            // Optional keys have defaults, so a rule with errors can still be complete.
            let before = document.errors();
            if let Some(rule) = read(file, section, &set.rules)
                && document.errors() == before
            {
                set.rules.push(rule);
            }
        }
        root.finish();
    }
    set.errors.extend(document.into_errors());
}

fn read(file: &Path, mut section: Section<'_, '_>, others: &[Rule]) -> Option<Rule> {
    const ID: &str = "lower-case letters, digits and -";
    let is_id = |id: &str| {
        let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (!id.is_empty() && id.len() <= 64 && id.bytes().all(valid)).then(|| id.to_owned())
    };
    section.need("id", ID);
    section.need("why", "one sentence on why the rule exists");
    section.need("detector", "the name of a plugin, like \"seasonal-mad\"");
    section.need("series", "\"daily\" or \"day-to-date\" or \"hourly\"");
    let id = section.parse("id", ID, is_id);
    let why = section
        .parse("why", "one sentence on why the rule exists", |why| (!why.trim().is_empty()).then(|| why.to_owned()));
    let (detector, image) = detector(&mut section, is_id);
    let grain = section.choice("series", &GRAINS);
    let group_by = group_by(&mut section);
    let measure = section.choice("measure", &Measure::ALL.map(|measure| (measure.name(), measure)));
    if measure.is_some_and(|measure| measure != Measure::BilledCost) && grain.is_some_and(|grain| grain != Grain::Daily)
    {
        section.fail(
            "measure",
            "hourly snapshots hold the billed cost only, expected \"billed-cost\" or series = \"daily\"",
        );
    }
    let history_days = section.whole("history_days", 2..=3_660);
    let absent = section.choice("absent", &[("zero", Absent::Zero), ("unknown", Absent::Unknown)]);
    let direction = section.choice("direction", &[("up", Watch::Up), ("down", Watch::Down), ("both", Watch::Both)]);
    let min_impact = section.amount("min_impact");
    let min_change = section.amount("min_change");
    let severity = section.choice(
        "severity",
        &[("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)],
    );
    let select = section.section("select").map_or_else(|| Some(Select::default()), select::read);
    let settings = section.json("settings");
    if let Some(other) = id.as_ref().and_then(|id| others.iter().find(|other| other.id == *id)) {
        let (file, line) = (other.places.file.display(), other.places.line);
        section.fail("id", format!("{:?} is taken by {file}:{line}, expected an id of its own", other.id));
    }
    let places = Places {
        file: file.to_owned(),
        line: section.line(),
        detector: section.line_of("detector"),
        history_days: section.line_of("history_days"),
        settings: settings.as_ref().map(|settings| settings.lines.clone()).unwrap_or_default(),
    };
    section.finish();
    Some(Rule {
        id: id?,
        why: why?,
        detector: detector?,
        image,
        grain: grain?,
        group_by: group_by?,
        select: select?,
        measure: measure.unwrap_or(Measure::BilledCost),
        history_days: history_days.unwrap_or(90) as u16,
        absent: absent.unwrap_or(Absent::Zero),
        direction: direction.unwrap_or(Watch::Both),
        min_impact: min_impact.unwrap_or(0.0),
        min_change: min_change.unwrap_or(0.0),
        severity: severity.unwrap_or(Severity::Warning),
        settings: settings.map_or_else(|| "{}".to_owned(), |settings| settings.json.to_string()),
        places,
    })
}

/// Returns the plugin name, and the image of a plugin from a registry.
fn detector(
    section: &mut Section<'_, '_>,
    is_name: impl Fn(&str) -> Option<String>,
) -> (Option<String>, Option<Image>) {
    let Some(text) = section.text("detector") else { return (None, None) };
    if !text.starts_with(SCHEME) {
        let name = is_name(&text);
        if name.is_none() {
            section.fail("detector", format!("expected the name of a plugin, like \"seasonal-mad\", found {text:?}"));
        }
        return (name, None);
    }
    match text.parse::<Image>() {
        Ok(image) => (Some(image.name().to_owned()), Some(image)),
        Err(error) => {
            section.fail("detector", format!("{text:?}: {error}"));
            (None, None)
        }
    }
}

/// Reads the grouping. The default keeps all dimensions apart; an empty list means the total.
fn group_by(section: &mut Section<'_, '_>) -> Option<GroupBy> {
    if !section.has("group_by") {
        return Some(GroupBy::EACH);
    }
    let mut group_by = GroupBy { account: false, project: false, service: false };
    for (dimension, offset) in section.texts("group_by")? {
        let kept = match dimension.as_str() {
            "account" => &mut group_by.account,
            "project" => &mut group_by.project,
            "service" => &mut group_by.service,
            other => {
                let expected = "expected \"account\", \"project\" or \"service\"";
                section.fail_at("group_by", offset, format!("{expected}, found {other:?}"));
                return None;
            }
        };
        if std::mem::replace(kept, true) {
            section.fail_at("group_by", offset, format!("{dimension:?} is there twice, expected each once"));
        }
    }
    Some(group_by)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Vec<Rule>, String) {
        let mut set = RuleSet::default();
        parse(Path::new("rules/a.toml"), text, &mut set);
        let errors = set.errors.iter().map(|error| format!("{error}\n")).collect();
        (set.rules, errors)
    }

    #[test]
    fn a_short_rule_has_sensible_defaults() {
        let (rules, errors) = parsed(
            "[[rule]]\nid = \"a\"\nwhy = \"b\"\ndetector = \"c\"\nseries = \"daily\"\n[rule.settings]\nk = 5.5\n",
        );
        assert_eq!(errors, "");
        assert_eq!(rules[0].settings, r#"{"k":5.5}"#);
        assert_eq!(rules[0].group_by, GroupBy::EACH);
        assert_eq!((rules[0].history_days, rules[0].measure), (90, Measure::BilledCost));
        assert_eq!((rules[0].places.settings("/k"), rules[0].places.settings("/other")), (7, 6));
    }

    #[test]
    fn every_error_is_told_and_the_good_rule_stands() {
        let (rules, errors) = parsed(
            r#"
[[rule]]
id = "Bad Id"
detector = "c"
series = "weekly"
group_by = ["service", "region", "service"]
measure = "amount"
history_days = 1
min_impact = -5
select = { service = [], project = ["a*", "!a*"], region = ["x"], account = ["[a"] }
gravity = "info"
[[rule]]
id = "good"
why = "it is"
detector = "c"
series = "hourly"
[[rule]]
id = "good"
why = "it was"
detector = "c"
series = "hourly"
measure = "usage-time"
"#,
        );
        assert_eq!(rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["good"]);
        insta::assert_snapshot!(errors, @r#"
        rules/a.toml:2: rule.why: is missing, expected one sentence on why the rule exists
        rules/a.toml:3: rule.id: expected lower-case letters, digits and -, found "Bad Id"
        rules/a.toml:5: rule.series: expected "daily" or "day-to-date" or "hourly", found "weekly"
        rules/a.toml:6: rule.group_by: expected "account", "project" or "service", found "region"
        rules/a.toml:7: rule.measure: expected "billed-cost" or "list-cost" or "discount" or "usage-time" or "usage-quantity", found "amount"
        rules/a.toml:8: rule.history_days: expected a whole number from 2 to 3660, found 1
        rules/a.toml:9: rule.min_impact: expected a number of at least 0, found -5
        rules/a.toml:10: rule.select.account: expected a pattern like "web-*": error parsing glob '[a': unclosed character class; missing ']'
        rules/a.toml:10: rule.select.project: matches nothing: each pattern is excluded again by one with !
        rules/a.toml:10: rule.select.service: matches nothing: expected at least one pattern, or no such key for everything
        rules/a.toml:10: rule.select.region: unknown key, expected one of account, project, service
        rules/a.toml:11: rule.gravity: unknown key, expected one of id, why, detector, series, group_by, measure, history_days, absent, direction, min_impact, min_change, severity, select, settings
        rules/a.toml:18: rule.id: "good" is taken by rules/a.toml:12, expected an id of its own
        rules/a.toml:22: rule.measure: hourly snapshots hold the billed cost only, expected "billed-cost" or series = "daily"
        "#);
    }
}
