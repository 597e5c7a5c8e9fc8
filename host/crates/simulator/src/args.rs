//! The flags of `costwarden simulate`.

use std::fs;
use std::str::FromStr;

use clap::Args;
use config_file::secret::Secret;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Catalogue, Clock, Flaw, InjectedIncident, Injection, ScenarioOptions, SimulateError, SimulateOptions};

/// Options of the simulated API.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// Port on 127.0.0.1; 0 selects a free port.
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
    /// Seed of the bill; the same seed gives the same bill.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of services in the bill.
    #[arg(long, default_value_t = 40)]
    pub services: usize,
    /// Kinds of services in the bill.
    #[arg(long, value_enum, default_value_t)]
    pub catalogue: Catalogue,
    /// Number of days of history before today.
    #[arg(long, default_value_t = 120)]
    pub days: u16,
    /// Current time of the API with a UTC offset (2026-11-23T10:10:00+09:00); the default is the real clock.
    #[arg(long)]
    pub now: Option<Timestamp>,
    /// Billing time zone.
    #[arg(long, default_value = "Asia/Seoul", value_parser = TimeZone::get)]
    pub time_zone: TimeZone,
    /// Hidden incidents: on, off, or a file with a JSON array of incidents.
    #[arg(long, default_value = "on", value_name = "on|off|FILE")]
    pub incidents: IncidentsArg,
    /// Additional incident in JSON: {"service":"dom-01/prj-01/mysql","kind":"runaway","from":"2026-11-23T09:00:00",
    /// "amount":50000}. Kinds: spike, step, ramp, drop (with factor), stop, new-service (amount per day), runaway
    /// (amount per hour).
    #[arg(long = "incident", value_name = "JSON", value_parser = parse_incident)]
    pub more_incidents: Vec<InjectedIncident>,
    /// Temporary defect in the bill of a day, in JSON: {"date":"2026-11-22","kind":"late",
    /// "until":"2026-11-24T09:00:00"}. Kinds: late (no rows before until), missing-rows (before until, keep 0.3 of the
    /// services), still (between from and until, the bill stays in the state at from), corrected (every amount times
    /// factor, starting at from).
    #[arg(long = "flaw", value_name = "JSON", value_parser = parse_flaw)]
    pub flaws: Vec<Flaw>,
    /// Accepted Credential-ID.
    #[arg(long, default_value = "simulated-id")]
    pub credential_id: String,
    /// Accepted Credential-Secret; the value protects nothing.
    #[arg(long, default_value = "simulated-secret")]
    pub credential_secret: String,
}

/// The source of the hidden incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentsArg {
    On,
    Off,
    File(String),
}

impl SimulateArgs {
    pub(super) fn into_options(self) -> Result<SimulateOptions, SimulateError> {
        let clock = self.now.map_or(Clock::Real, Clock::At);
        // The billing day can differ from the UTC day.
        let end = clock.now().to_zoned(self.time_zone.clone()).date();
        let incidents = match self.incidents {
            IncidentsArg::On => Injection::Default,
            IncidentsArg::Off => Injection::List(Vec::new()),
            IncidentsArg::File(file) => Injection::List(read_incidents(file)?),
        };
        Ok(SimulateOptions {
            scenario: ScenarioOptions {
                seed: self.seed,
                services: self.services,
                catalogue: self.catalogue,
                end,
                days: self.days,
                incidents,
                more_incidents: self.more_incidents,
            },
            flaws: self.flaws,
            clock,
            zone: self.time_zone,
            credential_id: Secret::new(self.credential_id),
            credential_secret: Secret::new(self.credential_secret),
        })
    }
}

impl FromStr for IncidentsArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "on" => Self::On,
            "off" => Self::Off,
            file => Self::File(file.to_owned()),
        })
    }
}

fn parse_incident(text: &str) -> Result<InjectedIncident, String> {
    let example = r#"{"service":"dom-01/prj-01/mysql","kind":"runaway","from":"2026-11-23T09:00:00","amount":50000}"#;
    serde_json::from_str(text).map_err(|error| format!("{error}; expected JSON like {example}"))
}

fn parse_flaw(text: &str) -> Result<Flaw, String> {
    let example = r#"{"date":"2026-11-22","kind":"late","until":"2026-11-24T09:00:00"}"#;
    serde_json::from_str(text).map_err(|error| format!("{error}; expected JSON like {example}"))
}

fn read_incidents(file: String) -> Result<Vec<InjectedIncident>, SimulateError> {
    let read = fs::read(&file).map_err(|error| error.to_string());
    match read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string())) {
        Ok(incidents) => Ok(incidents),
        Err(why) => Err(SimulateError::IncidentsFile { file, why }),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn options(flags: &[&str]) -> Result<SimulateOptions, String> {
        let command = Command::try_parse_from(["simulate"].iter().chain(flags)).map_err(|error| error.to_string())?;
        command.args.into_options().map_err(|error| error.to_string())
    }

    #[test]
    fn the_end_is_the_current_billing_day() {
        let options = options(&["--now", "2026-11-22T15:10:00Z", "--incidents", "off"]).unwrap();
        assert_eq!(options.scenario.end, jiff::civil::date(2026, 11, 23));
        assert_eq!(options.scenario.incidents, Injection::List(Vec::new()));
    }

    #[test]
    fn incidents_come_from_flags_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("incidents.json");
        let incident = r#"{"service":"dom-01/prj-01/mysql","kind":"stop","from":"2026-11-20T00:00:00"}"#;
        fs::write(&file, format!("[{incident}]")).unwrap();
        let file = file.to_str().unwrap();
        let flags = ["--now", "2026-11-22T15:10:00Z", "--incidents", file, "--incident", incident];
        let scenario = options(&flags).unwrap().scenario;
        assert_eq!(scenario.incidents, Injection::List(scenario.more_incidents.clone()));
        assert_eq!(scenario.more_incidents.len(), 1);
    }

    #[test]
    fn an_unreadable_flag_is_named() {
        let message = options(&["--incidents", "no-such-file.json"]).unwrap_err();
        assert!(message.starts_with("--incidents no-such-file.json: "), "{message}");
        for (flags, expected) in [
            (["--incident", r#"{"service":"a/b/c","kind":"explosion"}"#], "explosion"),
            (["--flaw", r#"{"date":"2026-11-22","kind":"late"}"#], "missing field `until`"),
            (["--time-zone", "Asia/Atlantis"], "Asia/Atlantis"),
            (["--now", "yesterday"], "yesterday"),
        ] {
            let message = options(&flags).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
