//! The parser of rule files.

use std::path::Path;

use config_file::toml::{Document, Section};

use super::{Absent, Directions, MinImpact, Rule, RuleLocation, RuleMode, RuleSet, Select, group_by, select};
use crate::anomaly::Severity;
use crate::history::Measure;
use crate::rule::image::{Image, SCHEME};
use crate::series::Grain;

/// Parses the rules of one file into a set.
pub fn parse(file: &Path, text: &str, set: &mut RuleSet) {
    let document = Document::new(file, text);
    if let Some(mut root) = document.root() {
        root.need("rule", "at least one rule under [[rule]]");
        for section in root.sections("rule") {
            // Optional keys have defaults, so a rule with errors can still be complete.
            let errors_before = document.errors();
            if let Some(rule) = read(file, section, &set.rules)
                && document.errors() == errors_before
            {
                set.rules.push(rule);
            }
        }
        root.finish();
    }
    set.errors.extend(document.into_errors());
}

const GRAINS: [(&str, Grain); 3] =
    [("daily", Grain::Daily), ("day-to-date", Grain::DayToDate), ("hourly", Grain::Hourly)];

const ID: &str = "lower-case letters, digits and -";
const WHY: &str = "a sentence with the purpose of the rule";

fn read(file: &Path, mut section: Section<'_, '_>, earlier_rules: &[Rule]) -> Option<Rule> {
    section.need("id", ID);
    section.need("why", WHY);
    section.need("detector", "the name of a plugin, like \"daily-level\"");
    section.need("series", "\"daily\" or \"day-to-date\" or \"hourly\"");
    let id = section.parse("id", ID, parse_id);
    let why = section.parse("why", WHY, |why| (!why.trim().is_empty()).then(|| why.to_owned()));
    let detector = read_detector(&mut section);
    let grain = section.choice("series", &GRAINS);
    let group_by = group_by::read(&mut section);
    let measure = section.choice("measure", &Measure::ALL.map(|measure| (measure.name(), measure)));
    let needs_snapshots = grain.is_some_and(|grain| grain != Grain::Daily);
    if needs_snapshots && measure.is_some_and(|measure| measure != Measure::BilledCost) {
        section.fail(
            "measure",
            "hourly snapshots contain only the billed cost, expected \"billed-cost\" or series = \"daily\"",
        );
    }
    let history_days = section.whole("history_days", 2..=3_660);
    let absent = section.choice("absent", &[("zero", Absent::Zero), ("unknown", Absent::Unknown)]);
    let direction =
        section.choice("direction", &[("up", Directions::Up), ("down", Directions::Down), ("both", Directions::Both)]);
    let min_impact = read_min_impact(&mut section, measure.unwrap_or(Measure::BilledCost));
    let min_impact_share = section.amount("min_impact_share");
    if min_impact_share.is_some_and(|share| share > 1.0) {
        section.fail("min_impact_share", "expected a share of the bill of 28 days from 0 to 1, like 0.0005 for 0.05 %");
    }
    let min_change = section.amount("min_change");
    let severity = section.choice(
        "severity",
        &[("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)],
    );
    let modes = [RuleMode::Live, RuleMode::Shadow].map(|mode| (mode.as_str(), mode));
    let mode = section.choice("mode", &modes);
    let select = section.section("select").map_or_else(|| Some(Select::default()), select::read);
    let settings = section.json("settings");
    if let Some(other) = id.as_ref().and_then(|id| earlier_rules.iter().find(|other| other.id == *id)) {
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
        history_days: history_days.unwrap_or(90) as u16,
        absent: absent.unwrap_or(Absent::Zero),
        direction: direction.unwrap_or(Directions::Both),
        min_impact,
        min_impact_share: min_impact_share.unwrap_or(0.0),
        min_change: min_change.unwrap_or(0.0),
        severity: severity.unwrap_or(Severity::Warning),
        mode: mode.unwrap_or(RuleMode::Live),
        settings: settings.map_or_else(|| "{}".to_owned(), |settings| settings.json.to_string()),
        location,
    })
}

/// Reads the minimum difference: an amount with a currency for a cost, a number for a usage.
fn read_min_impact(section: &mut Section<'_, '_>, measure: Measure) -> Option<MinImpact> {
    if matches!(measure, Measure::UsageTime | Measure::UsageQuantity) {
        return section.amount("min_impact").map(|amount| MinImpact { amount, currency: None });
    }
    section.parse("min_impact", "an amount with a currency, like \"10000 KRW\"", |text| {
        let (amount, currency) = text.split_once(' ')?;
        let amount = amount.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0)?;
        let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        is_code.then(|| MinImpact { amount, currency: Some(currency.to_owned()) })
    })
}

/// Reads the plugin name, and the image of a plugin in a registry.
fn read_detector(section: &mut Section<'_, '_>) -> Option<(String, Option<Image>)> {
    let text = section.text("detector")?;
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
        rules/a.toml:6: rule.group_by: expected "account", "project" or "service", found "region"
        rules/a.toml:7: rule.measure: expected "billed-cost" or "list-cost" or "discount" or "usage-time" or "usage-quantity", found "amount"
        rules/a.toml:8: rule.history_days: expected a whole number from 2 to 3660, found 1
        rules/a.toml:9: rule.min_impact: expected an amount with a currency, like "10000 KRW", found -5
        rules/a.toml:10: rule.select.account: expected a pattern like "web-*": error parsing glob '[a': unclosed character class; missing ']'
        rules/a.toml:10: rule.select.project: matches nothing: a pattern with ! excludes every other pattern
        rules/a.toml:10: rule.select.service: matches nothing: expected at least one pattern; omit the key to match everything
        rules/a.toml:10: rule.select.region: unknown key, expected one of account, project, service
        rules/a.toml:11: rule.gravity: unknown key, expected one of id, why, detector, series, group_by, measure, history_days, absent, direction, min_impact, min_impact_share, min_change, severity, mode, select, settings
        rules/a.toml:18: rule.id: "good" is already the id of the rule at rules/a.toml:12, expected a unique id
        rules/a.toml:22: rule.measure: hourly snapshots contain only the billed cost, expected "billed-cost" or series = "daily"
        "#);
    }
}
