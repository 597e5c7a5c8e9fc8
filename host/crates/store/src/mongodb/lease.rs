//! Leases in `job_runs`. Every change is a single command on a single document, confirmed by a majority. All times come
//! from the server's clock, so the clocks of the hosts may differ.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use jiff::SignedDuration;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;

use super::Mongodb;
use super::indexes::{DUPLICATE_KEY, is_code};
use super::read::unreadable_document;
use crate::documents::run;
use crate::error::StoreError;
use crate::lease::{HeldLease, LeaseGrant, LeaseKey, LeaseRequest};

/// Maximum attempts per request.
const ATTEMPTS: u32 = 3;

impl Mongodb {
    pub(crate) async fn acquire_lease(&self, request: LeaseRequest<'_>) -> Result<LeaseGrant, StoreError> {
        let key = request.key;
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let set = acquisition(request);
        let mut attempt = 1;
        loop {
            let acquire = collection
                // An update pipeline: only a pipeline can read `$$NOW` and compare fields.
                .find_one_and_update(run::key(&key.job, &key.period), vec![doc! { "$set": set.clone() }])
                .upsert(true)
                .return_document(ReturnDocument::After)
                .projection(doc! { "_id": 0, "granted": 1, "owner": 1, "leaseUntil": 1 });
            match self.answer(acquire).await {
                Ok(document) => return Ok(read_grant(&document.unwrap_or_default())),
                // Two hosts inserted the document at the same time. The next attempt updates the document of the faster
                // host.
                Err(error) if attempt < ATTEMPTS && is_code(&error, DUPLICATE_KEY) => attempt += 1,
                Err(error) => return Err(self.failure("acquire a lease in", run::COLLECTION.name, &error)),
            }
        }
    }

    pub(crate) async fn renew_lease(&self, request: LeaseRequest<'_>) -> Result<bool, StoreError> {
        let LeaseRequest { key, owner, length, .. } = request;
        let mut filter = run::key(&key.job, &key.period);
        filter.insert("owner", owner);
        let set = doc! { "leaseUntil": after_now(length), "leaseRenewedAt": "$$NOW" };
        // After `length`, the lease has expired anyway.
        let renewed = self.answer_within(length, self.change_lease(filter, set)).await;
        renewed.map_err(|error| self.failure("renew a lease in", run::COLLECTION.name, &error))
    }

    pub(crate) async fn release_lease(&self, key: &LeaseKey, owner: &str) -> Result<(), StoreError> {
        let mut filter = run::key(&key.job, &key.period);
        filter.insert("owner", owner);
        let released = self.answer(self.change_lease(filter, doc! { "leaseUntil": Bson::Null })).await;
        released.map(drop).map_err(|error| self.failure("release a lease in", run::COLLECTION.name, &error))
    }

    /// Returns all held leases. The ages come from the server's clock, so every host sees the same ages.
    pub(crate) async fn held_leases(&self) -> Result<Vec<HeldLease>, StoreError> {
        let failed = |error| self.failure("read", run::COLLECTION.name, &error);
        let left = doc! { "$subtract": ["$leaseUntil", "$$NOW"] };
        let renewed = doc! { "$subtract": ["$$NOW", "$leaseRenewedAt"] };
        let fields = doc! { "_id": 0, "job": 1, "period": 1, "owner": 1, "left": left, "renewed": renewed };
        let is_held = doc! { "leaseUntil": { "$type": "date" } };
        let stages =
            [doc! { "$match": is_held }, doc! { "$project": fields }, doc! { "$sort": { "job": 1, "period": 1 } }];
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let mut documents = self.answer(collection.aggregate(stages)).await.map_err(failed)?;
        let mut leases = Vec::new();
        while let Some(document) = self.answer(documents.try_next()).await.map_err(failed)? {
            let lease = read_held_lease(&document);
            leases.push(lease.map_err(|cause| unreadable_document(&run::COLLECTION, &document, cause))?);
        }
        Ok(leases)
    }

    async fn change_lease(&self, filter: Document, set: Document) -> Result<bool, mongodb::error::Error> {
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let changed = collection.update_one(filter, vec![doc! { "$set": set }]).await?;
        Ok(changed.matched_count == 1)
    }
}

