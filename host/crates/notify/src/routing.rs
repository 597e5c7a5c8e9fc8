//! Routes: the receivers of an incident, and the time of its notifications.
//!
//! A receiver that no route names gets every notification at once. Any other receiver gets the incidents of its routes;
//! the first matching route decides on the time. The module does not decide which notifications are due.

mod budget;
mod hint;
mod owner;
mod quiet_hours;
mod route;

use std::collections::BTreeSet;

use config_file::toml::{ListText, Section};
use jiff::civil::Time;
use model::incident::Incident;
use reqwest::Url;

pub use self::budget::RoutedBudget;
pub use self::hint::{Hint, read_hints};
pub use self::owner::{Owner, read_owners};
pub use self::quiet_hours::QuietHours;
pub use self::route::{DigestPeriod, Route, Schedule, read_routes};

/// The routes, the owners and the hints of a config.
#[derive(Debug, Clone, Default)]
pub struct Routing {
    pub routes: Vec<Route>,
    pub owners: Vec<Owner>,
    pub hints: Vec<Hint>,
    /// The address of `costwarden serve` for people, with a final slash.
    pub report_url: Option<Url>,
}

/// The treatment of the notifications of an incident at a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatch {
    Send,
    /// The quiet hours of the route hold the notifications back.
    Quiet,
    /// The next digest lists the notifications.
    Digest(DigestPeriod),
    /// No route sends the incident to the receiver.
    NotRouted,
}

impl Routing {
    /// Returns the owner of the project of an incident; `None` for a sum over projects or without an owner.
    pub fn owner(&self, incident: &Incident) -> Option<&Owner> {
        self.owners.iter().find(|owner| owner.owns(&incident.series, &incident.names))
    }

    /// Returns the address of the cost report; `None` without a page.
    pub fn report_link(&self) -> Option<&str> {
        self.report_url.as_ref().map(Url::as_str)
    }

    /// Returns the beginning of the addresses of the pages of incidents, before the id; `None` without a page.
    pub fn incident_pages(&self) -> Option<Url> {
        self.report_url.as_ref()?.join("incidents/").ok()
    }

    /// Returns the address of the page of an incident; `None` without a page.
    pub fn link(&self, incident: &Incident) -> Option<String> {
        Some(format!("{}{}", self.incident_pages()?, incident.id))
    }

    /// Returns the text of the first hint about an incident.
    pub fn hint(&self, incident: &Incident) -> Option<&str> {
        self.hints.iter().find(|hint| hint.is_about(incident)).map(|hint| hint.text.as_str())
    }

    /// Returns the treatment of an incident at a receiver at a time of day. A receiver with an earlier notification also
    /// gets the later notifications of the incident.
    pub fn dispatch(&self, receiver: &str, incident: &Incident, time: Time) -> Dispatch {
        if !self.is_named(receiver) {
            return Dispatch::Send;
        }
        let Some(route) = self.route(receiver, incident) else {
            let is_known = incident.deliveries.contains_key(receiver);
            return if is_known { Dispatch::Send } else { Dispatch::NotRouted };
        };
        route.dispatch(incident.severity, time)
    }

    /// Returns whether a receiver gets an incident, at any time.
    pub fn is_routed(&self, receiver: &str, incident: &Incident) -> bool {
        !self.is_named(receiver)
            || incident.deliveries.contains_key(receiver)
            || self.route(receiver, incident).is_some()
    }

    /// Returns the first route that sends an incident to a receiver.
    pub fn route(&self, receiver: &str, incident: &Incident) -> Option<&Route> {
        let owner = self.owner(incident);
        self.routes.iter().find(|route| {
            let names = route.receivers.as_ref().or_else(|| owner.map(|owner| &owner.receivers));
            names.is_some_and(|names| names.iter().any(|name| name == receiver)) && route.matches(incident, owner)
        })
    }

    /// Returns the digest that a receiver gets; `None` without a route with a digest.
    pub fn digest(&self, receiver: &str) -> Option<DigestPeriod> {
        self.routes_of(receiver).find_map(|route| match route.schedule {
            Schedule::Immediate => None,
            Schedule::Digest(period) => Some(period),
        })
    }

    /// Returns whether a route asks for the total of each finished day.
    pub fn wants_daily_total(&self, receiver: &str) -> bool {
        self.routes_of(receiver).any(|route| route.daily_total)
    }

    fn is_named(&self, receiver: &str) -> bool {
        self.routes_of(receiver).next().is_some()
    }

    /// Returns the routes that may send an incident to a receiver.
    fn routes_of<'r>(&'r self, receiver: &'r str) -> impl Iterator<Item = &'r Route> {
        self.routes.iter().filter(move |route| match &route.receivers {
            Some(names) => names.iter().any(|name| name == receiver),
            None => self.owners.iter().any(|owner| owner.receivers.iter().any(|name| name == receiver)),
        })
    }
}

/// Returns the known receivers of a list of names; records an unknown name.
fn receiver_names(section: &mut Section<'_, '_>, known: &BTreeSet<&str>) -> Option<Vec<String>> {
    let names = section
        .key("receivers", "The names of receivers. Without the key in a route: the receivers of the owner.")
        .texts()?;
    for ListText { text: name, offset } in &names {
        if !known.contains(name.as_str()) {
            let known: Vec<&str> = known.iter().copied().collect();
            let message = format!("{name:?} is no receiver, expected one of {}", known.join(", "));
            section.fail_at("receivers", *offset, message);
        }
    }
    Some(names.into_iter().map(|name| name.text).collect())
}

#[cfg(test)]
mod tests;
