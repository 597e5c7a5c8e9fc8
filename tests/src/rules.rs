//! Rules that several suites run.

/// The replaced pipeline's rule over one service: it knows no seasons, so that tests can tell what it will say.
pub const PLAIN: &str = r#"
[[rule]]
id = "plain"
why = "A rule series_key verdicts can be told beforehand."
detector = "tutorial"
series = "daily"
history_days = 50
direction = "up"
select = { service = ["mysql"] }
[rule.settings]
minSamples = 14
"#;

/// Beside the replaced pipeline's rule: one over hours, one over sums, one of another detector.
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
id = "domain"
why = "What a domain costs."
detector = "tutorial"
series = "daily"
group_by = ["domain"]
direction = "both"
severity = "warning"

[[rule]]
id = "newcomer"
why = "Spend that appears."
detector = "newcomer"
series = "daily"
direction = "both"
severity = "warning"
"#;
