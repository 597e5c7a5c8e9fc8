//! The size of the bill of the newest day, for the first rule set.

use std::collections::BTreeSet;

use anyhow::Context as _;
use bigdecimal::BigDecimal;
use bigdecimal::ToPrimitive as _;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::config::Config;
use ingest::source::{Source, bill_rows};
use model::count::counted;
use model::language::Language;
use model::ledger::RefusedBillRow;
use model::series::hours::day_before;

/// The size of the bill of one day.
#[derive(Debug)]
pub(super) struct BillSize {
    day: Date,
    pub(super) currency: String,
    /// The cost of the day, in the currency of the bill.
    pub(super) cost: f64,
    pub(super) accounts: usize,
    pub(super) projects: usize,
    services: usize,
}

/// Days before yesterday in which a bill is searched.
const SEARCHED_DAYS: usize = 7;

/// Reads the bill of the newest finished day with rows.
///
/// # Errors
/// Fails if a request fails, or if no day has a row.
pub(super) async fn newest(config: &Config, now: Timestamp) -> anyhow::Result<BillSize> {
    let source = Source::new(&config.source, &config.archive)?;
    let mut day = day_before(now.to_zoned(config.zone.clone()).date(), &config.zone);
    for _ in 0..SEARCHED_DAYS {
        let document = source.fetch(day, None, now).await?;
        let mut rows = Vec::new();
        let mut refused = None;
        for row in bill_rows(&document, &config.currency) {
            match row {
                Ok(row) => rows.push(row),
                Err(RefusedBillRow { defect, .. }) => refused = refused.or(Some(defect)),
            }
        }
        if let Some(defect) = refused.filter(|_| rows.is_empty()) {
            let defect = defect.text(Language::English);
            anyhow::bail!("no row of the bill of {day} is usable: {defect}: check the currency and the account");
        }
        if !rows.is_empty() {
            let distinct = |id: fn(&model::bill::BillRow) -> &str| rows.iter().map(id).collect::<BTreeSet<_>>().len();
            let cost: BigDecimal = rows.iter().map(|row| row.amounts.billed_cost.clone()).sum();
            return Ok(BillSize {
                day,
                currency: config.currency.clone(),
                cost: cost.to_f64().unwrap_or(0.0),
                accounts: distinct(|row| &row.key.account),
                projects: distinct(|row| &row.key.project),
                services: rows.iter().map(|row| &row.key).collect::<BTreeSet<_>>().len(),
            });
        }
        day = day_before(day, &config.zone);
    }
    Err(anyhow::anyhow!("the billing API has no row in the last {SEARCHED_DAYS} days"))
        .context("the size of the bill is not known: check the account of the access key")
}

impl BillSize {
    /// Returns the size for people.
    pub(super) fn text(&self, language: Language) -> String {
        let Self { day, currency, cost, accounts, projects, services } = self;
        match language {
            Language::Korean => format!(
                "{day} 청구서: {cost:.0} {currency}, 계정 {accounts}개, 프로젝트 {projects}개, 서비스 {services}개."
            ),
            Language::English => {
                let [accounts, projects, services] =
                    [counted(*accounts, "account"), counted(*projects, "project"), counted(*services, "service")];
                format!("The bill of {day}: {cost:.0} {currency}, {accounts}, {projects}, {services}.")
            }
        }
    }
}
