//! The tables `[[route]]`, and the ownership file.

use std::collections::BTreeSet;

use config_file::toml::{Document, Section};
use notify::options::{ReceiverKind, ReceiverOptions, read_address};
use notify::routing::{Routing, read_hints, read_owners, read_routes};
use reqwest::Url;

const OWNERSHIP: &str = "A file with tables [[owner]]: the projects, the people and the receivers of an owner; and tables [[hint]]: sentences for the incidents of services.";
const REPORT_URL: &str = "The address under which people reach `costwarden serve`. Notifications of incidents link to the page of the incident, other notifications to the report.";
const ROUTE: &str = "The routes. A receiver that no route names gets every notification at once; any other receiver gets the incidents of its routes.";

/// Reads the routes and the owners.
pub(super) fn read(root: &mut Section<'_, '_>, receivers: &[ReceiverOptions]) -> Routing {
    let names: BTreeSet<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    let mut routing = ownership(root, &names);
    routing.report_url = read_address(root.key("report_url", REPORT_URL)).map(folder);
    routing.routes = read_routes(root.key("route", ROUTE).sections(), &names);
    for receiver in receivers {
        // An alert must be sent again by every run.
        if matches!(receiver.kind, ReceiverKind::Alertmanager(_)) && routing.digest(&receiver.name).is_some() {
            let name = &receiver.name;
            root.fail("route", format!("the receiver {name:?} has no digest, expected send = \"immediate\""));
        }
    }
    routing
}

/// Returns an address with a final slash: the pages are below the address.
fn folder(mut url: Url) -> Url {
    url.set_path(&format!("{}/", url.path().trim_end_matches('/')));
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Reads the owners and the hints of the ownership file. The errors of the file are errors of the key.
fn ownership(root: &mut Section<'_, '_>, receivers: &BTreeSet<&str>) -> Routing {
    let Some(file) = root.key("ownership", OWNERSHIP).path() else { return Routing::default() };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("{} cannot be read ({error}), expected a file with tables [[owner]]", file.display());
            root.fail("ownership", message);
            return Routing::default();
        }
    };
    let document = Document::new(&file, &text);
    let routing = document.root().map(|mut section| {
        let owners = read_owners(section.key("owner", "The owners, one table each.").sections(), receivers);
        let hints = read_hints(section.key("hint", "The hints, one table each.").sections());
        section.finish();
        Routing { owners, hints, ..Routing::default() }
    });
    for error in document.into_errors() {
        root.fail("ownership", error.to_string());
    }
    routing.unwrap_or_default()
}
