//! The scope of a silence or a planned event as a document: the globs by dimension.

use model::scope::{Pattern, Scope};
use mongodb::bson::Document;

/// Returns the patterns of a scope. A missing pattern has no field.
pub(super) fn document(scope: &Scope) -> Document {
    let patterns = scope.patterns();
    let fields = patterns.iter().filter_map(|(name, pattern)| Some((*name, pattern.as_ref()?.as_str())));
    fields.map(|(name, pattern)| (name.to_owned(), pattern.into())).collect()
}

pub(super) fn read(document: &Document) -> Result<Scope, String> {
    let pattern = |name: &str| document.get_str(name).ok().map(Pattern::parse).transpose();
    Ok(Scope {
        account: pattern("account")?,
        project: pattern("project")?,
        service: pattern("service")?,
        rule: pattern("rule")?,
    })
}
