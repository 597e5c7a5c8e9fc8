//! A simulated bill: the cost of every service at any time, and the rows of the billing API.
//!
//! The module is pure. Amounts depend only on the options, the service, the date and the query time. Requests may come
//! in any order and any number of times.

mod cost;

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use model::series::SeriesKey;

use crate::catalogue::Catalogue;
use crate::flaw::{self, Flaw};
use crate::incident::{self, Change, DefaultServices, InjectedIncident};
use crate::noise::{self, Noise};
use crate::service::{self, CostPattern, Service};

/// Options of a simulated bill.
#[derive(Debug, Clone)]
pub struct ScenarioOptions {
    pub seed: u64,
    pub services: usize,
    pub catalogue: Catalogue,
    /// Reference day of the default incidents and of growth.
    pub end: Date,
    /// Number of days with costs before `end`.
    pub days: u16,
    pub incidents: Injection,
    /// Hidden incidents in addition to `incidents`.
    pub more_incidents: Vec<InjectedIncident>,
}

/// The hidden incidents of a bill.
#[derive(Debug, Clone, PartialEq)]
pub enum Injection {
    Default,
    List(Vec<InjectedIncident>),
}

/// A simulated bill.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    seed: u64,
    end: Date,
    services: Vec<Service>,
    incidents: Vec<InjectedIncident>,
    flaws: Vec<Flaw>,
}

impl Scenario {
    /// # Errors
    /// An incident names an unknown service.
    pub(crate) fn new(options: ScenarioOptions) -> Result<Self, UnknownService> {
        let first = options.end.saturating_sub(i32::from(options.days).days());
        let services = options.catalogue.services(options.seed, options.services, first);
        let incidents = match options.incidents {
            Injection::Default => incident::defaults(options.end, first, &default_services(&services)),
            Injection::List(incidents) => incidents,
        };
        let flaws = match options.catalogue {
            Catalogue::Plain => Vec::new(),
            Catalogue::Calendar | Catalogue::Irregular => flaw::restatements(options.seed, first..=options.end),
        };
        let mut scenario = Self { seed: options.seed, end: options.end, services, incidents: Vec::new(), flaws };
        for incident in incidents.into_iter().chain(options.more_incidents) {
            scenario.add_incident(incident)?;
        }
        Ok(scenario)
    }

    /// Adds a hidden incident.
    ///
    /// # Errors
    /// The incident names an unknown service.
    pub(crate) fn add_incident(&mut self, incident: InjectedIncident) -> Result<(), UnknownService> {
        if let Change::NewService { amount_per_day } = incident.change {
            self.services.push(service::new_service(&incident.service, amount_per_day, incident.from.date()));
        }
        // The search starts at the end, so a `NewService` incident finds the service of the line above.
        let service = self.services.iter_mut().rfind(|service| service.key == incident.service);
        let service = service.ok_or_else(|| UnknownService(incident.service.clone()))?;
        service.incidents.push(incident.clone());
        self.incidents.push(incident);
        Ok(())
    }

    /// Adds a defect to the bill.
    pub(crate) fn add_flaw(&mut self, flaw: Flaw) {
        self.flaws.push(flaw);
    }

    pub(crate) fn incidents(&self) -> &[InjectedIncident] {
        &self.incidents
    }

    /// Returns the amount of a day at a given time, in KRW before rounding; 0 without a row.
    #[cfg(test)]
    pub(crate) fn amount(&self, key: &SeriesKey, date: Date, now: DateTime) -> f64 {
        let matching = self.services.iter().filter(|service| service.key == *key);
        matching.map(|service| service.cost(self.seed, self.end, date, now)).sum()
    }

    /// Returns one page of rows of the days at a given time, with flaws applied.
    pub(crate) fn page(&self, days: RangeInclusive<Date>, now: DateTime, page: u32, size: u32) -> Vec<String> {
        let mut skip = page as usize * size as usize;
        let mut rows = Vec::new();
        let last = now.date().min(*days.end());
        for date in days.start().series(1.day()).take_while(|date| *date <= last) {
            let view = flaw::view(&self.flaws, date, now);
            for service in self.services.iter().take(fraction_of(self.services.len(), view.keep)) {
                let cost = service.cost(self.seed, self.end, date, view.now) * view.factor;
                // A service without costs has no row.
                if cost == 0.0 {
                    continue;
                }
                if skip >= service.rows() {
                    skip -= service.rows();
                    continue;
                }
                for row in skip..service.rows() {
                    if rows.len() == size as usize {
                        return rows;
                    }
                    rows.push(self.row(service, row, date, cost));
                }
                skip = 0;
            }
        }
        rows
    }

