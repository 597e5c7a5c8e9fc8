//! `billing_baseline`: one document per series, with the statistics of the replaced pipeline and the fits of the rules.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use model::intern::Interner;
use model::statistics::Statistics;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawBsonRef, RawDocument, doc};

use super::field::{
    bson_time, date_text, figures_document, insert_key, insert_names, number, parse_date, read_series, texts,
};
use super::key::Collection;
use super::upsert::Upsert;
use crate::records::{Baseline, Fit, FitRequest, FitState};

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_baseline",
    key: &["domainId", "projectId", "serviceId", "pricingType"],
    unique_index: "unique_baseline",
    indexes: &[],
};

/// Replaces the statistics and the fits of the given rules; keeps the fits of all remaining rules.
pub(crate) fn upsert(baseline: &Baseline, now: Timestamp) -> Upsert {
    let mut key = Document::new();
    insert_key(&mut key, &baseline.key);
    key.insert("pricingType", Bson::Null);
    let mut set = Document::new();
    insert_names(&mut set, &baseline.names);
    set.insert("statistics", baseline.statistics.as_ref().map(statistics_document));
    set.insert("pricingTypes", &baseline.pricing_categories);
    for (rule, fit) in &baseline.fits {
        // The path replaces only the fit of this rule.
        set.insert(format!("rules.{rule}"), fit_document(fit));
    }
    set.insert("lastUpdated", bson_time(now));
    Upsert { key, set, on_insert: doc! { "createdAt": bson_time(now) } }
}

/// Returns the projection with the fields that [`read`] needs for the requests.
pub(crate) fn projection(requests: &[FitRequest]) -> Document {
    let mut fields = doc! { "_id": 0 };
    for field in
        ["domainId", "projectId", "serviceId", "domainName", "projectName", "serviceName", "statistics", "pricingTypes"]
    {
        fields.insert(field, 1);
    }
    for request in requests {
        let rule = &request.rule;
        for field in ["detector", "settings", "fittedThrough"] {
            fields.insert(format!("rules.{rule}.{field}"), 1);
        }
        match request.hour {
            Some(hour) => {
                fields.insert(format!("rules.{rule}.hours.{hour:02}"), 1);
            }
            None => {
                fields.insert(format!("rules.{rule}.state"), 1);
                fields.insert(format!("rules.{rule}.figures"), 1);
            }
        }
    }
    fields
}

/// Reads the statistics and the requested fits; leaves out a fit without the requested state.
pub(crate) fn read(
    document: &RawDocument,
    requests: &[FitRequest],
    interner: &mut Interner,
) -> Result<Baseline, String> {
    let (key, names) = read_series(document, interner)?;
    let mut baseline = Baseline { key, names, pricing_categories: Vec::new(), statistics: None, fits: BTreeMap::new() };
    for element in document {
        match element.map_err(|error| error.to_string())? {
            ("statistics", RawBsonRef::Document(statistics)) => {
                baseline.statistics = Some(read_statistics(statistics)?);
            }
            ("pricingTypes", list) => baseline.pricing_categories = texts(list).map(str::to_owned).collect(),
            ("rules", RawBsonRef::Document(rules)) => {
                for request in requests {
                    if let Ok(fit) = rules.get_document(&request.rule) {
                        let state = read_state(fit, request.hour)
                            .map_err(|error| format!("rules.{}: {error}", request.rule))?;
                        let Some(state) = state else { continue };
                        let baseline_fit = match baseline.fits.entry(request.rule.clone()) {
                            Entry::Occupied(entry) => entry.into_mut(),
                            Entry::Vacant(entry) => entry.insert(read_fit(fit)?),
                        };
                        baseline_fit.states.insert(request.hour, state);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(baseline)
}

fn statistics_document(statistics: &Statistics) -> Document {
    doc! {
        "mean": statistics.mean,
        "std": statistics.std,
        "min": statistics.min,
        "max": statistics.max,
        "p50": statistics.p50,
        "p95": statistics.p95,
        "sampleCount": i32::try_from(statistics.sample_count).unwrap_or(i32::MAX),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, whichever number it is stored as"
)]
fn read_statistics(document: &RawDocument) -> Result<Statistics, String> {
    let figure = |field: &str| {
        let value = document.get(field).map_err(|error| error.to_string())?;
        value.and_then(number).ok_or_else(|| format!("statistics.{field} is not a number"))
    };
    Ok(Statistics {
        mean: figure("mean")?,
        std: figure("std")?,
        min: figure("min")?,
        max: figure("max")?,
        p50: figure("p50")?,
        p95: figure("p95")?,
        sample_count: figure("sampleCount")? as u32,
    })
}

fn fit_document(fit: &Fit) -> Document {
    let mut document =
        doc! { "detector": &fit.detector, "settings": &fit.settings, "fittedThrough": date_text(fit.through) };
    let mut hours = Document::new();
    for (hour, state) in &fit.states {
        let bytes = Binary { subtype: BinarySubtype::Generic, bytes: state.state.clone() };
        let state = doc! { "state": bytes, "figures": figures_document(&state.figures) };
        match hour {
            Some(hour) => {
                hours.insert(format!("{hour:02}"), state);
            }
            None => document.extend(state),
        }
    }
    if !hours.is_empty() {
        document.insert("hours", hours);
    }
    document
}

fn read_fit(document: &RawDocument) -> Result<Fit, String> {
    let text = |field: &str| document.get_str(field).map_err(|error| error.to_string());
    Ok(Fit {
        detector: text("detector")?.to_owned(),
        settings: text("settings")?.to_owned(),
        through: parse_date(text("fittedThrough")?)?,
        states: BTreeMap::new(),
    })
}

fn read_state(fit: &RawDocument, hour: Option<u8>) -> Result<Option<FitState>, String> {
    let state_document = match hour {
        None => Some(fit),
        Some(hour) => fit.get_document("hours").and_then(|hours| hours.get_document(format!("{hour:02}"))).ok(),
    };
    let Some(state_document) = state_document else { return Ok(None) };
    let Ok(state) = state_document.get_binary("state") else { return Ok(None) };
    let mut figures = BTreeMap::new();
    for element in state_document.get_document("figures").map_err(|error| error.to_string())? {
        let (name, value) = element.map_err(|error| error.to_string())?;
        figures.insert(name.to_owned(), number(value).unwrap_or(f64::NAN));
    }
    Ok(Some(FitState { state: state.bytes.to_vec(), figures }))
}
