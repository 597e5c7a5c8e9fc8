//! The tables `[[route]]`, and the ownership file.

use std::collections::BTreeSet;

use config_file::toml::{Document, Section};
use notify::options::{ReceiverKind, ReceiverOptions};
use notify::routing::{Owner, Routing, read_owners, read_routes};

const OWNERSHIP: &str = "A file with tables [[owner]]: the projects, the people and the receivers of an owner.";
const ROUTE: &str = "The routes. A receiver that no route names gets every notification at once; any other receiver gets the incidents of its routes.";

/// Reads the routes and the owners.
pub(super) fn read(root: &mut Section<'_, '_>, receivers: &[ReceiverOptions]) -> Routing {
    let names: BTreeSet<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    let owners = owners(root, &names);
    let routing = Routing { routes: read_routes(root.key("route", ROUTE).sections(), &names), owners };
    for receiver in receivers {
        // An alert must be sent again by every run.
        if matches!(receiver.kind, ReceiverKind::Alertmanager(_)) && routing.digest(&receiver.name).is_some() {
            let name = &receiver.name;
            root.fail("route", format!("the receiver {name:?} has no digest, expected send = \"immediate\""));
        }
    }
    routing
}

/// Reads the ownership file. The errors of the file are errors of the key.
fn owners(root: &mut Section<'_, '_>, receivers: &BTreeSet<&str>) -> Vec<Owner> {
    let Some(file) = root.key("ownership", OWNERSHIP).path() else { return Vec::new() };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("{} cannot be read ({error}), expected a file with tables [[owner]]", file.display());
            root.fail("ownership", message);
            return Vec::new();
        }
    };
    let document = Document::new(&file, &text);
    let owners = document.root().map(|mut section| {
        let owners = read_owners(section.key("owner", "The owners, one table each.").sections(), receivers);
        section.finish();
        owners
    });
    for error in document.into_errors() {
        root.fail("ownership", error.to_string());
    }
    owners.unwrap_or_default()
}