    /// Formats the row of a line. The row after the last line is a free row with null figures, in the API's style.
    fn row(&self, service: &Service, row: usize, date: Date, cost: f64) -> String {
        let mut text = String::with_capacity(512);
        let day = date.strftime("%Y%m%d");
        let id = |text: &str| serde_json::to_string(text).expect("strings are JSON");
        let SeriesKey { account, project, service: service_id } = &service.key;
        let names = &service.names;
        write!(
            text,
            "{{\"meteringDate\":\"{day}\",\"domainId\":{},\"domainName\":{},\"projectId\":{},\"projectName\":{},\
             \"serviceId\":{},\"serviceName\":{},",
            id(account),
            id(&names.account),
            id(project),
            id(&names.project),
            id(service_id),
            id(&names.service)
        )
        .expect(STRING);
        let Some(line) = service.lines.get(row) else {
            text.push_str("\"pricingType\":\"FREE_TIER\",\"region\":null,\"usageTime\":null,\"expectAmount\":null}");
            return text;
        };
        let expect = cost * line.share;
        let discount = expect * line.discount;
        write!(
            text,
            "\"resourceId\":{},\"region\":\"{}\",\"pricingType\":\"{}\",",
            id(&line.resource),
            line.region,
            line.pricing_type
        )
        .expect(STRING);
        // The API sometimes sends a null usage and sometimes no usage.
        match Noise::of_day(self.seed.rotate_left(31) ^ row as u64, noise::hash(&service.key), date).below(40) {
            0 => text.push_str("\"usageTime\":null,"),
            1 => {}
            _ => {
                let time = expect.max(0.0) / 120.0;
                let size = expect.max(0.0) / 900.0;
                write!(text, "\"usageTime\":{time:.2},\"usageSize\":{size:.3},").expect(STRING);
            }
        }
        let decimals = line.decimals;
        write!(
            text,
            "\"generalAmount\":{:.decimals$},\"discountAmount\":{discount:.decimals$},\"expectAmount\":{expect:.decimals$}}}",
            expect + discount
        )
        .expect(STRING);
        text
    }
}

/// Returns the fraction `keep` of `count`, rounded.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of a count, rounded")]
fn fraction_of(count: usize, keep: f64) -> usize {
    (count as f64 * keep.clamp(0.0, 1.0)).round() as usize
}

const STRING: &str = "a write to a string succeeds";

impl Service {
    /// Returns the number of rows on a day with costs.
    fn rows(&self) -> usize {
        // One service of seven also has a free row.
        self.lines.len() + usize::from(noise::hash(&self.key).is_multiple_of(7))
    }
}

/// Selects the largest services with a busy and with a steady pattern.
fn default_services(services: &[Service]) -> DefaultServices {
    let largest = |matches: fn(&CostPattern) -> bool| {
        let mut matching: Vec<&Service> = services.iter().filter(|service| matches(&service.pattern)).collect();
        matching.sort_by(|a, b| b.base.total_cmp(&a.base).then_with(|| a.key.cmp(&b.key)));
        matching
    };
    let busy = largest(|pattern| matches!(pattern, CostPattern::Busy { .. }));
    let steady = largest(|pattern| matches!(pattern, CostPattern::Steady));
    let key = |services: &[&Service], index: usize| services.get(index).map(|service| service.key.clone());
    DefaultServices {
        busy: [0, 1, 2, 3].map(|index| key(&busy, index)),
        steady: [0, 1].map(|index| key(&steady, index)),
        runaway_base: busy.first().map_or(0.0, |service| service.base),
    }
}

/// An incident names an unknown service.
#[derive(Debug, thiserror::Error)]
#[error("no service {0} in the simulated bill: expected domainId/projectId/serviceId of a row")]
pub struct UnknownService(SeriesKey);

#[cfg(test)]
mod tests;
