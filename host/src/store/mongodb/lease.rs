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
use crate::store::lease::{Claim, Held, Holder, LeaseKey, Share};

const DUPLICATE_KEY: i32 = 11_000;
const ATTEMPTS: u32 = 3;

impl Mongodb {
    pub(in crate::store) async fn take_lease(&self, claim: Claim<'_>) -> Result<Holder, StoreError> {
        let key = claim.key;
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let set = taken(claim);
        let mut attempt = 1;
        loop {
            let take = collection
                .find_one_and_update(run::key(&key.job, &key.period), vec![doc! { "$set": set.clone() }])
                .upsert(true)
                .return_document(ReturnDocument::After)
                .projection(doc! { "_id": 0, "got": 1, "owner": 1, "leaseUntil": 1, "sharers": 1 });
            match self.answer(take).await {
                Ok(found) => {
                    let found = found.unwrap_or_default();
                    let got = found.get_bool("got").unwrap_or(false);
                    return Ok(if got { Holder::Asker } else { Holder::Other { owner: holder(&found) } });
                }
                // Two hosts made the document at once: the other's is there now.
                Err(error) if attempt < ATTEMPTS && super::indexes::is_code(&error, DUPLICATE_KEY) => attempt += 1,
                Err(error) => return Err(self.failure("take a lease in", run::COLLECTION.name, &error)),
            }
        }
    }

    pub(in crate::store) async fn renew_lease(&self, claim: Claim<'_>) -> Result<bool, StoreError> {
        let Claim { key, owner, length, share, .. } = claim;
        let mut filter = run::key(&key.job, &key.period);
        let set = match share {
            None => {
                filter.insert("owner", owner);
                doc! { "leaseUntil": later(length), "leaseRenewedAt": "$$NOW" }
            }
            Some(_) => {
                filter.insert("sharers.owner", owner);
                let longer = doc! { "$mergeObjects": ["$$one", { "until": later(length) }] };
                let one = doc! { "$cond": [{ "$eq": ["$$one.owner", owner] }, longer, "$$one"] };
                doc! { "sharers": { "$map": { "input": "$sharers", "as": "one", "in": one } } }
            }
        };
        let renewed = self.answer_within(length, self.change_lease(filter, set)).await;
        renewed.map_err(|error| self.failure("renew a lease in", run::COLLECTION.name, &error))
    }

    pub(in crate::store) async fn release_lease(&self, key: &LeaseKey, owner: &str) -> Result<(), StoreError> {
        let others = doc! { "$ne": ["$$one.owner", owner] };
        let set = doc! {
            "leaseUntil": { "$cond": [{ "$eq": ["$owner", owner] }, Bson::Null, "$leaseUntil"] },
            "sharers": { "$filter": { "input": { "$ifNull": ["$sharers", []] }, "as": "one", "cond": others } },
        };
        let released = self.answer(self.change_lease(run::key(&key.job, &key.period), set)).await;
        released.map(drop).map_err(|error| self.failure("give back a lease in", run::COLLECTION.name, &error))
    }

    /// By the server's clock too, so that it does not matter which host looks.
    pub(in crate::store) async fn held_leases(&self) -> Result<Vec<Held>, StoreError> {
        let failed = |error| self.failure("read", run::COLLECTION.name, &error);
        let left = doc! { "$subtract": ["$leaseUntil", "$$NOW"] };
        let renewed = doc! { "$subtract": ["$$NOW", "$leaseRenewedAt"] };
        let one = doc! { "owner": "$$one.owner", "left": { "$subtract": ["$$one.until", "$$NOW"] } };
        let sharers = doc! { "$map": { "input": { "$ifNull": ["$sharers", []] }, "as": "one", "in": one } };
        let alone = doc! { "owner": "$owner", "left": left, "renewed": renewed };
        let fields = doc! { "_id": 0, "job": 1, "period": 1, "alone": alone, "sharers": sharers };
        let is_held = doc! { "$or": [{ "leaseUntil": { "$type": "date" } }, { "sharers.0": { "$exists": true } }] };
        let stages =
            [doc! { "$match": is_held }, doc! { "$project": fields }, doc! { "$sort": { "job": 1, "period": 1 } }];
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let mut found = self.answer(collection.aggregate(stages)).await.map_err(failed)?;
        let mut held = Vec::new();
        while let Some(document) = self.answer(found.try_next()).await.map_err(failed)? {
            let leases = read_held(&document).map_err(|why| unreadable_document(&run::COLLECTION, &document, why))?;
            held.extend(leases);
        }
        Ok(held)
    }

    async fn change_lease(&self, filter: Document, set: Document) -> Result<bool, mongodb::error::Error> {
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let changed = collection.update_one(filter, vec![doc! { "$set": set }]).await?;
        Ok(changed.matched_count == 1)
    }
}

/// Who has a lease alone, or each who shares it.
fn read_held(document: &Document) -> Result<Vec<Held>, String> {
    let text = |of: &Document, field: &str| of.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    let (job, period) = (text(document, "job")?, text(document, "period")?);
    let held = |of: &Document| {
        let Ok(left) = of.get_i64("left") else { return Ok(None) };
        Ok(Some(Held {
            key: LeaseKey { job: job.clone(), period: period.clone() },
            owner: text(of, "owner")?,
            left: SignedDuration::from_millis(left),
            renewed: of.get_i64("renewed").ok().map(SignedDuration::from_millis),
        }))
    };
    let sharers = document.get_array("sharers").into_iter().flatten().filter_map(Bson::as_document);
    document.get_document("alone").into_iter().chain(sharers).filter_map(|of| held(of).transpose()).collect()
}

