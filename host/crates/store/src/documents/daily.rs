//! `billing_daily`: one finished day of one series.

use jiff::Timestamp;
use jiff::civil::Date;
use model::history::Measure;
use model::ledger::LedgerEntry;
use model::series::SeriesKey;
use mongodb::bson::{Bson, Document, doc};

use super::field::{bson_time, date_text, insert_key, insert_names, parse_date};
use super::json;
use super::key::Collection;
use super::upsert::Upsert;
use crate::records::DailyRecord;

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_daily",
    key: &["date", "domainId", "projectId", "serviceId", "pricingType"],
    unique_index: "unique_daily_summary",
    indexes: &[("date_desc", &[("date", -1)])],
};

pub(crate) fn upsert(date: Date, entry: &LedgerEntry, now: Timestamp) -> Upsert {
    let mut key = doc! { "date": date_text(date) };
    insert_key(&mut key, &entry.key);
    key.insert("pricingType", Bson::Null);
    let mut set = Document::new();
    insert_names(&mut set, &entry.names);
    for measure in Measure::ALL {
        set.insert(field(measure), measure.value(&entry.amounts));
    }
    set.insert("pricingTypes", &entry.pricing_categories);
    set.insert("regions", &entry.regions);
    set.insert("isIncomplete", entry.is_incomplete);
    set.insert("updatedAt", bson_time(now));
    Upsert { key, set, on_insert: doc! { "isAnomaly": false, "createdAt": bson_time(now) } }
}

/// Returns the field of a measure.
pub(crate) fn field(measure: Measure) -> &'static str {
    match measure {
        Measure::BilledCost => "expectAmount",
        Measure::ListCost => "generalAmount",
        Measure::Discount => "discountAmount",
        Measure::UsageTime => "usageTime",
        Measure::UsageQuantity => "usageSize",
    }
}

/// Reads a stored document. A missing amount stays missing.
pub(crate) fn read_record(document: Document) -> Result<DailyRecord, String> {
    let text = |field: &str| document.get_str(field).map_err(|error| error.to_string());
    let date = parse_date(text("date")?)?;
    let key = SeriesKey::new(text("domainId")?, text("projectId")?, text("serviceId")?);
    let amount = |measure: Measure| {
        let value = document.get(field(measure))?;
        Some((measure, value.as_f64().or_else(|| value.as_i32().map(f64::from))?))
    };
    Ok(DailyRecord {
        date,
        key,
        amounts: Measure::ALL.into_iter().filter_map(amount).collect(),
        pricing_type: document.get_str("pricingType").ok().map(str::to_owned),
        json: json::object(document),
    })
}
