//! A database of the replaced pipeline: costwarden trains on its history, keeps its documents and replaces its index.

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::formulas;
use super::tutorial::{close, dated};
use costwarden_tests::eight_services::{self, day};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::{self, Row, SeriesKey, compact};

const SHOP: SeriesKey =
    SeriesKey { ids: ["d-1", "p-1", "vm"], names: ["우리회사", "쇼핑몰", "Virtual Machine"] };
const DEPOT: SeriesKey = SeriesKey { ids: ["d-1", "p-2", "vm"], names: ["우리회사", "물류", "Virtual Machine"] };

/// A document in the form of another driver: whole amounts are integers, and there is an unknown field.
fn old_day(index: i64, series_key: SeriesKey, amount: impl Into<Bson>, anomalous: bool) -> Document {
    let [domain, project, service] = series_key.ids;
    let [domain_name, project_name, service_name] = series_key.names;
    let written = DateTime::from_millis(1_700_000_000_000);
    doc! {
        "date": compact(day(index)), "domainId": domain, "domainName": domain_name, "projectId": project,
        "projectName": project_name, "serviceId": service, "serviceName": service_name, "pricingType": null,
        "expectAmount": amount.into(), "usageTime": 24, "usageSize": 0, "generalAmount": 0, "discountAmount": 0,
        "pricingTypes": ["ONDEMAND"], "regions": ["kr-central-2"], "isAnomaly": anomalous,
        "createdAt": written, "updatedAt": written, "costCenter": "4711",
    }
}

fn amount(index: i64) -> i32 {
    100 + (index % 3) as i32
}

#[test]
fn a_database_of_the_replaced_pipeline_is_taken_over() {
    let Some(mongo) = Mongo::new() else { return };
    mongo.command(doc! { "createIndexes": "billing_anomalies", "indexes": [
        { "name": "unique_anomaly_key", "unique": true,
          "key": { "date": 1, "hour": 1, "domainId": 1, "projectId": 1, "serviceId": 1 } },
        { "name": "status_created_desc", "key": { "status": 1, "createdAt": -1 } },
    ]});
    let mut days: Vec<Document> =
        (0..30).map(|index| old_day(index, SHOP, if index == 20 { 900 } else { amount(index) }, index == 20)).collect();
    days.extend((0..30).map(|index| old_day(index, DEPOT, 5.5, false)));
    mongo.insert("billing_daily", &days);
    let [domain, project, service] = SHOP.ids;
    let written = DateTime::from_millis(1_700_000_000_000);
    let old_finding = |hour: i32| {
        doc! {
            "date": compact(day(20)), "hour": hour, "domainId": domain, "domainName": "우리회사", "projectId": project,
            "projectName": "쇼핑몰", "serviceId": service, "serviceName": "Virtual Machine", "observedAmount": 900.0,
            "baselineMean": 101.0, "baselineStd": 0.8, "zScore": 990.0, "deviationRatio": 8.9,
            "threshold": { "zScore": 3.0, "deviationRatio": 2.0 }, "status": "ACKNOWLEDGED",
            "createdAt": written, "updatedAt": written,
        }
    };
    mongo.insert("billing_anomalies", &[old_finding(14), old_finding(15)]);
    mongo.insert(
        "billing_baseline",
        &[doc! {
            "domainId": domain, "projectId": project, "serviceId": service, "serviceName": "Virtual Machine",
            "pricingType": null, "statistics": { "mean": 1.0, "std": 1.0, "sampleCount": 3 }, "pricingTypes": [],
            "createdAt": written, "lastUpdated": written, "owner": "team-a",
        }],
    );

    // The last of the old days once more, corrected; then a day that is twice as dear.
    let workdir = eight_services::workdir_of(&mongo.store(), "");
    replay::write(&workdir, "bills", day(29), None, &[Row::of(SHOP, "103.25"), Row::of(DEPOT, "5.5")]);
    replay::write(&workdir, "bills", day(30), None, &[Row::of(SHOP, "210"), Row::of(DEPOT, "5.5")]);
    for index in [29, 30] {
        workdir.run(&["daily", &format!("--date={}", day(index))]).expect(0);
    }

    let daily = mongo.documents("billing_daily");
    assert_eq!(daily.len(), 62);
    let of = |index: i64, series_key: SeriesKey| {
        let key = (compact(day(index)), series_key.ids.map(str::to_owned));
        daily.iter().find(|document| dated(document) == key).expect("a document")
    };
    for index in 0..29 {
        let expected = &days[index as usize];
        assert_eq!(of(index, SHOP), expected, "what nobody fetched again is as it was");
    }
    let corrected = of(29, SHOP);
    assert_eq!(corrected.get("expectAmount"), Some(&Bson::Double(103.25)));
    assert_eq!(corrected.get("costCenter"), Some(&Bson::from("4711")), "{corrected}");
    assert_eq!(corrected.get("createdAt"), Some(&Bson::DateTime(written)), "{corrected}");
    assert!(corrected.get_datetime("updatedAt").expect("a time") > &written, "{corrected}");
    assert_eq!(of(30, SHOP).get("isAnomaly"), Some(&Bson::Boolean(true)));

    let history: Vec<f64> =
        (0..29).filter(|index| *index != 20).map(|index| f64::from(amount(index))).chain([103.25]).collect();
    let expected = formulas::statistics(&history).expect("values");
    let anomalies = mongo.documents("billing_anomalies");
    let (old, new): (Vec<_>, Vec<_>) = anomalies.into_iter().partition(|document| document.get("ruleId").is_none());
    assert_eq!(old, [old_finding(14), old_finding(15)]);
    assert_eq!(new.iter().map(dated).collect::<Vec<_>>(), [(compact(day(30)), SHOP.ids.map(str::to_owned))]);
    close(&new[0], "baselineMean", expected.mean);
    close(&new[0], "baselineStd", expected.std);
    close(&new[0], "deviationRatio", 210.0 / expected.mean);

    let baselines = mongo.documents("billing_baseline");
    let baseline = baselines.iter().find(|document| document.get_str("projectId") == Ok(project)).expect("a baseline");
    assert_eq!(baseline.get("owner"), Some(&Bson::from("team-a")), "{baseline}");
    assert_eq!(baseline.get("createdAt"), Some(&Bson::DateTime(written)), "{baseline}");
    let statistics = baseline.get_document("statistics").expect("statistics");
    assert_eq!(statistics.get("sampleCount"), Some(&Bson::Int32(29)), "{baseline}");
    close(statistics, "mean", expected.mean);
    assert_eq!(baselines.len(), 2);

    let indexes = mongo.indexes("billing_anomalies");
    let (key, unique) = &indexes["unique_anomaly_key"];
    let fields: Vec<&str> = key.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["date", "hour", "domainId", "projectId", "serviceId", "ruleId"]);
    assert!(unique);
    assert_eq!(indexes.len(), 4, "{indexes:?}");
}
