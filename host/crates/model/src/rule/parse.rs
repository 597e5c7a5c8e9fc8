//! The parser of rule files.

use std::path::Path;

use config_file::toml::{Document, Section};

use super::{Absent, Directions, MinImpact, Rule, RuleLocation, RuleMode, RuleSet, Select, group_by, select};
use crate::anomaly::Severity;
use crate::history::Measure;
use crate::rule::image::{Image, SCHEME};
use crate::series::Grain;

/// Returns the JSON Schema of a file with rules.
pub fn schema() -> serde_json::Value {
    config_file::toml::schema("The rules of costwarden", |root| {
        root.need("rule", "at least one rule");
        for mut section in root.key("rule", RULES).not_empty().sections() {
            section.key("enabled", ENABLED).flag_or(true);
            let _: Option<Rule> = read(Path::new(""), section, &RuleSet::default());
        }
        root.finish();
    })
}

/// Parses the rules of one file into a set.
pub fn parse(file: &Path, text: &str, set: &mut RuleSet) {
    let document = Document::new(file, text);
    if let Some(mut root) = document.root() {
        root.need("rule", "at least one rule under [[rule]]");
        for mut section in root.key("rule", RULES).sections() {
            // Optional keys have defaults, so a rule with errors can still be complete.
            let errors_before = document.errors();
            let enabled = section.key("enabled", ENABLED).flag_or(true);
            if let Some(rule) = read(file, section, set)
                && document.errors() == errors_before
            {
                let rules = if enabled { &mut set.rules } else { &mut set.disabled };
                rules.push(rule);
            }
        }
        root.finish();
    }
    set.errors.extend(document.into_errors());
}

const GRAINS: [(&str, Grain); 3] =
    [("daily", Grain::Daily), ("day-to-date", Grain::DayToDate), ("hourly", Grain::Hourly)];

const DIRECTIONS: [(&str, Directions); 3] =
    [("up", Directions::Up), ("down", Directions::Down), ("both", Directions::Both)];
const SEVERITIES: [(&str, Severity); 3] =
    [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];

const MODES: [(&str, RuleMode); 2] = [("live", RuleMode::Live), ("shadow", RuleMode::Shadow)];

// The descriptions of keys.
const ENABLED: &str = "false: the rule is checked and listed, but no run uses the rule.";
const RULES: &str = "The rules, one table each. An invalid rule does not stop the others.";
const SERIES: &str = "The points of the series: the cost of each day, the cost of each day up to the same hour, or the cost of each hour.";
const MEASURE: &str =
    "The measure of the series. A rule with another measure than \"billed-cost\" needs series = \"daily\".";
const MIN_IMPACT: &str = "The smallest difference to the expected value that justifies a notification: an amount with the currency of the bill, like \"10000 KRW\"; a number for a usage.";
const SHARE: &str = "The smallest difference that justifies a notification, as a share of the bill of the 28 days before: 0.0005 is 0.05 %.";
const SELECT: &str = "The series that the rule covers, by patterns. Without a key of this table, every value matches.";

const ID_PATTERN: &str = "^[a-z0-9-]{1,64}$";
const ID: &str = "lower-case letters, digits and -";
const WHY: &str = "a sentence with the purpose of the rule";

