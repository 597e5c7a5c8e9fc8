//! The routes of the notifications of a budget.

use jiff::civil::Time;
use model::anomaly::{Direction, Severity};
use model::series::{Names, SeriesKey};

use super::{Dispatch, Owner, Route, Routing};

/// The values of a budget notification that a route compares.
#[derive(Debug, Clone, Copy)]
pub struct RoutedBudget<'a> {
    /// The services of the budget.
    pub series: &'a [(SeriesKey, Names)],
    pub severity: Severity,
}

impl Routing {
    /// Returns the treatment of a budget notification at a receiver at a time of day.
    ///
    /// A route matches if its scope contains every service of the budget. A route with a rule, or with the direction down,
    /// matches no budget; the least difference of a day does not apply.
    pub fn budget_dispatch(&self, receiver: &str, budget: RoutedBudget<'_>, time: Time) -> Dispatch {
        if !self.is_named(receiver) {
            return Dispatch::Send;
        }
        let owner = self.owner_of_all(budget.series);
        let route = self.routes.iter().find(|route| {
            let names = route.receivers.as_ref().or_else(|| owner.map(|owner| &owner.receivers));
            names.is_some_and(|names| names.iter().any(|name| name == receiver)) && matches(route, budget, owner)
        });
        route.map_or(Dispatch::NotRouted, |route| route.dispatch(budget.severity, time))
    }

    /// Returns the owner of all series.
    fn owner_of_all(&self, series: &[(SeriesKey, Names)]) -> Option<&Owner> {
        let owner_of = |(key, names): &(SeriesKey, Names)| self.owners.iter().find(|owner| owner.owns(key, names));
        let first = owner_of(series.first()?)?;
        series.iter().all(|one| owner_of(one) == Some(first)).then_some(first)
    }
}

fn matches(route: &Route, budget: RoutedBudget<'_>, owner: Option<&Owner>) -> bool {
    budget.severity >= route.severity
        && route.direction != Some(Direction::Down)
        && route.rule.is_none()
        && route.owner.as_ref().is_none_or(|pattern| owner.is_some_and(|owner| pattern.matches(&[&owner.name])))
        && budget.series.iter().all(|(key, names)| route.scope.contains(key, names))
}
