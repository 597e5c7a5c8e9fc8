//! The rules of a run: plugins with permission to run, and rules with a loaded detector.

mod admission;
mod prepared;

pub(crate) use self::admission::{Admission, AdmittedPlugin, PullPolicy};
pub(crate) use self::prepared::{PreparedRule, PreparedRules, prepare_rules, read_only_sandbox};
