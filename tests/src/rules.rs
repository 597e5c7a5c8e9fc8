//! Rules for several suites.

/// The replaced pipeline's detector over one service. It has no seasonal terms, so its verdicts are easy to predict.
pub const PLAIN: &str = r#"
[[rule]]
id = "plain"
why = "A rule with predictable verdicts."
detector = "tutorial"
series = "daily"
history_days = 50
direction = "up"
select = { service = ["mysql"] }
[rule.settings]
minSamples = 14
"#;

/// Rules of other kinds: over day-to-date series, over account sums, and with the detector `daily-level`.
pub const OF_OTHER_KINDS: &str = r#"
[[rule]]
id = "by-hour"
why = "What a day has cost by an hour."
detector = "tutorial"
series = "day-to-date"
direction = "both"
severity = "critical"
[rule.settings]
minSamples = 2

[[rule]]
id = "account"
why = "What an account costs."
detector = "tutorial"
series = "daily"
group_by = ["account"]
direction = "both"
severity = "warning"

[[rule]]
id = "level"
why = "A service off its level."
detector = "daily-level"
series = "daily"
direction = "both"
severity = "warning"
"#;
