//! Exact sums of raw rows per series. With decimal arithmetic, the order of rows and pages has no effect.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive as _};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::money;
use crate::series::{self, Names, SeriesKey};
use crate::source::RawDocument;

/// The sums of one billing day. Entries are in key order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DayLedger {
    pub(crate) date: Date,
    pub(crate) entries: Vec<Entry>,
    /// Sum of `expectAmount` over all entries.
    pub(crate) total: BigDecimal,
    /// Number of summed rows.
    pub(crate) rows: u64,
    /// Refused rows with reasons, in row order.
    pub(crate) rejected: Vec<Rejected>,
}

/// The sums of one series on one day. Each double is rounded once from an exact decimal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: SeriesKey,
    pub(crate) names: Names,
    pub(crate) amounts: Amounts,
    /// Sorted and unique.
    pub(crate) pricing_types: Vec<String>,
    /// Sorted and unique.
    pub(crate) regions: Vec<String>,
}

/// The summed figures of the billing rows, named like the fields of the API.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Amounts {
    pub(crate) expect: f64,
    pub(crate) general: f64,
    pub(crate) discount: f64,
    pub(crate) usage_time: f64,
    pub(crate) usage_size: f64,
}

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// Index in `result.content`, from 0.
    pub(crate) row: usize,
    pub(crate) why: String,
}

/// Sums the rows of one day.
pub(crate) fn sum(document: &RawDocument) -> DayLedger {
    let mut sums: BTreeMap<SeriesKey, Sum> = BTreeMap::new();
    let mut rejected = Vec::new();
    let mut interned = Interned::default();
    for (row, raw) in document.rows.iter().enumerate() {
        match read(raw, document.date, &mut interned) {
            Ok(read) => sums.entry(read.key.clone()).or_default().add(read),
            Err(why) => rejected.push(Rejected { row, why }),
        }
    }
    // The first figure is `expectAmount`.
    let total = sums.values().map(|sum| &sum.amounts[0]).sum();
    DayLedger {
        date: document.date,
        total,
        rows: (document.rows.len() - rejected.len()) as u64,
        entries: sums.into_iter().map(|(key, sum)| sum.into_entry(key)).collect(),
        rejected,
    }
}

impl DayLedger {
    /// Returns the total as a double, for metrics, not for storage.
    pub(crate) fn total_double(&self) -> f64 {
        self.total.to_f64().unwrap_or(f64::NAN)
    }

    /// Returns the total with two decimals and thousands separators, for people and alert policies.
    pub(crate) fn total_text(&self) -> String {
        money::grouped(&self.total.with_scale_round(2, RoundingMode::HalfUp).to_plain_string())
    }
}

/// The used fields of a billing row. Unknown fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow, default)]
    metering_date: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    domain_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    domain_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    project_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    project_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pricing_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    expect_amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    general_amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    discount_amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage_time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage_size: Option<&'a RawValue>,
}

struct ReadRow {
    key: SeriesKey,
    names: Names,
    amounts: [BigDecimal; 5],
    pricing_type: Option<String>,
    region: Option<String>,
}

#[derive(Default)]
struct Sum {
    names: Names,
    amounts: [BigDecimal; 5],
    pricing_types: BTreeSet<String>,
    regions: BTreeSet<String>,
}

/// A set of shared texts. Ids and names repeat in many rows, and each text is stored once.
#[derive(Default)]
struct Interned(HashSet<Arc<str>>);

impl Sum {
    fn add(&mut self, row: ReadRow) {
        // The greatest name wins, so a rename within one day does not depend on the row order.
        self.names.domain = row.names.domain.max(self.names.domain.clone());
        self.names.project = row.names.project.max(self.names.project.clone());
        self.names.service = row.names.service.max(self.names.service.clone());
        for (sum, amount) in self.amounts.iter_mut().zip(&row.amounts) {
            *sum += amount;
        }
        self.pricing_types.extend(row.pricing_type);
        self.regions.extend(row.region);
    }

    fn into_entry(self, key: SeriesKey) -> Entry {
        let [expect, general, discount, usage_time, usage_size] = self.amounts.map(|sum| double(&sum));
        Entry {
            key,
            names: self.names,
            amounts: Amounts { expect, general, discount, usage_time, usage_size },
            pricing_types: self.pricing_types.into_iter().collect(),
            regions: self.regions.into_iter().collect(),
        }
    }
}

impl Interned {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.0.insert(new.clone());
        new
    }
}

