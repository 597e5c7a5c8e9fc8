//! The selection of series for a rule: globs per dimension, matched against ids and names.

use config_file::toml::{ListText, Section};
use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::series::{Names, SeriesKey};

/// A selection of series by all dimensions. A missing dimension matches everything.
#[derive(Debug, Clone, Default)]
pub struct Select {
    account: Patterns,
    project: Patterns,
    service: Patterns,
}

/// The patterns of one dimension. A text matches if any pattern without `!` matches (or none exists) and no pattern
/// with `!` matches.
#[derive(Debug, Clone, Default)]
struct Patterns {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Select {
    pub fn matches(&self, key: &SeriesKey, names: &Names) -> bool {
        self.account.match_either(&key.account, &names.account)
            && self.project.match_either(&key.project, &names.project)
            && self.service.match_either(&key.service, &names.service)
    }
}

impl Patterns {
    fn match_either(&self, id: &str, name: &str) -> bool {
        let included = self.include.as_ref().is_none_or(|include| include.is_match(id) || include.is_match(name));
        included && !self.exclude.is_match(id) && !self.exclude.is_match(name)
    }
}

/// Reads `[rule.select]`. A selection without a possible match is an error.
pub(super) fn read(mut section: Section<'_, '_>) -> Option<Select> {
    let account =
        patterns(&mut section, "account", "Patterns against the id and the name of the account; !PATTERN excludes.");
    let project =
        patterns(&mut section, "project", "Patterns against the id and the name of the project; !PATTERN excludes.");
    let service =
        patterns(&mut section, "service", "Patterns against the id and the name of the service; !PATTERN excludes.");
    section.finish();
    Some(Select { account: account?, project: project?, service: service? })
}

fn patterns(section: &mut Section<'_, '_>, dimension: &'static str, text: &'static str) -> Option<Patterns> {
    if !section.has(dimension) {
        return Some(Patterns::default());
    }
    let texts = section.key(dimension, text).not_empty().texts()?;
    if texts.is_empty() {
        section.fail(dimension, "matches nothing: expected at least one pattern; omit the key to match everything");
        return None;
    }
    let mut include = GlobSetBuilder::new();
    let mut exclude = GlobSetBuilder::new();
    let mut included = Vec::new();
    let mut excluded = Vec::new();
    for ListText { text, offset } in &texts {
        let (pattern, set, list) = match text.strip_prefix('!') {
            Some(pattern) => (pattern, &mut exclude, &mut excluded),
            None => (text.as_str(), &mut include, &mut included),
        };
        match Glob::new(pattern) {
            Ok(glob) if !pattern.is_empty() => {
                set.add(glob);
                list.push(pattern);
            }
            Ok(_) => section.fail_at(dimension, *offset, "expected a pattern like \"web-*\", found an empty pattern"),
            Err(error) => section.fail_at(dimension, *offset, format!("expected a pattern like \"web-*\": {error}")),
        }
    }
    let all_excluded = !included.is_empty() && included.iter().all(|pattern| excluded.contains(pattern));
    if all_excluded || excluded.contains(&"*") {
        section.fail(dimension, "matches nothing: a pattern with ! excludes every other pattern");
    }
    let include = (!included.is_empty()).then(|| include.build()).transpose().ok()?;
    Some(Patterns { include, exclude: exclude.build().ok()? })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::rule::RuleSet;

    fn select(table: &str) -> Select {
        let mut set = RuleSet::default();
        let text = format!(
            "[[rule]]\nid = \"a\"\nwhy = \"b\"\ndetector = \"c\"\nseries = \"daily\"\nselect = {{ {table} }}\n"
        );
        crate::rule::parse(Path::new("a.toml"), &text, &mut set);
        assert_eq!(set.errors, []);
        set.rules.remove(0).select
    }

    fn matches(table: &str, service: &str, name: &str) -> bool {
        let names = Names { account: "도메인".into(), project: "프로젝트".into(), service: name.into() };
        select(table).matches(&SeriesKey::new("d-1", "p-1", service), &names)
    }

    #[test]
    fn patterns_match_ids_and_names() {
        assert!(matches("", "s-1", "VM"));
        assert!(matches("service = [\"s-*\"]", "s-1", "VM"));
        assert!(matches("service = [\"V?\"]", "s-1", "VM"));
        assert!(!matches("service = [\"v?\"]", "s-1", "VM"));
        assert!(matches("account = [\"도*\"], service = [\"!x\"]", "s-1", "VM"));
        assert!(!matches("service = [\"*\", \"!VM\"]", "s-1", "VM"));
    }
}
