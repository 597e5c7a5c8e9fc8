//! The key of a series and the display names of the dimensions.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Placeholder in keys and documents for all values of a dimension in a grouped series.
pub const ALL: &str = "*";

/// The service of a refused charge that states no service. In key order, the first service of a project.
pub const NO_SERVICE: &str = "(no service)";

/// The key of a series. A dimension outside the grouping of the rule is [`ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesKey {
    pub account: Arc<str>,
    pub project: Arc<str>,
    pub service: Arc<str>,
}

/// The display names of the dimensions. Ids never change; names may change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Names {
    pub account: Arc<str>,
    pub project: Arc<str>,
    pub service: Arc<str>,
}

impl SeriesKey {
    /// Returns the layer: 0 for a service, 1 for a project, 2 for an account, 3 for the total. Sums over other
    /// dimensions have the layer of the number of summed dimensions.
    pub fn layer(&self) -> u8 {
        [&self.account, &self.project, &self.service].iter().map(|id| u8::from(&***id == ALL)).sum()
    }

    /// Returns whether the sum contains a finer series.
    pub fn covers(&self, part: &Self) -> bool {
        let covers = |whole: &str, part: &str| whole == ALL || whole == part;
        covers(&self.account, &part.account)
            && covers(&self.project, &part.project)
            && covers(&self.service, &part.service)
    }

    pub fn new(account: &str, project: &str, service: &str) -> Self {
        Self { account: account.into(), project: project.into(), service: service.into() }
    }

    /// Parses the `Display` text of [`SeriesKey`].
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(unescape);
        let key = Self { account: parts.next()??, project: parts.next()??, service: parts.next()?? };
        parts.next().is_none().then_some(key)
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", escape(&self.account), escape(&self.project), escape(&self.service))
    }
}

/// Escapes a part of a key. Ids with `/` or `%` are rare but allowed.
fn escape(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

fn unescape(part: &str) -> Option<Arc<str>> {
    // `%25` is last: otherwise `%252F` would become `/`.
    (!part.is_empty()).then(|| part.replace("%2F", "/").replace("%25", "%").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing_restores_a_displayed_key() {
        for (account, project, service) in [("d", "p", "s"), ("a/b", "%2F", "100%"), ("d", ALL, ALL)] {
            let key = SeriesKey::new(account, project, service);
            assert_eq!(SeriesKey::parse(&key.to_string()), Some(key));
        }
    }

    #[test]
    fn a_key_without_three_parts_is_refused() {
        for text in ["", "a", "a/b", "a/b/c/d", "a//c"] {
            assert_eq!(SeriesKey::parse(text), None, "{text}");
        }
    }
}
