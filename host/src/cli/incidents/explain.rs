//! The command `incidents explain`: the drivers, the detector's figures, and the repetition of the opening verdicts.

use std::fmt::Write as _;
use std::path::PathBuf;

use bigdecimal::{BigDecimal, ToPrimitive as _, Zero as _};
use clap::Args;
use ingest::archive::Archive;
use jiff::ToSpan as _;
use model::count::counted;
use model::drivers::{
    BillComparison, ChargeChange, ComparedMoments, Driver, Drivers, Effects, UnknownCause, UsageMeasure, WEEKS,
};
use model::incident::Incident;
use model::moment::Moment;
use model::money;
use model::rule;
use notify::cause_document;
use serde_json::{Value, json};
use store::{Access, DateRange, Store};
use tracing::Level;

use super::super::plot::PlotTarget;
use super::super::present::{self, Form, moment};
use super::find;
use crate::config::Config;
use crate::pipeline::{
    self, BandExplanation, Explainer, Explanation, Grade, NotReproducible, PullPolicy, VerdictFigures,
};
use crate::stored_series;

/// Number of listed drivers.
const LISTED: usize = 10;
/// Number of listed changes of the rest of the project.
const LISTED_OF_PROJECT: usize = 5;

/// Days before and after an incident in the plot.
const DAYS_BEFORE: i32 = 60;
const DAYS_AFTER: i32 = 14;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainArgs {
    /// Id from `incidents list` or from an anomaly; the first characters suffice.
    #[arg(value_name = "ID")]
    id: String,
    /// Draw the cost of the series around the incident in the terminal, or write an SVG file.
    #[arg(long, value_name = "FILE.svg", num_args = 0..=1)]
    plot: Option<Option<PathBuf>>,
}

/// Explains an incident. Nothing is written or sent.
pub(crate) async fn explain(config: &Config, args: &ExplainArgs, form: Form) -> anyhow::Result<Grade> {
    let plot = PlotTarget::of_form(args.plot.as_ref(), form)?;
    let store = Store::open(&config.store, Access::Read).await?;
    let incident = find(&store, &args.id).await?;
    if let Some(target) = plot {
        let from = incident.first_seen.date.saturating_sub(DAYS_BEFORE.days());
        let range = DateRange { from, to: incident.last_seen.date.saturating_add(DAYS_AFTER.days()) };
        target.draw(&stored_series::read(&store, &incident.series, range).await?.figure(&config.currency))?;
    }
    let sandbox = pipeline::read_only_sandbox(config)?;
    let rules = pipeline::prepare_rules(rule::load(&config.rules), config, &sandbox, PullPolicy::Never).await;
    let archive = Archive::new(&config.archive);
    let explainer = Explainer { config, store: &store, archive: &archive, rules: &rules };
    let explanation = explainer.explain(&incident).await?;
    if let Some(error) = &explanation.archive_error {
        present::complaint(Level::WARN, &format!("degraded: {error}"));
    }
    match form {
        Form::Json => present::out(&json_document(&incident, &explanation).to_string()),
        Form::Text => present::out(text(&incident, &explanation, &config.currency).trim_end()),
    }
    let is_complete = explanation.archive_error.is_none();
    Ok(if is_complete { Grade::Done } else { Grade::Degraded })
}

fn text(incident: &Incident, explanation: &Explanation<'_>, currency: &str) -> String {
    let names = &incident.names;
    let series = present::series_label([&names.account, &names.project, &names.service]);
    let mut text = format!("incident {}: {series} ({})\n\n", incident.id, incident.series);
    match &explanation.cause {
        Some(Ok(comparison)) => text.push_str(&compared(comparison, currency)),
        Some(Err(unknown)) => writeln!(text, "drivers: not known, because {}", reason(*unknown)).expect(STRING),
        None => text.push_str("drivers: the incident has no day any more\n"),
    }
    for band in &explanation.bands {
        text.push('\n');
        text.push_str(&band_text(band, currency));
    }
    if explanation.bands.is_empty() {
        text.push_str("\nverdict: no finished day opened the incident, so there is no fit to evaluate again\n");
    }
    text
}

/// The invariant of writes to a string.
const STRING: &str = "a string takes all that is written";

fn reason(unknown: UnknownCause) -> String {
    match unknown {
        UnknownCause::ArchiveUnreadable => "the archive could not be read".to_owned(),
        UnknownCause::NoBill(at) => format!("the archive has no bill of {}", moment(at)),
        UnknownCause::NoEarlierBill(at) => {
            format!("the archive has no bill of the same weekday in the {WEEKS} weeks before the incident to compare with {}", moment(at))
        }
        UnknownCause::OtherAmounts => {
            "the archived bill does not have the amounts of the incident: the rule selects a part of the sum or evaluates another measure".to_owned()
        }
    }
}

