//! Leases in `job_runs`. Every change is a single command on a single document, confirmed by a majority. All times come
//! from the server's clock, so the clocks of the hosts may differ.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use jiff::SignedDuration;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;

use super::Mongodb;
use super::read::unreadable_document;
use crate::StoreError;
use crate::documents::run;
use crate::lease::{Claim, HeldLease, Holder, LeaseKey};

const DUPLICATE_KEY: i32 = 11_000;
const ATTEMPTS: u32 = 3;

impl Mongodb {
    pub(crate) async fn take_lease(&self, claim: Claim<'_>) -> Result<Holder, StoreError> {
        let key = claim.key;
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let set = taken(claim);
        let mut attempt = 1;
        loop {
            let take = collection
                // An update pipeline: only a pipeline can read `$$NOW` and compare fields.
                .find_one_and_update(run::key(&key.job, &key.period), vec![doc! { "$set": set.clone() }])
                .upsert(true)
                .return_document(ReturnDocument::After)
                .projection(doc! { "_id": 0, "got": 1, "owner": 1, "leaseUntil": 1 });
            match self.answer(take).await {
                Ok(found) => {
                    let found = found.unwrap_or_default();
                    let got = found.get_bool("got").unwrap_or(false);
                    return Ok(if got { Holder::Asker } else { Holder::Other { owner: holder(&found) } });
                }
                // Two hosts inserted the document at the same time. The next attempt updates the document of the faster
                // host.
                Err(error) if attempt < ATTEMPTS && super::indexes::is_code(&error, DUPLICATE_KEY) => attempt += 1,
                Err(error) => return Err(self.failure("take a lease in", run::COLLECTION.name, &error)),
            }
        }
    }

    pub(crate) async fn renew_lease(&self, claim: Claim<'_>) -> Result<bool, StoreError> {
        let Claim { key, owner, length, .. } = claim;
        let mut filter = run::key(&key.job, &key.period);
        filter.insert("owner", owner);
        let set = doc! { "leaseUntil": later(length), "leaseRenewedAt": "$$NOW" };
        // After `length`, the lease has expired anyway.
        let renewed = self.answer_within(length, self.change_lease(filter, set)).await;
        renewed.map_err(|error| self.failure("renew a lease in", run::COLLECTION.name, &error))
    }

    pub(crate) async fn release_lease(&self, key: &LeaseKey, owner: &str) -> Result<(), StoreError> {
        let mut filter = run::key(&key.job, &key.period);
        filter.insert("owner", owner);
        let released = self.answer(self.change_lease(filter, doc! { "leaseUntil": Bson::Null })).await;
        released.map(drop).map_err(|error| self.failure("give back a lease in", run::COLLECTION.name, &error))
    }

    /// Returns all taken leases. The ages come from the server's clock, so every host sees the same ages.
    pub(crate) async fn held_leases(&self) -> Result<Vec<HeldLease>, StoreError> {
        let failed = |error| self.failure("read", run::COLLECTION.name, &error);
        let left = doc! { "$subtract": ["$leaseUntil", "$$NOW"] };
        let renewed = doc! { "$subtract": ["$$NOW", "$leaseRenewedAt"] };
        let fields = doc! { "_id": 0, "job": 1, "period": 1, "owner": 1, "left": left, "renewed": renewed };
        let is_held = doc! { "leaseUntil": { "$type": "date" } };
        let stages =
            [doc! { "$match": is_held }, doc! { "$project": fields }, doc! { "$sort": { "job": 1, "period": 1 } }];
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let mut found = self.answer(collection.aggregate(stages)).await.map_err(failed)?;
        let mut held = Vec::new();
        while let Some(document) = self.answer(found.try_next()).await.map_err(failed)? {
            held.push(read_held(&document).map_err(|why| unreadable_document(&run::COLLECTION, &document, why))?);
        }
        Ok(held)
    }

