//! Monitoring: the textfile in a node exporter and a Prometheus, every query of the dashboard, the alert rules, the
//! push to a collector, and log rotation.

mod deploy;
mod otlp;
mod scraped;
mod textfile;
mod tools;

use costwarden_tests::{Run, Simulator, Workdir};

/// A simulated bill, and a working directory with `[metrics]`.
struct MonitoredBill {
    bill: Simulator,
    workdir: Workdir,
}

const TODAY: &str = "2026-11-23T10:10:00+09:00";
const TODAY_IN_ZONE: &str = "2026-11-23T10:10";
const TEXTFILE: &str = "[metrics]\ntextfile = \"prom/costwarden.prom\"\n";

impl MonitoredBill {
    /// A working directory with the given `[store]` and `[metrics]` tables.
    fn new(store: &str, metrics: &str) -> Self {
        let bill = Simulator::start(&["--now", TODAY]);
        let config = format!(
            "{}retry_seconds = 0\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n{store}{metrics}",
            bill.source()
        );
        let workdir = Workdir::new(&config);
        std::fs::create_dir(workdir.path().join("prom")).expect("a folder");
        Self { bill, workdir }
    }

    fn embedded(metrics: &str) -> Self {
        Self::new("[store]\nkind = \"embedded\"\n", metrics)
    }

    /// The same after a backfill, with enough days for the rules.
    fn learned(metrics: &str) -> Self {
        let monitored = Self::embedded(metrics);
        monitored.run(&["backfill", "--from", "2026-11-01", "--to", "2026-11-21"]).expect(0);
        monitored
    }

    fn run(&self, args: &[&str]) -> Run {
        self.workdir.run_with(args, &[Simulator::ENV])
    }

    /// Runs the daily job of the simulated yesterday.
    fn daily(&self) -> Run {
        self.run(&["daily", "--date", "2026-11-22"])
    }

    /// Runs the hourly job of the simulated present.
    fn hourly(&self) -> Run {
        self.run(&["hourly", "--at", TODAY_IN_ZONE])
    }

    /// The value of a metric in the textfile. `name` includes the labels.
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
