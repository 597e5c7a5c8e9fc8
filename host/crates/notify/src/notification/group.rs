//! A group: the same change of several series on the same day, in one notification.

use jiff::civil::Date;
use model::anomaly::{Direction, Severity};
use model::incident::{Incident, NotificationKind};
use model::moment::Moment;
use model::series::ALL;

use super::{ComparedSpans, Comparison, IncidentContent};

/// The same change of several series.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupContent<'a> {
    /// The notifications of the incidents, the largest difference first. Not empty.
    pub entries: Vec<IncidentContent<'a>>,
}

/// A due notification of an incident, which may belong to a group.
#[derive(Debug, Clone, Copy)]
pub struct DueNotification<'a> {
    pub incident: &'a Incident,
    pub kind: NotificationKind,
    pub comparison: Comparison,
}

/// The properties that the notifications of a group share, except the place.
#[derive(PartialEq)]
struct SharedProperties {
    kind: NotificationKind,
    direction: Direction,
    layer: u8,
    moment: Moment,
    spans: ComparedSpans,
    first_day: Date,
    closed_at: Option<Moment>,
}

/// Least number of series of one project in a group.
const LEAST_OF_PROJECT: usize = 3;
/// Least number of series of several projects in a group.
const LEAST_OF_BILL: usize = 5;

/// Returns the groups among the due notifications of a receiver, as indexes. Series of several projects form one group
/// if there are many, else the series of each project form a group.
pub fn groups(due: &[DueNotification<'_>]) -> Vec<Vec<usize>> {
    let shared = partition((0..due.len()).collect(), |index| SharedProperties::of(&due[index]));
    let mut groups = Vec::new();
    for members in shared {
        let by_project = partition(members.clone(), |index| {
            let key = &due[index].incident.series;
            (&key.account, &key.project)
        });
        if by_project.len() > 1 && members.len() >= LEAST_OF_BILL {
            groups.push(members);
        } else {
            groups.extend(by_project.into_iter().filter(|members| members.len() >= LEAST_OF_PROJECT));
        }
    }
    groups
}

/// Divides indexes by a key. The order of the indexes stays.
fn partition<K: PartialEq>(indexes: Vec<usize>, key: impl Fn(usize) -> K) -> Vec<Vec<usize>> {
    let mut parts: Vec<(K, Vec<usize>)> = Vec::new();
    for index in indexes {
        let key = key(index);
        match parts.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(index),
            None => parts.push((key, vec![index])),
        }
    }
    parts.into_iter().map(|(_, members)| members).collect()
}

impl SharedProperties {
    fn of(due: &DueNotification<'_>) -> Self {
        Self {
            kind: due.kind,
            direction: due.incident.direction,
            layer: due.incident.series.layer(),
            moment: due.comparison.moment,
            spans: due.comparison.spans,
            first_day: due.incident.first_seen.date,
            closed_at: due.incident.closed_at,
        }
    }
}

impl<'a> GroupContent<'a> {
    /// Sorts the entries, the largest difference first.
    pub fn new(mut entries: Vec<IncidentContent<'a>>) -> Self {
        entries.sort_by(|one, other| {
            let by_size = size(other).total_cmp(&size(one));
            by_size.then_with(|| one.incident.id.cmp(&other.incident.id))
        });
        Self { entries }
    }

    /// Returns the entry with the largest difference.
    pub(crate) fn first(&self) -> &IncidentContent<'a> {
        &self.entries[0]
    }

    /// Returns the highest severity of the incidents.
    pub(crate) fn severity(&self) -> Severity {
        self.entries.iter().map(|entry| entry.incident.severity).max().unwrap_or(Severity::Info)
    }

    /// Returns the sums of the compared amounts, whose spans are the same.
    pub(crate) fn comparison(&self) -> Comparison {
        let sum = |amount: fn(&Comparison) -> f64| self.entries.iter().map(|entry| amount(&entry.comparison)).sum();
        let (observed, expected) = (sum(|comparison| comparison.observed), sum(|comparison| comparison.expected));
        Comparison { observed, expected, ..self.first().comparison }
    }

    /// Returns the sum of the differences of the incidents.
    pub(crate) fn impact(&self) -> f64 {
        self.entries.iter().map(|entry| entry.incident.impact()).sum()
    }

    /// Returns the account of all entries; `None` for several accounts.
    pub(crate) fn account(&self) -> Option<&'a str> {
        let first = self.first().incident;
        let is_same = |entry: &IncidentContent<'_>| entry.incident.series.account == first.series.account;
        (&*first.series.account != ALL && self.entries.iter().all(is_same)).then_some(&first.names.account)
    }

    /// Returns the project of all entries; `None` for several projects.
    pub(crate) fn project(&self) -> Option<&'a str> {
        let first = self.first().incident;
        let is_same = |entry: &IncidentContent<'_>| entry.incident.series.project == first.series.project;
        let has_one = &*first.series.project != ALL && self.account().is_some() && self.entries.iter().all(is_same);
        has_one.then_some(&first.names.project)
    }

    /// Returns the thread of the earlier messages; `None` for different threads.
    pub(crate) fn thread(&self) -> Option<&'a str> {
        let thread = |entry: &IncidentContent<'a>| entry.delivery.and_then(|delivery| delivery.thread.as_deref());
        let first = thread(self.first())?;
        self.entries.iter().all(|entry| thread(entry) == Some(first)).then_some(first)
    }
}

/// Returns the size of the newest difference.
fn size(content: &IncidentContent<'_>) -> f64 {
    (content.comparison.observed - content.comparison.expected).abs()
}

#[cfg(test)]
mod tests;
