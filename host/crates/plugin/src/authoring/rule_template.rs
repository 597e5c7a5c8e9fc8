//! The first rule for a plugin: TOML from the packed manifest, for further edits by an operator.

use sandbox::inspection::{ImportKind, Inspection};
use sandbox::packed::PackedManifest;
use sandbox::single_line;
use serde_json::Value;

use super::settings_schema::{SettingRow, setting_rows};

/// Minimum days of history in the rule; a plugin may need more.
const HISTORY_DAYS: u32 = 90;

/// Returns a rules file with a single rule for bills in a currency. Each setting appears with the default in a comment.
pub fn rule_template(manifest: &PackedManifest, inspection: &Inspection, currency: &str) -> String {
    let [name, version, summary] =
        [&manifest.name, &manifest.version, &manifest.summary].map(|text| single_line(text.clone()));
    let mut lines = vec![format!("# {name} {version}: {summary}")];
    if inspection.imports.iter().any(|import| import.kind == ImportKind::Reference) {
        lines.push("# The plugin reads reference data, and loads only with a grant in the config:".to_owned());
        lines.extend([format!("#     [plugins.grants.{name}]"), "#     reference = \"DIRECTORY\"".to_owned()]);
    }
    let days = HISTORY_DAYS.max(manifest.min_points);
    lines.extend([
        String::new(),
        "[[rule]]".to_owned(),
        format!("id = {}", quoted(&name)),
        format!("why = {}", quoted(&summary)),
        with_note(&format!("detector = {}", quoted(&name)), &format!("{name}.wasm in the folder of plugins")),
        with_note("series = \"daily\"", "or \"day-to-date\", \"hourly\""),
        with_note(
            "group_by = [\"account\", \"project\", \"service\"]",
            "the dimensions of a series; other dimensions are summed",
        ),
        with_note(&format!("history_days = {days}"), &format!("a fit needs at least {} points", manifest.min_points)),
        with_note("direction = \"both\"", "or \"up\", \"down\""),
        with_note(
            "min_impact_share = 0.0005",
            &format!("of the bill of 28 days, or min_impact = \"10000 {currency}\": smaller deviations are no anomaly"),
        ),
        with_note("severity = \"warning\"", "or \"info\", \"critical\""),
    ]);
    let settings = setting_rows(&manifest.settings_schema);
    if !settings.is_empty() {
        lines.push("[rule.settings]".to_owned());
        lines.extend(settings.iter().map(setting_line));
    }
    lines.join("\n")
}

/// Formats a setting in a comment. The default applies anyway, except for a required setting.
fn setting_line(setting: &SettingRow) -> String {
    let SettingRow { name, kind, default, description } = setting;
    // Only these characters are allowed in a TOML key without quotes.
    let is_bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let key = if is_bare { name.clone() } else { quoted(name) };
    let value = serde_json::from_str(default).ok().and_then(|default| to_toml(&default));
    let presence = match &value {
        Some(_) => "",
        None if default.is_empty() => "optional",
        None => default,
    };
    let note = [presence, kind, description].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(". ");
    with_note(&format!("# {key} = {}", value.unwrap_or_default()), &note)
}

fn with_note(line: &str, note: &str) -> String {
    if note.is_empty() { line.to_owned() } else { format!("{line:<44} # {note}") }
}

