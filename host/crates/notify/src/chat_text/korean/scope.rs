//! The words of a scope.

use model::scope::Scope;

/// Returns the patterns with the Korean names of their dimensions.
pub(in super::super) fn words(scope: &Scope) -> String {
    let Scope { account, project, service, rule } = scope;
    let dimensions = [("계정", account), ("프로젝트", project), ("서비스", service), ("규칙", rule)];
    let named = dimensions.iter().filter_map(|(name, pattern)| Some(format!("{name} {}", pattern.as_ref()?.as_str())));
    let words = named.collect::<Vec<_>>().join(", ");
    if words.is_empty() { "전체".to_owned() } else { words }
}
