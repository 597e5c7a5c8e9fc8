//! Hints: sentences of the operators for the incidents of some series, such as the usual reason or the person to ask.

use config_file::toml::Section;
use model::incident::Incident;
use model::scope::Scope;

use super::route::pattern;

/// A hint for the incidents of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    scope: Scope,
    pub text: String,
}

impl Hint {
    pub(super) fn is_about(&self, incident: &Incident) -> bool {
        self.scope.contains(&incident.series, &incident.names)
    }
}

/// Reads the tables `[[hint]]` of an ownership file.
pub fn read_hints(sections: Vec<Section<'_, '_>>) -> Vec<Hint> {
    sections.into_iter().filter_map(hint).collect()
}

fn hint(mut section: Section<'_, '_>) -> Option<Hint> {
    section.need("service", "a glob like \"gpu-*\"");
    section.need("text", "a sentence for people");
    let account = pattern(section.key("account", "A glob against the id and the name of the account."));
    let project = pattern(section.key("project", "A glob against the id and the name of the project."));
    let service = pattern(section.key("service", "A glob against the id and the name of the service."));
    let text = section.key("text", "The sentence for people.").text();
    section.finish();
    // Without a usable glob, the hint would be about every service.
    service.as_ref()?;
    Some(Hint { scope: Scope { account, project, service, rule: None }, text: text? })
}
