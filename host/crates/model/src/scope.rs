//! The scope of a silence, a planned event or a route: globs per dimension of an incident.

use std::fmt;

use globset::{Glob, GlobMatcher};

use crate::incident::Incident;
use crate::language::Language;
use crate::series::{Names, SeriesKey};

/// A selection of incidents. A missing pattern matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    pub account: Option<Pattern>,
    pub project: Option<Pattern>,
    pub service: Option<Pattern>,
    pub rule: Option<Pattern>,
}

/// A glob, matched against ids and names.
#[derive(Debug, Clone)]
pub struct Pattern {
    matcher: GlobMatcher,
}

impl Pattern {
    /// # Errors
    /// The text is no glob. The message states the reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected a name or a glob like \"shop-*\"";
        if text.trim().is_empty() {
            return Err(expected.to_owned());
        }
        let glob = Glob::new(text).map_err(|error| format!("{expected}: {}", error.kind()))?;
        Ok(Self { matcher: glob.compile_matcher() })
    }

    pub fn as_str(&self) -> &str {
        self.matcher.glob().glob()
    }

    /// Returns whether one of the texts matches.
    pub fn matches(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.matcher.is_match(text))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Scope {
    /// Returns whether the scope has no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns().iter().all(|(_, pattern)| pattern.is_none())
    }

    /// Returns the patterns with the names of their dimensions.
    pub fn patterns(&self) -> [(&'static str, Option<&Pattern>); 4] {
        [
            ("account", self.account.as_ref()),
            ("project", self.project.as_ref()),
            ("service", self.service.as_ref()),
            ("rule", self.rule.as_ref()),
        ]
    }

    /// Returns the patterns with the words for their dimensions.
    pub fn text(&self, language: Language) -> String {
        let Self { account, project, service, rule } = self;
        let dimensions = [
            (language.choose("계정", "account"), account),
            (language.choose("프로젝트", "project"), project),
            (language.choose("서비스", "service"), service),
            (language.choose("규칙", "rule"), rule),
        ];
        let named =
            dimensions.iter().filter_map(|(name, pattern)| Some(format!("{name} {}", pattern.as_ref()?.as_str())));
        let words = named.collect::<Vec<_>>().join(", ");
        if words.is_empty() { language.choose("전체", "everything").to_owned() } else { words }
    }

    /// Returns whether the scope contains an incident. Every rule of the incident must match: another rule may report a
    /// problem outside the scope.
    pub fn matches(&self, incident: &Incident) -> bool {
        let is_rule = |rule: &String| self.rule.as_ref().is_none_or(|pattern| pattern.matches(&[rule]));
        self.contains(&incident.series, &incident.names) && incident.rules.iter().all(is_rule)
    }

    /// Returns whether the scope contains a series, for any rule.
    pub fn contains(&self, series: &SeriesKey, names: &Names) -> bool {
        let is_in = |pattern: &Option<Pattern>, texts: &[&str]| pattern.as_ref().is_none_or(|it| it.matches(texts));
        is_in(&self.account, &[&series.account, &names.account])
            && is_in(&self.project, &[&series.project, &names.project])
            && is_in(&self.service, &[&series.service, &names.service])
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Language::English))
    }
}
