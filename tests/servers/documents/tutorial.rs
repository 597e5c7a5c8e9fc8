//! The replaced pipeline's documents, field by field, compared with its formulas.

use std::collections::BTreeMap;

use mongodb::bson::spec::ElementType;
use mongodb::bson::{Bson, Document};

use super::formulas::{self, AMOUNTS, Anomaly, Ids, Statistics};
use super::told;
use costwarden_tests::eight_services::{self, DATABASE, DISK, EDGE, MACHINE, day};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::{self, Bills, Row, SeriesKey, compact};

/// Names, pricing types and regions of a series in [`eight_services::bills`], without duplicates.
fn labels(ids: &Ids) -> ([&str; 3], &'static [&'static str], &'static [&'static str]) {
    let [domain, project, service] = ids;
    let names = match (domain.as_str(), project.as_str(), service.as_str()) {
        ("d-1", "p-1", "vm") => ["우리회사", "쇼핑몰", "Virtual Machine"],
        ("d-1", "p-1", _) => ["우리회사", "쇼핑몰", "Block Storage"],
        ("d-1", _, "mysql") => ["우리회사", "물류", "MySQL"],
        ("d-1", ..) => ["우리회사", "물류", "Trial"],
        (_, _, "credit") => [domain.as_str(), project, service],
        (_, _, "network") => ["Other", "Research", "Network"],
        (_, _, "edge") => ["Other", "Research", "Edge"],
        _ => ["Other", "Research", "Early"],
    };
    match service.as_str() {
        "vm" => (names, &["ONDEMAND", "RESERVED"], &["kr-central-1", "kr-central-2"]),
        "disk" => (names, &[], &["kr-central-2"]),
        _ => (names, &[], &[]),
    }
}

#[test]
fn a_replayed_week_gives_the_documents_of_the_replaced_pipeline() {
    let Some(mongo) = Mongo::new() else { return };
    let workdir = eight_services::workdir(&mongo.store());
    for run in eight_services::runs().iter().filter(|run| run[0] != "hourly") {
        workdir.run(&eight_services::texts(run)).expect(0);
    }
    let bills = eight_services::bills();
    let worked = formulas::work(&bills);

    // The bills ask what they are meant to ask.
    let found: Vec<String> = worked
        .anomalies
        .keys()
        .map(|(date, [_, _, service])| format!("{service} {}", (*date - eight_services::FIRST).get_days()))
        .collect();
    assert_eq!(
        found,
        ["early 24", "early 25", "edge 28", "disk 29", "vm 30", "mysql 30", "credit 31", "trial 32", "early 34"]
    );
    let by = |series_key: SeriesKey, index| &worked.anomalies[&(day(index), series_key.ids.map(str::to_owned))];
    assert_eq!(by(EDGE, 28).z, Some(3.0));
    assert_eq!((by(DISK, 29).z, by(DISK, 29).ratio), (None, 2.0));
    assert!(by(MACHINE, 30).ratio < 2.0);
    let rows = [33_333_333_333.1, -33_333_333_333.3, 100.2];
    let sums = [rows[0] + rows[1] + rows[2], rows[2] + rows[1] + rows[0]];
    assert!(sums[0] != sums[1] && sums[0] != 100.0, "{sums:?}");

    let daily = mongo.documents("billing_daily");
    assert_eq!(daily.len(), worked.days.len());
    let mut daily: BTreeMap<_, _> = daily.into_iter().map(|document| (dated(&document), document)).collect();
    for ((date, ids), sums) in &worked.days {
        let document = daily.remove(&(compact(*date), ids.clone())).expect("a document of the day");
        let anomalous = worked.anomalies.contains_key(&(*date, ids.clone()));
        check_daily(&document, ids, sums, anomalous);
    }

    let anomalies = mongo.documents("billing_anomalies");
    assert_eq!(anomalies.len(), worked.anomalies.len());
    let mut anomalies: BTreeMap<_, _> = anomalies.into_iter().map(|document| (dated(&document), document)).collect();
    for ((date, ids), anomaly) in &worked.anomalies {
        check_anomaly(&anomalies.remove(&(compact(*date), ids.clone())).expect("an anomaly"), ids, anomaly);
    }

    let baselines = mongo.documents("billing_baseline");
    assert_eq!(baselines.len(), worked.statistics.len());
    let mut baselines: BTreeMap<_, _> = baselines.into_iter().map(|document| (ids_of(&document), document)).collect();
    for (ids, statistics) in &worked.statistics {
        check_baseline(&baselines.remove(ids).expect("a baseline"), ids, statistics);
    }
    check_indexes(&mongo);
}