fn read(file: &Path, mut section: Section<'_, '_>, earlier: &RuleSet) -> Option<Rule> {
    section.need("id", ID);
    section.need("why", WHY);
    section.need("detector", "the name of a plugin, like \"daily-level\"");
    section.need("series", "\"daily\" or \"day-to-date\" or \"hourly\"");
    let id = section
        .key("id", "The id of the rule: the key of stored anomalies, unique over all files of the folder.")
        .pattern(ID_PATTERN)
        .parse(ID, parse_id);
    let why = section
        .key("why", "The purpose of the rule, for the person on call.")
        .pattern("\\S")
        .parse(WHY, |why| (!why.trim().is_empty()).then(|| why.to_owned()));
    let detector = read_detector(&mut section);
    let grain = section.key("series", SERIES).choice(&GRAINS);
    let group_by = group_by::read(&mut section);
    let measure = section
        .key("measure", MEASURE)
        .default(Measure::BilledCost.name())
        .choice(&Measure::ALL.map(|measure| (measure.name(), measure)));
    let needs_snapshots = grain.is_some_and(|grain| grain != Grain::Daily);
    if needs_snapshots && measure.is_some_and(|measure| measure != Measure::BilledCost) {
        section.fail(
            "measure",
            "hourly snapshots contain only the billed cost, expected \"billed-cost\" or series = \"daily\"",
        );
    }
    let history_days =
        section.key("history_days", "The number of days of history that the detector gets.").whole_or(2..=3_660, 90);
    let absent = section
        .key("absent", "The meaning of a known day without a row of the series: a cost of 0, or not known.")
        .choice_or(&[("zero", Absent::Zero), ("unknown", Absent::Unknown)], "zero");
    let direction = section
        .key("direction", "The direction of the deviations that the rule reports.")
        .choice_or(&DIRECTIONS, "both");
    let min_impact = read_min_impact(&mut section, measure.unwrap_or(Measure::BilledCost));
    let min_impact_share = section
        .key("min_impact_share", SHARE)
        .default(0)
        .share("a share of the bill of 28 days from 0 to 1, like 0.0005 for 0.05 %");
    let min_change = section
        .key("min_change", "The smallest difference relative to the expected value: 0.2 is 20 %. A daily series that has grown in each of the last four weeks also passes if the growth reaches this share.")
        .amount_or(0.0);
    let severity =
        section.key("severity", "The severity of the incidents of the rule.").choice_or(&SEVERITIES, "warning");
    let mode = section
        .key("mode", "Whether the anomalies of the rule open incidents: `shadow` stores and counts the anomalies only.")
        .choice_or(&MODES, "live");
    let select = section.key("select", SELECT).section().map_or_else(|| Some(Select::default()), select::read);
    let settings = section
        .key("settings", "The settings of the detector. `costwarden plugin inspect` prints the keys of a detector.")
        .json();
    if let Some(other) =
        id.as_ref().and_then(|id| earlier.rules.iter().chain(&earlier.disabled).find(|other| other.id == *id))
    {
        let file = other.location.file.display();
        let line = other.location.line;
        section
            .fail("id", format!("{:?} is already the id of the rule at {file}:{line}, expected a unique id", other.id));
    }
    let location = RuleLocation {
        file: file.to_owned(),
        line: section.line(),
        detector: section.line_of("detector"),
        history_days: section.line_of("history_days"),
        settings: settings.as_ref().map(|settings| settings.lines.clone()).unwrap_or_default(),
    };
    section.finish();
    let (detector, image) = detector?;
    Some(Rule {
        id: id?,
        why: why?,
        detector,
        image,
        grain: grain?,
        group_by: group_by?,
        select: select?,
        measure: measure.unwrap_or(Measure::BilledCost),
        history_days: history_days as u16,
        absent,
        direction,
        min_impact,
        min_impact_share: min_impact_share.unwrap_or(0.0),
        min_change,
        severity,
        mode,
        settings: settings.map_or_else(|| "{}".to_owned(), |settings| settings.json.to_string()),
        location,
    })
}

/// Reads the minimum difference: an amount with a currency for a cost, a number for a usage.
fn read_min_impact(section: &mut Section<'_, '_>, measure: Measure) -> Option<MinImpact> {
    let key = section.key("min_impact", MIN_IMPACT).pattern("^[0-9.eE+-]+ [A-Z]{3}$").or_number();
    if matches!(measure, Measure::UsageTime | Measure::UsageQuantity) {
        return key.amount().map(|amount| MinImpact { amount, currency: None });
    }
    key.parse("an amount with a currency, like \"10000 KRW\"", |text| {
        let (amount, currency) = text.split_once(' ')?;
        let amount = amount.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0)?;
        let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        is_code.then(|| MinImpact { amount, currency: Some(currency.to_owned()) })
    })
}

