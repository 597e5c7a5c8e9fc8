//! What processes that share a run agree on: a document of `job_runs` for each run, in which the first answer to a question
//! stands. Each change is one command, confirmed by a majority.

use mongodb::bson::{Document, doc};
use mongodb::options::ReturnDocument;

use super::Mongodb;
use super::lease::blank_where_missing;
use crate::store::StoreError;
use crate::store::documents::run;

/// The job of these documents. The period is the run's.
const JOB: &str = "shared";

const DUPLICATE_KEY: i32 = 11_000;
const ATTEMPTS: u32 = 3;

impl Mongodb {
    pub(in crate::store) async fn join(&self, name: &str, of: u32) -> Result<(), StoreError> {
        let mut set = blank_where_missing(JOB, name);
        let done = doc! { "$ifNull": ["$done", []] };
        let is_over = doc! { "$gte": [{ "$size": done.clone() }, i64::from(of)] };
        set.insert("done", doc! { "$cond": [is_over.clone(), [], done] });
        set.insert(
            "answers",
            doc! { "$cond": [is_over, { "$literal": {} }, { "$ifNull": ["$answers", { "$literal": {} }] }] },
        );
        set.insert("owner", "");
        self.amend(name, set).await.map(drop)
    }

    pub(in crate::store) async fn agreed(&self, name: &str, question: &str) -> Result<Option<String>, StoreError> {
        let found = self.documents(&run::COLLECTION, run::key(JOB, name)).await?;
        Ok(found.first().and_then(|found| answer(found, question)))
    }

    pub(in crate::store) async fn agree(&self, name: &str, question: &str, says: &str) -> Result<String, StoreError> {
        let path = format!("answers.{question}");
        let first = doc! { "$ifNull": [format!("${path}"), { "$literal": says }] };
        let agreed = self.amend(name, doc! { path: first, "updatedAt": "$$NOW" }).await?;
        Ok(answer(&agreed, question).unwrap_or_else(|| says.to_owned()))
    }

    pub(in crate::store) async fn leave(&self, name: &str, index: u32) -> Result<(), StoreError> {
        let done = doc! { "$setUnion": [{ "$ifNull": ["$done", []] }, [i64::from(index)]] };
        self.amend(name, doc! { "done": done, "updatedAt": "$$NOW" }).await.map(drop)
    }

    /// Changes the document of a run, and gives it back.
    async fn amend(&self, name: &str, set: Document) -> Result<Document, StoreError> {
        let collection = self.database().collection::<Document>(run::COLLECTION.name);
        let mut attempt = 1;
        loop {
            let change = collection
                .find_one_and_update(run::key(JOB, name), vec![doc! { "$set": set.clone() }])
                .upsert(true)
                .return_document(ReturnDocument::After);
            match self.answer(change).await {
                Ok(found) => return Ok(found.unwrap_or_default()),
                // Two processes made the document at once: the other's is there now.
                Err(error) if attempt < ATTEMPTS && super::indexes::is_code(&error, DUPLICATE_KEY) => attempt += 1,
                Err(error) => return Err(self.failure("agree on a run in", run::COLLECTION.name, &error)),
            }
        }
    }
}

fn answer(document: &Document, question: &str) -> Option<String> {
    Some(document.get_document("answers").ok()?.get_str(question).ok()?.to_owned())
}
