//! Counts with nouns, for messages.

/// Returns `1 rule` or `2 rules`, and `2 anomalies` for `anomaly`.
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    match noun.strip_suffix('y') {
        _ if count == 1 => format!("1 {noun}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ => format!("{count} {noun}s"),
    }
}

/// Returns `one` for the count 1 and `other` for every different count, e.g. `was` or `were`.
pub fn one_or<'a>(count: u64, one: &'a str, other: &'a str) -> &'a str {
    if count == 1 { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0_u64, 1, 2].map(|count| counted(count, "rule")), ["0 rules", "1 rule", "2 rules"]);
        assert_eq!([0_u64, 1].map(|count| counted(count, "anomaly")), ["0 anomalies", "1 anomaly"]);
        assert_eq!(counted(2_u64, "day"), "2 days");
        assert_eq!([0, 1, 2].map(|count| one_or(count, "was", "were")), ["were", "was", "were"]);
    }
}