fn read_held_lease(document: &Document) -> Result<HeldLease, String> {
    let text = |field: &str| document.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    Ok(HeldLease {
        key: LeaseKey { job: text("job")?, period: text("period")? },
        owner: text("owner")?,
        left: SignedDuration::from_millis(document.get_i64("left").map_err(|error| error.to_string())?),
        renewed: document.get_i64("renewed").ok().map(SignedDuration::from_millis),
    })
}

/// Reads the answer to a request. Without a grant, the owner is empty if the lease is free but reserved.
fn read_grant(document: &Document) -> LeaseGrant {
    if document.get_bool("granted").unwrap_or(false) {
        return LeaseGrant::Granted;
    }
    LeaseGrant::HeldBy { owner: document.get_str("owner").unwrap_or_default().to_owned() }
}

/// Returns the change of a lease's document when a process requests the lease. `owner` and `leaseUntil` belong to the
/// holder, `wantedBy` and `wantedUntil` to the next in the queue.
fn acquisition(request: LeaseRequest<'_>) -> Document {
    let LeaseRequest { key, owner, length, reserve } = request;
    // A missing field is null, and null sorts before every date.
    let is_past = |field: &str| doc! { "$lte": [{ "$ifNull": [field, Bson::Null] }, "$$NOW"] };
    let is_unreserved = doc! { "$or": [is_past("$wantedUntil"), { "$eq": ["$wantedBy", owner] }] };
    let is_valid = doc! { "$not": is_past("$leaseUntil") };
    let is_held_by_other = doc! { "$and": [{ "$ne": ["$owner", owner] }, is_valid.clone()] };
    let is_held_by_owner = doc! { "$and": [{ "$eq": ["$owner", owner] }, is_valid] };
    let is_free = doc! { "$and": [{ "$not": is_held_by_other.clone() }, is_unreserved.clone()] };
    let is_granted = doc! { "$or": [is_held_by_owner, is_free] };
    let is_next = doc! { "$and": [is_unreserved, is_held_by_other] };
    // All expressions of a single `$set` stage read the document from before the change.
    let mut set = blank_where_missing(&key.job, &key.period);
    let reserved = |value: Bson, field: &str| {
        let unless_granted = doc! { "$cond": [is_next.clone(), value, { "$ifNull": [field, Bson::Null] }] };
        doc! { "$cond": [is_granted.clone(), Bson::Null, unless_granted] }
    };
    set.insert("wantedBy", reserved(owner.into(), "$wantedBy"));
    set.insert("wantedUntil", reserved(after_now(reserve).into(), "$wantedUntil"));
    let granted = |value: Bson, existing: Bson| doc! { "$cond": [is_granted.clone(), value, existing] };
    let or_null = |field: &str| doc! { "$ifNull": [field, Bson::Null] }.into();
    set.insert("leaseSince", granted("$$NOW".into(), or_null("$leaseSince")));
    set.insert("leaseRenewedAt", granted("$$NOW".into(), or_null("$leaseRenewedAt")));
    set.insert("leaseUntil", granted(after_now(length).into(), or_null("$leaseUntil")));
    set.insert("owner", granted(owner.into(), doc! { "$ifNull": ["$owner", ""] }.into()));
    // The field belongs to the latest request: the same command returns the field to the requesting process.
    set.insert("granted", is_granted);
    set
}

/// Returns the fields of a blank run record; keeps the existing value of each field.
fn blank_where_missing(job: &str, period: &str) -> Document {
    let existing = |field: &str| format!("${field}");
    let blank = run::blank_fields(job, period).into_iter().map(|(field, value)| {
        // `$literal` keeps the server from evaluating the value.
        let kept = doc! { "$ifNull": [existing(&field), { "$literal": value }] };
        (field, kept)
    });
    let times = ["createdAt", "startedAt", "updatedAt"];
    let times = times.map(|time| (time.to_owned(), doc! { "$ifNull": [existing(time), "$$NOW"] }));
    blank.chain(times).map(|(field, kept)| (field, Bson::Document(kept))).collect()
}

/// Returns the expression of a time after the server's present time.
fn after_now(span: Duration) -> Document {
    doc! { "$add": ["$$NOW", i64::try_from(span.as_millis()).unwrap_or(i64::MAX)] }
}
