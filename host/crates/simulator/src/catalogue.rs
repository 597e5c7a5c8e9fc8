//! The services of a simulated bill: the kinds of each catalogue, and the identity of each service.

use clap::ValueEnum;
use jiff::civil::Date;
use model::series::SeriesKey;

use crate::noise::Noise;
use crate::service::{self, CostPattern, Service};

/// The kinds of services in a bill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Catalogue {
    /// Services with weekends, growth, flat fees and batches.
    #[default]
    Plain,
    /// Also monthly fees, public holidays, and bills that change after a day.
    Calendar,
    /// Also weekly and fortnightly batches, sparse services, credits, bursts, new services and rapid growth.
    Irregular,
}

impl Catalogue {
    /// Creates `count` services. The identity of a service depends only on the index, the cost only on the seed and the
    /// key. Therefore a long bill starts with the services of a short bill.
    pub(super) fn services(self, seed: u64, count: usize, starts: Date) -> Vec<Service> {
        (0..count).map(|index| self.service(seed, index, starts)).collect()
    }

    fn service(self, seed: u64, index: usize, starts: Date) -> Service {
        let project = index / SERVICES_PER_PROJECT;
        let account = project / PROJECTS_PER_DOMAIN;
        let Kind(id, name, pattern, low, high) = self.kinds(project)[index % SERVICES_PER_PROJECT];
        let key = SeriesKey::new(&format!("dom-{:02}", account + 1), &format!("prj-{:02}", project + 1), id);
        let mut noise = Noise::of_service(seed, &key);
        // Log-uniform between `low` and `high`.
        let base = low * (high / low).powf(noise.unit());
        Service {
            names: service::names(&key, name),
            lines: service::lines(&mut noise, id),
            key,
            pattern,
            base,
            starts,
            has_holidays: self != Self::Plain,
            incidents: Vec::new(),
        }
    }

    /// The kinds of a project's services.
    fn kinds(self, project: usize) -> &'static [Kind; SERVICES_PER_PROJECT] {
        match (self, project % 5) {
            (Self::Calendar | Self::Irregular, 1) => &MONTHLY,
            (Self::Irregular, 2 | 3) => &IRREGULAR,
            // Projects alternate between the two halves of the plain kinds.
            _ => &PLAIN[project % 2],
        }
    }
}

const SERVICES_PER_PROJECT: usize = 8;
const PROJECTS_PER_DOMAIN: usize = 3;

/// Id, name, pattern, and the lowest and highest KRW of a typical day.
struct Kind(&'static str, &'static str, CostPattern, f64, f64);

const PLAIN: [[Kind; SERVICES_PER_PROJECT]; 2] = [
    [
        Kind("virtual-machine", "Virtual Machine", CostPattern::Busy { weekend: 0.6, night: 0.35 }, 8e4, 9e5),
        Kind("kubernetes-engine", "Kubernetes Engine", CostPattern::Busy { weekend: 0.7, night: 0.5 }, 6e4, 5e5),
        Kind("object-storage", "오브젝트 스토리지", CostPattern::Growing { per_day: 0.003 }, 5e3, 9e4),
        Kind("mysql", "MySQL", CostPattern::Steady, 3e4, 3e5),
        Kind("load-balancer", "로드 밸런서", CostPattern::Flat, 4e3, 3e4),
        Kind("public-ip", "Public IP", CostPattern::Flat, 3e2, 4e3),
        Kind("data-transfer", "데이터 전송", CostPattern::Busy { weekend: 0.5, night: 0.15 }, 1e4, 1.5e5),
        Kind("batch-analytics", "배치 분석", CostPattern::Batch { weekdays: [0, 3], hour: 2, hours: 3 }, 2e4, 2e5),
    ],
    [
        Kind("gpu-instance", "GPU Instance", CostPattern::Busy { weekend: 0.8, night: 0.7 }, 2e5, 1.8e6),
        Kind("block-storage", "블록 스토리지", CostPattern::Growing { per_day: 0.001 }, 1e4, 1.2e5),
        Kind("redis", "Redis", CostPattern::Steady, 2e4, 1.5e5),
        Kind("container-registry", "Container Registry", CostPattern::Growing { per_day: 0.002 }, 2e2, 5e3),
        Kind("log-search", "로그 검색", CostPattern::Busy { weekend: 0.65, night: 0.4 }, 8e3, 8e4),
        Kind("support-plan", "기술 지원", CostPattern::Flat, 2e4, 1e5),
        Kind("cdn", "CDN", CostPattern::Busy { weekend: 1.3, night: 0.3 }, 1e4, 2e5),
        Kind("file-backup", "파일 백업", CostPattern::Batch { weekdays: [2, 6], hour: 4, hours: 2 }, 4e3, 4e4),
    ],
];

/// Fees on a day of the month, and services that rest on weekends and holidays.
const MONTHLY: [Kind; SERVICES_PER_PROJECT] = [
    Kind("support-fee", "Support Fee", CostPattern::Monthly { day: 1 }, 2e5, 1e6),
    Kind("licence", "라이선스", CostPattern::Monthly { day: 31 }, 1e5, 8e5),
    Kind("domain-name", "Domain Name", CostPattern::Monthly { day: 15 }, 1e4, 6e4),
    Kind("marketplace", "마켓플레이스", CostPattern::Monthly { day: 25 }, 5e4, 4e5),
    Kind("virtual-desktop", "가상 데스크톱", CostPattern::Busy { weekend: 0.1, night: 0.05 }, 5e4, 3e5),
    Kind("build-runner", "Build Runner", CostPattern::Busy { weekend: 0.2, night: 0.1 }, 1e4, 9e4),
    Kind("mysql", "MySQL", CostPattern::Steady, 3e4, 3e5),
    Kind("load-balancer", "로드 밸런서", CostPattern::Flat, 4e3, 3e4),
];

const IRREGULAR: [Kind; SERVICES_PER_PROJECT] = [
    Kind("weekly-report", "주간 보고", CostPattern::Batch { weekdays: [5, 5], hour: 3, hours: 2 }, 2e4, 2e5),
    Kind("payroll-batch", "급여 배치", CostPattern::EverySecondWeek { weekday: 4 }, 5e4, 4e5),
    Kind("render-farm", "Render Farm", CostPattern::Sparse { one_day_in: 6 }, 2e4, 3e5),
    Kind("test-lab", "Test Lab", CostPattern::Sparse { one_day_in: 20 }, 1e4, 1e5),
    Kind("committed-use", "약정 할인", CostPattern::Credit, 2e4, 2e5),
    Kind("experiment", "Experiment", CostPattern::New { days: 150, per_day: 0.02 }, 1e5, 6e5),
    Kind("model-training", "모델 학습", CostPattern::Bursts { one_day_in: 25 }, 1e4, 1e5),
    Kind("inference", "Inference", CostPattern::Scaling { factor: 100.0, days: 150 }, 2e5, 2e6),
];
