//! A planned event: a change of cost that people expect. People are not notified of its incidents.

mod result;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

pub use self::result::PlanResult;
use crate::anomaly::Direction;
use crate::incident::Incident;
use crate::scope::Scope;
use crate::silence::record_id;

/// A change of cost over some days.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedEvent {
    /// Consists of the creation date and a hash of the content.
    pub id: String,
    pub plan: Plan,
    /// Name of the person that added the event.
    pub author: String,
    pub created_at: Timestamp,
    /// The receivers of the comparison of plan and result.
    pub delivered: BTreeSet<String>,
}

/// The content of a planned event.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub name: String,
    pub scope: Scope,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// The expected difference per day in the currency of the bill, with a sign.
    pub daily_effect: f64,
    /// The person or team that plans the event.
    pub owner: String,
}

impl PlannedEvent {
    pub fn new(plan: Plan, author: String, now: Timestamp) -> Self {
        let Plan { name, scope, from, to, daily_effect, owner } = &plan;
        let id = record_id(now, &format!("{name} {scope} {from} {to} {daily_effect} {owner} {author} {now}"));
        Self { id, plan, author, created_at: now, delivered: BTreeSet::new() }
    }

    /// Returns whether the plan explains the newest day of an incident: the scope, the days, the direction, and a daily
    /// difference of up to `factor` times the expected difference.
    pub fn explains(&self, incident: &Incident, factor: f64) -> bool {
        let Plan { scope, from, to, daily_effect, .. } = &self.plan;
        let direction = if *daily_effect < 0.0 { Direction::Down } else { Direction::Up };
        (*from..=*to).contains(&incident.last_seen.date)
            && direction == incident.direction
            && incident.newest_impact() <= daily_effect.abs() * factor
            && scope.matches(incident)
    }
}

impl Plan {
    /// Returns the number of days.
    pub fn days(&self) -> i32 {
        (self.to - self.from).get_days() + 1
    }
}
