//! Stores the replaced amounts of a restatement, in the transaction of the restatement.

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Document, RawDocument};
use redb::ReadableTable as _;

use super::columns::broken;
use super::file::{Cause, Changing};
use crate::documents::restated::{self, Earlier};
use crate::documents::{date_text, key_of};
use model::run_id::RunId;

impl Changing<'_> {
    pub(super) fn keep_replaced(
        &self,
        date: Date,
        replaced: &[Earlier],
        run: Option<RunId>,
        now: Timestamp,
    ) -> Result<(), Cause> {
        if replaced.is_empty() {
            return Ok(());
        }
        let mut table = self.documents(&restated::COLLECTION)?;
        let first = key_of(&mongodb::bson::doc! { "date": date_text(date) });
        // No key continues with FF, so this end lies behind all keys of the date.
        let end = [first.as_slice(), &[0xFF]].concat();
        let mut kept = Vec::new();
        for item in table.range::<&[u8]>(first.as_slice()..end.as_slice())? {
            let (_, value) = item?;
            let unreadable = |cause: String| broken(&date_text(date), cause);
            let document = RawDocument::from_bytes(value.value()).map_err(|error| unreadable(error.to_string()))?;
            kept.push(restated::read(document).map_err(unreadable)?);
        }
        let newest = restated::newest(kept);
        for earlier in replaced {
            let newest = newest.get(&key_of(&restated::key(date, &earlier.key)));
            let upsert = restated::upsert(date, earlier, newest, now).by(run);
            let key = key_of(&upsert.key);
            let unwritable = |error: String| broken(&upsert.key.to_string(), error);
            let old = table.get(key.as_slice())?.map(|old| Document::from_reader(old.value())).transpose();
            let new = match old.map_err(|error| unwritable(error.to_string()))? {
                Some(mut old) => {
                    upsert.apply(&mut old);
                    old
                }
                None => upsert.fresh(),
            };
            let bytes = mongodb::bson::to_vec(&new).map_err(|error| unwritable(error.to_string()))?;
            table.insert(key.as_slice(), bytes.as_slice())?;
        }
        Ok(())
    }
}