/// Quotes a text for TOML. JSON escapes are valid in TOML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Converts JSON to TOML; `None` if the value contains null anywhere, because TOML has no null.
fn to_toml(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(format!("[{}]", items.iter().map(to_toml).collect::<Option<Vec<_>>>()?.join(", "))),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| Some(format!("{} = {}", quoted(key), to_toml(value)?)));
            Some(format!("{{ {} }}", fields.collect::<Option<Vec<_>>>()?.join(", ")))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use model::rule::{self, RuleSet};
    use sandbox::inspection::Import;
    use sandbox::{Encoding, Scope};

    use super::*;

    fn template(schema: &str, kinds: &[ImportKind]) -> String {
        let manifest = PackedManifest {
            contract: "1.0.0".to_owned(),
            name: "ceiling".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "alerts \"high\"\nup".to_owned(),
            min_points: 120,
            scope: Scope::Each,
            settings_schema: serde_json::from_str(schema).expect("JSON"),
        };
        let imports = kinds.iter().map(|kind| Import { name: String::new(), kind: *kind }).collect();
        let inspection = Inspection { encoding: Encoding::Component, manifest: None, contract: None, imports };
        rule_template(&manifest, &inspection, "USD")
    }

    const SCHEMA: &str = r#"{"properties": {
        "k": {"type": "number", "default": 3.0, "minimum": 0, "description": "Times the spread."},
        "name": {"type": "string", "default": "a\"b"},
        "of days": {"type": "array", "items": {"type": "integer"}, "default": [1, 2]},
        "nested": {"default": {"a": [true], "b": "c"}},
        "none": {"type": ["number", "null"], "default": null},
        "ceiling": {"type": "number"}}, "required": ["ceiling"]}"#;

    #[test]
    fn the_template_lists_all_settings() {
        insta::assert_snapshot!(template(SCHEMA, &[ImportKind::Log, ImportKind::Reference]), @r#"
        # ceiling 0.1.0: alerts "high" up
        # The plugin reads reference data, and loads only with a grant in the config:
        #     [plugins.grants.ceiling]
        #     reference = "DIRECTORY"

        [[rule]]
        id = "ceiling"
        why = "alerts \"high\" up"
        detector = "ceiling"                         # ceiling.wasm in the folder of plugins
        series = "daily"                             # or "day-to-date", "hourly"
        group_by = ["account", "project", "service"] # the dimensions of a series; other dimensions are summed
        history_days = 120                           # a fit needs at least 120 points
        direction = "both"                           # or "up", "down"
        min_impact_share = 0.0005                    # of the bill of 28 days, or min_impact = "10000 USD": smaller deviations are no anomaly
        severity = "warning"                         # or "info", "critical"
        [rule.settings]
        # k = 3.0                                    # number from 0. Times the spread.
        # name = "a\"b"                              # string
        # "of days" = [1, 2]                         # array of integer
        # nested = { "a" = [true], "b" = "c" }
        # none =                                     # optional. number
        # ceiling =                                  # required. number
        "#);
        insta::assert_snapshot!(template("{}", &[ImportKind::Log]), @r#"
        # ceiling 0.1.0: alerts "high" up

        [[rule]]
        id = "ceiling"
        why = "alerts \"high\" up"
        detector = "ceiling"                         # ceiling.wasm in the folder of plugins
        series = "daily"                             # or "day-to-date", "hourly"
        group_by = ["account", "project", "service"] # the dimensions of a series; other dimensions are summed
        history_days = 120                           # a fit needs at least 120 points
        direction = "both"                           # or "up", "down"
        min_impact_share = 0.0005                    # of the bill of 28 days, or min_impact = "10000 USD": smaller deviations are no anomaly
        severity = "warning"                         # or "info", "critical"
        "#);
    }

    #[test]
    fn the_template_is_a_valid_rule() {
        let text = template(SCHEMA, &[]);
        let set_all = text.replace("\n# ", "\n").replace("ceiling =  ", "ceiling = 5").replace("none =  ", "none = 5");
        for (text, settings) in [
            (text.as_str(), "{}"),
            (&set_all, r#"{"ceiling":5,"k":3.0,"name":"a\"b","nested":{"a":[true],"b":"c"},"none":5,"of days":[1,2]}"#),
        ] {
            let mut set = RuleSet::default();
            rule::parse(Path::new("rules/ceiling.toml"), text, &mut set);
            assert_eq!(set.errors, [], "{text}");
            let [rule] = &set.rules[..] else { panic!("{text}") };
            let actual: Value = serde_json::from_str(&rule.settings).expect("JSON");
            assert_eq!(actual, serde_json::from_str::<Value>(settings).expect("JSON"));
            assert_eq!((rule.detector.as_str(), rule.history_days), ("ceiling", 120));
        }
    }
}