#[test]
fn a_day_is_judged_by_ninety_days_before_it() {
    const OLD: SeriesKey = SeriesKey { ids: ["d", "p", "old"], names: ["D", "P", "Old"] };
    let Some(mongo) = Mongo::new() else { return };
    let workdir = eight_services::workdir_of(&mongo.store(), "");
    // The first day alone spreads the others so far that the last is no anomaly; a day later it is too old to count.
    let amount = |index: i64| match index {
        0 => "190".to_owned(),
        90 | 91 => "125".to_owned(),
        _ => format!("{}", 100 + index % 2),
    };
    let bills: Bills = (0..92).map(|index| (day(index), vec![Row::of(OLD, &amount(index))])).collect();
    replay::write_all(&workdir, &bills);
    let worked = formulas::work(&bills);
    let found: Vec<_> = worked.anomalies.keys().map(|(date, _)| *date).collect();
    assert_eq!(found, [day(91)], "what the bills are made for");

    workdir.run(&["backfill", &format!("--from={}", day(0)), &format!("--to={}", day(89))]).expect(0);
    for index in [90, 91] {
        workdir.run(&["daily", &format!("--date={}", day(index))]).expect(0);
    }
    let ids = OLD.ids.map(str::to_owned);
    let anomalies = mongo.documents("billing_anomalies");
    assert_eq!(anomalies.iter().map(dated).collect::<Vec<_>>(), [(compact(day(91)), ids.clone())]);
    let anomaly = &worked.anomalies[&(day(91), ids.clone())];
    close(&anomalies[0], "baselineMean", anomaly.mean);
    close(&anomalies[0], "baselineStd", anomaly.std);
    let baseline = &mongo.documents("billing_baseline")[0];
    assert_eq!(worked.statistics[&ids].count, 89, "90 days, and the last is anomalous");
    check_statistics(baseline, &worked.statistics[&ids]);
}

#[test]
fn the_week_is_told_in_the_words_that_alert_policies_match() {
    let workdir = eight_services::workdir(eight_services::EMBEDDED);
    let worked = formulas::work(&eight_services::bills());
    let mut lines = Vec::new();
    for run in eight_services::runs().iter().filter(|run| run[0] != "hourly") {
        let run = workdir.run(&[eight_services::texts(run).as_slice(), &["--json"]].concat()).expect(0);
        lines.extend(told(&run).into_iter().map(str::to_owned));
    }
    let anomaly = |series_key: SeriesKey, index: i64| {
        let Anomaly { observed, mean, ratio, .. } = worked.anomalies[&(day(index), series_key.ids.map(str::to_owned))];
        let [domain, project, service] = series_key.names;
        let percent = (ratio - 1.0) * 100.0;
        format!(
            "[BILLING_ANOMALY] {domain}/{project} 프로젝트의 {service} 비용이 평소 대비 약 {percent:.1}% 높습니다. 현재 {observed:.2}원, 기준 평균 {mean:.2}원."
        )
    };
    let of_day = |index: i64| -> Vec<&str> {
        let total = format!("[BILLING_DAILY_TOTAL] [{}]", day(index));
        let end = lines.iter().position(|line| line.starts_with(&total)).expect("a total");
        let begin =
            lines[..end].iter().rposition(|line| line.starts_with("[BILLING_DAILY_TOTAL]")).map_or(0, |at| at + 1);
        lines[begin..=end].iter().map(String::as_str).collect()
    };
    assert_eq!(of_day(28)[0], anomaly(EDGE, 28), "nothing of the history is told");
    assert!(of_day(29).contains(&anomaly(DISK, 29).as_str()), "{lines:#?}");
    assert!(of_day(30).contains(&anomaly(MACHINE, 30).as_str()), "{lines:#?}");
    assert!(of_day(30).contains(&anomaly(DATABASE, 30).as_str()), "{lines:#?}");
    // 103 + 50 + 500 + 0 - 10.1 + 203 + 130 + 300
    assert_eq!(of_day(28)[1..], ["[BILLING_DAILY_TOTAL] [2026-10-19]의 총 요금은 1,275.90원 입니다."]);
    assert_eq!(lines.iter().filter(|line| line.starts_with("[BILLING_ANOMALY]")).count(), 7, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("[BILLING_DAILY_TOTAL]")).count(), 7, "{lines:#?}");
}

fn check_daily(document: &Document, ids: &Ids, sums: &[f64; 5], anomalous: bool) {
    let (names, pricing_types, regions) = labels(ids);
    check_names(document, names);
    for (field, sum) in AMOUNTS.iter().zip(sums) {
        assert_eq!(document.get(field), Some(&Bson::Double(*sum)), "{field} of {document}");
    }
    assert_eq!(document.get("pricingType"), Some(&Bson::Null), "{document}");
    assert_eq!(document.get("pricingTypes"), Some(&texts(pricing_types)), "{document}");
    assert_eq!(document.get("regions"), Some(&texts(regions)), "{document}");
    assert_eq!(document.get("isAnomaly"), Some(&Bson::Boolean(anomalous)), "{document}");
    check_types(document, &["createdAt", "updatedAt"], ElementType::DateTime);
    check_types(document, &["date", "domainId", "projectId", "serviceId", "runId"], ElementType::String);
}