fn compared(comparison: &BillComparison, currency: &str) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| writeln!(text, "{name:<19} {value}").expect(STRING);
    let moments =
        |select: fn(&ComparedMoments) -> Moment| ranges(&comparison.moments.iter().map(select).collect::<Vec<_>>());
    let amount = |amount: &BigDecimal| format!("{} {currency}", plain(amount, currency));
    let signed = |amount: &BigDecimal| format!("{} {currency}", signed(amount, currency));
    // The expected cost is no exact amount.
    let rounded = |amount: &BigDecimal| signed(&amount.round(decimals(currency)));
    let drivers = &comparison.drivers;
    line("days", moments(|compared| compared.moment));
    line("compared with", moments(|compared| compared.earlier));
    line("bill", amount(&drivers.after));
    line("compared bill", amount(&drivers.before));
    line("difference", signed(&drivers.difference()));
    if let Some((variation, excess)) = comparison.usual_variation().zip(comparison.excess()) {
        line("usual variation", format!("{} (the compared bill minus the expected cost)", rounded(&variation)));
        line("excess", format!("{} (the difference and the usual variation)", rounded(&excess)));
    }
    let effects = &drivers.effects;
    let without_usage = drivers.drivers.iter().filter(|driver| driver.change == ChargeChange::Amount);
    let without_usage: BigDecimal = without_usage.map(Driver::difference).sum();
    let price = match without_usage.is_zero() {
        true => signed(&effects.price),
        // Like a fixed fee: the bill does not say whether the price or the quantity has changed.
        false => {
            format!("{} ({} for charges without a usage on the bill)", signed(&effects.price), signed(&without_usage))
        }
    };
    line("  by price", price);
    line("  by quantity", signed(&effects.quantity));
    line("  new resources", signed(&effects.new));
    line("  removed resources", signed(&effects.gone));
    text.push('\n');
    text.push_str(&drivers_table(drivers, LISTED, currency));
    if let Some(rest) = &comparison.rest_of_project {
        text.push_str(&rest_of_project(rest, currency));
    }
    text
}

/// Returns moments as text. Consecutive days are a range.
fn ranges(moments: &[Moment]) -> String {
    let follows = |one: &Moment, next: &Moment| {
        one.hour.is_none() && next.hour.is_none() && one.date.tomorrow().is_ok_and(|day| day == next.date)
    };
    let range = |run: &[Moment]| match run {
        [one] => moment(*one),
        [first, .., last] => format!("{} to {}", moment(*first), moment(*last)),
        [] => String::new(),
    };
    moments.chunk_by(follows).map(range).collect::<Vec<_>>().join(", ")
}

fn rest_of_project(rest: &Drivers, currency: &str) -> String {
    if rest.drivers.is_empty() {
        return "\nno other charge of the project changed at the same time\n".to_owned();
    }
    format!("\nother changes in the project at the same time\n{}", drivers_table(rest, LISTED_OF_PROJECT, currency))
}

fn drivers_table(drivers: &Drivers, listed: usize, currency: &str) -> String {
    let whole = drivers.difference();
    let mut table = present::table(&["charge", "change", "difference", "share"], &[2, 3]);
    (2..4).for_each(|column| table.keep_whole(column));
    for driver in drivers.drivers.iter().take(listed) {
        let difference = driver.difference();
        table.add_row([
            charge(driver),
            change(driver, currency),
            signed(&difference, currency),
            share(&difference, &whole),
        ]);
    }
    let others = drivers.others(listed);
    if others.charges > 0 {
        let name = counted(others.charges, "more charge");
        let difference = signed(&others.difference, currency);
        table.add_row([name, String::new(), difference, share(&others.difference, &whole)]);
    }
    format!("{table}\n")
}

/// Returns the names of a charge, with the resource, the region and the pricing category.
fn charge(driver: &Driver) -> String {
    let names = &driver.names;
    let name = format!("{} / {}", names.project, names.service);
    let details: Vec<&str> = driver.charge.details().collect();
    let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
    format!("{name}{details}").replace(char::is_control, " ")
}

fn change(driver: &Driver, currency: &str) -> String {
    let costs = format!("{} → {}", plain(&driver.before, currency), plain(&driver.after, currency));
    match &driver.change {
        ChargeChange::New => "new".to_owned(),
        ChargeChange::Gone => "removed".to_owned(),
        ChargeChange::Amount => costs,
        ChargeChange::Usage(usage) => {
            let measure = match usage.measure {
                UsageMeasure::Quantity => "usage quantity",
                UsageMeasure::Time => "usage time",
            };
            let Effects { price, quantity, .. } = &driver.effects;
            let usages = format!("{measure} {} → {}", plain_number(&usage.before), plain_number(&usage.after));
            let [quantity, price] = [quantity, price].map(|effect| signed(effect, currency));
            format!("{costs}; {usages}: {quantity}; price: {price}")
        }
    }
}

