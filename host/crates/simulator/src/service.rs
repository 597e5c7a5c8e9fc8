//! One simulated service: identity, cost pattern and billing rows.

use jiff::civil::Date;
use model::series::{Names, SeriesKey};

use crate::incident::InjectedIncident;
use crate::noise::Noise;

/// A service of the simulated bill.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) key: SeriesKey,
    pub(super) names: Names,
    pub(super) pattern: CostPattern,
    /// KRW of a typical day at the end date.
    pub(super) base: f64,
    /// First day with costs.
    pub(super) starts: Date,
    pub(super) lines: Vec<BillingLine>,
    pub(super) incidents: Vec<InjectedIncident>,
}

/// The cost pattern of a service over weeks and hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CostPattern {
    /// Follows human activity: lower on weekends, highest in the afternoon. Both fields are factors.
    Busy { weekend: f64, night: f64 },
    /// Constant at every hour.
    Steady,
    /// A daily fee, booked whole at 00:00.
    Flat,
    /// Grows by the fraction `per_day` every day.
    Growing { per_day: f64 },
    /// Runs for `hours` hours from `hour` on two weekdays; Monday is 0.
    Batch { weekdays: [i8; 2], hour: i8, hours: i8 },
}

/// One billing row per day with a share of the service's cost.
#[derive(Debug, Clone)]
pub(super) struct BillingLine {
    pub(super) share: f64,
    pub(super) pricing_type: &'static str,
    pub(super) region: &'static str,
    pub(super) resource: String,
    /// Decimal places of the amounts.
    pub(super) decimals: usize,
    /// Discount as a fraction of `expectAmount`.
    pub(super) discount: f64,
}

/// Creates `count` services. The identity of a service depends only on the index, the cost only on the seed and the
/// key. Therefore a long bill starts with the services of a short bill.
pub(super) fn catalogue(seed: u64, count: usize, starts: Date) -> Vec<Service> {
    (0..count).map(|index| service(seed, index, starts)).collect()
}

/// Creates the service of a `NewService` incident.
pub(super) fn new_service(key: &SeriesKey, amount_per_day: f64, starts: Date) -> Service {
    Service {
        key: key.clone(),
        names: names(key, &key.service),
        pattern: CostPattern::Steady,
        base: amount_per_day,
        starts,
        lines: vec![BillingLine {
            share: 1.0,
            pricing_type: "ON_DEMAND",
            region: REGIONS[0],
            resource: format!("{}-1", key.service),
            decimals: 0,
            discount: 0.0,
        }],
        incidents: Vec::new(),
    }
}

const SERVICES_PER_PROJECT: usize = 8;
const PROJECTS_PER_DOMAIN: usize = 3;
const REGIONS: [&str; 2] = ["kr-central-2", "kr-central-1"];
const DOMAINS: [&str; 2] = ["example-corp", "한빛상사"];
const PROJECTS: [&str; 5] = ["결제", "web-frontend", "데이터 플랫폼", "search", "모바일 앱"];

/// Id, name, pattern, and the lowest and highest KRW of a typical day.
const SERVICE_KINDS: [(&str, &str, CostPattern, f64, f64); 2 * SERVICES_PER_PROJECT] = [
    ("virtual-machine", "Virtual Machine", CostPattern::Busy { weekend: 0.6, night: 0.35 }, 8e4, 9e5),
    ("kubernetes-engine", "Kubernetes Engine", CostPattern::Busy { weekend: 0.7, night: 0.5 }, 6e4, 5e5),
    ("object-storage", "오브젝트 스토리지", CostPattern::Growing { per_day: 0.003 }, 5e3, 9e4),
    ("mysql", "MySQL", CostPattern::Steady, 3e4, 3e5),
    ("load-balancer", "로드 밸런서", CostPattern::Flat, 4e3, 3e4),
    ("public-ip", "Public IP", CostPattern::Flat, 3e2, 4e3),
    ("data-transfer", "데이터 전송", CostPattern::Busy { weekend: 0.5, night: 0.15 }, 1e4, 1.5e5),
    ("batch-analytics", "배치 분석", CostPattern::Batch { weekdays: [0, 3], hour: 2, hours: 3 }, 2e4, 2e5),
    ("gpu-instance", "GPU Instance", CostPattern::Busy { weekend: 0.8, night: 0.7 }, 2e5, 1.8e6),
    ("block-storage", "블록 스토리지", CostPattern::Growing { per_day: 0.001 }, 1e4, 1.2e5),
    ("redis", "Redis", CostPattern::Steady, 2e4, 1.5e5),
    ("container-registry", "Container Registry", CostPattern::Growing { per_day: 0.002 }, 2e2, 5e3),
    ("log-search", "로그 검색", CostPattern::Busy { weekend: 0.65, night: 0.4 }, 8e3, 8e4),
    ("support-plan", "기술 지원", CostPattern::Flat, 2e4, 1e5),
    ("cdn", "CDN", CostPattern::Busy { weekend: 1.3, night: 0.3 }, 1e4, 2e5),
    ("file-backup", "파일 백업", CostPattern::Batch { weekdays: [2, 6], hour: 4, hours: 2 }, 4e3, 4e4),
];

fn service(seed: u64, index: usize, starts: Date) -> Service {
    let project = index / SERVICES_PER_PROJECT;
    let account = project / PROJECTS_PER_DOMAIN;
    // Projects alternate between the two halves of the kinds.
    let (id, name, pattern, low, high) =
        SERVICE_KINDS[(project % 2) * SERVICES_PER_PROJECT + index % SERVICES_PER_PROJECT];
    let key = SeriesKey::new(&format!("dom-{:02}", account + 1), &format!("prj-{:02}", project + 1), id);
    let mut noise = Noise::of_service(seed, &key);
    // Log-uniform between `low` and `high`.
    let base = low * (high / low).powf(noise.unit());
    let lines = lines(&mut noise, id);
    Service { names: names(&key, name), key, pattern, base, starts, lines, incidents: Vec::new() }
}

fn lines(noise: &mut Noise, id: &str) -> Vec<BillingLine> {
    let count = 1 + noise.below(4);
    let weights: Vec<f64> = (0..count).map(|_| 0.2 + noise.unit()).collect();
    let total: f64 = weights.iter().sum();
    weights
        .iter()
        .enumerate()
        .map(|(index, weight)| BillingLine {
            share: weight / total,
            pricing_type: if index % 2 == 0 { "ON_DEMAND" } else { "RESERVED" },
            region: REGIONS[usize::from(noise.below(4) == 0)],
            resource: format!("{id}-{}", index + 1),
            decimals: [0, 0, 2, 4][noise.below(4)],
            discount: [0.0, 0.0, 0.05, 0.1][noise.below(4)],
        })
        .collect()
}

/// Returns the display names of a key. Ids without a listed name are used directly.
fn names(key: &SeriesKey, service: &str) -> Names {
    let display_name = |id: &str, names: &[&str]| {
        let index = id.split_once('-').and_then(|(_, number)| number.parse::<usize>().ok()?.checked_sub(1));
        index.and_then(|index| names.get(index)).map_or_else(|| id.into(), |name| (*name).into())
    };
    let account = display_name(&key.account, &DOMAINS);
    Names { account, project: display_name(&key.project, &PROJECTS), service: service.into() }
}
