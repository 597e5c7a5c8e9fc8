//! Hostile plugin files, and the working directory for many of them at once.

use std::fmt::Write as _;

use serde_json::Value;

use costwarden_tests::Workdir;
use costwarden_tests::three_services::{MINIMAL, check, daily};
use text_plugin::Plugin;

/// A plugin file. The plugin and its rule have the same name.
pub(crate) struct Artefact {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Small limits, reached within a short time.
pub(crate) const LIMITS: &str = "[plugins.limits]\nfuel_per_call = 2_000_000\nfit_fuel_per_series = 100_000\n\
    judge_fuel_per_series = 100_000\ndescribe_fuel = 2_000_000\nmemory_bytes = 16_777_216\nmodule_bytes = 8_000_000\n\
    state_bytes = 4_096\noutput_bytes = 1_048_576\n";

impl Artefact {
    pub(crate) fn new(name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name, bytes: bytes.into() }
    }

    /// A module with this name in its manifest.
    pub(crate) fn plugin(name: &'static str, plugin: &Plugin<'_>) -> Self {
        Self::new(name, Plugin { name, ..*plugin }.core())
    }
}

/// Writes the files, a rule for each, and a config with small limits and the given ones.
pub(crate) fn spread(workdir: &Workdir, artefacts: &[Artefact], limits: &str) {
    workdir.write("costwarden.toml", &format!("{MINIMAL}{LIMITS}{limits}"));
    for Artefact { name, bytes } in artefacts {
        std::fs::write(workdir.path().join(format!("plugins/{name}.wasm")), bytes).expect("written");
        let rule = format!(
            "[[rule]]\nid = \"{name}\"\nwhy = \"It means harm.\"\ndetector = \"{name}\"\nseries = \"daily\"\n\
             history_days = 90\n"
        );
        workdir.write(&format!("rules/{name}.toml"), &rule);
    }
}

/// Returns the refusal by `check` for each artefact, one line each in the given order.
#[track_caller]
pub(crate) fn refused(workdir: &Workdir, artefacts: &[Artefact]) -> String {
    let (code, text) = check(workdir);
    assert_eq!(code, 2, "{text}");
    lines(artefacts, |name| {
        let said: Vec<_> = text.lines().filter(|line| line.contains(&format!(": rule {name}: "))).collect();
        assert_eq!(said.len(), 1, "{name} is told once: {text}");
        let (_, said) = said[0].split_once(&format!(": rule {name}: ")).expect("just found");
        said.replace(&format!("detector: [workdir]/plugins/{name}.wasm: "), "")
    })
}

/// Runs the daily job and returns its problem for each artefact in the given order: the first series of a rule is
/// named, the rest is counted; a failure over settings has no series. Asserts exit code 1 and the anomaly of the
/// healthy rule.
#[track_caller]
pub(crate) fn contained(workdir: &Workdir, artefacts: &[Artefact]) -> String {
    let (code, report, problems) = daily(workdir);
    assert_eq!(code, 1, "{problems}");
    let found: Vec<_> = report["anomalies"].as_array().expect("anomalies").iter().map(|f| &f["ruleId"]).collect();
    assert_eq!(found, [&Value::from("healthy")], "{problems}");
    assert_eq!(problems.lines().count(), artefacts.len(), "{problems}");
    lines(artefacts, |name| {
        let head = format!("plugin `{name}`, rule `{name}`, series `d/p/db`: ");
        let settings = format!("[workdir]/rules/{name}.toml:1: rule {name}: settings: plugin `{name}`: ");
        let said = |line| str::strip_prefix(line, &head).or_else(|| line.strip_prefix(&settings));
        let said = problems.lines().find_map(said);
        said.unwrap_or_else(|| panic!("{name} is not told: {problems}")).to_owned()
    })
}

fn lines(artefacts: &[Artefact], mut said: impl FnMut(&str) -> String) -> String {
    artefacts.iter().fold(String::new(), |mut all, Artefact { name, .. }| {
        let _ = writeln!(all, "{name}: {}", said(name));
        all
    })
}
