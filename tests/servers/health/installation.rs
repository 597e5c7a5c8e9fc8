//! An installation in good health at 2026-11-23 10:20 in Seoul, with an adjustable clock.

use std::process::Command;

use serde_json::Value;

use costwarden_tests::{Run, Simulator, Workdir, rules, run, service};

/// A working directory, a simulated bill and a clock.
pub(crate) struct Installation {
    pub(crate) workdir: Workdir,
    pub(crate) bill: Simulator,
    faketime: String,
}

/// The `[store]` table for a new database; `None` without a server.
pub(crate) fn mongodb(name: &str) -> Option<String> {
    let uri = service("COSTWARDEN_TEST_MONGODB")?;
    let database = format!("health-{name}-{}", std::process::id());
    Some(format!("[store]\nkind = \"mongodb\"\nuri = {uri:?}\ndatabase = {database:?}\n"))
}

/// Ten minutes after the last hourly job, in UTC.
pub(crate) const WELL: &str = "2026-11-23 01:20:00";

pub(crate) const EMBEDDED: &str = "[store]\nkind = \"embedded\"\n";

impl Installation {
    /// An installation before its first run, with the given tables and `[store]`; `None` without libfaketime.
    pub(crate) fn new(tables: &str, store: &str) -> Option<Self> {
        let faketime = service("COSTWARDEN_TEST_FAKETIME")?;
        let flags = ["--services", "6", "--days", "90", "--incidents", "off", "--now", "2026-11-22T00:10:00+09:00"];
        let bill = Simulator::start(&flags);
        let config = format!(
            "{}retry_seconds = 0\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n{store}\
             [rules]\ndirectory = \"rules\"\n{tables}",
            bill.source()
        );
        let workdir = Workdir::new(&config);
        workdir.write("rules/plain.toml", rules::PLAIN);
        Some(Self { workdir, bill, faketime })
    }

    /// An installation after a backfill, the daily job of yesterday, and the hourly job of 10:10.
    pub(crate) fn well(tables: &str, store: &str) -> Option<Self> {
        let installation = Self::new(tables, store)?;
        installation.at("2026-11-21 15:10:00", &["backfill", "--from", "2026-10-20", "--to", "2026-11-21"]).expect(0);
        installation.bill.set_now("2026-11-23T00:10:00+09:00");
        installation.at("2026-11-22 15:10:00", &["daily"]).expect(0);
        installation.bill.set_now("2026-11-23T10:10:00+09:00");
        installation.at("2026-11-23 01:10:00", &["hourly"]).expect(0);
        Some(installation)
    }

    /// A command with a clock that starts at the given time in UTC.
    pub(crate) fn command(&self, moment: &str, args: &[&str]) -> Command {
        let mut command = self.workdir.command(args, &[Simulator::ENV, ("TZ", "UTC")]);
        command.env("LD_PRELOAD", &self.faketime).env("FAKETIME", format!("@{moment}"));
        // Waiting goes by the real clock.
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }

    pub(crate) fn at(&self, moment: &str, args: &[&str]) -> Run {
        run(&mut self.command(moment, args))
    }

    /// Replaces text in the config.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let path = self.workdir.path().join("costwarden.toml");
        let text = std::fs::read_to_string(&path).expect("a config");
        assert!(text.contains(from), "{text}");
        self.workdir.write("costwarden.toml", &text.replace(from, to));
    }

    /// State and message of the check with this name.
    pub(crate) fn check(&self, moment: &str, name: &str) -> (String, String) {
        let run = self.at(moment, &["health", "--json"]);
        let report = run.report();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let state = text(&report["state"]);
        let code = ["OK", "WARNING", "CRITICAL", "UNKNOWN"].iter().position(|name| *name == state);
        assert_eq!(code, Some(run.code as usize), "{run:?}");
        let checks = report["checks"].as_array().expect("checks");
        let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {report:#}"));
        (text(&check["state"]), text(&check["message"]))
    }

    /// Asserts the state of a check and a part of its message.
    #[track_caller]
    pub(crate) fn expect(&self, moment: &str, name: &str, state: &str, message: &str) {
        let told = self.check(moment, name);
        assert!(told.0 == state && told.1.contains(message), "{name}: {told:?}");
    }
}