/// What becomes of a lease's document when it is asked for: `owner` and `leaseUntil` are of who has it alone, `sharers` of
/// those who have it together, `wantedBy` of who was refused and is next.
fn taken(claim: Claim<'_>) -> Document {
    let Claim { key, share, owner, length, reserve } = claim;
    // What is not there is null, which comes before every date.
    let over = |field: &str| doc! { "$lte": [{ "$ifNull": [field, Bson::Null] }, "$$NOW"] };
    let some = |of: Document, cond: Document| doc! { "$filter": { "input": of, "as": "one", "cond": cond } };
    let any = |of: Document, cond: Document| doc! { "$ne": [some(of, cond), []] };
    let live = some(doc! { "$ifNull": ["$sharers", []] }, doc! { "$gt": ["$$one.until", "$$NOW"] });
    let mine = doc! { "$eq": ["$$one.owner", owner] };
    let mut unwanted = vec![over("$wantedUntil"), doc! { "$eq": ["$wantedBy", owner] }];
    // Whether it is had by who does something else, and whether by who does just this.
    let (foreign, same) = match share {
        None => {
            let alone = doc! { "$and": [{ "$ne": ["$owner", owner] }, { "$not": over("$leaseUntil") }] };
            (doc! { "$or": [alone, { "$ne": [live.clone(), []] }] }, doc! { "$literal": false })
        }
        Some(Share { what, part }) => {
            // Who waits for one of us keeps no other of us waiting.
            unwanted.push(doc! { "$eq": ["$wantedFor", what] });
            let other = any(live.clone(), doc! { "$ne": ["$$one.what", what] });
            let twin = doc! { "$and": [{ "$eq": ["$$one.part", part] }, { "$not": mine.clone() }] };
            (doc! { "$or": [{ "$not": over("$leaseUntil") }, other] }, any(live.clone(), twin))
        }
    };
    let unwanted = doc! { "$or": unwanted };
    let has = match share {
        None => doc! { "$and": [{ "$eq": ["$owner", owner] }, { "$not": over("$leaseUntil") }] },
        Some(_) => any(live.clone(), mine.clone()),
    };
    let free = doc! { "$and": [{ "$not": foreign.clone() }, { "$not": same }, unwanted.clone()] };
    let gets = doc! { "$or": [has, free] };
    let mut set = blank_where_missing(&key.job, &key.period);
    let asks = doc! { "$and": [unwanted, foreign] };
    let wants = |next: Bson, standing: &str| {
        doc! { "$cond": [gets.clone(), Bson::Null, { "$cond": [asks.clone(), next, { "$ifNull": [standing, Bson::Null] }] }] }
    };
    set.insert("wantedBy", wants(owner.into(), "$wantedBy"));
    set.insert("wantedFor", wants(share.map(|share| share.what.as_str()).into(), "$wantedFor"));
    set.insert("wantedUntil", wants(later(reserve).into(), "$wantedUntil"));
    let (until, alone, sharers) = match share {
        None => (Bson::Document(later(length)), owner, Bson::Array(Vec::new())),
        Some(Share { what, part }) => {
            let me = doc! { "owner": owner, "what": what, "part": part, "until": later(length) };
            let others = some(live, doc! { "$not": mine });
            (Bson::Null, "", doc! { "$concatArrays": [others, [me]] }.into())
        }
    };
    set.insert("leaseSince", doc! { "$cond": [gets.clone(), "$$NOW", { "$ifNull": ["$leaseSince", Bson::Null] }] });
    set.insert(
        "leaseRenewedAt",
        doc! { "$cond": [gets.clone(), "$$NOW", { "$ifNull": ["$leaseRenewedAt", Bson::Null] }] },
    );
    set.insert("leaseUntil", doc! { "$cond": [gets.clone(), until, { "$ifNull": ["$leaseUntil", Bson::Null] }] });
    set.insert("owner", doc! { "$cond": [gets.clone(), alone, { "$ifNull": ["$owner", ""] }] });
    set.insert("sharers", doc! { "$cond": [gets.clone(), sharers, { "$ifNull": ["$sharers", []] }] });
    // Of whoever asked last, who reads it in the same command.
    set.insert("got", gets);
    set
}

/// Who has it, as far as anybody is named.
fn holder(found: &Document) -> String {
    let alone = found.get_str("owner").ok().filter(|owner| !owner.is_empty());
    let sharers = found.get_array("sharers").ok().into_iter().flatten();
    let shared = || sharers.filter_map(|one| one.as_document()?.get_str("owner").ok()).next();
    // Whoever had it last may find that it is free, and kept for another.
    alone.or_else(shared).unwrap_or_default().to_owned()
}

/// The fields of a record that no run has made yet, each where it is not there.
pub(super) fn blank_where_missing(job: &str, period: &str) -> Document {
    let standing = |field: &str| format!("${field}");
    let blank = run::blank(job, period).into_iter().map(|(field, value)| {
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
