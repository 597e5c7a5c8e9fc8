//! What monitoring sees: the textfile as a node exporter and a Prometheus read it, every query of the dashboard, the alert
//! rules, the push to a collector, and the rotation of logs.

mod deploy;
mod otlp;
mod scraped;
mod textfile;
mod tools;

use costwarden_tests::{Run, Simulator, Workdir};

/// A simulated bill, and a workdir that watches it.
struct MonitoredBill {
    bill: Simulator,
    workdir: Workdir,
}

const TODAY: &str = "2026-11-23T10:10:00+09:00";
const TODAY_IN_ZONE: &str = "2026-11-23T10:10";
const TEXTFILE: &str = "[metrics]\ntextfile = \"prom/costwarden.prom\"\n";

impl MonitoredBill {
    /// `store` and `metrics` are tables.
    fn new(store: &str, metrics: &str) -> Self {
        let bill = Simulator::start(&["--now", TODAY]);
        let config = format!(
            "{}attempts = 2\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n{store}{metrics}",
            bill.source()
        );
        let workdir = Workdir::new(&config);
        std::fs::create_dir(workdir.path().join("prom")).expect("a folder");
        Self { bill, workdir }
    }

    fn embedded(metrics: &str) -> Self {
        Self::new("[store]\nkind = \"embedded\"\n", metrics)
    }

    /// With enough days for the rules to judge.
    fn learned(metrics: &str) -> Self {
        let monitored = Self::embedded(metrics);
        monitored.run(&["backfill", "--from", "2026-11-01", "--to", "2026-11-21"]).expect(0);
        monitored
    }

    fn run(&self, args: &[&str]) -> Run {
        self.workdir.run_with(args, &[Simulator::ENV])
    }

    /// The daily job of the simulated yesterday.
    fn daily(&self) -> Run {
        self.run(&["daily", "--date", "2026-11-22"])
    }

    /// The hourly job of the simulated now.
    fn hourly(&self) -> Run {
        self.run(&["hourly", "--at", TODAY_IN_ZONE])
    }

    /// The value of a figure in the textfile, named with its labels as it stands there.
    #[track_caller]
    fn figure(&self, name: &str) -> f64 {
        let text = self.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("a number")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.workdir.path().join("prom/costwarden.prom")).expect("the textfile")
    }
}
