//! Hidden cost changes in a simulated bill, for detectors to find.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use model::series::SeriesKey;
use serde::{Deserialize, Serialize};

/// A change in the cost of one service, in billing time. The service is `domainId/projectId/serviceId`. JSON:
/// `{"service", "kind", "from", "until"?, "factor"?, "amount"?}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "IncidentJson", into = "IncidentJson")]
pub struct InjectedIncident {
    pub service: SeriesKey,
    pub change: Change,
    pub from: DateTime,
    /// The exclusive end of the change. [`Change`] documents the default ends.
    pub until: Option<DateTime>,
}

/// The kind of a cost change. Factors multiply the normal cost; amounts are in KRW. Unless noted, a change
/// without `until` is permanent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// A temporary rise. The default duration is one day.
    Spike { factor: f64 },
    /// A new level.
    Step { factor: f64 },
    /// A linear rise up to `factor`, reached at `until` (default: after ten days) and permanent.
    Ramp { factor: f64 },
    /// A partial fall.
    Drop { factor: f64 },
    /// The end of all costs.
    Stop,
    /// A new service with a constant cost.
    NewService { amount_per_day: f64 },
    /// A forgotten resource: a constant additional amount per hour, independent of the usual cost.
    Runaway { amount_per_hour: f64 },
}

/// The JSON json. `amount` is per day for a new service and per hour for a runaway.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IncidentJson {
    service: String,
    kind: ChangeKind,
    from: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<f64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ChangeKind {
    Spike,
    Step,
    Ramp,
    Drop,
    Stop,
    NewService,
    Runaway,
}

impl InjectedIncident {
    /// Returns the cost factor for the hour starting at `hour`, while the incident lasts.
    pub(super) fn factor_at(&self, hour: DateTime) -> f64 {
        match self.change {
            Change::Spike { factor } | Change::Step { factor } | Change::Drop { factor } => factor,
            Change::Ramp { factor } => 1.0 + (factor - 1.0) * self.progress(hour),
            Change::Stop => 0.0,
            Change::NewService { .. } | Change::Runaway { .. } => 1.0,
        }
    }

    /// Returns the additional KRW per hour while the incident lasts.
    pub(super) fn added_per_hour(&self) -> f64 {
        match self.change {
            Change::Runaway { amount_per_hour } => amount_per_hour,
            _ => 0.0,
        }
    }

    /// Returns the first moment after the change; `None` for a permanent change.
    pub(super) fn end(&self) -> Option<DateTime> {
        match self.change {
            Change::Ramp { .. } => None,
            Change::Spike { .. } => Some(self.until.unwrap_or_else(|| self.from.saturating_add(1.day()))),
            _ => self.until,
        }
    }

    fn progress(&self, at: DateTime) -> f64 {
        let top = self.until.unwrap_or_else(|| self.from.saturating_add(10.days()));
        let duration = top.duration_since(self.from).as_secs_f64();
        (at.duration_since(self.from).as_secs_f64() / duration).clamp(0.0, 1.0)
    }
}

/// Returns the default incidents, placed at fixed distances before the end date.
pub(super) fn defaults(end: Date, first: Date, services: &DefaultServices) -> Vec<InjectedIncident> {
    let at = |days_before: i32, hour: i8| end.saturating_sub(days_before.days()).at(hour, 0, 0, 0);
    let incident = |service: &Option<SeriesKey>, change, from, until| {
        service.clone().map(|service| InjectedIncident { service, change, from, until })
    };
    let new_key = |name: &str| Some(SeriesKey::new("dom-01", "prj-01", name));
    let runaway = Change::Runaway { amount_per_hour: services.runaway_base / 2.0 };
    [
        incident(&new_key("ml-notebook"), Change::NewService { amount_per_day: 90_000.0 }, at(40, 0), None),
        incident(&services.busy[1], Change::Step { factor: 1.8 }, at(30, 0), None),
        incident(&services.busy[2], Change::Spike { factor: 6.0 }, at(20, 9), Some(at(19, 0))),
        incident(&services.busy[3], Change::Ramp { factor: 3.0 }, at(16, 0), Some(at(4, 0))),
        incident(&services.steady[0], Change::Drop { factor: 0.3 }, at(13, 0), Some(at(10, 0))),
        incident(&services.steady[1], Change::Stop, at(9, 0), None),
        incident(&new_key("video-transcoder"), Change::NewService { amount_per_day: 240_000.0 }, at(6, 0), None),
        incident(&services.busy[0], runaway, at(0, 9), None),
    ]
    .into_iter()
    .flatten()
    // A short history has no default incidents before the second day.
    .filter(|incident| incident.from.date() > first)
    .collect()
}

