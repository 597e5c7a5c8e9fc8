//! An installation with a history, copied for each seed.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::expected::NEW_RULE;
use crate::config::{self, Config};
use crate::pipeline::{Backfill, Mode, Services, backfill};
use config_file::secret::Secret;
use model::incident::Recency;
use model::run_id::RunId;
use notify::Terminal;
use sandbox::Isolation;
use simulator::{Catalogue, Clock, Flaw, Injection, ScenarioOptions, SimulateOptions, Simulation};
use store::DateRange;

/// The time zones and the first days of the installations. The ten days after each have a change of daylight saving
/// time, the end of a month, or the end of a year.
const FIRST_DAYS: [FirstDay; 4] = [
    FirstDay { zone: "Europe/Berlin", first: date(2026, 10, 22) },
    FirstDay { zone: "Europe/Berlin", first: date(2027, 3, 24) },
    FirstDay { zone: "America/New_York", first: date(2026, 10, 27) },
    FirstDay { zone: "Asia/Seoul", first: date(2026, 12, 25) },
];
const HISTORY_DAYS: i64 = 40;
const SECRET: &str = "simulated";
const RULES: &str = include_str!("../../../../../rules/default/default.toml");

/// A time zone and a first day.
#[derive(Clone, Copy)]
struct FirstDay {
    zone: &'static str,
    first: Date,
}

/// A folder with the archive, the store and the compiled plugins of the days before the first day.
pub(super) struct Installation {
    folder: tempfile::TempDir,
    pub(super) zone: TimeZone,
    pub(super) first: Date,
}

impl Installation {
    /// Creates the installations. The plugins are compiled once.
    pub(super) fn all() -> Vec<Self> {
        let compiling = Self::new(FIRST_DAYS[0]);
        fs::write(compiling.folder.path().join("rules/new.toml"), NEW_RULE).expect("written");
        runtime().block_on(compiling.open("http://127.0.0.1:1", Timestamp::UNIX_EPOCH));
        let installations = FIRST_DAYS.map(Self::new);
        for installation in &installations {
            let compiled = |installation: &Self| installation.folder.path().join("state/compiled");
            copy_folder(&compiled(&compiling), &compiled(installation)).expect("copied");
            runtime().block_on(installation.load());
        }
        installations.into()
    }

    /// An installation without a history.
    fn new(FirstDay { zone, first }: FirstDay) -> Self {
        let folder = folder();
        let rules = folder.path().join("rules");
        fs::create_dir(&rules).and_then(|()| fs::write(rules.join("default.toml"), RULES)).expect("written");
        Self { folder, zone: TimeZone::get(zone).expect("a zone"), first }
    }

    async fn open(&self, url: &str, now: Timestamp) -> Services {
        let config = self.config(self.folder.path(), url);
        let terminal = Terminal::Writer(|_, _| Ok(()));
        Services::open(config, Mode::Write, terminal, RunId::new(now), now).await.expect("open")
    }

    /// Loads the history.
    async fn load(&self) {
        let now = self.start_of_day(self.first);
        let simulation = self.simulate(Vec::new(), now).await;
        let mut services = self.open(simulation.url(), now).await;
        let [from, to] = [HISTORY_DAYS, 2].map(|ago| self.first.saturating_sub(ago.days()));
        let options = Backfill { range: DateRange { from, to }, is_open_ended: false, recency: Recency::Past };
        let report = backfill(&mut services, options, now, &|_| {}).await;
        assert_eq!((&report.error, &report.problems), (&None, &Vec::new()), "the history is loaded");
        simulation.shutdown().await.expect("ended");
    }

    /// Copies the folder.
    pub(super) fn copied(&self) -> tempfile::TempDir {
        let copy = folder();
        copy_folder(self.folder.path(), copy.path()).expect("copied");
        copy
    }

    /// Starts an API with the bills of the installation and further flaws.
    pub(super) async fn simulate(&self, flaws: Vec<Flaw>, now: Timestamp) -> Simulation {
        let scenario = ScenarioOptions {
            seed: 1,
            services: 3,
            catalogue: Catalogue::Plain,
            end: self.first,
            days: 90,
            incidents: Injection::List(Vec::new()),
            more_incidents: Vec::new(),
        };
        let options = SimulateOptions {
            scenario,
            flaws,
            clock: Clock::At(now),
            zone: self.zone.clone(),
            credential_id: Secret::new(SECRET),
            credential_secret: Secret::new(SECRET),
        };
        Simulation::start(options, SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("started")
    }

    /// The config of a copy of the folder.
    pub(super) fn config(&self, folder: &Path, url: &str) -> Config {
        let plugins = plugins();
        let zone = self.zone.iana_name().expect("a name");
        let text = format!(
            "time_zone = {zone:?}\nlanguage = \"en\"\n[source]\naccount = \"suite\"\nkind = \"kakao\"\n\
             endpoint = {url:?}\ncredential_id = \"env:ID\"\ncredential_secret = \"env:SECRET\"\nbackoff_ms = 1\n\
             retry_seconds = 0\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n\
             path = \"store/costwarden.redb\"\n[rules]\ndirectory = \"rules\"\n[plugins]\ndirectory = {plugins:?}\n"
        );
        let parsed = config::parse(&folder.join("costwarden.toml"), &text, &|_| Some(SECRET.to_owned()));
        let mut config = parsed.unwrap_or_else(|errors| panic!("{errors:?}")).config;
        // The running program is a test.
        config.plugins.isolation = Isolation::InProcess;
        config
    }

    pub(super) fn start_of_day(&self, day: Date) -> Timestamp {
        day.to_zoned(self.zone.clone()).expect("a day").timestamp()
    }
}

/// The folder of the bundled plugins.
fn plugins() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist");
    assert!(folder.join("daily-level.wasm").exists(), "{} has no plugins: run make plugins", folder.display());
    folder
}

/// A temporary folder, in memory where the system has such a folder: the days have no loss of power.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
