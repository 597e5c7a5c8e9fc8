//! Embedded stores of any number of series, filled by the store's own writers.

use std::path::Path;

use bigdecimal::BigDecimal;
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::ledger::{Amounts, DayLedger, Entry};
use crate::run_id::RunId;
use crate::series::{Names, SeriesKey};
use crate::store::{Access, Embedded, StoreError};

/// What a store holds.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    pub series: u32,
    /// Finished days, of which the newest is `last`.
    pub days: u16,
    /// Days that hourly runs saw, `last` among them.
    pub snapshot_days: u16,
    /// The hours of these at which a run looked.
    pub hours: (u8, u8),
    pub last: Date,
}

/// Series of a project, and projects of a domain.
const SERVICES: u32 = 100;
const PROJECTS: u32 = 100;
/// One series in so many costs thrice as much on the last day.
pub const ODD_ONE_IN: u32 = 1_000;
/// Standard deviation of a day, as the simulated bill has it.
const DAY_NOISE: f64 = 0.03;

/// Makes a store in a file that is not there yet.
///
/// # Errors
/// Why the store could not be written.
pub fn fill(path: &Path, volume: Volume) -> Result<(), String> {
    let store =
        Embedded::open(path, Access::Write(RunId::new(Timestamp::UNIX_EPOCH))).map_err(|error| error.to_string())?;
    let mut entries: Vec<Entry> = (0..volume.series).map(entry).collect();
    for back in (0..volume.days.max(volume.snapshot_days)).rev() {
        let date = volume.last.checked_sub(i64::from(back).days()).map_err(|error| error.to_string())?;
        for (place, entry) in (0..).zip(&mut entries) {
            entry.amounts = amounts(place, date, back == 0);
        }
        let day = DayLedger { date, entries, total: BigDecimal::default(), rows: 0, rejected: Vec::new() };
        let put = |result: Result<(), StoreError>| result.map_err(|error| error.to_string());
        if back < volume.days {
            put(store.put_day(&day, Timestamp::UNIX_EPOCH))?;
        }
        if back < volume.snapshot_days {
            let hours = |entry: &Entry| by_hour(entry.amounts.expect, volume.hours);
            put(store.put_hours(&day, hours, Timestamp::UNIX_EPOCH))?;
        }
        entries = day.entries;
    }
    Ok(())
}

/// A row of the API for a series and day, as a raw document has it.
pub fn row(place: u32, date: Date) -> String {
    let Entry { key, names, .. } = entry(place);
    let Amounts { expect, general, discount, usage_time, usage_size } =
        amounts(place, date, place.is_multiple_of(ODD_ONE_IN));
    let date = date.strftime("%Y%m%d");
    format!(
        r#"{{"meteringDate":"{date}","domainId":"{}","domainName":"{}","projectId":"{}","projectName":"{}","serviceId":"{}","serviceName":"{}","pricingType":"ON_DEMAND","region":"kr-central-2","expectAmount":{expect},"generalAmount":{general},"discountAmount":{discount},"usageTime":{usage_time},"usageSize":{usage_size}}}"#,
        key.domain, names.domain, key.project, names.project, key.service, names.service
    )
}

/// In the order of their keys.
fn entry(place: u32) -> Entry {
    let project = place / SERVICES;
    let domain = project / PROJECTS;
    let key = SeriesKey::new(&format!("dom-{domain:03}"), &format!("prj-{project:06}"), &format!("service-{place:07}"));
    let names = Names {
        domain: format!("Domain {domain}").into(),
        project: format!("Project {project}").into(),
        service: format!("Virtual Machine {place}").into(),
    };
    let (pricing_types, regions) = (vec!["ON_DEMAND".to_owned()], vec!["kr-central-2".to_owned()]);
    Entry { key, names, amounts: Amounts::default(), pricing_types, regions }
}

/// What a series costs on a day: a level of its own, quiet weekends for every third, and noise.
fn amounts(place: u32, date: Date, last: bool) -> Amounts {
    let level = 20_000.0 * (1.0 + fastrand::Rng::with_seed(u64::from(place)).f64() * 14.0);
    let day = u64::from((date - Date::ZERO).get_days().unsigned_abs());
    let mut random = fastrand::Rng::with_seed(u64::from(place) << 32 | day);
    // The sum of four even ones is close enough to normal, of variance a third.
    let normal = ((0..4).map(|_| random.f64()).sum::<f64>() - 2.0) * 3_f64.sqrt();
    let weekend = date.weekday().to_monday_zero_offset() >= 5 && place.is_multiple_of(3);
    let factor = if weekend { 0.4 } else { 1.0 } * if last && place.is_multiple_of(ODD_ONE_IN) { 3.0 } else { 1.0 };
    let expect = (level * factor * (1.0 + DAY_NOISE * normal)).round();
    Amounts {
        expect,
        general: expect * 1.05,
        discount: expect * 0.05,
        usage_time: 24.0,
        usage_size: (level / 900.0).round(),
    }
}

/// What a day had cost by the end of each of some hours: as much an hour.
fn by_hour(amount: f64, (first, last): (u8, u8)) -> [f64; 24] {
    let mut hours = [f64::NAN; 24];
    for hour in first..=last {
        hours[usize::from(hour)] = amount * f64::from(hour + 1) / 24.0;
    }
    hours
}
