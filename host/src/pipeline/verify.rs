//! Comparison of the archive with the ledger: every ledger day and hour has a raw document, and the sums are equal to
//! the last bit.
//!
//! A few days are compared at a time, and only differences are passed on: the memory does not grow with the archive.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use jiff::civil::Date;

use super::RunError;
use ingest::archive::{Archive, ArchiveError, ArchiveListing, DocumentKey};
use ingest::source::bill_rows;
use model::history::Measure;
use model::ledger;
use model::series::{ALL, SeriesKey};
use store::{DateRange, Store};

/// Number of concurrent day comparisons.
const AT_A_TIME: usize = 4;

/// The scope of a comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verify {
    pub(crate) range: DateRange,
    /// Documents of earlier days may be deleted by the retention policy.
    pub(crate) kept_since: Date,
}

/// Counts of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Verified {
    pub(crate) days: u64,
    pub(crate) hours: u64,
    /// Days and hours with documents deleted by the retention policy.
    pub(crate) expired: u64,
    pub(crate) disagreements: u64,
    /// Archive objects outside the costwarden layout.
    pub(crate) foreign: u64,
}

/// A difference between archive and ledger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Disagreement {
    pub(crate) date: Date,
    /// `None` for a finished day.
    pub(crate) hour: Option<u8>,
    pub(crate) what: What,
}

/// The kind of a difference.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    NotArchived,
    NotRemembered,
    Unreadable(String),
    /// A different amount; `None` on the side without the series.
    Amount {
        series: SeriesKey,
        measure: Measure,
        remembered: Option<f64>,
        archived: Option<f64>,
    },
}

/// Compares day by day and passes on each difference in date order.
///
/// # Errors
/// Fails if the archive or the store cannot be read.
pub(crate) async fn verify(
    store: &Store,
    archive: &Archive,
    verify: Verify,
    tell: &mut dyn FnMut(&Disagreement),
) -> Result<Verified, RunError> {
    let range = verify.range;
    let listing = archive.list().await?;
    let days: BTreeSet<Date> = store.days(range).await?.into_iter().collect();
    let snapshot_days: BTreeSet<Date> = store.snapshot_days(range).await?.into_iter().collect();
    let archived = listing.documents.keys().map(|key| key.date).filter(|date| (range.from..=range.to).contains(date));
    let all: BTreeSet<Date> = archived.chain(days.iter().copied()).chain(snapshot_days.iter().copied()).collect();
    let mut verified = Verified { foreign: listing.foreign, ..Verified::default() };
    let compared = all.into_iter().map(|date| {
        let day = Day { store, archive, listing: &listing, date, expires: date < verify.kept_since };
        day.compare(days.contains(&date), snapshot_days.contains(&date))
    });
    let mut compared = stream::iter(compared).buffered(AT_A_TIME);
    while let Some(compared) = compared.next().await {
        let (of_day, disagreements) = compared?;
        verified.days += of_day.days;
        verified.hours += of_day.hours;
        verified.expired += of_day.expired;
        verified.disagreements += disagreements.len() as u64;
        disagreements.iter().for_each(&mut *tell);
    }
    Ok(verified)
}

/// A day in both places.
struct Day<'a> {
    store: &'a Store,
    archive: &'a Archive,
    listing: &'a ArchiveListing,
    date: Date,
    expires: bool,
}

/// Amounts of a day or an hour, by series and measure.
type Amounts = BTreeMap<SeriesKey, BTreeMap<Measure, f64>>;

impl Day<'_> {
    async fn compare(self, has_day: bool, has_hours: bool) -> Result<(Verified, Vec<Disagreement>), RunError> {
        let mut verified = Verified::default();
        let mut found = Vec::new();
        if has_day || self.is_archived(None) {
            let remembered = if has_day { self.remembered_day().await? } else { Amounts::new() };
            verified.days += 1;
            self.compare_one(None, &remembered, &mut verified, &mut found).await?;
        }
        let hours = if has_hours { self.remembered_hours().await? } else { BTreeMap::new() };
        let nothing = Amounts::new();
        for hour in 0..24 {
            let remembered = hours.get(&hour).unwrap_or(&nothing);
            if self.is_archived(Some(hour)) || !remembered.is_empty() {
                verified.hours += 1;
                self.compare_one(Some(hour), remembered, &mut verified, &mut found).await?;
            }
        }
        Ok((verified, found))
    }

    fn is_archived(&self, hour: Option<u8>) -> bool {
        self.listing.documents.contains_key(&DocumentKey::document(self.date, hour))
    }

    async fn compare_one(
        &self,
        hour: Option<u8>,
        remembered: &Amounts,
        verified: &mut Verified,
        found: &mut Vec<Disagreement>,
    ) -> Result<(), RunError> {
        let mut disagree = |what| found.push(Disagreement { date: self.date, hour, what });
        if !self.is_archived(hour) {
            match self.expires {
                true => verified.expired += 1,
                false => disagree(What::NotArchived),
            }
            return Ok(());
        }
        if remembered.is_empty() {
            disagree(What::NotRemembered);
            return Ok(());
        }
        let archived = match self.archived(hour).await {
            Ok(Some(archived)) => archived,
            Ok(None) => {
                disagree(What::NotArchived);
                return Ok(());
            }
            Err(ArchiveError::Malformed { why, .. }) => {
                disagree(What::Unreadable(why.to_string()));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let series: BTreeSet<&SeriesKey> = remembered.keys().chain(archived.keys()).collect();
        for series in series {
            // Snapshots hold only the billed cost.
            let measures = if hour.is_some() { &[Measure::BilledCost][..] } else { &Measure::ALL };
            for measure in measures {
                let amount = |of: &Amounts| of.get(series).and_then(|amounts| amounts.get(measure)).copied();
                let (remembered, archived) = (amount(remembered), amount(&archived));
                // A known series without a row has no cost up to the hour: the store has 0.
                let is_gone = hour.is_some() && archived.is_none() && remembered == Some(0.0);
                if remembered != archived && !is_gone {
                    let (series, measure) = (series.clone(), *measure);
                    disagree(What::Amount { series, measure, remembered, archived });
                }
            }
        }
        Ok(())
    }

    async fn archived(&self, hour: Option<u8>) -> Result<Option<Amounts>, ArchiveError> {
        let Some(document) =
            self.archive.document(&DocumentKey::document(self.date, hour), Timestamp::UNIX_EPOCH).await?
        else {
            return Ok(None);
        };
        let amounts = |entry: ledger::LedgerEntry| {
            let amounts = Measure::ALL.map(|measure| (measure, measure.value(&entry.amounts)));
            (entry.key, amounts.into())
        };
        Ok(Some(ledger::sum(document.date, bill_rows(&document)).entries.into_iter().map(amounts).collect()))
    }

    async fn remembered_day(&self) -> Result<Amounts, RunError> {
        let day = DateRange { from: self.date, to: self.date };
        let mut amounts = Amounts::new();
        for record in self.store.daily(day, &SeriesKey::new(ALL, ALL, ALL)).await? {
            // A document per pricing type comes from the replaced pipeline: sums of doubles, without an exact value to
            // compare.
            if record.pricing_type.is_none() {
                amounts.insert(record.key, record.amounts);
            }
        }
        Ok(amounts)
    }

    async fn remembered_hours(&self) -> Result<BTreeMap<u8, Amounts>, RunError> {
        let snapshots = self.store.snapshots(DateRange { from: self.date, to: self.date }).await?;
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
