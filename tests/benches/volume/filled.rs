//! Embedded stores with any number of series, filled by the writers of the store.

use std::path::{Path, PathBuf};

use bigdecimal::BigDecimal;
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use model::bill::Amounts;
use model::ledger::{DayLedger, LedgerEntry};
use model::run_id::RunId;
use model::series::{Names, SeriesKey};
use store::{Access, Embedded, StoreError};

use costwarden_tests::{Workdir, replay};

/// Contents of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume {
    pub(crate) series: u32,
    /// Number of finished days; the newest is `last`.
    pub(crate) days: u16,
    /// Number of days with hourly snapshots, including `last`.
    pub(crate) snapshot_days: u16,
    /// First and last hour of the snapshots.
    pub(crate) hours: (u8, u8),
    pub(crate) last: Date,
}

/// The newest day of every store, a Sunday.
pub(crate) const LAST: Date = date(2026, 11, 22);
/// The hour of the rules over snapshots.
pub(crate) const HOUR: u8 = 10;
const DAYS: u16 = 90;
/// Days of snapshots that the default rules read.
const SNAPSHOT_DAYS: u16 = 28;
/// Series per project.
const SERVICES: u32 = 100;
const PROJECTS: u32 = 100;
/// One series in this many has three times the cost on the last day.
pub(crate) const ODD_ONE_IN: u32 = 1_000;
/// Relative standard deviation of a day, equal to the simulated bill.
const DAY_NOISE: f64 = 0.03;

impl Volume {
    /// The newest day with everything that the default rules read. The snapshots have the given hours.
    pub(crate) fn of_default_rules(series: u32, hours: (u8, u8)) -> Self {
        Self { series, days: DAYS + 1, snapshot_days: SNAPSHOT_DAYS + 1, hours, last: LAST }
    }
}

/// Returns the file of a store in a folder that keeps stores.
pub(crate) fn file(folder: &Path, command: &str, series: u32) -> PathBuf {
    folder.join(format!("{command}-{series}.redb"))
}

/// Creates a store in a new file.
///
/// # Errors
/// The store cannot be written.
pub(crate) fn fill(path: &Path, volume: Volume) -> Result<(), String> {
    let store =
        Embedded::open(path, Access::Write(RunId::new(Timestamp::UNIX_EPOCH))).map_err(|error| error.to_string())?;
    let mut entries: Vec<LedgerEntry> = (0..volume.series).map(entry).collect();
    for back in (0..volume.days.max(volume.snapshot_days)).rev() {
        let date = volume.last.checked_sub(i64::from(back).days()).map_err(|error| error.to_string())?;
        for (place, entry) in (0..).zip(&mut entries) {
            entry.amounts = amounts(place, date, back == 0);
        }
        let day =
            DayLedger { date, entries, total: BigDecimal::default(), rows: 0, refused: Vec::new(), repeated_rows: 0 };
        let put = |result: Result<(), StoreError>| result.map_err(|error| error.to_string());
        if back < volume.days {
            put(store.put_day(&day, Timestamp::UNIX_EPOCH))?;
        }
        if back < volume.snapshot_days {
            let hours = |entry: &LedgerEntry| by_hour(entry.amounts.billed_cost, volume.hours);
            put(store.put_hours(&day, hours, Timestamp::UNIX_EPOCH))?;
        }
        entries = day.entries;
    }
    Ok(())
}

/// Returns a folder with a config for a store.
pub(crate) fn workdir(store: &Path) -> Workdir {
    Workdir::new(&format!(
        "{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\npath = {store:?}\n",
        replay::source()
    ))
}

/// Returns a row of a raw document for a series and a day.
pub(crate) fn row(place: u32, date: Date) -> String {
    let LedgerEntry { key, names, .. } = entry(place);
    let Amounts { billed_cost, list_cost, discount, usage_time, usage_quantity } =
        amounts(place, date, place.is_multiple_of(ODD_ONE_IN));
    let date = date.strftime("%Y%m%d");
    format!(
        r#"{{"meteringDate":"{date}","domainId":"{}","domainName":"{}","projectId":"{}","projectName":"{}","serviceId":"{}","serviceName":"{}","pricingType":"ON_DEMAND","region":"kr-central-2","expectAmount":{billed_cost},"generalAmount":{list_cost},"discountAmount":{discount},"usageTime":{usage_time},"usageSize":{usage_quantity}}}"#,
        key.account, names.account, key.project, names.project, key.service, names.service
    )
}

/// Returns series number `place`, in key order.
fn entry(place: u32) -> LedgerEntry {
    let project = place / SERVICES;
    let account = project / PROJECTS;
    let key =
        SeriesKey::new(&format!("dom-{account:03}"), &format!("prj-{project:06}"), &format!("service-{place:07}"));
    let names = Names {
        account: format!("Domain {account}").into(),
        project: format!("Project {project}").into(),
        service: format!("Virtual Machine {place}").into(),
    };
    let (pricing_categories, regions) = (vec!["ON_DEMAND".to_owned()], vec!["kr-central-2".to_owned()]);
    LedgerEntry { key, names, amounts: Amounts::default(), pricing_categories, regions, is_incomplete: false }
}

/// Returns the cost of a series on a day: a level per series, quiet weekends for every third series, and noise.
fn amounts(place: u32, date: Date, last: bool) -> Amounts {
    let level = 20_000.0 * (1.0 + fastrand::Rng::with_seed(u64::from(place)).f64() * 14.0);
    let day = u64::from((date - Date::ZERO).get_days().unsigned_abs());
    let mut random = fastrand::Rng::with_seed(u64::from(place) << 32 | day);
    // The sum of four uniform numbers is close to a normal distribution with variance 1/3.
    let normal = ((0..4).map(|_| random.f64()).sum::<f64>() - 2.0) * 3_f64.sqrt();
    let weekend = date.weekday().to_monday_zero_offset() >= 5 && place.is_multiple_of(3);
    let factor = if weekend { 0.4 } else { 1.0 } * if last && place.is_multiple_of(ODD_ONE_IN) { 3.0 } else { 1.0 };
    let billed_cost = (level * factor * (1.0 + DAY_NOISE * normal)).round();
    Amounts {
        billed_cost,
        list_cost: billed_cost * 1.05,
        discount: billed_cost * 0.05,
        usage_time: 24.0,
        usage_quantity: (level / 900.0).round(),
    }
}

/// Returns the cumulative cost by hour, with an equal cost per hour.
fn by_hour(amount: f64, (first, last): (u8, u8)) -> [f64; 24] {
    let mut hours = [f64::NAN; 24];
    for hour in first..=last {
        hours[usize::from(hour)] = amount * f64::from(hour + 1) / 24.0;
    }
    hours
}
