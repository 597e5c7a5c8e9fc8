//! Comparison of the archive with the ledger: every ledger day and hour has a raw document, and the sums are equal to
//! the last bit.
//!
//! A few days are compared at a time, and only differences are passed on: the memory does not grow with the archive.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use ingest::archive::{Archive, ArchiveError, ArchiveListing, DocumentKey};
use ingest::source::bill_rows;
use jiff::Timestamp;
use jiff::civil::Date;
use model::history::Measure;
use model::ledger;
use model::moment::Moment;
use model::series::{ALL, SeriesKey};
use store::{DateRange, Store};

use crate::pipeline::run::{RunError, single_day};

/// Number of concurrent day comparisons.
const CONCURRENT_DAYS: usize = 4;

/// The two sides and the scope of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct Comparison<'a> {
    pub(crate) store: &'a Store,
    pub(crate) archive: &'a Archive,
    /// Currency of the bill.
    pub(crate) currency: &'a str,
    pub(crate) range: DateRange,
    /// Documents of earlier days may be deleted by the retention policy.
    pub(crate) kept_since: Date,
}

/// Counts of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct VerifyResult {
    pub(crate) days: u64,
    pub(crate) hours: u64,
    /// Days and hours with documents deleted by the retention policy.
    pub(crate) expired: u64,
    pub(crate) differences: u64,
    /// Archive objects outside the costwarden layout.
    pub(crate) foreign: u64,
}

/// A difference between archive and ledger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    pub(crate) moment: Moment,
    pub(crate) kind: DifferenceKind,
}

/// The kind of a difference.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DifferenceKind {
    NotArchived,
    NotStored,
    Unreadable(String),
    /// A different amount; `None` on the side without the series.
    Amount {
        series: SeriesKey,
        measure: Measure,
        stored: Option<f64>,
        archived: Option<f64>,
    },
}

/// Compares day by day and passes on each difference in date order.
///
/// # Errors
/// Fails if the archive or the store cannot be read.
pub(crate) async fn verify(
    comparison: Comparison<'_>,
    on_difference: &mut dyn FnMut(&Difference),
) -> Result<VerifyResult, RunError> {
    let Comparison { store, archive, range, .. } = comparison;
    let listing = archive.list().await?;
    let days: BTreeSet<Date> = store.days(range).await?.into_iter().collect();
    let snapshot_days: BTreeSet<Date> = store.snapshot_days(range).await?.into_iter().collect();
    let archived = listing.documents.keys().map(|key| key.date).filter(|date| (range.from..=range.to).contains(date));
    let all: BTreeSet<Date> = archived.chain(days.iter().copied()).chain(snapshot_days.iter().copied()).collect();
    let mut total = VerifyResult { foreign: listing.foreign, ..VerifyResult::default() };
    let compared = all.into_iter().map(|date| {
        let stored = StoredDocuments { has_day: days.contains(&date), has_hours: snapshot_days.contains(&date) };
        DayComparison { comparison, listing: &listing, date, stored, result: DayResult::default() }.compare()
    });
    let mut compared = stream::iter(compared).buffered(CONCURRENT_DAYS);
    while let Some(day) = compared.next().await {
        let DayResult { counts, differences } = day?;
        total.days += counts.days;
        total.hours += counts.hours;
        total.expired += counts.expired;
        total.differences += differences.len() as u64;
        differences.iter().for_each(&mut *on_difference);
    }
    Ok(total)
}

/// A day in both places.
struct DayComparison<'a> {
    comparison: Comparison<'a>,
    listing: &'a ArchiveListing,
    date: Date,
    stored: StoredDocuments,
    result: DayResult,
}

/// The stored documents of a day.
#[derive(Debug, Clone, Copy)]
struct StoredDocuments {
    has_day: bool,
    has_hours: bool,
}

/// The result of a day.
#[derive(Debug, Default)]
struct DayResult {
    counts: VerifyResult,
    differences: Vec<Difference>,
}

/// Amounts of a day or an hour, by series and measure.
type Amounts = BTreeMap<SeriesKey, BTreeMap<Measure, f64>>;