/// The services of the default incidents, large enough for visible changes; `None` if the bill has too few services.
pub(super) struct DefaultServices {
    pub(super) busy: [Option<SeriesKey>; 4],
    pub(super) steady: [Option<SeriesKey>; 2],
    /// Daily cost of the first busy service, in KRW.
    pub(super) runaway_base: f64,
}

impl TryFrom<IncidentJson> for InjectedIncident {
    type Error = String;

    fn try_from(json: IncidentJson) -> Result<Self, String> {
        let kind = json.kind;
        let factor = || match json.factor {
            Some(factor) if factor.is_finite() && factor >= 0.0 => Ok(factor),
            _ => Err(format!("{kind:?}: expected \"factor\", a number of at least 0")),
        };
        let amount = || match json.amount {
            Some(amount) if amount.is_finite() && amount > 0.0 => Ok(amount),
            _ => Err(format!("{kind:?}: expected \"amount\", money greater than 0")),
        };
        let change = match kind {
            ChangeKind::Spike => Change::Spike { factor: factor()? },
            ChangeKind::Step => Change::Step { factor: factor()? },
            ChangeKind::Ramp => Change::Ramp { factor: factor()? },
            ChangeKind::Drop => Change::Drop { factor: factor()? },
            ChangeKind::Stop => Change::Stop,
            ChangeKind::NewService => Change::NewService { amount_per_day: amount()? },
            ChangeKind::Runaway => Change::Runaway { amount_per_hour: amount()? },
        };
        if json.until.is_some_and(|until| until <= json.from) {
            return Err(format!("{kind:?}: expected \"until\" to be later than \"from\""));
        }
        let service = SeriesKey::parse(&json.service)
            .ok_or_else(|| format!("service {:?}: expected domainId/projectId/serviceId", json.service))?;
        Ok(Self { service, change, from: json.from, until: json.until })
    }
}

impl From<InjectedIncident> for IncidentJson {
    fn from(incident: InjectedIncident) -> Self {
        let (kind, factor, amount) = match incident.change {
            Change::Spike { factor } => (ChangeKind::Spike, Some(factor), None),
            Change::Step { factor } => (ChangeKind::Step, Some(factor), None),
            Change::Ramp { factor } => (ChangeKind::Ramp, Some(factor), None),
            Change::Drop { factor } => (ChangeKind::Drop, Some(factor), None),
            Change::Stop => (ChangeKind::Stop, None, None),
            Change::NewService { amount_per_day } => (ChangeKind::NewService, None, Some(amount_per_day)),
            Change::Runaway { amount_per_hour } => (ChangeKind::Runaway, None, Some(amount_per_hour)),
        };
        let service = incident.service.to_string();
        Self { service, kind, from: incident.from, until: incident.until, factor, amount }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_survive_a_round_trip_through_json() {
        for text in [
            r#"{"service":"d/p/s","kind":"spike","from":"2026-11-01T09:00:00","until":"2026-11-02T00:00:00","factor":6.0}"#,
            r#"{"service":"d/p/s","kind":"stop","from":"2026-11-01T00:00:00"}"#,
            r#"{"service":"d/p/s","kind":"new-service","from":"2026-11-01T00:00:00","amount":1000.0}"#,
            r#"{"service":"d/p/s","kind":"runaway","from":"2026-11-01T09:00:00","amount":50000.0}"#,
        ] {
            let incident: InjectedIncident = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&incident).unwrap(), text);
        }
    }

    #[test]
    fn a_missing_field_is_named() {
        for (text, expected) in [
            (r#"{"service":"d/p/s","kind":"spike","from":"2026-11-01T09:00:00"}"#, "expected \"factor\""),
            (r#"{"service":"d/p/s","kind":"runaway","from":"2026-11-01T09:00:00"}"#, "expected \"amount\""),
            (r#"{"service":"s","kind":"stop","from":"2026-11-01T09:00:00"}"#, "domainId/projectId/serviceId"),
            (
                r#"{"service":"d/p/s","kind":"stop","from":"2026-11-01T00:00:00","until":"2026-10-01T00:00:00"}"#,
                "later",
            ),
        ] {
            let message = serde_json::from_str::<InjectedIncident>(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_ramp_rises_linearly_and_stays() {
        let ramp = InjectedIncident {
            service: SeriesKey::new("d", "p", "s"),
            change: Change::Ramp { factor: 3.0 },
            from: jiff::civil::date(2026, 11, 1).at(0, 0, 0, 0),
            until: None,
        };
        let after = |days: i32| ramp.factor_at(ramp.from.saturating_add(days.days()));
        assert_eq!([after(0), after(5), after(10), after(30)], [1.0, 2.0, 3.0, 3.0]);
        assert_eq!(ramp.end(), None);
    }
}
