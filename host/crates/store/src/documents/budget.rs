//! `billing_budgets`: the notifications of one budget in one month per document.

use jiff::Timestamp;
use model::budget::{BudgetRecord, NotifiedParts};
use mongodb::bson::{Document, doc};

use super::field::{bson_time, date_text, parse_date};
use super::key::Collection;
use super::upsert::Upsert;

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_budgets",
    key: &["budget", "month", "amount"],
    unique_index: "unique_budget_month_amount",
    indexes: &[],
};

pub(crate) fn key(record: &BudgetRecord) -> Document {
    // The key consists of texts.
    let BudgetRecord { budget, month, amount, .. } = record;
    doc! { "budget": budget, "month": date_text(*month), "amount": amount.to_string() }
}

pub(crate) fn upsert(record: &BudgetRecord, now: Timestamp) -> Upsert {
    let parts = |(receiver, parts): (&String, &NotifiedParts)| doc! { "receiver": receiver, "spent": parts.spent, "forecast": parts.forecast };
    let set = doc! {
        "notified": record.notified.iter().map(parts).collect::<Vec<_>>(),
        "pending": record.is_pending,
        "updatedAt": bson_time(now),
    };
    Upsert { key: key(record), set, on_insert: doc! { "createdAt": bson_time(now) } }
}

pub(crate) fn read(document: &Document) -> Result<BudgetRecord, String> {
    let text = |field: &str| document.get_str(field).map_err(|error| error.to_string());
    let amount = text("amount")?;
    let notified = document.get_array("notified").map_err(|error| error.to_string())?;
    let notified = notified.iter().filter_map(|parts| parts.as_document()).map(read_parts);
    Ok(BudgetRecord {
        budget: text("budget")?.to_owned(),
        month: parse_date(text("month")?)?,
        amount: amount.parse().map_err(|_| format!("amount is {amount:?}, expected a number"))?,
        notified: notified.collect::<Result<_, String>>()?,
        is_pending: document.get_bool("pending").map_err(|error| error.to_string())?,
    })
}

fn read_parts(document: &Document) -> Result<(String, NotifiedParts), String> {
    let receiver = document.get_str("receiver").map_err(|error| error.to_string())?;
    let part = |field: &str| document.get_f64(field).map_err(|error| error.to_string());
    Ok((receiver.to_owned(), NotifiedParts { spent: part("spent")?, forecast: part("forecast")? }))
}