impl DayComparison<'_> {
    async fn compare(mut self) -> Result<DayResult, RunError> {
        if self.stored.has_day || self.is_archived(None) {
            let stored = if self.stored.has_day { self.stored_day().await? } else { Amounts::new() };
            self.result.counts.days += 1;
            self.compare_at(None, &stored).await?;
        }
        let hours = if self.stored.has_hours { self.stored_hours().await? } else { BTreeMap::new() };
        let nothing = Amounts::new();
        for hour in 0..24 {
            let stored = hours.get(&hour).unwrap_or(&nothing);
            if self.is_archived(Some(hour)) || !stored.is_empty() {
                self.result.counts.hours += 1;
                self.compare_at(Some(hour), stored).await?;
            }
        }
        Ok(self.result)
    }

    /// Compares the finished day, or the day up to an hour.
    async fn compare_at(&mut self, hour: Option<u8>, stored: &Amounts) -> Result<(), RunError> {
        if !self.is_archived(hour) {
            match self.date < self.comparison.kept_since {
                true => self.result.counts.expired += 1,
                false => self.add(hour, DifferenceKind::NotArchived),
            }
            return Ok(());
        }
        if stored.is_empty() {
            self.add(hour, DifferenceKind::NotStored);
            return Ok(());
        }
        match self.archived(hour).await {
            Ok(Some(archived)) => self.compare_amounts(hour, stored, &archived),
            Ok(None) => self.add(hour, DifferenceKind::NotArchived),
            Err(ArchiveError::Malformed { why, .. }) => self.add(hour, DifferenceKind::Unreadable(why.to_string())),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn compare_amounts(&mut self, hour: Option<u8>, stored: &Amounts, archived: &Amounts) {
        let series: BTreeSet<&SeriesKey> = stored.keys().chain(archived.keys()).collect();
        // Snapshots hold only the billed cost.
        let measures = if hour.is_some() { &[Measure::BilledCost][..] } else { &Measure::ALL };
        for series in series {
            for measure in measures {
                let amount = |of: &Amounts| of.get(series).and_then(|amounts| amounts.get(measure)).copied();
                let stored = amount(stored);
                let archived = amount(archived);
                // A known series without a row has no cost up to the hour: the store has 0.
                let is_gone = hour.is_some() && archived.is_none() && stored == Some(0.0);
                if stored != archived && !is_gone {
                    let series = series.clone();
                    self.add(hour, DifferenceKind::Amount { series, measure: *measure, stored, archived });
                }
            }
        }
    }

    fn add(&mut self, hour: Option<u8>, kind: DifferenceKind) {
        self.result.differences.push(Difference { moment: Moment { date: self.date, hour }, kind });
    }

    fn is_archived(&self, hour: Option<u8>) -> bool {
        self.listing.documents.contains_key(&DocumentKey::document(self.date, hour))
    }

    async fn archived(&self, hour: Option<u8>) -> Result<Option<Amounts>, ArchiveError> {
        let key = DocumentKey::document(self.date, hour);
        let document = self.comparison.archive.document(&key, Timestamp::UNIX_EPOCH).await?;
        let Some(document) = document else { return Ok(None) };
        let amounts = |entry: ledger::LedgerEntry| {
            let amounts = Measure::ALL.map(|measure| (measure, measure.value(&entry.amounts)));
            (entry.key, amounts.into())
        };
        let entries = ledger::sum(document.date, bill_rows(&document, self.comparison.currency)).entries.into_iter();
        // The store has no value for an hour with a refused row.
        let known = entries.filter(|entry| hour.is_none() || !entry.is_incomplete);
        Ok(Some(known.map(amounts).collect()))
    }

    async fn stored_day(&self) -> Result<Amounts, RunError> {
        let mut amounts = Amounts::new();
        for record in self.comparison.store.daily(single_day(self.date), &SeriesKey::new(ALL, ALL, ALL)).await? {
            // A document per pricing type comes from the replaced pipeline: sums of doubles, without an exact value to
            // compare.
            if record.pricing_type.is_none() {
                amounts.insert(record.key, record.amounts);
            }
        }
        Ok(amounts)
    }

    async fn stored_hours(&self) -> Result<BTreeMap<u8, Amounts>, RunError> {
        let snapshots = self.comparison.store.snapshots(single_day(self.date)).await?;
        let mut hours: BTreeMap<u8, Amounts> = BTreeMap::new();
        for (key, row) in snapshots.rows {
            for (hour, amount) in (0..24).zip(row.hours.into_iter().flatten()) {
                if !amount.is_nan() {
                    let amounts = BTreeMap::from([(Measure::BilledCost, amount)]);
                    hours.entry(hour).or_default().insert(key.clone(), amounts);
                }
            }
        }
        Ok(hours)
    }
}
