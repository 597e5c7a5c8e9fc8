//! `job_runs`: one run record per job and period, with the progress and the outcome.

use model::ledger::RefusedTotal;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use mongodb::bson::{Bson, Document, doc};

use super::field::{bson_time, date_text, field_name, parse_date, timestamp};
use super::key::Collection;
use super::upsert::Upsert;
use crate::checkpoint::Checkpoint;
use crate::records::RunRecord;

pub(crate) const COLLECTION: Collection = Collection {
    name: "job_runs",
    key: &["job", "period"],
    unique_index: "unique_run",
    indexes: &[("job_started_desc", &[("job", 1), ("startedAt", -1)])],
};

pub(crate) fn key(job: &str, period: &str) -> Document {
    doc! { "job": job, "period": period }
}

pub(crate) fn upsert(run: &RunRecord, now: Timestamp) -> Upsert {
    let set = doc! {
        "owner": &run.owner,
        "attempts": i64::from(run.attempts),
        "checkpoint": run.checkpoint.as_str(),
        "through": run.through.map(date_text),
        "until": run.until.map(date_text),
        "replayedThrough": run.replayed_through.as_deref(),
        "outcome": &run.outcome,
        "error": run.error.as_deref(),
        "counts": counts_document(&run.counts),
        "durationsMs": counts_document(&run.durations_ms),
        "totalDelivered": run.total_delivered.iter().collect::<Vec<_>>(),
        "total": run.total.as_deref(),
        "refusedRows": i64::try_from(run.refused.rows).unwrap_or(i64::MAX),
        "refusedAmount": run.refused.amount,
        "refusedRowsWithoutAmount": i64::try_from(run.refused.rows_without_amount).unwrap_or(i64::MAX),
        "startedAt": bson_time(run.started_at),
        "finishedAt": run.finished_at.map(bson_time),
        "updatedAt": bson_time(now),
    };
    Upsert { key: key(&run.job, &run.period), set, on_insert: doc! { "createdAt": bson_time(now) } }
}

/// Returns the fields of a document that only a lease has created so far, without the key, the owner and the times.
pub(crate) fn blank_fields(job: &str, period: &str) -> Document {
    let run = RunRecord {
        job: job.to_owned(),
        period: period.to_owned(),
        owner: String::new(),
        attempts: 0,
        checkpoint: Checkpoint::Started,
        through: None,
        until: None,
        replayed_through: None,
        outcome: "running".to_owned(),
        error: None,
        counts: BTreeMap::new(),
        durations_ms: BTreeMap::new(),
        total_delivered: BTreeSet::new(),
        total: None,
        refused: RefusedTotal::default(),
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: None,
        lease_until: None,
    };
    let mut fields = upsert(&run, Timestamp::UNIX_EPOCH).set;
    for field in ["owner", "startedAt", "updatedAt"] {
        fields.remove(field);
    }
    fields
}

/// Sets only the checkpoint of a run.
pub(crate) fn checkpoint_upsert(job: &str, period: &str, checkpoint: Checkpoint, now: Timestamp) -> Upsert {
    let set = doc! { "checkpoint": checkpoint.as_str(), "updatedAt": bson_time(now) };
    Upsert { key: key(job, period), set, on_insert: Document::new() }
}

/// Returns the runs with the latest start times, newest first.
pub(crate) fn newest_first(mut runs: Vec<RunRecord>, limit: usize) -> Vec<RunRecord> {
    runs.sort_by(|one, other| (other.started_at, &other.period).cmp(&(one.started_at, &one.period)));
    runs.truncate(limit);
    runs
}

pub(crate) fn read(document: &Document) -> Result<RunRecord, String> {
    let text = |field: &str| document.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    let optional = |field: &str| document.get_str(field).ok().map(str::to_owned);
    let count = |field: &str| document.get_i64(field).ok().and_then(|rows| rows.try_into().ok()).unwrap_or(0);
    let attempts = document.get_i64("attempts").map_err(|error| error.to_string())?;
    let total_delivered = document.get_array("totalDelivered").map_err(|error| error.to_string())?;
    Ok(RunRecord {
        job: text("job")?,
        period: text("period")?,
        owner: text("owner")?,
        attempts: u32::try_from(attempts).map_err(|_| format!("attempts is {attempts}, expected a count"))?,
        checkpoint: document.get_str("checkpoint").map_err(|error| error.to_string())?.parse()?,
        through: document.get_str("through").ok().map(parse_date).transpose()?,
        until: document.get_str("until").ok().map(parse_date).transpose()?,
        replayed_through: optional("replayedThrough"),
        outcome: text("outcome")?,
        error: optional("error"),
        counts: read_counts(document, "counts")?,
        durations_ms: read_counts(document, "durationsMs")?,
        total_delivered: total_delivered.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        total: optional("total"),
        refused: RefusedTotal {
            rows: count("refusedRows"),
            amount: document.get_f64("refusedAmount").unwrap_or_default(),
            rows_without_amount: count("refusedRowsWithoutAmount"),
        },
        started_at: timestamp(*document.get_datetime("startedAt").map_err(|error| error.to_string())?)?,
        lease_until: document.get_datetime("leaseUntil").ok().copied().map(timestamp).transpose()?,
        finished_at: document.get_datetime("finishedAt").ok().copied().map(timestamp).transpose()?,
    })
}

fn counts_document(counts: &BTreeMap<String, u64>) -> Document {
    let field = |(name, count): (&String, &u64)| {
        (field_name(name).into_owned(), Bson::Int64(i64::try_from(*count).unwrap_or(i64::MAX)))
    };
    counts.iter().map(field).collect()
}

fn read_counts(document: &Document, field: &str) -> Result<BTreeMap<String, u64>, String> {
    let counts = document.get_document(field).map_err(|error| error.to_string())?;
    let count = |(name, count): (&String, &Bson)| {
        let count = count.as_i64().and_then(|count| u64::try_from(count).ok());
        count.map(|count| (name.clone(), count)).ok_or_else(|| format!("{field}.{name} is not a count"))
    };
    counts.iter().map(count).collect()
}