    async fn change_lease(&self, filter: Document, set: Document) -> Result<bool, mongodb::error::Error> {
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let changed = collection.update_one(filter, vec![doc! { "$set": set }]).await?;
        Ok(changed.matched_count == 1)
    }
}

fn read_held(document: &Document) -> Result<HeldLease, String> {
    let text = |field: &str| document.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    Ok(HeldLease {
        key: LeaseKey { job: text("job")?, period: text("period")? },
        owner: text("owner")?,
        left: SignedDuration::from_millis(document.get_i64("left").map_err(|error| error.to_string())?),
        renewed: document.get_i64("renewed").ok().map(SignedDuration::from_millis),
    })
}

/// The change of a lease's document when a process claims the lease. `owner` and `leaseUntil` belong to the holder,
/// `wantedBy` and `wantedUntil` to the next in the queue.
fn taken(claim: Claim<'_>) -> Document {
    let Claim { key, owner, length, reserve } = claim;
    // A missing field is null, and null sorts before every date.
    let over = |field: &str| doc! { "$lte": [{ "$ifNull": [field, Bson::Null] }, "$$NOW"] };
    let unwanted = doc! { "$or": [over("$wantedUntil"), { "$eq": ["$wantedBy", owner] }] };
    let live = doc! { "$not": over("$leaseUntil") };
    let foreign = doc! { "$and": [{ "$ne": ["$owner", owner] }, live.clone()] };
    let has = doc! { "$and": [{ "$eq": ["$owner", owner] }, live] };
    let free = doc! { "$and": [{ "$not": foreign.clone() }, unwanted.clone()] };
    let gets = doc! { "$or": [has, free] };
    // All expressions of a single `$set` stage read the document from before the change.
    let mut set = blank_where_missing(&key.job, &key.period);
    let asks = doc! { "$and": [unwanted, foreign] };
    let wants = |next: Bson, standing: &str| {
        doc! { "$cond": [gets.clone(), Bson::Null, { "$cond": [asks.clone(), next, { "$ifNull": [standing, Bson::Null] }] }] }
    };
    set.insert("wantedBy", wants(owner.into(), "$wantedBy"));
    set.insert("wantedUntil", wants(later(reserve).into(), "$wantedUntil"));
    let granted = |value: Bson, standing: Bson| doc! { "$cond": [gets.clone(), value, standing] };
    let or_null = |field: &str| doc! { "$ifNull": [field, Bson::Null] }.into();
    set.insert("leaseSince", granted("$$NOW".into(), or_null("$leaseSince")));
    set.insert("leaseRenewedAt", granted("$$NOW".into(), or_null("$leaseRenewedAt")));
    set.insert("leaseUntil", granted(later(length).into(), or_null("$leaseUntil")));
    set.insert("owner", granted(owner.into(), doc! { "$ifNull": ["$owner", ""] }.into()));
    // The field belongs to the latest claim: the same command returns the field to the claimant.
    set.insert("got", gets);
    set
}

/// The holder's name; empty if the lease is free but reserved for another process.
fn holder(found: &Document) -> String {
    found.get_str("owner").unwrap_or_default().to_owned()
}

/// Returns the fields of a blank run record; keeps the existing value of each field.
fn blank_where_missing(job: &str, period: &str) -> Document {
    let standing = |field: &str| format!("${field}");
    let blank = run::blank(job, period).into_iter().map(|(field, value)| {
        // `$literal` keeps the server from evaluating the value.
        let kept = doc! { "$ifNull": [standing(&field), { "$literal": value }] };
        (field, kept)
    });
    let times = ["createdAt", "startedAt", "updatedAt"];
    let times = times.map(|time| (time.to_owned(), doc! { "$ifNull": [standing(time), "$$NOW"] }));
    blank.chain(times).map(|(field, kept)| (field, Bson::Document(kept))).collect()
}

fn later(span: Duration) -> Document {
    doc! { "$add": ["$$NOW", i64::try_from(span.as_millis()).unwrap_or(i64::MAX)] }
}
