//! A week of the simulated bill, the source for a history of any length.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use costwarden_tests::{self, Simulator};

/// The services of a bill, with their cost by every hour of a week.
pub(crate) struct Bill {
    /// In the order of the simulated bill.
    pub(crate) services: Vec<Service>,
}

/// A service and its cost over a week.
pub(crate) struct Service {
    pub(crate) ids: [String; 3],
    pub(crate) names: [String; 3],
    pub(crate) pricing_types: Vec<String>,
    pub(crate) regions: Vec<String>,
    /// By weekday from Monday: the cost of the day until the end of each hour.
    week: [[f64; 24]; 7],
}

#[derive(Deserialize)]
struct Page {
    result: Content,
}

#[derive(Deserialize)]
struct Content {
    content: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    domain_id: String,
    domain_name: String,
    project_id: String,
    project_name: String,
    service_id: String,
    service_name: String,
    pricing_type: Option<String>,
    region: Option<String>,
    expect_amount: Option<f64>,
}

/// Rows of a page, as requested by the source.
const PAGE: usize = 10_000;
/// Standard deviation of a day in the simulated bill.
const DAY_NOISE: f64 = 0.03;

impl Bill {
    /// Fetches the week before a Monday from a simulated API, hour by hour.
    pub(crate) fn of_week_before(monday: Date, services: usize) -> anyhow::Result<Self> {
        let now = format!("{monday}T10:00:00+09:00");
        let count = services.to_string();
        let simulator = Simulator::start(&["--services", &count, "--days", "450", "--incidents", "off", "--now", &now]);
        let mut services: Vec<Service> = Vec::new();
        let mut places = BTreeMap::new();
        for day in monday.checked_sub(7.days())?.series(1.day()).take(7) {
            for hour in 0..24 {
                simulator.set_now(&format!("{day}T{hour:02}:59:59+09:00"));
                for body in pages(&simulator.url, day)?.0 {
                    let page: Page = serde_json::from_str(body.get())?;
                    for row in page.result.content {
                        let ids = [row.domain_id, row.project_id, row.service_id];
                        let place = *places.entry(ids.clone()).or_insert_with(|| {
                            services.push(Service::new(ids, [row.domain_name, row.project_name, row.service_name]));
                            services.len() - 1
                        });
                        let service = &mut services[place];
                        let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
                        service.week[weekday][hour] += row.expect_amount.unwrap_or(0.0);
                        insert(&mut service.pricing_types, row.pricing_type);
                        insert(&mut service.regions, row.region);
                    }
                }
            }
        }
        // A service that ran on no Monday was met later than it stands in the bill.
        services.sort_by(|one, other| (&one.ids[0], &one.ids[1]).cmp(&(&other.ids[0], &other.ids[1])));
        Ok(Self { services })
    }

    /// An incident of a day for `POST /simulate/incidents`: twice the cost of a service with a daily cost.
    pub(crate) fn spike(&self, day: Date) -> String {
        let service = self.largest().ids.join("/");
        format!("{{\"service\":{service:?},\"kind\":\"spike\",\"from\":\"{day}T00:00:00\",\"factor\":2.0}}")
    }

    /// A runaway since the morning.
    pub(crate) fn runaway(&self, day: Date) -> String {
        let service = self.largest().ids.join("/");
        format!("{{\"service\":{service:?},\"kind\":\"runaway\",\"from\":\"{day}T08:00:00\",\"amount\":400000}}")
    }

    fn largest(&self) -> &Service {
        let least = |service: &Service| service.week.iter().map(|day| day[23]).fold(f64::INFINITY, f64::min);
        self.services.iter().max_by(|one, other| least(one).total_cmp(&least(other))).expect("the bill has services")
    }
}

impl Service {
    fn new(ids: [String; 3], names: [String; 3]) -> Self {
        Self { ids, names, pricing_types: Vec::new(), regions: Vec::new(), week: [[0.0; 24]; 7] }
    }

    /// The cost of a day until the end of each hour. The same place and day give the same cost.
    pub(crate) fn day(&self, place: usize, day: Date) -> [f64; 24] {
        let seed = (place as u64) << 32 | u64::from((day - Date::ZERO).get_days().unsigned_abs());
        let mut random = fastrand::Rng::with_seed(seed);
        // The sum of twelve even ones is close to normal.
        let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
        self.week[weekday].map(|amount| amount * (1.0 + DAY_NOISE * normal))
    }
}

/// The bodies of all pages of a day, and the response time of the API.
pub(crate) fn pages(url: &str, day: Date) -> anyhow::Result<(Vec<Box<RawValue>>, Duration)> {
    let day = day.strftime("%Y%m%d");
    let page =
        |page| format!("{url}/open/billing/public/v2/cost/resources?from={day}&to={day}&page={page}&size={PAGE}");
    costwarden_tests::block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let (mut bodies, mut took) = (Vec::new(), Duration::ZERO);
        loop {
            let started = Instant::now();
            let request = client
                .get(page(bodies.len()))
                .header("Credential-ID", "simulated-id")
                .header("Credential-Secret", Simulator::ENV.1)
                .header("Content-Type", "application/json");
            let body = request.send().await?.error_for_status()?.text().await?;
            took += started.elapsed();
            let rows = body.matches("\"meteringDate\"").count();
            bodies.push(RawValue::from_string(body)?);
            if rows < PAGE {
                return Ok((bodies, took));
            }
        }
    })
}

fn insert(texts: &mut Vec<String>, text: Option<String>) {
    if let Some(text) = text
        && let Err(place) = texts.binary_search(&text)
    {
        texts.insert(place, text);
    }
}
