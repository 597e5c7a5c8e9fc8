//! A history in MongoDB, equal to the result of nightly and hourly jobs.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::ToSpan as _;
use jiff::civil::Date;
use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};

use crate::bill::{Bill, Service};

/// The database for the history of a bill's first services.
pub(crate) struct Ledger<'a> {
    pub(crate) database: &'a Database,
    pub(crate) bill: &'a Bill,
    pub(crate) services: usize,
}

/// Days of hourly snapshots, more than the default rules read.
const SNAPSHOT_DAYS: u16 = 50;
/// Days in one bulk write.
const AT_A_TIME: usize = 4;
/// The mark of a complete history.
const MARK: &str = "bench";
/// The run id of the history.
const RUN: &str = "01a213ec-7800-7000-8000-000000000000";

impl Ledger<'_> {
    /// Writes days before `first`, and hourly snapshots up to `last_snapshot`. Documents of later runs are removed. A
    /// complete history is kept.
    pub(crate) async fn load(&self, first: Date, days: u16, last_snapshot: Date) -> anyhow::Result<()> {
        let marks = self.database.collection::<Document>(MARK);
        let snapshots = first.checked_sub(i64::from(SNAPSHOT_DAYS.min(days)).days())?.series(1.day());
        let snapshots = || snapshots.clone().take_while(|day| *day <= last_snapshot);
        if marks.find_one(doc! {}).await?.is_some() {
            let from = |day: Date| doc! { "date": { "$gte": text(day) } };
            self.collection("billing_daily").delete_many(from(first)).await?;
            self.collection("billing_hourly").delete_many(from(last_snapshot.tomorrow()?)).await?;
            for collection in ["billing_baseline", "billing_anomalies", "billing_incidents", "job_runs"] {
                self.collection(collection).delete_many(doc! {}).await?;
            }
            return Ok(());
        }
        self.database.drop().await?;
        eprintln!("loading {days} days of {} services", self.services);
        let daily = first.checked_sub(i64::from(days).days())?.series(1.day()).take_while(|day| *day < first);
        self.insert("billing_daily", daily, daily_document).await?;
        self.insert("billing_hourly", snapshots(), hourly_document).await?;
        marks.insert_one(doc! { "days": i32::from(days) }).await?;
        Ok(())
    }

    /// Asserts that the documents of a day by the jobs resemble the loaded documents.
    pub(crate) async fn check(&self, day: Date) -> anyhow::Result<()> {
        let shape = |document: &Document| {
            let field = |(name, value): (&String, &Bson)| (name.clone(), value.element_type() as u8);
            document.iter().filter(|(name, _)| *name != "_id").map(field).collect::<BTreeMap<_, _>>()
        };
        let service = &self.bill.services[0];
        let [account, project, id] = &service.ids;
        let filter = doc! { "date": text(day), "domainId": account, "projectId": project, "serviceId": id };
        let stored = self.collection("billing_daily").find_one(filter).await?;
        let stored = stored.ok_or_else(|| anyhow::anyhow!("the daily job has left no document of {day}"))?;
        let loaded = daily_document(service, 0, day);
        anyhow::ensure!(
            shape(&stored) == shape(&loaded),
            "the bench loads documents that the store would not write: it writes {stored}, the bench {loaded}"
        );
        Ok(())
    }

    async fn insert(
        &self,
        name: &str,
        days: impl Iterator<Item = Date>,
        document: fn(&Service, usize, Date) -> Document,
    ) -> anyhow::Result<()> {
        let collection = self.collection(name);
        let inserts = days.map(|day| {
            let collection = collection.clone();
            let services = self.bill.services.iter().take(self.services).enumerate();
            async move {
                let documents: Vec<Document> = services.map(|(place, service)| document(service, place, day)).collect();
                collection.insert_many(documents).ordered(false).await.map(drop)
            }
        });
        Ok(futures_util::stream::iter(inserts).buffer_unordered(AT_A_TIME).try_collect().await?)
    }

    fn collection(&self, name: &str) -> mongodb::Collection<Document> {
        self.database.collection(name)
    }
}

fn daily_document(service: &Service, place: usize, day: Date) -> Document {
    let expect = service.day(place, day)[23];
    let mut document = key(service, day);
    document.extend(doc! { "pricingType": Bson::Null, "isAnomaly": false, "createdAt": written(day) });
    document.extend(names(service));
    document.extend(doc! {
        "expectAmount": expect,
        "generalAmount": expect * 1.05,
        "discountAmount": expect * 0.05,
        "usageTime": expect / 120.0,
        "usageSize": expect / 900.0,
        "pricingTypes": &service.pricing_types,
        "regions": &service.regions,
        "updatedAt": written(day),
        "runId": RUN,
    });
    document
}

fn hourly_document(service: &Service, place: usize, day: Date) -> Document {
    let hours = service.day(place, day).into_iter().enumerate();
    let hours: Document = hours.map(|(hour, amount)| (format!("{hour:02}"), Bson::Double(amount))).collect();
    let mut document = key(service, day);
    document.insert("createdAt", written(day));
    document.extend(names(service));
    document.extend(doc! { "hours": hours, "fetchedAt": written(day), "updatedAt": written(day), "runId": RUN });
    document
}

fn key(service: &Service, day: Date) -> Document {
    let [account, project, id] = &service.ids;
    doc! { "date": text(day), "domainId": account, "projectId": project, "serviceId": id }
}

fn names(service: &Service) -> Document {
    let [account, project, id] = &service.names;
    doc! { "domainName": account, "projectName": project, "serviceName": id }
}

fn text(day: Date) -> String {
    day.strftime("%Y%m%d").to_string()
}

fn written(day: Date) -> DateTime {
    DateTime::from_millis(i64::from((day - jiff::civil::date(1970, 1, 1)).get_days()) * 86_400_000)
}
