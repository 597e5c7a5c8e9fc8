//! Values to try for a numeric setting, from its default and its bounds in the settings schema.

use serde_json::{Map, Number, Value};

/// Powers of the square root of two from the default: from a quarter to eight times the default.
const POWERS: std::ops::RangeInclusive<i32> = -4..=6;

/// A setting without values to try.
#[derive(Debug, thiserror::Error)]
#[error("`{setting}` is not a number with a default above 0 in the settings schema, expected one of: {}", expected.join(", "))]
pub struct TuningError {
    setting: String,
    expected: Vec<String>,
}

/// Returns ascending values around the default, within the bounds of the schema. A whole number stays whole.
///
/// # Errors
/// The schema has no such setting with a positive number as the default.
pub fn candidates(schema: &Map<String, Value>, setting: &str) -> Result<Vec<Number>, TuningError> {
    let properties = || schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let Some((property, default)) = properties().find_map(|(name, property)| {
        (name == setting).then_some(property).and_then(|property| Some((property, tunable(property)?)))
    }) else {
        let expected = properties().filter(|(_, property)| tunable(property).is_some());
        let expected = expected.map(|(name, _)| sandbox::single_line(name.clone())).collect();
        return Err(TuningError { setting: setting.to_owned(), expected });
    };
    let is_whole = property.get("default").is_some_and(Value::is_u64);
    let value = |power: i32| default * 2_f64.powf(f64::from(power) / 2.0);
    let mut values: Vec<f64> =
        POWERS.map(value).map(|value| if is_whole { value.round() } else { rounded(value) }).collect();
    values.retain(|value| is_within(property, *value));
    values.dedup();
    let number = |value: f64| if is_whole { Some(Number::from(value as u64)) } else { Number::from_f64(value) };
    Ok(values.into_iter().filter_map(number).collect())
}

/// Returns the default of a setting if the default is a positive number.
fn tunable(property: &Value) -> Option<f64> {
    property.get("default")?.as_f64().filter(|default| *default > 0.0)
}

/// Rounds to three significant digits, for short values in a rule.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn is_within(property: &Value, value: f64) -> bool {
    let bound = |key: &str| property.get(key).and_then(Value::as_f64);
    bound("minimum").is_none_or(|bound| value >= bound)
        && bound("maximum").is_none_or(|bound| value <= bound)
        && bound("exclusiveMinimum").is_none_or(|bound| value > bound)
        && bound("exclusiveMaximum").is_none_or(|bound| value < bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(property: &str, expect: &str) {
        let schema = format!(r#"{{"properties": {{"k": {property}, "other": {{"default": 1}}}}}}"#);
        let schema = serde_json::from_str(&schema).expect("JSON");
        let actual = match candidates(&schema, "k") {
            Ok(values) => values.iter().map(Number::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(actual, expect);
    }

    #[test]
    fn values_surround_the_default_within_the_bounds() {
        check(r#"{"default": 4.0}"#, "1.0 1.41 2.0 2.83 4.0 5.66 8.0 11.3 16.0 22.6 32.0");
        check(r#"{"default": 4.0, "exclusiveMinimum": 2, "maximum": 8}"#, "2.83 4.0 5.66 8.0");
        check(r#"{"default": 3, "minimum": 1}"#, "1 2 3 4 6 8 12 17 24");
    }

    #[test]
    fn a_setting_without_a_positive_number_is_refused() {
        let expected = "`k` is not a number with a default above 0 in the settings schema, expected one of: other";
        check(r#"{"default": "auto"}"#, expected);
        check("{}", expected);
    }
}
