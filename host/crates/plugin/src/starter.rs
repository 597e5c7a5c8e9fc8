//! The first rule for a plugin: TOML from the packed manifest, for further edits by an operator.

use serde_json::Value;

use super::inspect::{ImportKind, Inspection};
use super::schema::{self, Setting};
use sandbox::packed::PackedManifest;
use sandbox::plain;

/// Minimum days of history in the rule; a plugin may need more.
const HISTORY_DAYS: u32 = 90;

/// Returns a rules file with a single rule. Each setting appears with the default in a comment.
pub fn rule(manifest: &PackedManifest, shown: &Inspection) -> String {
    let [name, version, summary] =
        [&manifest.name, &manifest.version, &manifest.summary].map(|text| plain(text.clone()));
    let mut lines = vec![format!("# {name} {version}: {summary}")];
    if shown.imports.iter().any(|import| import.kind == ImportKind::Reference) {
        lines.push("# It reads reference data, and does not load where the config does not grant some:".to_owned());
        lines.extend([format!("#     [plugins.grants.{name}]"), "#     reference = \"DIRECTORY\"".to_owned()]);
    }
    let days = HISTORY_DAYS.max(manifest.min_points);
    lines.extend([
        String::new(),
        "[[rule]]".to_owned(),
        format!("id = {}", quoted(&name)),
        format!("why = {}", quoted(&summary)),
        noted(&format!("detector = {}", quoted(&name)), &format!("{name}.wasm in the plugins' folder")),
        noted("series = \"daily\"", "or \"day-to-date\", \"hourly\""),
        noted("group_by = [\"account\", \"project\", \"service\"]", "what is left out is summed over"),
        noted(&format!("history_days = {days}"), &format!("it learns from {} points on", manifest.min_points)),
        noted("direction = \"both\"", "or \"up\", \"down\""),
        noted("min_impact = 10000", "in the bill's currency: less is not told"),
        noted("severity = \"warning\"", "or \"info\", \"critical\""),
    ]);
    let settings = schema::settings(&manifest.settings_schema);
    if !settings.is_empty() {
        lines.push("[rule.settings]".to_owned());
        lines.extend(settings.iter().map(setting));
    }
    lines.join("\n")
}

/// Formats a setting in a comment. The default applies anyway, except for a required setting.
fn setting(setting: &Setting) -> String {
    let Setting { name, kind, default, description } = setting;
    // Only these characters are allowed in a TOML key without quotes.
    let is_bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let key = if is_bare { name.clone() } else { quoted(name) };
    let value = serde_json::from_str(default).ok().and_then(|default| as_toml(&default));
    let said = match &value {
        Some(_) => "",
        None if default.is_empty() => "may be set",
        None => default,
    };
    let told = [said, kind, description].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". ");
    noted(&format!("# {key} = {}", value.unwrap_or_default()), &told)
}

fn noted(line: &str, note: &str) -> String {
    if note.is_empty() { line.to_owned() } else { format!("{line:<44} # {note}") }
}

/// Quotes a text for TOML. JSON escapes are valid in TOML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Converts JSON to TOML; `None` if the value contains null anywhere, because TOML has no null.
fn as_toml(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(format!("[{}]", items.iter().map(as_toml).collect::<Option<Vec<_>>>()?.join(", "))),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| Some(format!("{} = {}", quoted(key), as_toml(value)?));
            Some(format!("{{ {} }}", fields.iter().map(field).collect::<Option<Vec<_>>>()?.join(", ")))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::inspect::{Encoding, Import};
    use model::rule::{self, RuleSet};
    use sandbox::Scope;

    fn starter(schema: &str, kinds: &[ImportKind]) -> String {
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
        let shown = Inspection { encoding: Encoding::Component, manifest: None, contract: None, imports };
        rule(&manifest, &shown)
    }

    const SCHEMA: &str = r#"{"properties": {
        "k": {"type": "number", "default": 3.0, "minimum": 0, "description": "Times the spread."},
        "name": {"type": "string", "default": "a\"b"},
        "of days": {"type": "array", "items": {"type": "integer"}, "default": [1, 2]},
        "nested": {"default": {"a": [true], "b": "c"}},
        "none": {"type": ["number", "null"], "default": null},
        "ceiling": {"type": "number"}}, "required": ["ceiling"]}"#;

    #[test]
    fn it_shows_what_can_be_set() {
        insta::assert_snapshot!(starter(SCHEMA, &[ImportKind::Log, ImportKind::Reference]), @r#"
        # ceiling 0.1.0: alerts "high" up
        # It reads reference data, and does not load where the config does not grant some:
        #     [plugins.grants.ceiling]
        #     reference = "DIRECTORY"

        [[rule]]
        id = "ceiling"
        why = "alerts \"high\" up"
        detector = "ceiling"                         # ceiling.wasm in the plugins' folder
        series = "daily"                             # or "day-to-date", "hourly"
        group_by = ["account", "project", "service"] # what is left out is summed over
        history_days = 120                           # it learns from 120 points on
        direction = "both"                           # or "up", "down"
        min_impact = 10000                           # in the bill's currency: less is not told
        severity = "warning"                         # or "info", "critical"
        [rule.settings]
        # k = 3.0                                    # number from 0. Times the spread.
        # name = "a\"b"                              # string
        # "of days" = [1, 2]                         # array of integer
        # nested = { "a" = [true], "b" = "c" }
        # none =                                     # may be set. number
        # ceiling =                                  # must be set. number
        "#);
        insta::assert_snapshot!(starter("{}", &[ImportKind::Log]), @r#"
        # ceiling 0.1.0: alerts "high" up

        [[rule]]
        id = "ceiling"
        why = "alerts \"high\" up"
        detector = "ceiling"                         # ceiling.wasm in the plugins' folder
        series = "daily"                             # or "day-to-date", "hourly"
        group_by = ["account", "project", "service"] # what is left out is summed over
        history_days = 120                           # it learns from 120 points on
        direction = "both"                           # or "up", "down"
        min_impact = 10000                           # in the bill's currency: less is not told
        severity = "warning"                         # or "info", "critical"
        "#);
    }

    #[test]
    fn it_is_a_rule_as_it_stands_and_with_all_defaults_set() {
        let text = starter(SCHEMA, &[]);
        let set_all = text.replace("\n# ", "\n").replace("ceiling =  ", "ceiling = 5").replace("none =  ", "none = 5");
        for (text, settings) in [
            (text.as_str(), "{}"),
            (&set_all, r#"{"ceiling":5,"k":3.0,"name":"a\"b","nested":{"a":[true],"b":"c"},"none":5,"of days":[1,2]}"#),
        ] {
            let mut set = RuleSet::default();
            rule::parse(Path::new("rules/ceiling.toml"), text, &mut set);
            assert_eq!(set.errors, [], "{text}");
            let [rule] = &set.rules[..] else { panic!("{text}") };
            let given: Value = serde_json::from_str(&rule.settings).expect("JSON");
            assert_eq!(given, serde_json::from_str::<Value>(settings).expect("JSON"));
            assert_eq!((rule.detector.as_str(), rule.history_days), ("ceiling", 120));
        }
    }
}
