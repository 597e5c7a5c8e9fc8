//! One run of the binary, measured from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::bill;
use anyhow::Context as _;
use costwarden_tests::{Simulator, Workdir, process};
use jiff::civil::Date;

/// A folder to run in, and the API that is asked.
pub(crate) struct Bench {
    pub(crate) workdir: Workdir,
    pub(crate) simulator: Simulator,
}

/// What a run took.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// From start to exit, without what the API takes to give the same pages to a client that does nothing with them.
    pub(crate) own: Duration,
    pub(crate) api: Duration,
    /// Of the process, on all cores, in user and kernel.
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
    /// As the run's report has them.
    pub(crate) steps: BTreeMap<String, f64>,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Bench {
    /// The daily job of a day, in the night after it.
    pub(crate) fn daily(&self, day: Date) -> anyhow::Result<Measured> {
        self.simulator.set_now(&format!("{}T00:10:00+09:00", day.tomorrow()?));
        self.run(day, &["daily", "--date", &day.to_string(), "--json"])
    }

    /// The hourly job ten minutes into the hour after.
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
        for name in ["judged", "learning", "findings"] {
            write!(f, ", {} {name}", counts.get(name).unwrap_or(&0))?;
        }
        Ok(())
    }
}