fn share(part: &BigDecimal, whole: &BigDecimal) -> String {
    if whole.is_zero() {
        return String::new();
    }
    format!("{:.0}%", (part / whole).to_f64().unwrap_or(f64::NAN) * 100.0)
}

fn decimals(currency: &str) -> i64 {
    money::decimals(currency).unwrap_or(2).into()
}

/// Returns an amount with all its digits and at least the decimals of the currency.
fn plain(amount: &BigDecimal, currency: &str) -> String {
    let normalized = amount.normalized();
    let digits = normalized.fractional_digit_count().max(decimals(currency));
    money::grouped(&normalized.with_scale(digits).to_plain_string())
}

fn plain_number(number: &BigDecimal) -> String {
    money::grouped(&number.normalized().to_plain_string())
}

fn signed(amount: &BigDecimal, currency: &str) -> String {
    let text = plain(amount, currency);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

fn band_text(band: &BandExplanation<'_>, currency: &str) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| writeln!(text, "{name:<19} {value}").expect(STRING);
    line("rule", band.rule.to_owned());
    line("plugin", format!("sha256 {}", band.band.detector));
    let settings = band.settings.map_or_else(|| "other settings now".to_owned(), str::to_owned);
    line("settings", format!("sha256 {} ({settings})", band.band.settings));
    line("trained through", band.band.through.to_string());
    let figures = band.band.figures.iter().map(|(name, figure)| format!("{name} {}", money::text(*figure)));
    line("figures", figures.collect::<Vec<_>>().join(", "));
    let stored = |verdict: &Option<VerdictFigures>| {
        verdict.as_ref().map_or("no anomaly".to_owned(), |it| figures_text(it, currency))
    };
    line(&format!("on {}", band.date), stored(&band.stored));
    match &band.again {
        Ok(again) if *again == band.stored => {
            line("evaluated again", "the archived bill and the fit give the same verdict".to_owned());
        }
        Ok(again) => line("evaluated again", format!("another verdict: {}", stored(again))),
        Err(why) => line("evaluated again", format!("not possible: {}", not_reproducible(why))),
    }
    text
}

fn figures_text(verdict: &VerdictFigures, currency: &str) -> String {
    let bound = |bound: Option<f64>| bound.map_or_else(|| "none".to_owned(), |bound| money::amount(bound, currency));
    format!(
        "observed {}, expected {}, bounds {} to {} {currency}, score {}",
        money::amount(verdict.observed, currency),
        money::amount(verdict.expected, currency),
        bound(verdict.lower),
        bound(verdict.upper),
        money::text(verdict.score),
    )
}

fn not_reproducible(why: &NotReproducible) -> String {
    match why {
        NotReproducible::RuleGone => "no present rule has the id".to_owned(),
        NotReproducible::RuleChanged => "the rule has another plugin or other settings now".to_owned(),
        NotReproducible::ComparesPeers => "the detector compares the series of a group in one call".to_owned(),
        NotReproducible::NoArchivedBill(date) => format!("the bill of {date} could not be read from the archive"),
        NotReproducible::NoSeries => "the rule does not see the series on the day".to_owned(),
        NotReproducible::Failed(problem) => problem.clone(),
    }
}

fn json_document(incident: &Incident, explanation: &Explanation<'_>) -> Value {
    json!({
        "incident": incident.id,
        "series": incident.series.to_string(),
        "cause": explanation.cause.as_ref().map(cause_document),
        "bands": explanation.bands.iter().map(band_json).collect::<Vec<_>>(),
    })
}

fn band_json(band: &BandExplanation<'_>) -> Value {
    let again = band.again.as_ref();
    json!({
        "rule": band.rule,
        "detector": band.band.detector,
        "settings": band.band.settings,
        "presentSettings": band.settings.and_then(|settings| serde_json::from_str::<Value>(settings).ok()),
        "through": band.band.through.to_string(),
        "figures": band.band.figures,
        "date": band.date.to_string(),
        "stored": band.stored.as_ref().map(verdict_json),
        "again": again.ok().and_then(Option::as_ref).map(verdict_json),
        "isReproduced": band.is_reproduced(),
        "problem": again.err().map(not_reproducible),
    })
}

fn verdict_json(verdict: &VerdictFigures) -> Value {
    let VerdictFigures { observed, expected, lower, upper, score } = verdict;
    json!({ "observed": observed, "expected": expected, "lower": lower, "upper": upper, "score": score })
}
