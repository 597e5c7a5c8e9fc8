//! Time and memory of one run, measured from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::bill;
use anyhow::Context as _;
use costwarden_tests::{Simulator, Workdir, process};
use jiff::civil::Date;

/// A working directory and the API.
pub(crate) struct Bench {
    pub(crate) workdir: Workdir,
    pub(crate) simulator: Simulator,
}

/// The resource usage of a run.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Time from start to exit, without the API's response time for the same pages.
    pub(crate) own: Duration,
    pub(crate) api: Duration,
    /// CPU time on all cores, in user and kernel mode.
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
    /// The durations in the report of the run.
    pub(crate) steps: BTreeMap<String, f64>,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Bench {
    /// Measures the daily job of a day, in the following night.
    pub(crate) fn daily(&self, day: Date) -> anyhow::Result<Measured> {
        self.simulator.set_now(&format!("{}T00:10:00+09:00", day.tomorrow()?));
        self.run(day, &["daily", "--date", &day.to_string(), "--json"])
    }

    /// Measures the hourly job ten minutes into the following hour.
    pub(crate) fn hourly(&self, day: Date, hour: u8) -> anyhow::Result<Measured> {
        self.simulator.set_now(&format!("{day}T{hour:02}:59:59+09:00"));
        self.run(day, &["hourly", "--at", &format!("{day}T{hour:02}:59"), "--json"])
    }

    fn run(&self, day: Date, args: &[&str]) -> anyhow::Result<Measured> {
        let (_, api) = bill::pages(&self.simulator.url, day)?;
        let (report, process) = process::measured(args, |command| {
            command.current_dir(self.workdir.path());
            command
                .env("COSTWARDEN_CONFIG", self.workdir.path().join("costwarden.toml"))
                .env(Simulator::ENV.0, Simulator::ENV.1);
        })?;
        let read = |field: &str| report.get(field).cloned().with_context(|| format!("the report has no {field}"));
        Ok(Measured {
            own: process.wall.saturating_sub(api),
            api,
            cpu: process.cpu,
            peak_bytes: process.peak_bytes,
            steps: serde_json::from_value(read("durationsMs")?)?,
            counts: serde_json::from_value(read("counts")?)?,
        })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { own, api, cpu, peak_bytes, steps, counts } = self;
        write!(f, "{own:.2?} besides {api:.2?}, cpu {cpu:.2?}, {} MB;", peak_bytes / 1_000_000)?;
        for (step, milliseconds) in steps {
            write!(f, " {step} {milliseconds:.0}")?;
        }
        for name in ["verdicts", "insufficient_history", "anomalies"] {
            write!(f, ", {} {name}", counts.get(name).unwrap_or(&0))?;
        }
        Ok(())
    }
}
