//! The texts that several formats share: amounts, places and scopes.

use model::incident::Incident;
use model::moment::Moment;
use model::series::ALL;
use notify::{amount_text, one_line, signed_amount_text};

use crate::report::{CostRow, Report};
use crate::words::{Words, words};

/// The texts of a report.
pub(crate) struct Texts<'r, 'a> {
    pub(crate) report: &'r Report<'a>,
    pub(crate) words: &'static Words,
}

impl<'r, 'a> Texts<'r, 'a> {
    pub(crate) fn of(report: &'r Report<'a>) -> Self {
        Self { report, words: words(report.facts.locale.language) }
    }

    pub(crate) fn amount(&self, amount: f64) -> String {
        amount_text(amount, self.report.facts.locale)
    }

    /// Returns an amount with a sign.
    pub(crate) fn difference(&self, amount: f64) -> String {
        signed_amount_text(amount, self.report.facts.locale)
    }

    /// Returns the cost of the same days of the month before; empty if not known.
    pub(crate) fn before(&self, row: &CostRow) -> String {
        row.same_days_before.map_or_else(String::new, |cost| self.amount(cost))
    }

    /// Returns the difference from the same days of the month before; empty if not known.
    pub(crate) fn change(&self, row: &CostRow) -> String {
        row.change().map_or_else(String::new, |change| self.difference(change))
    }

    /// Returns the forecast of a row; empty without a forecast.
    pub(crate) fn month_end(&self, row: &CostRow) -> String {
        row.forecast.map_or_else(String::new, |forecast| self.amount(forecast.month_end))
    }

    /// Returns the range of the forecast of a row; empty without a range.
    pub(crate) fn range(&self, row: &CostRow) -> String {
        let range = row.forecast.and_then(|forecast| forecast.range);
        range.map_or_else(String::new, |range| format!("{} – {}", self.amount(range.lower), self.amount(range.upper)))
    }

    /// Returns the name of the finest dimension of an incident.
    pub(crate) fn what(&self, incident: &Incident) -> String {
        let names = [
            (&incident.series.service, &incident.names.service),
            (&incident.series.project, &incident.names.project),
            (&incident.series.account, &incident.names.account),
        ];
        let finest = names.into_iter().find(|(id, _)| &***id != ALL);
        finest.map_or_else(|| self.words.total.to_owned(), |(_, name)| one_line(name))
    }

    /// Returns the names of the account and the project of an incident; empty for the total.
    pub(crate) fn place(&self, incident: &Incident) -> String {
        let names =
            [(&incident.series.account, &incident.names.account), (&incident.series.project, &incident.names.project)];
        let named: Vec<String> =
            names.into_iter().filter(|(id, _)| &***id != ALL).map(|(_, name)| one_line(name)).collect();
        named.join(" / ")
    }

    /// Returns the day and the outcome of the last run.
    pub(crate) fn run(&self) -> Option<String> {
        let run = self.report.facts.last_run.as_ref()?;
        let outcome = self.words.outcome(&run.outcome);
        Some(run.day.map_or_else(|| outcome.to_owned(), |day| format!("{day}: {outcome}")))
    }

    pub(crate) fn freshness(&self) -> String {
        let facts = &self.report.facts;
        let written = facts.now.to_zoned(facts.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        let Words { bills_through, written_at, last_run, .. } = self.words;
        let run = self.run().map(|run| format!(" · {last_run} {run}")).unwrap_or_default();
        format!("{bills_through} {} · {written_at} {written}{run}", facts.to)
    }
}

/// Returns a moment: `2026-11-23` or `2026-11-23 10:00`.
pub(crate) fn moment(moment: Moment) -> String {
    match moment.hour {
        Some(hour) => format!("{} {hour:02}:00", moment.date),
        None => moment.date.to_string(),
    }
}
