//! The explanation of an incident: the drivers from the archived bills, and a repetition of the opening verdicts.
//!
//! Stores and notifies nothing.

use std::collections::BTreeMap;

use ingest::archive::{Archive, ArchiveError, DocumentKey};
use ingest::source::bill_rows;
use jiff::Timestamp;
use jiff::civil::Date;
use model::drivers::{Cause, IncidentBills, IncidentSpan};
use model::incident::{Incident, OpeningBand};
use model::ledger::{self, DayLedger};
use serde_json::Value;
use store::Store;

use super::causes::{ArchivedBills, earlier_part, read_causes};
use super::evaluate::{ArchivedDay, NotReproducible, VerdictFigures};
use super::notify::compared_spans;
use super::rules::PreparedRules;
use super::run::{RunError, single_day};
use crate::config::Config;

/// The services of an explanation.
#[derive(Clone, Copy)]
pub(crate) struct Explainer<'a> {
    pub(crate) config: &'a Config,
    pub(crate) store: &'a Store,
    pub(crate) archive: &'a Archive,
    pub(crate) rules: &'a PreparedRules,
}

/// The explanation of an incident.
pub(crate) struct Explanation<'a> {
    /// `None` for an incident without a day.
    pub(crate) cause: Option<Cause>,
    pub(crate) archive_error: Option<ArchiveError>,
    pub(crate) bands: Vec<BandExplanation<'a>>,
}

/// An opening band, and the repetition of its first verdict.
pub(crate) struct BandExplanation<'a> {
    pub(crate) rule: &'a str,
    pub(crate) band: &'a OpeningBand,
    /// The present settings of the rule as JSON; `None` if the band has other settings.
    pub(crate) settings: Option<&'a str>,
    /// The first day after the training data.
    pub(crate) date: Date,
    /// The stored anomaly of the rule on the day.
    pub(crate) stored: Option<VerdictFigures>,
    /// The verdict of the repetition.
    pub(crate) again: Result<Option<VerdictFigures>, NotReproducible>,
}

impl BandExplanation<'_> {
    /// Returns whether the repetition gives the stored figures; `None` without a repetition.
    pub(crate) fn is_reproduced(&self) -> Option<bool> {
        self.again.as_ref().ok().map(|again| *again == self.stored)
    }
}

impl<'a> Explainer<'a> {
    pub(crate) async fn explain(self, incident: &'a Incident) -> Result<Explanation<'a>, RunError> {
        let span = IncidentSpan::of(incident, earlier_part(compared_spans(incident, self.rules)));
        let bills: Vec<IncidentBills> =
            span.map(|span| IncidentBills::new(incident.series.clone(), span)).into_iter().collect();
        let causes = read_causes(ArchivedBills { archive: self.archive, currency: &self.config.currency }, bills).await;
        let mut archive_error = causes.archive_error;
        let mut bands = Vec::new();
        let mut ledgers: BTreeMap<Date, Option<DayLedger>> = BTreeMap::new();
        for (rule, band) in &incident.bands {
            let date = band.through.tomorrow().unwrap_or(band.through);
            if !ledgers.contains_key(&date) && archive_error.is_none() {
                match self.ledger(date).await {
                    Ok(ledger) => drop(ledgers.insert(date, ledger)),
                    Err(error) => archive_error = Some(error),
                }
            }
            let ledger = ledgers.get(&date).and_then(Option::as_ref);
            bands.push(self.band(incident, OpeningVerdict { rule, band, date, ledger }).await?);
        }
        Ok(Explanation { cause: causes.causes.into_iter().next(), archive_error, bands })
    }

    async fn ledger(&self, date: Date) -> Result<Option<DayLedger>, ArchiveError> {
        let document = self.archive.document(&DocumentKey::document(date, None), Timestamp::UNIX_EPOCH).await?;
        Ok(document.map(|document| ledger::sum(date, bill_rows(&document, &self.config.currency))))
    }

    async fn band(
        &self,
        incident: &Incident,
        opening: OpeningVerdict<'a, '_>,
    ) -> Result<BandExplanation<'a>, RunError> {
        let OpeningVerdict { rule, band, date, ledger } = opening;
        let stored = self.stored_verdict(incident, rule, date).await?;
        let prepared = self.rules.rules.iter().find(|prepared| prepared.rule.id == rule);
        let again = match (prepared, ledger) {
            (None, _) => Err(NotReproducible::RuleGone),
            (Some(_), None) => Err(NotReproducible::NoArchivedBill(date)),
            (Some(prepared), Some(ledger)) => {
                ArchivedDay { config: self.config, ledger, series: &incident.series, names: &incident.names }
                    .judge(prepared, band)
            }
        };
        let settings = prepared.filter(|prepared| prepared.settings_digest == band.settings);
        let settings = settings.map(|prepared| prepared.rule.settings.as_str());
        Ok(BandExplanation { rule, band, settings, date, stored, again })
    }

    /// Returns the stored figures of a rule's anomaly of a finished day.
    async fn stored_verdict(
        &self,
        incident: &Incident,
        rule: &str,
        date: Date,
    ) -> Result<Option<VerdictFigures>, RunError> {
        let records = self.store.anomalies(single_day(date)).await?;
        let stored = records.into_iter().find(|record| {
            let text = |field: &str| record.json.get(field).and_then(Value::as_str);
            let is_finished_day = record.json.get("hour").is_none_or(Value::is_null);
            record.incident.as_ref() == Some(&incident.id) && text("ruleId") == Some(rule) && is_finished_day
        });
        Ok(stored.and_then(|record| {
            let number = |field: &str| record.json.get(field).and_then(Value::as_f64);
            Some(VerdictFigures {
                observed: number("observedAmount")?,
                expected: number("expected")?,
                lower: number("lower"),
                upper: number("upper"),
                score: number("score")?,
            })
        }))
    }
}

/// The first verdict with an opening band.
struct OpeningVerdict<'a, 'l> {
    rule: &'a str,
    band: &'a OpeningBand,
    date: Date,
    /// The archived bill of the day.
    ledger: Option<&'l DayLedger>,
}
