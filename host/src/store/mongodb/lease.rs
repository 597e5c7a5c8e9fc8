//! Leases in `job_runs`. Each is one command on one document, confirmed by a majority; times are the server's own, so that
//! hosts need not agree on the clock.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use jiff::SignedDuration;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;

use super::Mongodb;
use super::read::unreadable_document;
use crate::store::StoreError;
use crate::store::documents::run;
use crate::store::lease::{Claim, Held, Holder, LeaseKey};

const DUPLICATE_KEY: i32 = 11_000;
const ATTEMPTS: u32 = 3;

impl Mongodb {
    pub(in crate::store) async fn take_lease(&self, claim: Claim<'_>) -> Result<Holder, StoreError> {
        let Claim { key, owner, .. } = claim;
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        // What is not there is null, which comes before every date.
        let over = |field: &str| doc! { "$lte": [{ "$ifNull": [field, Bson::Null] }, "$$NOW"] };
        let (is_owner, is_next) = (doc! { "$eq": ["$owner", owner] }, doc! { "$eq": ["$wantedBy", owner] });
        let unwanted = doc! { "$or": [over("$wantedUntil"), is_next] };
        let gets = doc! { "$or": [
            { "$and": [is_owner, { "$not": over("$leaseUntil") }] },
            { "$and": [over("$leaseUntil"), unwanted.clone()] },
        ] };
        let mut set: Document = run::blank(&key.job, &key.period)
            .into_iter()
            .map(|(field, value)| {
                let standing = format!("${field}");
                (field, Bson::Document(doc! { "$ifNull": [standing, { "$literal": value }] }))
            })
            .collect();
        for time in ["createdAt", "startedAt", "updatedAt"] {
            set.insert(time, doc! { "$ifNull": [format!("${time}"), "$$NOW"] });
        }
        let wants = |next: Bson, standing: &str| {
            doc! { "$cond": [gets.clone(), Bson::Null, { "$cond": [unwanted.clone(), next, standing] }] }
        };
        set.insert("wantedBy", wants(owner.into(), "$wantedBy"));
        set.insert("wantedUntil", wants(later(claim.reserve).into(), "$wantedUntil"));
        set.insert("leaseSince", doc! { "$cond": [gets.clone(), "$$NOW", "$leaseSince"] });
        set.insert("leaseUntil", doc! { "$cond": [gets.clone(), later(claim.length), "$leaseUntil"] });
        set.insert("leaseRenewedAt", doc! { "$cond": [gets.clone(), "$$NOW", "$leaseRenewedAt"] });
        set.insert("owner", doc! { "$cond": [gets.clone(), owner, { "$ifNull": ["$owner", ""] }] });
        let mut attempt = 1;
        loop {
            let take = collection
                .find_one_and_update(run::key(&key.job, &key.period), vec![doc! { "$set": set.clone() }])
                .upsert(true)
                .return_document(ReturnDocument::After)
                .projection(doc! { "_id": 0, "owner": 1, "leaseUntil": 1 });
            match self.answer(take).await {
                Ok(found) => {
                    let found = found.unwrap_or_default();
                    let holder = found.get_str("owner").unwrap_or_default().to_owned();
                    // Whoever had it last may find that it is free, and kept for another.
                    let held = found.get_datetime("leaseUntil").is_ok();
                    return Ok(if held && holder == owner { Holder::Asker } else { Holder::Other { owner: holder } });
                }
                // Two hosts made the document at once: the other's is there now.
                Err(error) if attempt < ATTEMPTS && super::indexes::is_code(&error, DUPLICATE_KEY) => attempt += 1,
                Err(error) => return Err(self.failure("take a lease in", run::COLLECTION.name, &error)),
            }
        }
    }

    pub(in crate::store) async fn renew_lease(&self, claim: Claim<'_>) -> Result<bool, StoreError> {
        let Claim { key, owner, .. } = claim;
        let renewed = self.answer_within(claim.length, self.change_lease(key, owner, later(claim.length).into())).await;
        renewed.map_err(|error| self.failure("renew a lease in", run::COLLECTION.name, &error))
    }

    pub(in crate::store) async fn release_lease(&self, key: &LeaseKey, owner: &str) -> Result<(), StoreError> {
        let released = self.answer(self.change_lease(key, owner, Bson::Null)).await;
        released.map(drop).map_err(|error| self.failure("give back a lease in", run::COLLECTION.name, &error))
    }

    /// By the server's clock too, so that it does not matter which host looks.
    pub(in crate::store) async fn held_leases(&self) -> Result<Vec<Held>, StoreError> {
        let failed = |error| self.failure("read", run::COLLECTION.name, &error);
        let left = doc! { "$subtract": ["$leaseUntil", "$$NOW"] };
        let renewed = doc! { "$subtract": ["$$NOW", "$leaseRenewedAt"] };
        let fields = doc! { "_id": 0, "job": 1, "period": 1, "owner": 1, "left": left, "renewed": renewed };
        let stages = [
            doc! { "$match": { "leaseUntil": { "$type": "date" } } },
            doc! { "$project": fields },
            doc! { "$sort": { "job": 1, "period": 1 } },
        ];
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let mut found = self.answer(collection.aggregate(stages)).await.map_err(failed)?;
        let mut held = Vec::new();
        while let Some(document) = self.answer(found.try_next()).await.map_err(failed)? {
            let lease = read_held(&document).map_err(|why| unreadable_document(&run::COLLECTION, &document, why))?;
            held.push(lease);
        }
        Ok(held)
    }

    async fn change_lease(&self, key: &LeaseKey, owner: &str, until: Bson) -> Result<bool, mongodb::error::Error> {
        let mut filter = run::key(&key.job, &key.period);
        filter.insert("owner", owner);
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let set = doc! { "leaseUntil": until, "leaseRenewedAt": "$$NOW" };
        let changed = collection.update_one(filter, vec![doc! { "$set": set }]).await?;
        Ok(changed.matched_count == 1)
    }
}

fn read_held(document: &Document) -> Result<Held, String> {
    let text = |field: &str| document.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    Ok(Held {
        key: LeaseKey { job: text("job")?, period: text("period")? },
        owner: text("owner")?,
        left: document.get_i64("left").map(SignedDuration::from_millis).map_err(|error| error.to_string())?,
        renewed: document.get_i64("renewed").ok().map(SignedDuration::from_millis),
    })
}

fn later(span: Duration) -> Document {
    doc! { "$add": ["$$NOW", i64::try_from(span.as_millis()).unwrap_or(i64::MAX)] }
}