/// Reads the plugin name, and the image of a plugin in a registry.
fn read_detector(section: &mut Section<'_, '_>) -> Option<(String, Option<Image>)> {
    let text = section
        .key("detector", "The name of a plugin in plugins.directory, or oci://HOST/REPOSITORY/NAME:TAG.")
        .pattern("^([a-z0-9-]{1,64}|oci://.+)$")
        .text()?;
    if !text.starts_with(SCHEME) {
        let name = parse_id(&text);
        if name.is_none() {
            section.fail("detector", format!("expected the name of a plugin, like \"daily-level\", found {text:?}"));
        }
        return Some((name?, None));
    }
    match text.parse::<Image>() {
        Ok(image) => Some((image.name().to_owned(), Some(image))),
        Err(error) => {
            section.fail("detector", format!("{text:?}: {error}"));
            None
        }
    }
}

fn parse_id(text: &str) -> Option<String> {
    let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(is_valid)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::GroupBy;
    use super::*;

    fn parsed(text: &str) -> (Vec<Rule>, String) {
        let mut set = RuleSet::default();
        parse(Path::new("rules/a.toml"), text, &mut set);
        let errors = set.errors.iter().map(|error| format!("{error}\n")).collect();
        (set.rules, errors)
    }

    #[test]
    fn a_short_rule_gets_the_defaults() {
        let (rules, errors) = parsed(
            "[[rule]]\nid = \"a\"\nwhy = \"b\"\ndetector = \"c\"\nseries = \"daily\"\n[rule.settings]\nk = 5.5\n",
        );
        assert_eq!(errors, "");
        assert_eq!(rules[0].settings, r#"{"k":5.5}"#);
        assert_eq!(rules[0].group_by, GroupBy::EACH);
        assert_eq!((rules[0].history_days, rules[0].measure), (90, Measure::BilledCost));
        assert_eq!((rules[0].location.settings("/k"), rules[0].location.settings("/other")), (7, 6));
    }

    #[test]
    fn settings_are_finite_numbers() {
        let (rules, errors) = parsed(
            "[[rule]]\nid = \"a\"\nwhy = \"b\"\ndetector = \"c\"\nseries = \"daily\"\n[rule.settings]\nk = nan\nlist = [1, -inf]\n",
        );
        assert_eq!(rules.len(), 0);
        insta::assert_snapshot!(errors, @"
        rules/a.toml:7: rule.settings.k: expected a finite number, found NaN
        rules/a.toml:8: rule.settings.list.1: expected a finite number, found -inf
        ");
    }

    #[test]
    fn every_error_is_reported_and_valid_rules_remain() {
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
        rules/a.toml:2: rule.why: is missing, expected a sentence with the purpose of the rule
        rules/a.toml:3: rule.id: expected lower-case letters, digits and -, found "Bad Id"
        rules/a.toml:5: rule.series: expected "daily" or "day-to-date" or "hourly", found "weekly"
        rules/a.toml:6: rule.group_by: expected "account" or "project" or "service", found "region"
        rules/a.toml:6: rule.group_by: "service" occurs twice, expected each dimension at most once
        rules/a.toml:7: rule.measure: expected "billed-cost" or "list-cost" or "discount" or "usage-time" or "usage-quantity", found "amount"
        rules/a.toml:8: rule.history_days: expected a whole number from 2 to 3660, found 1
        rules/a.toml:9: rule.min_impact: expected an amount with a currency, like "10000 KRW", found -5
        rules/a.toml:10: rule.select.account: expected a pattern like "web-*": error parsing glob '[a': unclosed character class; missing ']'
        rules/a.toml:10: rule.select.project: matches nothing: a pattern with ! excludes every other pattern
        rules/a.toml:10: rule.select.service: matches nothing: expected at least one pattern; omit the key to match everything
        rules/a.toml:10: rule.select.region: unknown key, expected one of account, project, service
        rules/a.toml:11: rule.gravity: unknown key, expected one of enabled, id, why, detector, series, group_by, measure, history_days, absent, direction, min_impact, min_impact_share, min_change, severity, mode, select, settings
        rules/a.toml:18: rule.id: "good" is already the id of the rule at rules/a.toml:12, expected a unique id
        rules/a.toml:22: rule.measure: hourly snapshots contain only the billed cost, expected "billed-cost" or series = "daily"
        "#);
    }
}
