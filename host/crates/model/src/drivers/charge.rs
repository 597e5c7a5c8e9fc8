//! Charges: the exact sums of the rows of a bill by series, resource, region and pricing category.

use std::collections::BTreeMap;

use bigdecimal::BigDecimal;

use crate::bill::{Amounts, BillRow};
use crate::series::{Names, SeriesKey};

/// The key of a charge, the finest part of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChargeKey {
    pub series: SeriesKey,
    pub resource: Option<String>,
    pub region: Option<String>,
    pub pricing_category: Option<String>,
}

/// The sum of the rows of a charge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Charge {
    pub names: Names,
    pub amounts: Amounts<BigDecimal>,
}

/// The charges of one or several days, in key order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Charges(BTreeMap<ChargeKey, Charge>);

impl ChargeKey {
    /// Returns the known parts of the key below the series: the resource, the region and the pricing category.
    pub fn details(&self) -> impl Iterator<Item = &str> {
        [&self.resource, &self.region, &self.pricing_category].into_iter().flatten().map(String::as_str)
    }
}

impl Charges {
    pub fn add(&mut self, row: &BillRow) {
        let BillRow { key: series, names, amounts, pricing_category, region, resource } = row;
        let key = ChargeKey {
            series: series.clone(),
            resource: resource.clone(),
            region: region.clone(),
            pricing_category: pricing_category.clone(),
        };
        self.add_charge(key, names, amounts);
    }

    /// Returns the charges with the sums of all resources.
    #[must_use]
    pub fn without_resources(&self) -> Self {
        let mut charges = Self::default();
        for (key, charge) in &self.0 {
            charges.add_charge(ChargeKey { resource: None, ..key.clone() }, &charge.names, &charge.amounts);
        }
        charges
    }

    fn add_charge(&mut self, key: ChargeKey, names: &Names, amounts: &Amounts<BigDecimal>) {
        let charge = self.0.entry(key).or_default();
        // The greatest name wins, so a rename does not depend on the row order.
        if *names > charge.names {
            charge.names.clone_from(names);
        }
        charge.amounts.add(amounts);
    }

    pub fn get(&self, key: &ChargeKey) -> Option<&Charge> {
        self.0.get(key)
    }

    pub fn keys(&self) -> impl Iterator<Item = &ChargeKey> {
        self.0.keys()
    }

    /// Returns the sum of the billed costs.
    pub fn total(&self) -> BigDecimal {
        self.0.values().map(|charge| &charge.amounts.billed_cost).sum()
    }
}
