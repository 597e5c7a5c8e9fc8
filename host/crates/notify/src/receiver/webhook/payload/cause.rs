//! The JSON document of a cause. Amounts are exact decimals as text: a JSON number would be rounded.

use bigdecimal::{BigDecimal, ToPrimitive as _, Zero as _};
use model::drivers::{BillComparison, Cause, ChargeChange, Driver, Drivers, Effects, UnknownCause, UsageMeasure};
use model::moment::Moment;
use serde_json::{Value, json};

/// Number of listed drivers.
const LISTED: usize = 5;

/// Returns the document of a cause.
pub fn cause_document(cause: &Cause) -> Value {
    match cause {
        Ok(comparison) => known(comparison),
        Err(unknown) => json!({ "unknown": unknown.as_str(), "moment": unknown_moment(*unknown).map(super::moment) }),
    }
}

fn known(comparison: &BillComparison) -> Value {
    let moments = comparison.moments.iter().map(|compared| {
        let mut moment = super::moment(compared.moment);
        moment["earlier"] = super::moment(compared.earlier);
        moment
    });
    let mut document = drivers(&comparison.drivers);
    document["moments"] = moments.collect();
    document["expected"] = json!(comparison.expected.as_ref().map(text));
    document["usualVariation"] = json!(comparison.usual_variation().as_ref().map(text));
    document["restOfProject"] = json!(comparison.rest_of_project.as_ref().map(drivers));
    document
}

fn drivers(drivers: &Drivers) -> Value {
    let difference = drivers.difference();
    let others = drivers.others(LISTED);
    json!({
        "before": text(&drivers.before),
        "after": text(&drivers.after),
        "difference": text(&difference),
        "effects": effects(&drivers.effects),
        "drivers": drivers.drivers.iter().take(LISTED).map(|it| driver(it, &difference)).collect::<Vec<_>>(),
        "others": { "charges": others.charges, "difference": text(&others.difference) },
    })
}

fn driver(driver: &Driver, whole: &BigDecimal) -> Value {
    let difference = driver.difference();
    let share = (!whole.is_zero()).then(|| (&difference / whole).to_f64());
    let series = &driver.charge.series;
    let names = &driver.names;
    json!({
        "series": { "account": series.account, "project": series.project, "service": series.service },
        "names": { "account": names.account, "project": names.project, "service": names.service },
        "resource": driver.charge.resource,
        "region": driver.charge.region,
        "pricingCategory": driver.charge.pricing_category,
        "change": change(&driver.change),
        "usage": usage(&driver.change),
        "before": text(&driver.before),
        "after": text(&driver.after),
        "difference": text(&difference),
        "share": share,
        "effects": effects(&driver.effects),
    })
}

fn change(change: &ChargeChange) -> &'static str {
    match change {
        ChargeChange::New => "new",
        ChargeChange::Gone => "gone",
        ChargeChange::Usage(_) => "usage",
        ChargeChange::Amount => "amount",
    }
}

fn usage(change: &ChargeChange) -> Value {
    let ChargeChange::Usage(usage) = change else { return Value::Null };
    let measure = match usage.measure {
        UsageMeasure::Quantity => "usage-quantity",
        UsageMeasure::Time => "usage-time",
    };
    json!({ "measure": measure, "before": text(&usage.before), "after": text(&usage.after) })
}

fn effects(effects: &Effects) -> Value {
    let Effects { price, quantity, new, gone } = effects;
    json!({ "price": text(price), "quantity": text(quantity), "new": text(new), "gone": text(gone) })
}

fn unknown_moment(unknown: UnknownCause) -> Option<Moment> {
    match unknown {
        UnknownCause::NoBill(moment) | UnknownCause::NoEarlierBill(moment) => Some(moment),
        UnknownCause::ArchiveUnreadable | UnknownCause::OtherAmounts => None,
    }
}

/// Returns a plain decimal without trailing zeros.
fn text(amount: &BigDecimal) -> String {
    amount.normalized().to_plain_string()
}