fn read(raw: &RawValue, day: Date, interned: &mut Interned) -> Result<ReadRow, String> {
    // Serde would also accept a JSON array for the struct.
    if !raw.get().starts_with('{') {
        return Err("not a billing row: expected a JSON object".to_owned());
    }
    let row: Row<'_> = serde_json::from_str(raw.get()).map_err(|error| format!("not a billing row: {error}"))?;
    let date = row.metering_date.as_deref().unwrap_or_default();
    if series::parse_day(date) != Some(day) {
        return Err(format!("meteringDate is {date:?}, expected {:?}", day.strftime("%Y%m%d").to_string()));
    }
    let mut id = |field: &str, value: &Option<Cow<'_, str>>| match value.as_deref().map(str::trim) {
        Some(id) if !id.is_empty() => Ok(interned.get(id)),
        _ => Err(format!("{field} is missing or empty")),
    };
    let key = SeriesKey {
        domain: id("domainId", &row.domain_id)?,
        project: id("projectId", &row.project_id)?,
        service: id("serviceId", &row.service_id)?,
    };
    let mut name = |value: &Option<Cow<'_, str>>, id: &Arc<str>| match value.as_deref() {
        Some(name) if !name.is_empty() => interned.get(name),
        _ => id.clone(),
    };
    let names = Names {
        domain: name(&row.domain_name, &key.domain),
        project: name(&row.project_name, &key.project),
        service: name(&row.service_name, &key.service),
    };
    let amounts = [
        amount("expectAmount", row.expect_amount)?,
        amount("generalAmount", row.general_amount)?,
        amount("discountAmount", row.discount_amount)?,
        amount("usageTime", row.usage_time)?,
        amount("usageSize", row.usage_size)?,
    ];
    let text = |value: Option<Cow<'_, str>>| value.filter(|text| !text.is_empty()).map(Cow::into_owned);
    Ok(ReadRow { key, names, amounts, pricing_type: text(row.pricing_type), region: text(row.region) })
}

/// Parses a figure. Null and missing count as 0; a quoted number is valid.
fn amount(field: &str, raw: Option<&RawValue>) -> Result<BigDecimal, String> {
    let Some(text) = raw.map(|raw| raw.get().trim_matches('"').trim()).filter(|text| *text != "null") else {
        return Ok(BigDecimal::default());
    };
    // The limit is far above any bill and prevents a gigabyte of digits for 1e999999999.
    let sane = |number: &BigDecimal| number.fractional_digit_count().abs() <= 64 && number.digits() <= 64;
    BigDecimal::from_str(text)
        .ok()
        .filter(sane)
        .ok_or_else(|| format!("{field} is {:?}, expected a number", text.chars().take(40).collect::<String>()))
}

/// Returns the nearest double. An amount is rounded only here.
fn double(sum: &BigDecimal) -> f64 {
    sum.to_scientific_notation().parse().expect("a decimal is a number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn document(rows: &[&str]) -> RawDocument {
        RawDocument {
            date: jiff::civil::date(2026, 11, 22),
            hour: None,
            rows: rows.iter().map(|row| RawValue::from_string((*row).to_owned()).expect("JSON")).collect(),
            fetched_at: Timestamp::UNIX_EPOCH,
            api_params: serde_json::Map::new(),
        }
    }

    fn row(service: &str, amount: &str) -> String {
        format!(
            r#"{{"meteringDate":"20261122","domainId":"d","projectId":"p","serviceId":"{service}","expectAmount":{amount}}}"#
        )
    }

    #[test]
    fn sums_do_not_depend_on_the_order_of_rows() {
        let rows: Vec<String> =
            ["0.1", "0.2", "1e16", "-1e16", "0.3", "\"12.5\"", "null"].iter().map(|amount| row("s", amount)).collect();
        let forwards: Vec<&str> = rows.iter().map(String::as_str).collect();
        let backwards: Vec<&str> = rows.iter().rev().map(String::as_str).collect();
        let ledger = sum(&document(&forwards));
        assert_eq!(ledger, sum(&document(&backwards)));
        assert_eq!(ledger.entries[0].amounts.expect, 13.1);
        assert_eq!(ledger.rows, 7);
    }

    #[test]
    fn a_row_that_cannot_be_used_is_counted_and_named() {
        let good = row("s", "1");
        let ledger = sum(&document(&[
            "[]",
            &good,
            r#"{"meteringDate":"20261122","domainId":"d","projectId":" ","serviceId":"s"}"#,
            r#"{"meteringDate":"20261121","domainId":"d","projectId":"p","serviceId":"s"}"#,
            &row("s", "\"many\""),
            &row("s", "1e999999999"),
        ]));
        let told: Vec<String> = ledger.rejected.iter().map(|r| format!("{}: {}", r.row, r.why)).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        0: not a billing row: expected a JSON object
        2: projectId is missing or empty
        3: meteringDate is "20261121", expected "20261122"
        4: expectAmount is "many", expected a number
        5: expectAmount is "1e999999999", expected a number
        "#);
        assert_eq!(ledger.rows, 1);
    }

    #[test]
    fn the_total_reads_like_money() {
        for (amount, expect) in
            [("0", "0.00"), ("999.994", "999.99"), ("1234567.895", "1,234,567.90"), ("-1000", "-1,000.00")]
        {
            assert_eq!(sum(&document(&[&row("s", amount)])).total_text(), expect);
        }
    }
}
