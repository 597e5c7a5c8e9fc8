//! `billing_installation`: the account and the format of the database, in one document.

use jiff::Timestamp;
use mongodb::bson::{Document, doc};

use super::field::bson_time;
use super::key::Collection;
use super::upsert::Upsert;
use crate::records::Installation;

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_installation",
    key: &["installation"],
    unique_index: "unique_installation",
    indexes: &[],
};

/// Format of the documents. Changes if an older program would misread or damage newer documents.
pub(crate) const FORMAT: i64 = 1;

/// Inserts the installation. An existing document stays unchanged, so the first host decides.
pub(crate) fn upsert(account: &str, now: Timestamp) -> Upsert {
    let on_insert = doc! { "account": account, "format": FORMAT, "createdAt": bson_time(now) };
    Upsert { key: doc! { "installation": "costwarden" }, set: Document::new(), on_insert }
}

pub(crate) fn read(document: &Document) -> Result<Installation, String> {
    let account = document.get_str("account").map_err(|error| error.to_string())?.to_owned();
    let format = document.get_i64("format").map_err(|error| error.to_string())?;
    Ok(Installation { account, format })
}
