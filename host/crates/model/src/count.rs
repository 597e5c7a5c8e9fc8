//! Counts with nouns, for messages.

/// Returns `1 rule` or `2 rules`.
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    match noun.strip_suffix('y') {
        Some(stem) if count != 1 && !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ => format!("{count} {noun}{}", one_or(count, "", "s")),
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
    fn one_has_no_plural() {
        assert_eq!([0_u64, 1, 2].map(|count| counted(count, "rule")), ["0 rules", "1 rule", "2 rules"]);
        assert_eq!([1_u64, 2].map(|count| counted(count, "anomaly")), ["1 anomaly", "2 anomalies"]);
        assert_eq!(counted(2_u64, "day"), "2 days");
        assert_eq!([0, 1, 2].map(|count| one_or(count, "was", "were")), ["were", "was", "were"]);
    }
}
