//! Owners: the people and the receivers of projects.

use std::collections::BTreeSet;

use config_file::toml::{ListText, Section};
use model::scope::Pattern;
use model::series::{ALL, Names, SeriesKey};

use super::receiver_names;

/// The owner of some projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub name: String,
    /// Globs against the ids and names of projects.
    pub projects: Vec<Pattern>,
    /// The people, as a text for messages.
    pub people: Vec<String>,
    /// The receivers of the routes without receivers.
    pub receivers: Vec<String>,
}

impl Owner {
    pub(super) fn owns(&self, series: &SeriesKey, names: &Names) -> bool {
        let project = &series.project;
        let texts = [&**project, &*names.project];
        **project != *ALL && self.projects.iter().any(|pattern| pattern.matches(&texts))
    }

    /// Returns the name with the people.
    pub fn label(&self) -> String {
        if self.people.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.people.join(", ")) }
    }
}

/// Reads the tables `[[owner]]` of an ownership file. `receivers` are the names of the receivers.
pub fn read_owners(sections: Vec<Section<'_, '_>>, receivers: &BTreeSet<&str>) -> Vec<Owner> {
    sections.into_iter().filter_map(|section| owner(section, receivers)).collect()
}

fn owner(mut section: Section<'_, '_>, receivers: &BTreeSet<&str>) -> Option<Owner> {
    section.need("name", "the name of a person or a team");
    section.need("projects", "globs like [\"payments-*\"]");
    let name = section.key("name", "The name of a person or a team.").text();
    let mut projects = Vec::new();
    for ListText { text, offset } in
        section.key("projects", "Globs against the ids and the names of projects.").texts().unwrap_or_default()
    {
        match Pattern::parse(&text) {
            Ok(pattern) => projects.push(pattern),
            Err(error) => section.fail_at("projects", offset, error),
        }
    }
    let people = section.key("people", "The people, for messages.").texts().unwrap_or_default();
    let people = people.into_iter().map(|name| name.text).collect();
    let receivers = receiver_names(&mut section, receivers).unwrap_or_default();
    section.finish();
    Some(Owner { name: name?, projects, people, receivers })
}