fn check_anomaly(document: &Document, ids: &Ids, anomaly: &Anomaly) {
    check_names(document, labels(ids).0);
    assert_eq!(document.get("hour"), Some(&Bson::Null), "{document}");
    assert_eq!(document.get("ruleId"), Some(&Bson::from("tutorial")), "{document}");
    assert_eq!(document.get("observedAmount"), Some(&Bson::Double(anomaly.observed)), "{document}");
    close(document, "baselineMean", anomaly.mean);
    close(document, "baselineStd", anomaly.std);
    close(document, "deviationRatio", anomaly.ratio);
    match anomaly.z {
        Some(z) => close(document, "zScore", z),
        None => assert_eq!(document.get("zScore"), Some(&Bson::Null), "{document}"),
    }
    let threshold = document.get_document("threshold").expect("thresholds");
    assert_eq!(threshold.get("zScore"), Some(&Bson::Double(3.0)), "{document}");
    assert_eq!(threshold.get("deviationRatio"), Some(&Bson::Double(2.0)), "{document}");
    assert_eq!(document.get("status"), Some(&Bson::from("NEW")), "{document}");
    check_types(document, &["createdAt", "updatedAt"], ElementType::DateTime);
    check_types(
        document,
        &["date", "domainId", "projectId", "serviceId", "reason", "incident", "runId"],
        ElementType::String,
    );
}

fn check_baseline(document: &Document, ids: &Ids, statistics: &Statistics) {
    let (names, pricing_types, _) = labels(ids);
    assert_eq!(document.get("serviceName"), Some(&Bson::from(names[2])), "{document}");
    assert_eq!(document.get("pricingType"), Some(&Bson::Null), "{document}");
    assert_eq!(document.get("pricingTypes"), Some(&texts(pricing_types)), "{document}");
    check_types(document, &["createdAt", "lastUpdated"], ElementType::DateTime);
    check_types(document, &["runId"], ElementType::String);
    check_statistics(document, statistics);
}

fn check_statistics(document: &Document, statistics: &Statistics) {
    let stored = document.get_document("statistics").expect("statistics");
    assert_eq!(stored.get("sampleCount"), Some(&Bson::Int32(statistics.count as i32)), "{document}");
    assert_eq!(stored.get("min"), Some(&Bson::Double(statistics.min)), "{document}");
    assert_eq!(stored.get("max"), Some(&Bson::Double(statistics.max)), "{document}");
    close(stored, "mean", statistics.mean);
    close(stored, "std", statistics.std);
    close(stored, "p50", statistics.p50);
    close(stored, "p95", statistics.p95);
}

/// Fields and their order.
type Key = Vec<(String, f64)>;

fn check_indexes(mongo: &Mongo) {
    let key =
        |fields: &[(&str, f64)]| fields.iter().map(|(field, order)| ((*field).to_owned(), *order)).collect::<Vec<_>>();
    let up = |fields: &[&str]| key(&fields.iter().map(|field| (*field, 1.0)).collect::<Vec<_>>());
    let indexes = |wanted: Vec<(&str, Key, bool)>| {
        wanted.into_iter().map(|(name, key, unique)| (name.to_owned(), (key, unique))).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(
        mongo.indexes("billing_daily"),
        indexes(vec![
            ("unique_daily_summary", up(&["date", "domainId", "projectId", "serviceId", "pricingType"]), true),
            ("date_desc", key(&[("date", -1.0)]), false),
        ])
    );
    assert_eq!(
        mongo.indexes("billing_baseline"),
        indexes(vec![("unique_baseline", up(&["domainId", "projectId", "serviceId", "pricingType"]), true)])
    );
    assert_eq!(
        mongo.indexes("billing_anomalies"),
        indexes(vec![
            ("unique_anomaly_key", up(&["date", "hour", "domainId", "projectId", "serviceId", "ruleId"]), true),
            ("date_hour_desc", key(&[("date", -1.0), ("hour", -1.0)]), false),
            ("status_created_desc", key(&[("status", 1.0), ("createdAt", -1.0)]), false),
            ("domain_project_service", up(&["domainId", "projectId", "serviceId"]), false),
        ])
    );
}

fn check_names(document: &Document, names: [&str; 3]) {
    for (field, name) in ["domainName", "projectName", "serviceName"].iter().zip(names) {
        assert_eq!(document.get(field), Some(&Bson::from(name)), "{document}");
    }
}

#[track_caller]
fn check_types(document: &Document, fields: &[&str], kind: ElementType) {
    for field in fields {
        assert_eq!(document.get(field).map(Bson::element_type), Some(kind), "{field} of {document}");
    }
}

/// Asserts equality of doubles up to the order of summation.
#[track_caller]
pub(crate) fn close(document: &Document, field: &str, expected: f64) {
    let Some(Bson::Double(found)) = document.get(field) else { panic!("{field} is no double in {document}") };
    let off = (found - expected).abs();
    assert!(off <= 1e-12 * expected.abs(), "{field} is {found}, expected {expected}: {document}");
}

pub(crate) fn dated(document: &Document) -> (String, Ids) {
    (document.get_str("date").expect("a date").to_owned(), ids_of(document))
}

fn ids_of(document: &Document) -> Ids {
    ["domainId", "projectId", "serviceId"].map(|field| document.get_str(field).expect("an id").to_owned())
}

fn texts(texts: &[&str]) -> Bson {
    Bson::Array(texts.iter().map(|text| Bson::from(*text)).collect())
}
